// Progressive enhancements. Every page works without this script.

// The slash key focuses the search; the arrow keys alone open the older and the newer page. They work while nothing else
// uses them: the focus is on the page, a link or a button, and no text is selected. A switch below each page that has
// them turns them off in this browser.
const search = document.querySelector("input[type=search]");
const linked = { ArrowLeft: document.querySelector("a[rel=prev]"), ArrowRight: document.querySelector("a[rel=next]") };
const keys = document.getElementById("keys");
if (keys && (search || linked.ArrowLeft || linked.ArrowRight)) {
  keys.closest("p").hidden = false;
  keys.checked = localStorage.getItem("keys") !== "off";
  keys.addEventListener("change", () => localStorage.setItem("keys", keys.checked ? "on" : "off"));
  document.addEventListener("keydown", (event) => {
    const pressed = [event.ctrlKey && "Ctrl", event.altKey && "Alt", event.metaKey && "Meta", event.shiftKey && "Shift", event.key].filter(Boolean).join("+");
    const free = event.target.matches("body, main, a, button, summary") && !event.isComposing && getSelection().isCollapsed;
    const takes = { "/": search, "Shift+/": search, ...linked }[pressed]; // some keyboards have the slash on Shift
    if (!keys.checked || !free || !takes) return;
    event.preventDefault();
    if (takes === search) search.focus();
    else takes.click();
  });
}

// Show the print button of printable pages.
for (const button of document.querySelectorAll("button[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}

// Suggest every time zone that the browser knows, and first its own.
const zones = document.getElementById("zones");
if (zones) {
  const known = new Set([...zones.options].map((option) => option.value));
  zones.prepend(new Option("", Intl.DateTimeFormat().resolvedOptions().timeZone));
  for (const zone of Intl.supportedValuesOf("timeZone")) if (!known.has(zone)) zones.append(new Option("", zone));
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
// It is open only while the page is visible: over HTTP/1.1, a browser opens six connections to a host for all of its tabs.
document.Stream = class {
  missed = false; // events may have been missed before the last event "open"
  listeners = [["error", () => this.current.readyState === EventSource.CLOSED && this.check()]];
  constructor(address) {
    this.address = address;
    this.open();
    document.addEventListener("visibilitychange", () => document.hidden ? this.close() : this.open());
    addEventListener("pagehide", () => this.close());
    addEventListener("pageshow", () => this.open());
  }
  open() {
    if (document.hidden || (this.current && this.current.readyState !== EventSource.CLOSED)) return;
    this.current = new EventSource(this.address);
    for (const listener of this.listeners) this.current.addEventListener(...listener);
  }
  close() {
    this.missed = true;
    this.current?.close();
  }
  async check() {
    this.missed = true;
    if (document.hidden) return; // it opens when the page is shown
    const asking = new AbortController();
    const answer = await fetch(this.address, { redirect: "manual", signal: asking.signal }).catch(() => undefined);
    asking.abort();
    if (answer && !answer.ok && answer.status < 500) this.current.dispatchEvent(new Event("refused"));
    else setTimeout(() => answer?.ok ? this.open() : this.check(), 10_000);
  }
  addEventListener(...listener) {
    this.listeners.push(listener);
    this.current?.addEventListener(...listener);
  }
};

// counterpart finds, in an updated part of a page, the element that corresponds to an element of the part shown.
function counterpart(element, live, fresh) {
  const like = (e) => {
    if (e.id) return `#${CSS.escape(e.id)}`;
    const known = ["href", "value", "class"].find((name) => e.hasAttribute(name));
    const named = e.localName + (known ? `[${known}="${CSS.escape(e.getAttribute(known))}"]` : "");
    return e.matches("summary") ? `${like(e.parentElement)} > summary` : `${like(e.parentElement.closest("[id]"))} ${named}`;
  };
  return fresh.querySelectorAll(like(element))[[...live.querySelectorAll(like(element))].indexOf(element)];
}

// replacePart replaces a part of the page by its update. It keeps the keyboard focus, which details are open, how far
// tables are scrolled, and status elements, so that screen readers announce only changes. It returns false, and changes
// nothing, if the reader has selected text in the part or focused an element that the update does not have.
document.replacePart = (live, fresh, force) => {
  const focused = live.contains(document.activeElement) && document.activeElement;
  const same = focused && counterpart(focused, live, fresh);
  const selected = getSelection();
  if (!force && ((focused && !same) || (!selected.isCollapsed && selected.containsNode(live, true)))) return false;
  for (const details of live.querySelectorAll("details")) counterpart(details, live, fresh)?.toggleAttribute("open", details.open);
  const scrolled = [...live.querySelectorAll(".wide")].map((wide) => [counterpart(wide, live, fresh), wide.scrollLeft]);
  for (const said of live.querySelectorAll("[role=status][id]")) {
    const next = counterpart(said, live, fresh);
    if (!next) continue;
    if (said.textContent !== next.textContent) said.textContent = next.textContent;
    said.className = next.className;
    next.replaceWith(said);
  }
  live.replaceWith(fresh);
  document.dispatchEvent(new Event("replaced"));
  for (const [wide, left] of scrolled) if (wide) wide.scrollLeft = left;
  same?.focus?.({ preventScroll: true });
  return true;
};

// A double click submits a form only once.
let sentAt = -Infinity;
document.addEventListener("submit", (event) => {
  if (event.timeStamp - sentAt < 1000) event.preventDefault();
  else sentAt = event.timeStamp;
});

// Going back to the response to a form, or reloading it, does not submit the form again.
if (document.querySelector("[data-sent]")) history.replaceState(null, "", location.href);
