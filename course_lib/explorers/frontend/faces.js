// Faces chosen by their pictures, and the picture of the one that a step leads to.
import { make } from "./controls.js";
import { gallery } from "./gallery.js";
import { draw } from "./pictures.js";

const COLUMNS = 6;

/**
 * `count()` faces, `pictureOf(i)` the pixels of one, or undefined; `choose(part)` gets what to
 * change of the choice, `opened()` is told when pictures are wanted.
 */
export function faceChooser({ count, shape, pictureOf, choose, opened }) {
  const which = make("select", { "aria-label": "Choose by picture", onchange: opened },
    make("option", { value: "image" }, "the face"),
    make("option", { value: "target" }, "towards which face"));
  const list = gallery({
    label: "Faces", columns: COLUMNS,
    choose: (i) => choose(which.value === "image" ? { image: i, origin: "image" } : { target: i }),
  });
  const element = make("details", { class: "course-fold", ontoggle: opened },
    make("summary", {}, "Faces by picture"), which, list.element);
  const target = make("canvas", { class: "course-target", role: "img" });
  const drawn = []; // which of the canvases are

  /** The pictures that are missing. */
  function wanted(choice) {
    const all = element.open ? Array.from({ length: count() }, (_, i) => i) : [];
    return [choice.target, ...all].filter((i) => !pictureOf(i)).map((i) => ["original", i]);
  }

  function show(choice) {
    const pixels = pictureOf(choice.target);
    target.style.visibility = pixels ? "visible" : "hidden"; // never another face's picture
    if (pixels && target.face !== choice.target) {
      draw(target, pixels, shape);
      target.face = choice.target;
      target.setAttribute("aria-label", `face ${choice.target}, towards which a step leads`);
    }
    if (!element.open) return;
    list.grow(count());
    list.canvases.forEach((canvas, i) => {
      if (drawn[i] || !pictureOf(i)) return;
      draw(canvas, pictureOf(i), shape);
      canvas.setAttribute("aria-label", `face ${i}`);
      drawn[i] = true;
    });
    list.mark(which.value === "target" ? choice.target : choice.origin === "image" ? choice.image : -1);
  }
  return { element, target, wanted, show };
}
