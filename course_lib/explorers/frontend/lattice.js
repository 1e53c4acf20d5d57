// The map, decoded: pictures at the places of a lattice, through the code that is being edited.
import { make } from "./controls.js";
import { decode, toImage } from "./decoder.js";
import { edited } from "./edits.js";
import { gallery } from "./gallery.js";
import { draw } from "./pictures.js";

const SIDE = 7;
const CALM = 200; // ms without a change until pictures are decoded
const BUDGET = 8; // ms of a frame for them

/**
 * To unfold. `rows` are the view's, of models that are decoded here and have a map; `there(row,
 * place)` is the choice that leads to a place, `go(row, place)` makes it.
 */
export function lattice({ source, rows, there, go, opened }) {
  const { shape } = source.setup;
  const middle = (i) => (2 * (i + 0.5)) / SIDE - 1;
  const maps = rows.map((row) => {
    const { extent } = source.facts[row.m].atlas;
    // Row by row from the upper left corner.
    const places = Array.from({ length: SIDE * SIDE }, (_, i) =>
      [extent * middle(i % SIDE), -extent * middle(Math.floor(i / SIDE))]);
    const list = gallery({
      label: `Places on ${row.name}'s map`, columns: SIDE,
      choose: (i) => row.place && go(row, places[i]),
    });
    list.grow(places.length);
    places.forEach((place, i) => list.canvases[i].setAttribute(
      "aria-label", place.map((value) => value.toPrecision(2).replace("-", "\u2212")).join(", ")));
    const here = make("i", { class: "course-here" });
    return { row, extent, places, list, here };
  });
  const element = make("details", { class: "course-cloud", ontoggle: opened },
    make("summary", {}, "The map, decoded"),
    make("div", { class: "course-lattices" }, ...maps.map(({ row, list, here }) => make("figure", {},
      make("figcaption", {}, row.name), make("div", {}, list.element, here)))),
    make("p", {}, "What the edited code becomes at each place of the map; the circle is where it is. " +
      "A click goes there, or arrow keys and Enter."));
  let shown = null;
  let timer = 0;
  let frame = 0;

  function show(choice) {
    if (!element.open) {
      if (shown !== null) stop();
      return;
    }
    maps.forEach(mark);
    const key = JSON.stringify(choice);
    if (key === shown) return;
    stop();
    shown = key;
    timer = setTimeout(decodeAll, CALM);
  }

  function mark({ row, extent, list, here }) {
    const [x, y] = row.place.map((value) => Math.min(1, Math.max(0, (1 + value / extent) / 2)));
    const cell = (at) => Math.min(SIDE - 1, Math.floor(at * SIDE));
    list.mark(cell(1 - y) * SIDE + cell(x));
    here.style.setProperty("--x", x);
    here.style.setProperty("--y", y);
  }

  /** Some in each frame, so that a hand that moves meanwhile is not held up. */
  function decodeAll() {
    const jobs = maps.flatMap(({ row, places, list }) =>
      places.map((place, i) => [row, place, list.canvases[i]]));
    const work = () => {
      const until = performance.now() + BUDGET;
      while (jobs.length && performance.now() < until) {
        const [row, place, canvas] = jobs.shift();
        const tensor = (key) => source.tensors.get(`${row.m}/${key}`);
        const { first } = edited(there(row, place), row.name, tensor);
        draw(canvas, toImage(decode(source.facts[row.m].layers, tensor, first)), shape);
      }
      frame = jobs.length ? requestAnimationFrame(work) : 0;
      element.classList.toggle("course-busy", jobs.length > 0);
    };
    work();
  }

  function stop() {
    clearTimeout(timer);
    cancelAnimationFrame(frame);
    element.classList.add("course-busy");
    shown = null;
  }
  return { element, show, stop };
}
