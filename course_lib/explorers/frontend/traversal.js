// One slider from end to end: a strip of pictures for each model, to play and to save.
import { button, make } from "./controls.js";
import { decode, toImage } from "./decoder.js";
import { edited } from "./edits.js";
import { isDirection } from "./elements.js";
import { gif } from "./gif.js";
import { draw } from "./pictures.js";
import { FAR, withValue } from "./sliders.js";
import { missing } from "./wants.js";

const COUNT = 9; // pictures in a strip
const PERIOD = 4000; // ms from end to end and back
const FILM_STEPS = 20; // steps of a film from end to end
const ENLARGED = 3; // times, in a film
const TITLE = 36; // pixels over each of its pictures

/** Where the slider is at a part of the period, from 0 at one end to 1 at the other. */
const swing = (part) => (1 - Math.cos(2 * Math.PI * part)) / 2;
const minus = (value) => value.toFixed(2).replace("-", "\u2212");

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
  const strip = button("Save as PNG", saveStrip);
  const film = button("Save as GIF", saveFilm);
  const told = make("span", { role: "status" });
  const element = make("details", { class: "course-cloud", ontoggle: () => {
    if (!element.open) pause();
    opened();
  } }, make("summary", {}, "One slider from end to end"),
  make("div", { class: "course-row" }, which, play, strip, film, told),
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
    for (const control of [play, strip, film, which]) control.disabled = !keys.length;
  }

  function show() {
    for (const { name, m, canvases, text } of rows) {
      const [low, high] = values(m, chosen());
      canvases.forEach((canvas, i) => {
        const value = low + (i * (high - low)) / (COUNT - 1);
        draw(canvas, pictureOf(m, chosen(), value), shape);
        canvas.setAttribute("aria-label", `${name}, ${nameOf(chosen())} at ${value.toFixed(2)}`);
      });
      text.textContent = `${name}: ${nameOf(chosen())} from ${minus(low)} to ${minus(high)}`;
    }
  }

  function start() {
    play.textContent = "Pause";
    const begun = performance.now();
    const [low, high] = values(rows[0].m, chosen());
    const step = (now) => {
      set(chosen(), low + swing((now - begun) / PERIOD) * (high - low));
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

  function saveStrip() {
    const [, height, width] = shape;
    const sheet = make("canvas", { width: COUNT * width, height: rows.length * height });
    rows.forEach(({ canvases }, y) => canvases.forEach((canvas, x) =>
      sheet.getContext("2d").drawImage(canvas, x * width, y * height)));
    sheet.toBlob((blob) => save(blob, "png"));
  }

  /** The models side by side, there and back again as it plays. */
  function saveFilm() {
    if (missing(source, choice(), 0)) {
      told.textContent = "Not all is decoded yet: save it once it is.";
      return;
    }
    const [height, width] = shape.slice(1).map((size) => ENLARGED * size);
    const picture = make("canvas");
    const sheet = make("canvas", { width: rows.length * width, height: TITLE + height });
    const context = sheet.getContext("2d", { willReadFrequently: true });
    context.imageSmoothingEnabled = false;
    context.font = "13px sans-serif";
    const frames = Array.from({ length: FILM_STEPS + 1 }, (_, i) => {
      context.fillStyle = "white";
      context.fillRect(0, 0, sheet.width, sheet.height);
      context.fillStyle = "black";
      rows.forEach(({ name, m }, x) => {
        const [low, high] = values(m, chosen());
        const value = low + swing(i / FILM_STEPS / 2) * (high - low);
        context.fillText(name, x * width + 4, 14, width - 8);
        context.fillText(`${nameOf(chosen())} at ${minus(value)}`, x * width + 4, 30, width - 8);
        draw(picture, pictureOf(m, chosen(), value), shape);
        context.drawImage(picture, x * width, TITLE, width, height);
      });
      return context.getImageData(0, 0, sheet.width, sheet.height);
    });
    const order = Array.from({ length: 2 * FILM_STEPS }, (_, i) => (i <= FILM_STEPS ? i : 2 * FILM_STEPS - i));
    save(gif(frames, order, PERIOD / 10 / order.length), "gif");
  }

  function save(blob, kind) {
    const href = URL.createObjectURL(blob);
    const name = `${nameOf(chosen()).replaceAll(" ", "-")}.${kind}`;
    make("a", { href, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(href), 1000);
    told.textContent = `Saved as ${name}`;
  }

  return { element, choose, show, pause };
}
