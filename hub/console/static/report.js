// The button that opens the browser's own print window: without a script it would do nothing, so it is not there.
const button = document.getElementById("print");
if (button) {
  button.hidden = false;
  document.getElementById("print-help").hidden = false;
  button.addEventListener("click", () => window.print());
}
