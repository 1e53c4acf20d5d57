// The map of a model's codes: the density of the training codes, and where the edited code is.
import { make } from "./controls.js";

const SIZE = 144; // pixels of the drawing; the style sheet decides how large it is shown

/**
 * A map to click and drag on, or to walk on with the arrow keys.
 *
 * `go([x, y])` is called with the place that was chosen, `rest()` when the hand is lifted.
 */
export function codeMap({ name, extent, share, picture, go, rest }) {
  const canvas = make("canvas", {
    width: SIZE, height: SIZE, tabindex: "0", class: "course-map",
    role: "application", "aria-roledescription": "map of codes",
  });
  const side = Math.sqrt(picture.length);
  const density = make("canvas", { width: side, height: side });
  const context = canvas.getContext("2d");
  let here = [0, 0];
  let dragging = false;

  function ink() {
    // The theme may change at any time.
    const colour = getComputedStyle(canvas).color.match(/[\d.]+/g).slice(0, 3).map(Number);
    const image = new ImageData(side, side);
    picture.forEach((value, i) => {
      image.data.set([...colour, value * 0.6], 4 * i);
    });
    density.getContext("2d").putImageData(image, 0, 0);
  }

  const toCanvas = ([x, y]) => [(1 + x / extent) * SIZE / 2, (1 - y / extent) * SIZE / 2];
  const within = (value) => Math.min(extent, Math.max(-extent, value));

  /** `cloud`, as posterior.ellipse gives it, is drawn about the start at two deviations. */
  function show(start, place, cloud) {
    here = place;
    ink();
    context.clearRect(0, 0, SIZE, SIZE);
    context.drawImage(density, 0, 0, SIZE, SIZE);
    const from = toCanvas(start.map(within));
    const to = toCanvas(place.map(within)); // off the edge, the point stays on it
    if (cloud) {
      const [axes, turn] = cloud;
      const [a, b] = axes.map((axis) => Math.max(1, axis * SIZE / extent)); // 2 sd, SIZE/2 an extent
      context.fillStyle = "#0072b255";
      context.strokeStyle = "#0072b2";
      context.lineWidth = 1;
      context.beginPath();
      context.ellipse(...from, a, b, -turn, 0, 2 * Math.PI);
      context.fill();
      context.stroke();
    }
    context.strokeStyle = context.fillStyle = "#d55e00";
    context.lineWidth = 2;
    context.beginPath();
    context.moveTo(...from);
    context.lineTo(...to);
    context.stroke();
    circle(from, 4, false);
    circle(to, 5, true);
  }

  function circle([x, y], radius, filled) {
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    if (filled) context.fill();
    else context.stroke();
  }

  /** What a screen reader says of the map; at rest only, a drag would flood it. */
  function say(start, place, cloud) {
    const words = (values) => values.map((value) => value.toPrecision(3)).join(", ");
    canvas.setAttribute(
      "aria-label",
      `Map of ${name}'s codes: their two principal directions, ${(100 * share).toFixed(0)} % of ` +
        `their variance, from ${words([-extent])} to ${words([extent])}. The code is at ` +
        `${words(place)}, the unedited one at ${words(start)}. ` +
        (cloud ? `Its cloud reaches ${words([2 * cloud[0][0]])} to either side. ` : "") +
        "Arrow keys move it.",
    );
  }

  function point(event) {
    const box = canvas.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * 2 - 1;
    const y = 1 - ((event.clientY - box.top) / box.height) * 2;
    go([within(x * extent), within(y * extent)]);
  }
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    dragging = true;
    point(event);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (dragging) point(event);
  });
  canvas.addEventListener("lostpointercapture", () => {
    dragging = false;
    rest();
  });
  const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  canvas.addEventListener("keydown", (event) => {
    const step = STEPS[event.key];
    if (/^(Home|End|Page)/.test(event.key)) event.preventDefault(); // no scrolling away from here
    if (!step) return;
    event.preventDefault();
    go(here.map((value, axis) => within(value + (step[axis] * extent) / 20)));
    rest();
  });
  return { canvas, show, say };
}
