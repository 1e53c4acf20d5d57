// Keep what is on screen and flip between it and another edit: at one place, the eye sees at once
// what changes.
import { button, enable } from "./controls.js";
import { same } from "./history.js";

/** Two buttons; `choice()` is what is on screen, `once(choice)` puts another there. */
export function comparison({ choice, once }) {
  let kept = null;
  let other = null; // what was on screen before the kept one came back
  const keepButton = button("Keep", keep, "Keep this, to compare with it (key k)");
  const flipButton = button("Flip", flip, "Flip between what is kept and the last edit (key f)");

  function keep() {
    kept = structuredClone(choice());
    other = null;
    show();
  }
  function flip() {
    const here = same(choice(), kept);
    if (!kept || (here && !other)) return;
    if (!here) other = structuredClone(choice());
    once(structuredClone(here ? other : kept));
  }
  function show() {
    const here = kept !== null && same(choice(), kept);
    enable(flipButton, kept !== null && (!here || other !== null));
    flipButton.setAttribute("aria-pressed", String(here));
  }
  show();
  return { elements: [keepButton, flipButton], keys: { k: keep, f: flip }, show };
}
