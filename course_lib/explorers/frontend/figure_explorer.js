// The explorers whose figure the kernel draws: sliders, the picture, and its numbers in words.
import { kernelWatch, make, ownKeys, slider } from "./controls.js";
import { player } from "./player.js";

const QUIET = 400; // ms without a move after which screen readers hear the numbers
const REST = 600; // ms without a move after which the still in the notebook follows
const FEW = 5; // sliders above the picture; more stand beside it
const GONE = "The kernel was restarted or stopped: run this cell again.";

/** A slider of the number itself, or of its logarithm; a number has two digits then,
 * so that round numbers such as 2.5 lie on the slider's steps. */
function numberSlider({ label, min, max, step, decimals, log, frames }, move) {
  if (!log) {
    const format = frames.length && ((value) => frames[Math.round((value - min) / step)]);
    return slider({ label, min, max, step, decimals, format: format || undefined, move });
  }
  const round = (place) => Number((10 ** place).toPrecision(2));
  const number = (place) => Math.min(max, Math.max(min, round(place)));
  const { input, element, show } = slider({
    label,
    min: Math.log10(min),
    max: Math.log10(max),
    step,
    format: (place) => String(round(place)),
    move: (place) => move(number(place)),
  });
  return { input, element, show: (value) => show(Math.log10(value)) };
}

/** Let `moved(slider, value)` be called while one drags up and down in the picture's axis. */
function draggable(picture, { slider, box, low, high, divisor }, values, moved) {
  const [left, bottom, width, height] = box;
  // Shares of the axis, from its lower left corner.
  function place(event) {
    const frame = parseFloat(getComputedStyle(picture).paddingLeft);
    const { x, y, width: w, height: h } = picture.getBoundingClientRect();
    const across = (event.clientX - x - frame) / (w - 2 * frame);
    const up = 1 - (event.clientY - y - frame) / (h - 2 * frame);
    return [(across - left) / width, (up - bottom) / height];
  }
  const inside = (event) => place(event).every((share) => share >= 0 && share <= 1);
  function pull(event) {
    const share = Math.min(1, Math.max(0, place(event)[1]));
    moved(slider, (low * (high / low) ** share) / (divisor ? values()[divisor] : 1));
  }
  let held = false;
  picture.draggable = false;
  picture.style.touchAction = "pan-x pinch-zoom";
  picture.addEventListener("pointerdown", (event) => {
    if (event.button || !inside(event)) return;
    held = true;
    picture.setPointerCapture(event.pointerId);
    pull(event);
  });
  picture.addEventListener("pointermove", (event) => {
    picture.style.cursor = held || inside(event) ? "ns-resize" : "";
    if (held) pull(event);
  });
  for (const end of ["pointerup", "pointercancel"]) picture.addEventListener(end, () => { held = false; });
}

function render({ model, el }) {
  const picture = make("img");
  // Not read out, because the picture's alt says the same; at rest, `spoken` says it once.
  const numbers = make("p", { class: "course-numbers", "aria-hidden": "true" });
  const spoken = make("div", { class: "course-hidden", role: "status" });
  const message = kernelWatch(model, GONE);
  const players = [];
  const sliders = model.get("_sliders").map((facts) => {
    const { name, frames } = facts;
    const go = (value) => move(name, value);
    const made = { name, ...numberSlider(facts, go) };
    if (frames.length) {
      players.push(player(made, { ...facts, now: () => model.get("_values")[name], go, rest: stir }));
    }
    return made;
  });
  let quiet, rest;

  function move(name, value) {
    model.set("_values", { ...model.get("_values"), [name]: value });
    model.save_changes(); // one at a time, the latest wins: ipywidgets sees to that
    stir();
  }

  if (model.get("_handle").slider) {
    draggable(picture, model.get("_handle"), () => model.get("_values"), (name, value) => {
      const { min, max } = model.get("_sliders").find((facts) => facts.name === name);
      move(name, Math.min(max, Math.max(min, Number(value.toPrecision(3)))));
    });
  }

  function show() {
    const values = model.get("_values");
    for (const { name, show } of sliders) show(values[name]);
  }

  function draw() {
    const before = picture.src;
    picture.src = URL.createObjectURL(new Blob([model.get("_picture")], { type: "image/png" }));
    URL.revokeObjectURL(before); // it stays on screen until the new one is there
  }

  function describe() {
    picture.alt = model.get("_alt");
    numbers.textContent = picture.alt;
  }

  function still() {
    clearTimeout(quiet);
    clearTimeout(rest);
  }

  function stir() {
    still();
    if (players.some((one) => one.playing())) return; // a film is told once it stands still
    quiet = setTimeout(() => {
      spoken.textContent = model.get("_message") ? "" : picture.alt; // the last picture is no news
    }, QUIET);
    rest = setTimeout(() => model.send({ kind: "rest" }), REST);
  }

  model.on("change:_values", show);
  model.on("change:_picture", () => {
    draw();
    complain();
    stir();
  });
  model.on("change:_alt", () => {
    describe(); // of the same picture, perhaps
    stir();
  });
  function complain() {
    message.textContent = model.get("_message");
    picture.classList.toggle("course-waiting", Boolean(message.textContent));
  }

  model.on("change:_message", () => {
    complain();
    stir();
  });
  model.on("msg:custom", ({ kind, text }) => {
    if (kind === "error") message.textContent = text;
  });
  model.on("comm_live_update", () => {
    for (const one of players) one.close();
    still(); // there is nobody to tell
    for (const { input } of sliders) input.disabled = true;
  });
  const root = make("div", { class: "course-explorer course-figure", role: "group",
    "aria-label": "Explorer" },
    make("div", { class: sliders.length > FEW ? "course-beside" : "" },
      make("div", {}, ...sliders.map(({ element }) => element)),
      make("div", {}, message, picture, numbers, spoken)));
  ownKeys(root);
  show();
  draw();
  describe();
  complain();
  el.append(root);
  return () => {
    for (const one of players) one.close();
    still();
    URL.revokeObjectURL(picture.src);
    root.remove();
  };
}

export default { render };
