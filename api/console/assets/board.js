// A board that is closed while somebody looks at it says so at once. Without this script the next click says it.

const here = document.querySelector("[data-board]").dataset.board;
const closed = here + "/closed"; // leads back while the board is open
const leave = () => location.replace(closed);
const ask = (address, how) => fetch(address, how).catch(() => undefined);

async function look() {
  const answer = await ask(closed, { redirect: "manual" });
  if (answer?.ok) leave();
}

// A page of figures has a stream already, which says the same: one is enough, since browsers open few connections to a host.
const source = document.figures ?? new EventSource("/console/stream/notices");
source.addEventListener("client_access_removed", leave);
source.addEventListener("board_closed", (event) => {
  if (JSON.parse(event.data).sub_account_ids.some((id) => here.endsWith("/" + id))) leave();
});
// What happened before the stream was open, it does not tell.
source.addEventListener("open", look);
// It ends for good with the session, and where the board was closed, or shows no figures any more, while it was not open.
source.addEventListener("error", async () => {
  if (source.readyState !== EventSource.CLOSED) return;
  const answer = await ask(location.href, { redirect: "manual" });
  if (answer?.type === "opaqueredirect") location.replace(here);
  else if (document.figures && answer?.ok && !(await answer.text()).includes(' data-live="')) location.reload();
  else look();
});
addEventListener("pagehide", () => source.close());
