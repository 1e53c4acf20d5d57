// What is done to the whole code: a step towards another face, scale, shift, and noise.
import { button, enable, slider } from "./controls.js";
import { typable } from "./typing.js";

export const round6 = (value) => Math.round(value * 1e6) / 1e6; // 0.30000000000000004 is no hand's fault

/**
 * Their sliders, of which a plain explorer has one.
 *
 * `change(part)` is called with a part of the choice while a slider moves, `settle()` once it is let
 * go, and `choice()` gives all of it.
 */
export function wholeControls({ setup, choice, change, settle }) {
  const first = choice().noise_seed;
  const control = (key, facts) => {
    const set = (value) => change({ [key]: round6(value) });
    const made = slider({ ...facts, move: set, rest: settle });
    if (facts.typed) typable(made, { name: facts.label, set, rest: settle, least: facts.least });
    return made;
  };
  const target = control("target", {
    label: "towards face", step: 1, decimals: 0, min: 0, max: setup.images - 1,
  });
  const step = control("step", {
    label: "step", name: "step towards that face", min: 0, max: 1, step: 0.05, decimals: 2,
  });
  const scale = control("scale", {
    label: "scale all", name: "scale all: times every latent element", min: 0, max: 3, step: 0.05,
    decimals: 2, typed: true,
  });
  const shift = control("shift", {
    label: "shift all", name: "shift all: added to every latent element", min: setup.shift[0],
    max: setup.shift[1], step: setup.step, decimals: 1, typed: true,
  });
  const noise = control("noise", {
    label: "noise", name: "noise on all: 1 is as much as each model's own codes vary", min: 0, max: 2,
    step: 0.05, decimals: 2, typed: true, least: 0,
  });
  const other = button("\u21bb", () => {
    const next = choice().noise_seed + 1 - first;
    change({ noise_seed: first + (setup.draws ? next % setup.draws : next) });
    settle();
  }, "Other noise");
  scale.title.title = "every latent element times this";
  noise.title.title = "1 is as much as each model's own codes vary";
  noise.element.append(other);
  const elements = setup.plain ? [shift.element]
    : [target, step, scale, shift, noise].map(({ element }) => element);

  function show(choice) {
    const sliders = { target, step, scale, shift, noise };
    if (target.input.max < setup.images - 1) target.input.max = setup.images - 1; // one's own picture
    for (const [key, slider] of Object.entries(sliders)) slider.show(choice[key]);
    enable(other, choice.noise !== 0);
  }
  return { elements, show };
}
