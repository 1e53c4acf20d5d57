// Pictures to choose from: a listbox that one walks through with the arrow keys.
import { make } from "./controls.js";

/** `choose(i)` is called by a click, Enter or a space; `columns` stand side by side. */
export function gallery({ label, columns, choose }) {
  const id = `course-gallery-${Math.random().toString(36).slice(2)}`;
  const canvases = [];
  let at = 0; // where the keys have walked to
  const element = make("div", {
    class: "course-gallery", role: "listbox", tabindex: "0", "aria-label": label,
    style: `--columns: ${columns}`,
  });

  function walk(to) {
    canvases[at]?.classList.remove("course-at");
    at = Math.min(canvases.length - 1, Math.max(0, to));
    canvases[at].classList.add("course-at");
    element.setAttribute("aria-activedescendant", canvases[at].id);
  }

  /** Have so many places for pictures. */
  function grow(count) {
    while (canvases.length < count) {
      const i = canvases.length;
      canvases.push(make("canvas", { role: "option", id: `${id}-${i}`, onclick: () => {
        walk(i);
        choose(i);
      } }));
      element.append(canvases[i]);
    }
  }

  /** Say which one is chosen, or none: -1. */
  function mark(chosen) {
    canvases.forEach((canvas, i) => canvas.setAttribute("aria-selected", String(i === chosen)));
    if (chosen >= 0 && document.activeElement !== element) walk(chosen);
  }

  const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns };
  element.addEventListener("keydown", (event) => {
    const { key } = event;
    if (steps[key] !== undefined) {
      const to = at + steps[key];
      if (to >= 0 && to < canvases.length) walk(to); // not from the first row to the first picture
    } else if (key === "Home") walk(0);
    else if (key === "End") walk(canvases.length - 1);
    else if (key === "Enter" || key === " ") choose(at);
    else return;
    event.preventDefault();
    canvases[at].scrollIntoView({ block: "nearest" });
  });
  return { element, canvases, grow, mark };
}
