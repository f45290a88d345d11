// What the keyboard does beyond links and forms. Every page works without it.

// The slash goes to the search, the arrow keys to the older and the newer page.
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

// On a phone the bar is wider than the screen: it begins with the page that is open.
const current = document.querySelector("body > header nav [aria-current]");
if (current) current.parentElement.scrollLeft = current.offsetLeft - current.parentElement.offsetLeft;

// A page for paper has a button that prints it, where scripts run.
for (const button of document.querySelectorAll("button[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}

// A table that is wider than its place can be moved by the keyboard, also in browsers that do not see to that themselves.
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

// A double click sends a form once.
let sentAt = -Infinity;
document.addEventListener("submit", (event) => {
  if (event.timeStamp - sentAt < 1000) event.preventDefault();
  else sentAt = event.timeStamp;
});

// Coming back to a page that answers a form, or loading it again, does not send the form again.
if (document.querySelector("[data-sent]")) history.replaceState(null, "", location.href);
