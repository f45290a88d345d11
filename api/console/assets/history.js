// The slider moves through time. Without this script the links to the change before and after do.
const moment = document.getElementById("moment");
const day = moment.form.elements.namedItem("at");
const time = moment.form.elements.namedItem("at_time");
const says = () => moment.setAttribute("aria-valuetext", day.value ? `${day.value} ${time.value} UTC` : "now");
let pointed = false;

// The end of the slider is now, which is no instant.
moment.addEventListener("input", () => {
  const iso = moment.value === moment.max ? "" : new Date(Number(moment.value) * 1000).toISOString();
  day.value = iso.slice(0, 10);
  time.value = iso.slice(11, 19);
  says();
});
// Letting go with the mouse shows the instant. Keys move on, and Enter shows it.
moment.addEventListener("pointerdown", () => (pointed = true));
moment.addEventListener("change", () => pointed && moment.form.requestSubmit());
moment.addEventListener("keydown", () => (pointed = false));
// Some browsers send the form of a slider by Enter themselves, others do not: it is sent once.
moment.addEventListener("keypress", (event) => {
  if (event.key !== "Enter") return;
  event.preventDefault();
  moment.form.requestSubmit();
});
says();
moment.closest("label").hidden = false;
