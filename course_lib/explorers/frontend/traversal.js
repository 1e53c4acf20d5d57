// One element from end to end: a strip of pictures for each model, to play and to save.
import { button, make } from "./controls.js";
import { decode, toImage } from "./decoder.js";
import { edited } from "./edits.js";
import { draw } from "./pictures.js";

const COUNT = 9; // pictures in a strip
const PERIOD = 4000; // ms from end to end and back

/**
 * A strip to unfold. `models` are those that can be drawn here, `choice()` what is chosen. Playing
 * calls `set(element, value)`, and `rest()` when it pauses; `opened()` is told when pictures are
 * wanted.
 */
export function traversal({ source, models, choice, set, rest, opened }) {
  const { shape } = source.setup;
  const tensorOf = (m) => (key) => source.tensors.get(`${m}/${key}`);
  const which = make("select", { "aria-label": "Element of the traversal", onchange: () => {
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
  } }, make("summary", {}, "One element from end to end"),
  make("div", { class: "course-row" }, which, play, save),
  ...rows.map((row) => make("div", {}, row.text, make("div", { class: "course-strip" }, ...row.canvases))));
  let frame = 0;

  const chosen = () => Number(which.value);

  /** The two ends: of the training codes, where they are known. */
  function values(m, element) {
    const codes = tensorOf(m)("atlas/codes");
    if (!codes) return source.setup.values;
    const n = tensorOf(m)("atlas/mean").length;
    const of = Float32Array.from({ length: codes.length / n }, (_, i) => codes[i * n + element]);
    return [Math.min(...of), Math.max(...of)];
  }

  function pictureOf(m, element, value) {
    const tensor = tensorOf(m);
    const { code, first } = edited(choice(), source.setup.models[m], tensor);
    const column = tensor(`column/${element}`);
    const at = first.map((sum, i) => sum + (value - code[element]) * column[i]);
    return toImage(decode(source.facts[m].layers, tensor, at));
  }

  function choose(elements) {
    const old = which.value;
    which.replaceChildren(...elements.map((e) => make("option", { value: e }, `element ${e}`)));
    which.value = elements.includes(Number(old)) ? old : String(elements[0]);
    play.disabled = save.disabled = which.disabled = !elements.length;
  }

  function show() {
    for (const { name, m, canvases, text } of rows) {
      const [low, high] = values(m, chosen());
      canvases.forEach((canvas, i) => {
        const value = low + (i * (high - low)) / (COUNT - 1);
        draw(canvas, pictureOf(m, chosen(), value), shape);
        canvas.setAttribute("aria-label", `${name}, element ${chosen()} at ${value.toFixed(2)}`);
      });
      text.textContent = `${name}: element ${chosen()} from ${low.toFixed(2)} to ${high.toFixed(2)}`
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
      make("a", { href, download: `element-${chosen()}.png` }).click();
      setTimeout(() => URL.revokeObjectURL(href), 1000);
    });
  }

  return { element, choose, show, pause };
}
