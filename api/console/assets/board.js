// Shows immediately when the board is closed. Without this script, the next request shows it.

const here = document.querySelector("[data-board]").dataset.board;
const closed = here + "/closed"; // redirects back while the board is open
const leave = () => location.replace(closed);
const ask = (address, how) => fetch(address, how).catch(() => undefined);

let again = 0;
async function look() {
  clearTimeout(again);
  const answer = await ask(closed, { redirect: "manual" });
  if (answer?.ok) leave();
  else if (!answer || answer.status >= 500) again = setTimeout(look, 10_000); // the process may be restarting
}

// The stream of a figures page has the same events. Reuse it, because browsers open few connections to a host.
const source = document.figures ?? new document.Stream("/console/stream/notices");
source.addEventListener("client_access_removed", look); // it does not say from which board
source.addEventListener("board_closed", (event) => {
  if (JSON.parse(event.data).sub_account_ids.some((id) => here.endsWith("/" + id))) leave();
});
// The stream does not report events that happened before it was open.
source.addEventListener("open", look);
// The stream is refused if the session has ended, or if the board was closed or no longer shows figures.
source.addEventListener("refused", async () => {
  const answer = await ask(location.href, { redirect: "manual" });
  const figuresGone = document.figures && answer?.ok && !(await answer.text()).includes(' data-live="');
  if (answer?.type === "opaqueredirect" || figuresGone) location.reload(); // signing in leads back to this address
  else look();
});
