// Refreshes pages: fetches the page every data-refresh="SECONDS" and replaces the element with this attribute,
// until the new element does not have the attribute. Without this script, the page has a link to reload it.

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
      if (fresh && document.replacePart(live, fresh) && !fresh.dataset.refresh) document.getElementById("again").hidden = true; // no further refresh
      document.getElementById("stale").hidden = true;
    } catch {
      document.getElementById("stale").hidden = false; // the process may be restarting: retry
    }
  }
  setTimeout(refresh, wait);
}

const first = document.querySelector("[data-refresh]");
if (first) {
  document.querySelector("#again > span").hidden = false;
  setTimeout(refresh, Number(first.dataset.refresh) * 1000);
}
