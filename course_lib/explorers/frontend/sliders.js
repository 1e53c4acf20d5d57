// A slider for each chosen element of the code, and for each chosen direction.
import { button, make, slider } from "./controls.js";
import { aboutDirection, describe, isDirection, shortName } from "./elements.js";
import { ridge } from "./histogram.js";
import { showSpread } from "./posterior.js";
import { typable } from "./typing.js";
import { round6 } from "./whole.js";

export const FAR = 3; // standard deviations that a direction's slider reaches to either side

/** The part of a choice that changes when an element is set, or codes are moved along a direction. */
export function withValue(choice, key, value) {
  const part = isDirection(key) ? "directions" : "edits";
  const pairs = choice[part].map((pair) => [...pair]);
  const pair = pairs.find(([other]) => other === key);
  if (pair) pair[1] = value;
  else pairs.push([key, value]);
  return { [part]: pairs };
}

/** A value of an element among a model's codes, in words: a number that is far out in one model may
 * be nothing in another, whose codes are larger. */
function inSpreads(atlas, inactive, mean, element, value) {
  if (!(atlas?.activity[element] > inactive)) return "";
  const far = (value - mean[element]) / Math.sqrt(atlas.activity[element]);
  const size = Math.abs(far).toFixed(1);
  return `${size === "0.0" ? "" : far < 0 ? "\u2212" : "+"}${size} spreads`;
}

/**
 * The rows of sliders.
 *
 * `change`, `settle` and `choice` are as in whole.js, `say(text)` tells the reader something,
 * `atlas()` is that of the model whose code is shown, and `emptied()` is called when the last is gone.
 */
export function codeSliders({ setup, choice, change, settle, say, atlas, emptied }) {
  const element = make("div", { class: "course-sliders" });
  const rows = new Map();
  const keys = () => [...choice().elements, ...choice().directions.map(([way]) => way)];

  const set = (key, value) => change(withValue(choice(), key, round6(value)));
  function add(key) {
    if (keys().includes(key)) return;
    if (keys().length >= setup.most) {
      say(`At most ${setup.most} sliders fit on the screen: remove one first.`);
      return;
    }
    say("");
    if (isDirection(key)) set(key, 0);
    else change({ elements: [...choice().elements, key] });
    settle();
    show();
    rows.get(key).input.focus();
  }
  const without = (key) => choice().edits.filter(([other]) => other !== key);
  function forget(key) {
    if (isDirection(key)) set(key, 0);
    else change({ edits: without(key) });
    settle();
  }
  function remove(key) {
    const place = keys().indexOf(key);
    if (isDirection(key)) change({ directions: choice().directions.filter(([other]) => other !== key) });
    else change({ edits: without(key), elements: choice().elements.filter((other) => other !== key) });
    settle();
    show();
    if (!keys().length) emptied();
    else rows.get(keys()[Math.min(place, keys().length - 1)]).input.focus(); // the button that had it is gone
  }

  function rowOf(key) {
    const way = isDirection(key);
    const name = way ? `direction ${key}` : `element ${key}`;
    const [min, max, step] = way ? [-FAR, FAR, setup.step] : setup.values[key];
    const row = slider({
      label: name, name: way ? `${name}, in standard deviations` : undefined, min, max, step,
      decimals: Math.round(-Math.log10(step)), move: (value) => set(key, value), rest: settle,
    });
    typable(row, { name, set: (value) => set(key, value), rest: settle });
    row.band = make("i", { class: "course-band", hidden: true });
    row.ridge = ridge(row.input);
    row.track.append(row.ridge.element, row.band);
    row.cost = make("small", { class: "course-cost", title: way ? undefined
      : "spreads: standard deviations of the training faces' codes, from their mean" });
    row.element.append(
      button("\u21ba", () => forget(key), way ? `${name} back to 0` : `${name} back to its own value`),
      button("\u00d7", () => remove(key), `remove the slider of ${name}`),
      row.cost,
    );
    return row;
  }

  /** Bring the rows in line with the choice. */
  function show() {
    if ([...rows.keys()].join() === keys().join()) return;
    const there = new Map(rows);
    rows.clear(); // and in the order of the choice again
    for (const key of keys()) rows.set(key, there.get(key) ?? rowOf(key));
    const held = element.contains(document.activeElement) ? document.activeElement : null;
    element.replaceChildren(...Array.from(rows.values(), (row) => row.element));
    held?.focus();
    name();
  }
  function name() {
    for (const [key, row] of rows) {
      row.title.textContent = shortName(atlas(), key);
      row.title.title = describe(atlas(), key) + (isDirection(key) ? "; in standard deviations" : "");
      if (isDirection(key)) row.cost.textContent = aboutDirection(atlas(), key);
    }
  }

  /** Show the numbers of a code; of a face's posterior, its mean and spread too, or null; behind
   * them the codes of the training faces, where the model has an atlas among its tensors. */
  function paint(code, cloud, tensor) {
    const [mean, spread] = cloud ?? [];
    const codes = atlas() && tensor("atlas/codes");
    const along = new Map(choice().directions);
    for (const [key, row] of rows) {
      row.show(isDirection(key) ? along.get(key) : code[key]);
      if (isDirection(key)) continue;
      const size = inSpreads(atlas(), setup.inactive, tensor("atlas/mean"), key, code[key]);
      if (size) row.input.setAttribute("aria-valuetext", `${row.readout.textContent}, ${size}`);
      const words = [size, showSpread(row, mean?.[key], spread?.[key])];
      row.cost.textContent = words.filter(Boolean).join("; ");
      row.ridge.show(codes, code.length, key);
    }
  }
  return { element, keys, set, add, show, name, paint };
}
