// A board that is closed while somebody looks at it says so at once. Without this script the next click says it.

const here = document.querySelector("[data-board]").dataset.board;
const closed = here + "/closed"; // leads back while the board is open
const leave = () => location.replace(closed);

const source = new EventSource("/console/stream/notices");
source.addEventListener("client_access_removed", leave);
source.addEventListener("board_closed", (event) => {
  if (JSON.parse(event.data).sub_account_ids.some((id) => here.endsWith("/" + id))) leave();
});
// What happened before the stream was open, it does not tell.
source.addEventListener("open", async () => {
  const answer = await fetch(closed, { redirect: "manual" }).catch(() => undefined);
  if (answer?.ok) leave();
});
// It ends for good with the session.
source.addEventListener("error", async () => {
  if (source.readyState !== EventSource.CLOSED) return;
  const answer = await fetch(here, { method: "HEAD", redirect: "manual" }).catch(() => undefined);
  if (answer?.type === "opaqueredirect") location.replace(here);
});
addEventListener("pagehide", () => source.close());
