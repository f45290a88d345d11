// Updates figures: when the service reports a change, this script fetches the page again and replaces its figures.
// Without this script, or after the session has ended, the page is not updated.

const pause = 10_000; // minimum milliseconds between two updates
let figures = document.getElementById("figures");
let next = 0; // earliest time of the next update
let timer = 0;
let all = false; // the view may contain other clients now

function soon() {
  if (!timer) timer = setTimeout(renew, Math.max(1000, next - Date.now()));
}

async function renew() {
  timer = 0;
  if (document.hidden) return; // when the page is shown again, the stream opens
  next = Date.now() + pause;
  const whole = all;
  const later = () => {
    all ||= whole;
    soon();
  };
  all = false;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, redirect: "manual" });
    if (answer.type === "opaqueredirect") said.hidden = true; // the session has ended
    if (answer.status >= 500) return later();
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html"), fresh = page.getElementById("figures");
    if (!fresh || !document.replacePart(figures, fresh, whole)) return later();
    document.title = page.title; // names the linked clients, as the heading does
    document.querySelector("h1").replaceWith(page.querySelector("h1"));
    figures = fresh;
  } catch {
    later(); // the process may be restarting
  }
}

const stream = new document.Stream(figures.dataset.live), said = document.getElementById("live");
document.figures = stream; // for board.js
stream.addEventListener("figures_changed", (event) => {
  all ||= JSON.parse(event.data).all;
  soon();
});
stream.addEventListener("open", () => {
  if (stream.missed) soon();
  stream.missed = said.hidden = false;
});
stream.addEventListener("error", (event) => {
  if (event.target.readyState === EventSource.CLOSED) said.hidden = true; // otherwise the browser reconnects, and misses nothing
});
