// A slider's steps as the frames of a film.
import { button } from "./controls.js";

const FRAME = 700; // ms

/**
 * Put a button into a slider that plays it to its end; from there it begins anew.
 *
 * `now()` is where the slider stands, `go(value)` moves it, `rest()` is called when it pauses.
 */
export function player({ element }, { min, max, step, now, go, rest }) {
  const control = button("Play", () => (timer ? pause() : play()));
  let timer = 0;

  function play() {
    control.textContent = "Pause";
    const next = () => Math.min(max, now() + step);
    timer = setInterval(() => (now() < max ? go(next()) : pause()), FRAME);
    go(now() < max ? next() : min); // at once, lest one press again
  }
  function stop() {
    clearInterval(timer);
    timer = 0;
    control.textContent = "Play";
  }
  function pause() {
    stop();
    rest();
  }
  /** For good: there is nobody to draw. */
  function close() {
    stop();
    control.disabled = true;
  }

  element.classList.add("course-played");
  element.append(control);
  return { playing: () => timer !== 0, close };
}
