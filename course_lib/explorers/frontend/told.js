// What is said of a model's pictures, over them and under them: what an edit changes, and how
// usual the edited code is.
import { logDensity, nearest, verdict } from "./atlas.js";
import { make, withRoom } from "./controls.js";
import { nearFace } from "./near.js";
import { pixelChange } from "./pictures.js";
import { costs, costWords } from "./posterior.js";
import { factorLine } from "./probe.js";

/** Of model number `m`. Its `sentence()` says the same briefly, for screen readers. */
export function told(source, name, m) {
  const { shape: [channels, height, width], threshold, plain, posteriors, origins } = source.setup;
  const nats = origins.includes("density");
  const tensor = (key) => source.tensors.get(`${m}/${key}`);
  const near = plain ? null : nearFace(source, name, m);
  const reads = factorLine();
  const numbers = make("p", { class: "course-numbers" });
  const said = withRoom(numbers);
  const element = make("div", { class: "course-told" }, ...(near ? [near.element] : []), said.element);
  let pixels = 0; // how many change, or null while that is not known
  let usual = "";

  const counted = (changed, mean) => `${changed} of ${height * width} pixels change by more than ` +
    `${threshold} grey levels; mean change ${mean.toFixed(1)}`;
  const point = plain ? "" : "each code is a point";
  const priced = (cost) => (cost ? `; ${cost}` : "");

  const judged = ({ where, far, text }, seen) =>
    [". ", make("b", { class: far ? "course-off" : "" }, where), `: ${text}${seen}.`];

  /** About as long as what is said of codes of `size` can get. */
  function longest(atlas, size) {
    const cost = posteriors[m] ? costWords(888.8, size, size) : point;
    const counts = counted(height * width, 88.8) + priced(cost);
    if (!atlas || plain) return [counts];
    const [low, high] = atlas.usual_log_density;
    const far = Math.min(-8888, 3 * low - 2 * high);
    const found = verdict(atlas, far, 88.88 * atlas.usual_distance, nats);
    return [counts, ...judged(found, " (left, decoded)")];
  }

  /** The pictures before and after, or null while they are not those of the choice. */
  function pictures(before, after) {
    usual = "";
    reads.show(null); // of another choice, until `code` says it anew
    pixels = null;
    numbers.textContent = "Not decoded yet";
    if (!after) return;
    const { changed, mean } = pixelChange(before, after, channels, threshold);
    pixels = changed;
    numbers.textContent = counted(changed, mean);
  }

  /** The code before and after; `cloud` is a face's posterior, if it has one: mean and spread. */
  function code(before, after, cloud) {
    const { atlas } = source.facts[m];
    said.reserve(() => longest(atlas, before.length));
    const cost = cloud ? costs(...cloud) : posteriors[m] ? "" : point;
    if (pixels !== null) numbers.append(priced(cost));
    reads.show(atlas?.factors ?? null, tensor, before, after);
    if (!atlas || plain) return;
    const density = Object.fromEntries(["constant", "means", "rows", "round", "sign"].map(
      (part) => [part, tensor(`density/${part}`)]));
    const { distance, index } = nearest(tensor("atlas/codes"), after);
    const found = verdict(atlas, logDensity(density, after), distance, nats);
    usual = found.where;
    numbers.append(...judged(found, near.at(atlas.collapsed ? -1 : index)));
  }

  /** The hands are at rest: a picture that is still missing is waited for. */
  function rest() {
    near?.rest();
    if (pixels === null) numbers.firstChild.data = source.waiting;
  }

  function sentence() {
    const what = pixels === null ? [source.waiting] : [reads.said, `${pixels} pixels change`];
    return `${name}: ${[...what, usual].filter(Boolean).join("; ")}.`;
  }
  return {
    element, reads: reads.element, pictures, code, rest, sentence, wanted: () => near?.wanted() ?? [], changed: () => pixels ?? 0,
  };
}
