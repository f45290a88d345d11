// The slider moves through time. Without this script the links to the change before and after do.
const moment = document.getElementById("moment");
const at = moment.form.elements.namedItem("at");
let pointed = false;

// The end of the slider is now, which is no instant.
moment.addEventListener("input", () => {
  at.value = moment.value === moment.max ? "" : new Date(Number(moment.value) * 1000).toISOString().slice(0, 19);
  moment.setAttribute("aria-valuetext", at.value ? `${at.value.replace("T", " ")} UTC` : "now");
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
moment.setAttribute("aria-valuetext", at.value ? `${at.value.replace("T", " ")} UTC` : "now");
moment.closest("label").hidden = false;
