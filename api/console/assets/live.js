// Figures that change while somebody looks: when the service tells that they did, the page is fetched again, and its figures are put in the place of
// the old ones. Without this script, or once the session has ended, the page stays as it is.

const pause = 10_000; // between two looks, however much changes
let figures = document.getElementById("figures");
let next = 0; // when the next look may be
let timer = 0;

function soon() {
  if (!timer) timer = setTimeout(renew, Math.max(1000, next - Date.now()));
}

async function renew() {
  timer = 0;
  next = Date.now() + pause;
  if (document.hidden || figures.contains(document.activeElement)) return soon(); // nobody looks, or the keyboard stands in them
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, redirect: "error" });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("figures");
    if (!fresh || figures.contains(document.activeElement)) return soon();
    for (const open of figures.querySelectorAll("figure[id] details[open]")) {
      fresh.querySelector(`#${CSS.escape(open.closest("figure").id)} details`)?.setAttribute("open", "");
    }
    figures.replaceWith(fresh);
    figures = fresh;
  } catch {
    // The process may be restarting: the next change is sent again.
  }
}

const stream = new EventSource(figures.dataset.live), said = document.getElementById("live");
document.figures = stream; // for board.js
stream.addEventListener("figures_changed", soon);
stream.addEventListener("open", () => { said.hidden = false; });
stream.addEventListener("error", () => { said.hidden = stream.readyState === EventSource.CLOSED; }); // else it comes back by itself
