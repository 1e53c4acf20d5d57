// What a hand moves, made of the browser's own controls: they bring the keyboard and the names
// that screen readers read out.

/** An element with attributes and children; `on…` attributes are listeners. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** A button; `label` is its name where the text alone would not say enough. */
export function button(text, onclick, label) {
  const control = make("button", { type: "button", "aria-label": label, title: label,
    onclick: () => {
      if (control.getAttribute("aria-disabled") !== "true") onclick();
    } }, text);
  return control;
}

/** Whether a button does anything now. It can always have the focus, which a press that leaves
 * nothing more to do would lose else. */
export function enable(control, able) {
  control.setAttribute("aria-disabled", String(!able));
}

/**
 * A labelled slider with its value beside it.
 *
 * `move(value)` is called while it moves, `rest()` once it is let go or after a key. `show(value)`
 * moves it without calling either; a value between two steps is shown as it is, not snapped.
 */
export function slider({ label, min, max, step, decimals, format, move, rest = () => {}, name }) {
  // Not a count: each explorer on a page has this module for itself.
  const id = `course-control-${Math.random().toString(36).slice(2)}`;
  const words = format ?? ((value) => value.toFixed(decimals).replace("-", "\u2212"));
  const input = make("input", {
    type: "range", id, min, max, step, "aria-label": name,
    oninput: () => {
      readout.textContent = words(input.valueAsNumber);
      input.setAttribute("aria-valuetext", readout.textContent);
      move(input.valueAsNumber);
    },
    onchange: () => rest(),
  });
  const readout = make("output", { for: id, "aria-live": "off" });
  const title = make("label", { for: id }, label);
  const track = make("div", { class: "course-track" }, input);
  const element = make("div", { class: "course-slider" }, title, track, readout);
  const show = (value) => {
    if (value > Number(input.max)) input.max = Math.ceil(value);
    if (value < Number(input.min)) input.min = Math.floor(value);
    const nearest = Number(input.min) + Math.round((value - input.min) / step) * step;
    // A slider that stands right is being dragged, perhaps: leave it in the hand.
    if (Math.abs(input.valueAsNumber - nearest) > step / 2) input.value = nearest;
    readout.textContent = words(value);
    input.setAttribute("aria-valuetext", readout.textContent);
  };
  return { element, input, title, track, readout, show };
}

/** A text that has lines enough for the longest that it can get, so that nothing below it moves while
 * it changes: `reserve(longest)`, at the first time, puts what `longest()` gives under it, unseen. */
export function withRoom(text) {
  const room = make("p", { "aria-hidden": "true" });
  const reserve = (longest) => {
    if (!room.firstChild) room.append(...longest());
  };
  return { element: make("div", { class: "course-said" }, text, room), reserve };
}

/** A text with a button that copies it; `name` is what screen readers call it. */
export function copyable(name) {
  const text = make("pre", { tabindex: "0", role: "group", "aria-label": name });
  const told = make("span", { class: "course-hidden", "aria-live": "polite" });
  const copy = button("Copy", async () => {
    try {
      await navigator.clipboard.writeText(text.textContent);
    } catch { // a plain http page has no clipboard, or may not use it: mark the text, to copy by hand
      getSelection().selectAllChildren(text);
      told.textContent = "The code is marked, to copy by hand.";
      return;
    }
    copy.textContent = told.textContent = "Copied";
    setTimeout(() => {
      copy.textContent = "Copy";
      told.textContent = "";
    }, 1500);
  }, "Copy the code");
  return { text, element: make("div", { class: "course-code" }, text, copy, told) };
}

/** Keep what is typed in an explorer from the notebook around it, which has keys of its own; an
 * Escape that nothing here takes leads back to the notebook, to the explorer's own cell. */
export function ownKeys(element) {
  element.setAttribute("data-lm-suppress-shortcuts", "true");
  for (const kind of ["keydown", "keypress", "keyup"]) {
    element.addEventListener(kind, (event) => event.stopPropagation());
  }
  element.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    // Later: a tour that ends by it, say, hears it after this.
    setTimeout(() => event.defaultPrevented || element.closest(".jp-Cell")?.focus());
  });
}

/** Say when the kernel that stands behind a widget is gone; returns the line that says it. */
export function kernelWatch(model, sentence) {
  const line = make("p", { class: "course-message", role: "alert" });
  model.on("comm_live_update", () => {
    line.textContent = sentence;
  });
  return line;
}
