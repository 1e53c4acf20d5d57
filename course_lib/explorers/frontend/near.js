// The training face whose code is nearest: a small picture, once the hands are at rest.
import { button, make } from "./controls.js";
import { decode, firstOutput, toImage } from "./decoder.js";
import { draw } from "./pictures.js";

/** Of model number `m`. Where `source.training` says that a kernel has the training pictures, it is
 * asked for them, and a press on the picture takes that face to edit; else the code is decoded. */
export function nearFace(source, name, m) {
  const canvas = make("canvas", { class: "course-near", role: "img" });
  const element = source.training ? button("", () => source.take(number(rested)), " ") : make("div");
  element.classList.add("course-take");
  element.hidden = true;
  element.append(canvas);
  const tensor = (key) => source.tensors.get(`${m}/${key}`);
  let now = -1; // which of the kept codes is nearest,
  let rested = -1; // was at the last rest,
  let drawn = -1; // and is on screen
  const number = (i) => source.facts[m].atlas.numbers[i];

  function pixels() {
    if (source.training) return source.tensors.get(`training/${number(rested)}`);
    const n = tensor("atlas/mean").length;
    const code = tensor("atlas/codes").subarray(rested * n, rested * n + n);
    return toImage(decode(source.facts[m].layers, tensor, firstOutput(tensor, code)));
  }

  function show() {
    const picture = rested >= 0 && rested === now && drawn !== now ? pixels() : null;
    if (picture) {
      draw(canvas, picture, source.setup.shape);
      const label = source.training
        ? `training face ${number(now)}, whose code is nearest to ${name}'s`
        : `the training code nearest to ${name}'s, decoded`;
      canvas.setAttribute("aria-label", label);
      element.title = source.training ? `Edit ${label}` : label;
      if (source.training) element.setAttribute("aria-label", element.title);
      element.hidden = false;
      drawn = now;
    }
    canvas.classList.toggle("course-away", drawn !== now);
  }
  return {
    element,
    /** Code number `i` is the nearest now; returns where it is seen, in words. */
    at(i) {
      now = i;
      show();
      return i < 0 ? "" : source.training ? " (left)" : " (left, decoded)";
    },
    rest() {
      rested = now;
      if (rested >= 0) show();
    },
    /** The picture to ask a kernel for, if any. */
    wanted() {
      return source.training && rested >= 0 && !pixels() ? [["training", number(rested)]] : [];
    },
  };
}
