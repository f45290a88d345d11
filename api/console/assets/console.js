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

// A double click submits a form only once.
let sentAt = -Infinity;
document.addEventListener("submit", (event) => {
  if (event.timeStamp - sentAt < 1000) event.preventDefault();
  else sentAt = event.timeStamp;
});

// Going back to the response to a form, or reloading it, does not submit the form again.
if (document.querySelector("[data-sent]")) history.replaceState(null, "", location.href);
