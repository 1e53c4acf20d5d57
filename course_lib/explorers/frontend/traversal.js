// One slider from end to end: a strip of pictures for each model, to play and to save.
import { button, make } from "./controls.js";
import { decode, toImage } from "./decoder.js";
import { edited } from "./edits.js";
import { isDirection } from "./elements.js";
import { draw } from "./pictures.js";
import { FAR, withValue } from "./sliders.js";

const COUNT = 9; // pictures in a strip
const PERIOD = 4000; // ms from end to end and back

/**
 * A strip to unfold. `models` are those that can be drawn here, `choice()` what is chosen. Playing
 * calls `set(key, value)` of an element or a direction, and `rest()` when it pauses; `opened()` is
 * told when pictures are wanted.
 */
export function traversal({ source, models, choice, set, rest, opened }) {
  const { shape } = source.setup;
  const tensorOf = (m) => (key) => source.tensors.get(`${m}/${key}`);
  const which = make("select", { "aria-label": "Slider of the traversal", onchange: () => {
    pause();
    opened();
  } });
  const rows = models.map(({ name, m }) => {
    const canvases = Array.from({ length: COUNT }, () => make("canvas", { role: "img" }));
    const text = make("span", {});
    return { name, m, canvases, text };
  });
  const play = button("Play", () => (frame ? pause() : start()));
  const save = button("Save as PNG", download);
  const element = make("details", { class: "course-cloud", ontoggle: () => {
    if (!element.open) pause();
    opened();
  } }, make("summary", {}, "One slider from end to end"),
  make("div", { class: "course-row" }, which, play, save),
  ...rows.map((row) => make("div", {}, row.text, make("div", { class: "course-strip" }, ...row.canvases))));
  let frame = 0;

  let keys = null;

  const chosen = () => keys?.[which.selectedIndex];
  const nameOf = (key) => `${isDirection(key) ? "direction" : "element"} ${key}`;

  /** The two ends: of the training codes, where they are known. */
  function values(m, key) {
    if (isDirection(key)) return [-FAR, FAR];
    const codes = tensorOf(m)("atlas/codes");
    if (!codes) return source.setup.values[key];
    const n = tensorOf(m)("atlas/mean").length;
    const of = Float32Array.from({ length: codes.length / n }, (_, i) => codes[i * n + key]);
    return [Math.min(...of), Math.max(...of)];
  }

  function pictureOf(m, key, value) {
    const there = { ...choice(), ...withValue(choice(), key, value) };
    const { first } = edited(there, source.setup.models[m], tensorOf(m));
    return toImage(decode(source.facts[m].layers, tensorOf(m), first));
  }

  function choose(next) {
    if (keys?.join() === next.join()) return;
    const old = chosen();
    keys = next;
    which.replaceChildren(...keys.map((key) => make("option", {}, nameOf(key))));
    which.selectedIndex = Math.max(0, keys.indexOf(old));
    play.disabled = save.disabled = which.disabled = !keys.length;
  }

  function show() {
    for (const { name, m, canvases, text } of rows) {
      const [low, high] = values(m, chosen());
      canvases.forEach((canvas, i) => {
        const value = low + (i * (high - low)) / (COUNT - 1);
        draw(canvas, pictureOf(m, chosen(), value), shape);
        canvas.setAttribute("aria-label", `${name}, ${nameOf(chosen())} at ${value.toFixed(2)}`);
      });
      text.textContent = `${name}: ${nameOf(chosen())} from ${low.toFixed(2)} to ${high.toFixed(2)}`
        .replace(/-/g, "\u2212");
    }
  }

  function start() {
    play.textContent = "Pause";
    const begun = performance.now();
    const [low, high] = values(rows[0].m, chosen());
    const step = (now) => {
      const phase = (1 - Math.cos((2 * Math.PI * (now - begun)) / PERIOD)) / 2;
      set(chosen(), low + phase * (high - low));
      frame = requestAnimationFrame(step);
    };
    frame = requestAnimationFrame(step);
  }

  function pause() {
    if (!frame) return;
    cancelAnimationFrame(frame);
    frame = 0;
    play.textContent = "Play";
    rest();
  }

  function download() {
    const [, height, width] = shape;
    const sheet = make("canvas", { width: COUNT * width, height: rows.length * height });
    rows.forEach(({ canvases }, y) => canvases.forEach((canvas, x) =>
      sheet.getContext("2d").drawImage(canvas, x * width, y * height)));
    sheet.toBlob((blob) => {
      const href = URL.createObjectURL(blob);
      make("a", { href, download: `${nameOf(chosen()).replaceAll(" ", "-")}.png` }).click();
      setTimeout(() => URL.revokeObjectURL(href), 1000);
    });
  }

  return { element, choose, show, pause };
}
