// A line to draw: drag through the picture, or move one point after another by the keys. Once it
// was measured, the true line lies over it.
const [WIDTH, HEIGHT] = [560, 300];
const EDGE = { left: 64, right: 20, top: 22, bottom: 48 };
const APART = 28; // of two points, at least, in units of the picture
const STEPS = 100; // from the lowest to the highest number
const SVG = "http://www.w3.org/2000/svg";

function make(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const short = (value) => String(Number(value.toPrecision(3))).replace("-", "\u2212");

function render({ model, el }) {
  const { places, xlabel, ylabel, low, high } = model.get("_axes");
  // To scale; places that double each time, which would crowd together, stand equally far apart.
  const share = places.map((at) => (at - places[0]) / (places.at(-1) - places[0]));
  const width = WIDTH - EDGE.left - EDGE.right - 2 * APART;
  const crowded = share.some((at, i) => i && (at - share[i - 1]) * width < APART);
  const xs = share.map((at, i) => EDGE.left + APART + width * (crowded ? i / (places.length - 1) : at));
  const yOf = (value) => EDGE.top + (HEIGHT - EDGE.top - EDGE.bottom) * (high - value) / (high - low);
  const valueAt = (y) => high - (high - low) * (y - EDGE.top) / (HEIGHT - EDGE.top - EDGE.bottom);
  const stepped = (value) => {
    const step = (high - low) / STEPS;
    const within = Math.min(high, Math.max(low, value));
    return Number((low + Math.round((within - low) / step) * step).toPrecision(6));
  };

  // The axes

  const svg = make("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "course-pad", role: "group" });
  const text = (x, y, words, more = {}) => make("text", { x, y, "text-anchor": "middle", ...more }, words);
  for (let tick = 0; tick <= 4; tick++) {
    const value = low + (high - low) * tick / 4;
    const y = yOf(value);
    svg.append(
      make("line", { x1: EDGE.left, x2: WIDTH - EDGE.right, y1: y, y2: y, class: "course-rule" }),
      text(EDGE.left - 10, y + 4, short(value), { "text-anchor": "end" }),
    );
  }
  places.forEach((at, i) => svg.append(text(xs[i], HEIGHT - EDGE.bottom + 20, short(at))));
  const middle = (EDGE.top + HEIGHT - EDGE.bottom) / 2;
  svg.append(
    text((EDGE.left + WIDTH - EDGE.right) / 2, HEIGHT - 8, xlabel),
    text(14, middle, ylabel, { transform: `rotate(-90 14 ${middle})` }),
  );

  // The line

  const line = make("polyline", { class: "course-drawn" });
  const truth = make("polyline", { class: "course-truth" });
  const marks = make("g");
  const points = places.map((at, i) => {
    const number = text(xs[i], 0, "");
    const dot = make("circle", { cx: xs[i], r: 8 });
    const handle = make("g", {
      role: "slider", "aria-orientation": "vertical", "aria-valuemin": low, "aria-valuemax": high,
      "aria-label": `${ylabel}, where ${xlabel} is ${short(at)}`,
    }, dot, number);
    handle.addEventListener("keydown", (event) => key(event, i));
    return { handle, dot, number };
  });
  svg.append(line, truth, ...points.map(({ handle }) => handle), marks);

  let values = model.get("value");
  function show() {
    values = model.get("value");
    const [locked, measured] = [model.get("disabled"), model.get("measured")];
    svg.classList.toggle("course-locked", locked);
    const path = (numbers) => numbers.map((value, i) => `${xs[i]},${yOf(value)}`).join(" ");
    line.setAttribute("points", path(values));
    points.forEach(({ handle, dot, number }, i) => {
      const y = yOf(values[i]);
      dot.setAttribute("cy", y);
      number.setAttribute("y", y - 12 > 10 ? y - 12 : y + 22);
      number.textContent = short(values[i]);
      handle.setAttribute("aria-valuenow", values[i]);
      handle.setAttribute("aria-valuetext", short(values[i]));
      handle.setAttribute("aria-disabled", locked);
      handle.setAttribute("tabindex", locked ? -1 : 0);
    });
    // Beyond the axis it is drawn at its edge, as far as it can be seen.
    const seen = measured.map((value) => Math.min(high, Math.max(low, value)));
    truth.setAttribute("points", path(seen));
    const squares = seen.map((value, i) => {
      const [x, y] = [xs[i], yOf(value)];
      return make("rect", { x: x - 5, y: y - 5, width: 10, height: 10, class: "course-truth" });
    });
    const legend = "\u25a0 measured   \u25cf your line";
    marks.replaceChildren(...squares,
      text(WIDTH - EDGE.right, 12, measured.length ? legend : "", { "text-anchor": "end" }));
    svg.setAttribute("aria-label", `${ylabel} against ${xlabel}, your line` + (measured.length
      ? `; measured: ${measured.map((value, i) => `${short(value)} at ${short(places[i])}`).join(", ")}` : ""));
  }

  function set(changed) {
    if (model.get("disabled")) return;
    values = values.map((value, i) => (i in changed ? stepped(changed[i]) : value));
    model.set("value", values);
    model.save_changes();
  }

  function key(event, i) {
    const step = (high - low) / STEPS;
    const to = {
      ArrowUp: values[i] + 2 * step, ArrowRight: values[i] + 2 * step, PageUp: values[i] + 10 * step,
      ArrowDown: values[i] - 2 * step, ArrowLeft: values[i] - 2 * step, PageDown: values[i] - 10 * step,
      Home: low, End: high,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    set({ [i]: to });
  }

  // A hand that is fast skips places: those between its last point and this one lie on a line.
  let last = null;
  function draw(event) {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    const value = valueAt(at.y);
    const nearest = xs.reduce((best, x, i) =>
      (Math.abs(x - at.x) < Math.abs(xs[best] - at.x) ? i : best), 0);
    const changed = { [nearest]: value };
    if (last && last.nearest !== nearest) {
      const [from, to] = [Math.min(last.nearest, nearest), Math.max(last.nearest, nearest)];
      for (let i = from + 1; i < to; i++) {
        const way = (xs[i] - xs[last.nearest]) / (xs[nearest] - xs[last.nearest]);
        changed[i] = last.value + way * (value - last.value);
      }
    }
    last = { nearest, value };
    set(changed);
  }
  svg.addEventListener("pointerdown", (event) => {
    if (model.get("disabled")) return;
    svg.setPointerCapture(event.pointerId);
    last = null;
    draw(event);
  });
  svg.addEventListener("pointermove", (event) => {
    if (svg.hasPointerCapture(event.pointerId)) draw(event);
  });

  // The notebook around it has keys of its own.
  el.setAttribute("data-lm-suppress-shortcuts", "true");
  el.addEventListener("keydown", (event) => {
    if (event.key === "Escape") el.closest(".jp-Cell")?.focus();
    else if (!event.shiftKey && !event.ctrlKey && !event.metaKey) event.stopPropagation();
  });
  model.on("change:value change:disabled change:measured", show);
  show();
  el.append(svg);
}

export default { render };
