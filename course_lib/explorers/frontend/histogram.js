// Where the training faces lie in one element of the code: a ridge behind its slider.
import { make } from "./controls.js";

const BINS = 32;

/** The heights of a histogram of column `k` of (N, n) numbers, in equal parts from min to max: square
 * roots of the counts, the highest 1, so that what few faces have is seen as well. */
export function heights(codes, n, k, min, max) {
  const counts = new Array(BINS).fill(0);
  for (let at = k; at < codes.length; at += n) {
    const bin = Math.floor(((codes[at] - min) / (max - min)) * BINS);
    if (bin >= 0 && bin < BINS) counts[bin] += 1;
  }
  const most = Math.max(1, ...counts);
  return counts.map((count) => Math.sqrt(count / most));
}

/** A ridge for a slider's input; `show(codes, n, k)` draws it anew where anything has changed. */
export function ridge(input) {
  const element = make("span", { class: "course-ridge", "aria-hidden": "true" });
  let drawn = [];
  function show(codes, n, k) {
    element.hidden = !codes;
    const now = [codes, input.min, input.max];
    if (!codes || now.every((part, i) => part === drawn[i])) return;
    drawn = now;
    const steps = heights(codes, n, k, Number(input.min), Number(input.max))
      .map((height, bin) => `V${(1 - height).toFixed(3)}H${bin + 1}`);
    element.innerHTML = `<svg viewBox="0 0 ${BINS} 1" preserveAspectRatio="none">`
      + `<path d="M0 1${steps.join("")}V1Z"/></svg>`;
  }
  return { element, show };
}
