// The slider selects an instant. Without this script, use the links to the previous and the next change.
const moment = document.getElementById("moment");
const day = moment.form.elements.namedItem("at");
const time = moment.form.elements.namedItem("at_time");
const says = () => moment.setAttribute("aria-valuetext", day.value ? `${day.value} ${time.value} UTC` : "now");
let pointed = false;

// The end of the slider means now: day and time are then empty.
moment.addEventListener("input", () => {
  const iso = moment.value === moment.max ? "" : new Date(Number(moment.value) * 1000).toISOString();
  day.value = iso.slice(0, 10);
  time.value = iso.slice(11, 19);
  says();
});
// Releasing the pointer submits the form. Arrow keys only move the slider; Enter submits.
moment.addEventListener("pointerdown", () => (pointed = true));
moment.addEventListener("change", () => pointed && moment.form.requestSubmit());
moment.addEventListener("keydown", () => (pointed = false));
// Some browsers submit a slider's form on Enter, others do not: submit it exactly once.
moment.addEventListener("keypress", (event) => {
  if (event.key !== "Enter") return;
  event.preventDefault();
  moment.form.requestSubmit();
});
says();
moment.closest("label").hidden = false;
