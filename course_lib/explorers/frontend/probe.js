// What an edit changes, in words: known factors, read from the code by a line (see probe.py).
import { make, withRoom } from "./controls.js";

const CHANGED = 0.3; // standard deviations, as in probe.py
const MOST_NAMED = 3;

/** Of the factors `names` that change most: the name, how both codes read, and its decimals. */
function factorChanges(names, tensor, before, after) {
  const [weight, bias, deviations] = ["weight", "bias", "deviations"].map((part) => tensor(`probe/${part}`));
  const n = before.length;
  const read = (code, f) => {
    let sum = bias[f];
    for (let k = 0; k < n; k++) sum += weight[f * n + k] * code[k];
    return sum;
  };
  return names.map((name, f) => {
    const [old, now] = [read(before, f), read(after, f)];
    const least = CHANGED * deviations[f]; // is still seen
    const decimals = Math.max(0, Math.ceil(-Math.log10(least)));
    return { name, old, now, decimals, moved: Math.abs(now - old) / least };
  }).filter(({ moved }) => moved > 1).sort((a, b) => b.moved - a.moved).slice(0, MOST_NAMED);
}

/** A line for a model, and `said`, the same for ears: neither arrows nor underscores are heard. */
export function factorLine() {
  const text = make("p", { class: "course-reads",
    title: "By a linear probe, of the factors that it reads from new faces' codes with an R\u00b2 of 0.5 or more" });
  const { element, reserve } = withRoom(text);
  element.hidden = true;
  const line = { element, said: "", show };

  /** `names` of the factors that can be read, or null where none are known. */
  function show(names, tensor, before, after) {
    element.hidden = !names;
    line.said = "";
    if (!names) return;
    const changes = factorChanges(names, tensor, before, after);
    const words = (between, to, spell) => changes.map(({ name, old, now, decimals }) => {
      const [from, until] = [old, now].map((value) => // never −0.00
        Number(value.toFixed(decimals)).toFixed(decimals).replace("-", "\u2212"));
      return `${spell(name)}${between}${from}${to}${until}`;
    }).join(", ") || "no factor changes";
    if (names.length) line.said = words(" from ", " to ", (name) => name.replaceAll("_", " "));
    const read = "read from the code: ";
    text.textContent = read + (names.length ? words(" ", " \u2192 ", String) : "no factor can be");
    reserve(() => [read + names.toSorted((a, b) => b.length - a.length).slice(0, MOST_NAMED)
      .map((name) => `${name} \u22120.88 \u2192 \u22120.88`).join(", ")]);
  }
  return line;
}
