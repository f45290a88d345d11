// Shows immediately that the board was closed. Without this script, the next request shows it.

const here = document.querySelector("[data-board]").dataset.board;
const closed = here + "/closed"; // redirects back while the board is open
const leave = () => location.replace(closed);
const ask = (address, how) => fetch(address, how).catch(() => undefined);

async function look() {
  const answer = await ask(closed, { redirect: "manual" });
  if (answer?.ok) leave();
}

// A figures page already has a stream with the same events. Browsers open few connections to a host, so reuse it.
const source = document.figures ?? new EventSource("/console/stream/notices");
source.addEventListener("client_access_removed", leave);
source.addEventListener("board_closed", (event) => {
  if (JSON.parse(event.data).sub_account_ids.some((id) => here.endsWith("/" + id))) leave();
});
// The stream does not report events from before it was open.
source.addEventListener("open", look);
// The stream does not reconnect after the session has ended, or if the board was closed or lost its figures meanwhile.
source.addEventListener("error", async () => {
  if (source.readyState !== EventSource.CLOSED) return;
  const answer = await ask(location.href, { redirect: "manual" });
  if (answer?.type === "opaqueredirect") location.replace(here);
  else if (document.figures && answer?.ok && !(await answer.text()).includes(' data-live="')) location.reload();
  else look();
});
addEventListener("pagehide", () => source.close());
