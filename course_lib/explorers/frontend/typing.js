// An exact number for a slider: a digit pressed on it, or a click on its number, opens a field.
import { make } from "./controls.js";

/** `set(value)` gets what was typed, not below `least`, and `rest()` follows; name it for the field. */
export function typable({ input, readout }, { name, set, rest, least = -Infinity }) {
  const field = make("input", {
    type: "text", inputmode: "decimal", class: "course-typed", hidden: true,
    "aria-label": `exact number for ${name}`,
  });
  readout.title = input.title = "Type a number to set it exactly";
  readout.after(field);

  let shown = null; // the number as it stood there, rounded: not to be taken for one that was typed

  function open(text, rounded = null) {
    [readout.hidden, field.hidden] = [true, false];
    field.value = text;
    shown = rounded;
    field.focus();
  }
  function close(take) {
    if (field.hidden) return;
    const value = Number(field.value.replace("\u2212", "-").replace(",", "."));
    [readout.hidden, field.hidden] = [false, true];
    if (!take || field.value === shown || !field.value.trim() || !Number.isFinite(value)) return;
    set(Math.max(least, value));
    rest();
  }
  readout.addEventListener("click", () => {
    open(readout.textContent, readout.textContent);
    field.select();
  });
  input.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !/^[-.\d]$/.test(event.key)) return;
    event.preventDefault(); // the key would be typed a second time
    open(event.key);
  });
  field.addEventListener("blur", () => close(true));
  field.addEventListener("keydown", (event) => {
    event.stopPropagation(); // letters and Ctrl-Z are the field's
    if (event.key !== "Enter" && event.key !== "Escape") return;
    close(event.key === "Enter");
    input.focus();
  });
}
