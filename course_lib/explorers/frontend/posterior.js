// The cloud of codes that a VAE's encoder answers with, q(z|x) = N(mean, spread²) in each element.
import { make } from "./controls.js";
import { draw, pixelChange } from "./pictures.js";

const SILENT = 0.01; // nats up to which an element says nothing of this face

/** What each element costs: KL(N(mean, spread²) ‖ N(0, 1)) in nats. */
export function rates(mean, spread) {
  return Array.from(mean, (m, k) => (m * m + spread[k] * spread[k] - 1) / 2 - Math.log(spread[k]));
}

/** In words: what a face's code costs, and on how many elements that is spent. */
export function costs(mean, spread) {
  const each = rates(mean, spread);
  const spent = each.filter((rate) => rate > SILENT).length;
  return costWords(each.reduce((sum, rate) => sum + rate, 0), spent, each.length);
}

export const costWords = (total, spent, count) =>
  `this face's rate ${total.toFixed(1)} nats, on ${spent} of ${count} elements`;

/** In words: what one element costs. */
export const rateWords = (rate) => (rate > SILENT ? `${rate.toFixed(2)} nats` : "silent");

/** The same with the cloud's width. */
function elementCost(mean, spread) {
  const [rate] = rates([mean], [spread]);
  return rate > SILENT ? `\u00b1\u00a0${spread.toPrecision(2)}, ${rateWords(rate)}`
    : `${rateWords(rate)} for this face: q(z|x) is the prior`;
}

/** An element's cloud behind its slider: the mean, and a deviation to either side. Returns its cost
 * in words, or "" where there is none. */
export function showSpread({ input, band }, mean, spread) {
  band.hidden = spread === undefined;
  if (spread === undefined) return "";
  const [min, max] = [Number(input.min), Number(input.max)];
  const at = (value) => (Math.min(max, Math.max(min, value)) - min) / (max - min);
  band.style.setProperty("--from", at(mean - spread));
  band.style.setProperty("--to", at(mean + spread));
  return elementCost(mean, spread);
}

/** Half axes and turn of the cloud on the map at one standard deviation: [[a, b], angle]. */
export function ellipse(directions, spread) {
  const n = spread.length;
  let [xx, xy, yy] = [0, 0, 0];
  for (let k = 0; k < n; k++) {
    const [x, y] = [directions[k] * spread[k], directions[n + k] * spread[k]];
    xx += x * x;
    xy += x * y;
    yy += y * y;
  }
  const middle = (xx + yy) / 2;
  const apart = Math.hypot((xx - yy) / 2, xy);
  const axes = [middle + apart, Math.max(0, middle - apart)].map(Math.sqrt);
  return [axes, Math.atan2(2 * xy, xx - yy) / 2];
}

/** The draws that the strip wants of an image, as bases. */
export function cloudBases(image, count) {
  return Array.from({ length: count }, (_, i) => ["posterior", image, i + 1]);
}

/** A strip of draws from one face's cloud, to unfold; `opened()` is told when that happens. */
export function cloudStrip(name, shape, count, opened) {
  const canvases = Array.from({ length: count }, (_, i) => make("canvas", {
    role: "img", "aria-label": `draw ${i + 1} from ${name}'s cloud of this face`,
  }));
  const text = make("p", {});
  const element = make("details", { class: "course-cloud", ontoggle: opened },
    make("summary", {}, `${count} draws from ${name}'s cloud of this face`),
    make("div", { class: "course-strip" }, ...canvases), text);
  let shown = null;

  /** `pictureOf(base)` gives pixels; `mean` is the picture of the cloud's middle. */
  function show(image, mean, pictureOf) {
    if (shown === image) return;
    shown = image;
    let change = 0;
    cloudBases(image, count).forEach((base, i) => {
      const pixels = pictureOf(base);
      draw(canvases[i], pixels, shape);
      change += pixelChange(mean, pixels, shape[0], 0).mean / count;
    });
    text.textContent =
      `They differ from the picture of the mean by ${change.toFixed(1)} grey levels on average.`;
  }
  return { element, show };
}
