// Progressive enhancements. Every page works without this script.

// The slash key focuses the search; the arrow keys open the older and the newer page.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, [tabindex='0']")) return;
  if (event.key === "/") {
    const search = document.querySelector("input[type=search]");
    if (!search) return;
    event.preventDefault();
    search.focus();
  }
  const rel = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
  if (!rel) return;
  const link = document.querySelector(`a[rel=${rel}]`);
  if (!link) return;
  event.preventDefault();
  link.click();
});

// On phones the navigation bar is wider than the screen: scroll to the entry of the current page.
const current = document.querySelector("body > header nav [aria-current]");
if (current) current.parentElement.scrollLeft = current.offsetLeft - current.parentElement.offsetLeft;

// Show the print button of printable pages.
for (const button of document.querySelectorAll("button[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}

// Make tables that overflow scrollable by keyboard, even in browsers that do not do this automatically.
function reach() {
  for (const wide of document.querySelectorAll(".wide:not([tabindex])")) {
    if (wide.scrollWidth <= wide.clientWidth || wide.querySelector("a, button, input, summary")) continue;
    wide.tabIndex = 0;
    wide.setAttribute("role", "group");
    wide.setAttribute("aria-label", "Table");
  }
}
reach();
addEventListener("resize", reach);
document.addEventListener("toggle", reach, true);
document.addEventListener("replaced", reach);

// An EventSource that also reconnects after a temporary failure: browsers give up after any response that is not a
// stream, such as the error page of a proxy while the service restarts. The event "refused" ends it: a retry cannot help.
document.Stream = class {
  listeners = [["error", () => this.current.readyState === EventSource.CLOSED && this.check()]];
  constructor(address) {
    this.address = address;
    this.open();
  }
  open() {
    this.current = new EventSource(this.address);
    for (const listener of this.listeners) this.current.addEventListener(...listener);
  }
  async check() {
    const asking = new AbortController();
    const answer = await fetch(this.address, { redirect: "manual", signal: asking.signal }).catch(() => undefined);
    asking.abort();
    if (answer && !answer.ok && answer.status < 500) this.current.dispatchEvent(new Event("refused"));
    else setTimeout(() => answer?.ok ? this.open() : this.check(), 10_000);
  }
  addEventListener(...listener) {
    this.listeners.push(listener);
    this.current.addEventListener(...listener);
  }
};

// A double click submits a form only once.
let sentAt = -Infinity;
document.addEventListener("submit", (event) => {
  if (event.timeStamp - sentAt < 1000) event.preventDefault();
  else sentAt = event.timeStamp;
});

// Going back to the response to a form, or reloading it, does not submit the form again.
if (document.querySelector("[data-sent]")) history.replaceState(null, "", location.href);
