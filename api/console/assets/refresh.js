// Refreshes pages: fetches the page every data-refresh="SECONDS" and replaces the element with this attribute,
// until the new element does not have the attribute. Without this script, the page has a link to reload it.

const kept = (live) => [...live.querySelectorAll("details[id][open]")].map((d) => d.id);

async function refresh() {
  const live = document.querySelector("[data-refresh]");
  if (!live) return;
  const wait = Number(live.dataset.refresh) * 1000;
  if (!document.hidden) {
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" }, redirect: "manual" });
      // The session has ended, or the page no longer exists: reload it.
      if (answer.type === "opaqueredirect" || (answer.status >= 400 && answer.status < 500)) return location.reload();
      if (!answer.ok) throw new Error(String(answer.status));
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById(live.id);
      if (fresh) replace(live, fresh);
      if (fresh && !fresh.dataset.refresh) document.getElementById("again").hidden = true; // no further refresh
      document.getElementById("stale").hidden = true;
    } catch {
      document.getElementById("stale").hidden = false; // the process may be restarting: retry
    }
  }
  setTimeout(refresh, wait);
}

// likeness is a selector that also matches an element in an updated page, perhaps among others.
function likeness(element) {
  if (element.id) return `#${CSS.escape(element.id)}`;
  if (element.matches("summary")) return `${likeness(element.parentElement)} > summary`;
  const known = ["href", "value"].find((name) => element.hasAttribute(name));
  return element.localName + (known ? `[${known}="${CSS.escape(element.getAttribute(known))}"]` : "");
}

// replace keeps opened details, the keyboard focus and how far tables are scrolled. It keeps status elements, so that
// screen readers announce only changes.
function replace(live, fresh) {
  const focused = live.contains(document.activeElement) ? likeness(document.activeElement) : "";
  const nth = focused ? [...live.querySelectorAll(focused)].indexOf(document.activeElement) : 0;
  const scrolled = [...live.querySelectorAll(".wide")].map((wide) => wide.scrollLeft);
  const open = kept(live);
  for (const said of live.querySelectorAll("[role=status][id]")) {
    const next = [...fresh.querySelectorAll("[role=status]")].find((e) => e.id === said.id);
    if (!next) continue;
    if (said.textContent !== next.textContent) said.textContent = next.textContent;
    said.className = next.className;
    next.replaceWith(said);
  }
  live.replaceWith(fresh);
  document.dispatchEvent(new Event("replaced"));
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  if (focused) fresh.querySelectorAll(focused)[nth]?.focus({ preventScroll: true });
  fresh.querySelectorAll(".wide").forEach((wide, n) => { wide.scrollLeft = scrolled[n] ?? 0; });
}

const first = document.querySelector("[data-refresh]");
if (first) {
  document.querySelector("#again > span").hidden = false;
  setTimeout(refresh, Number(first.dataset.refresh) * 1000);
}
