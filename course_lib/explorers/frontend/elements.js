// What to move: an element, by number, by how much it is used, or by what it follows, or a direction.
import { button, make } from "./controls.js";

const FOLLOWS = 0.3; // R² from which on a factor names an element

/** Elements go by their number, directions by their name. */
export const isDirection = (key) => typeof key === "string";

/** What a model's codes have to do with a direction, in words. */
export function aboutDirection(atlas, name) {
  return atlas?.directions.find(([way]) => way === name)[1] ?? "";
}

/** What is known in a model of an element, or of a direction by its name; `atlas` may be null. */
export function describe(atlas, element) {
  if (isDirection(element)) return `direction ${element}: ${aboutDirection(atlas, element)}`;
  if (!atlas) return `element ${element}`;
  const activity = `variance ${atlas.activity[element].toPrecision(2)}`;
  const track = atlas.tracks[element];
  if (!track) return `element ${element}: ${activity}`;
  return `element ${element} \u2194 ${track[0]}, R\u00b2 ${track[1].toFixed(2)}; ${activity}`;
}

/** Its short name, for a slider. */
export function shortName(atlas, element) {
  if (isDirection(element)) return element;
  const track = atlas?.tracks[element];
  return track && track[1] >= FOLLOWS ? `${element} \u2194 ${track[0]}` : `element ${element}`;
}

const RANKS = {
  index: ["by number", () => true, (element) => element],
  activity: ["by activity", (atlas) => atlas, (element, atlas) => -atlas.activity[element]],
  factor: ["by factor", (atlas) => atlas?.tracks.length, (element, atlas) => -atlas.tracks[element][1]],
  // Directions come before the elements in this order, and after them in all others.
  direction: ["directions first", (atlas, plain) => atlas && !plain, (element) => element],
};

/** A searchable list; `add(key)` is called with the element's number or the direction's name. */
export function elementList({ count, models, atlases, plain, add, changed }) {
  const search = make("input", {
    type: "search", placeholder: "number or factor", "aria-label": "Search elements and directions", oninput: fill,
  });
  const rank = make("select", { "aria-label": "Order of the elements", onchange: fill });
  const of = make("select", { onchange: () => {
    ranks();
    fill();
    changed();
  } });
  of.append(...models.map((name, m) => make("option", { value: m }, name)));
  const list = make("select", {
    size: "5", "aria-label": "Elements and directions",
    ondblclick: choose,
    onkeydown: (event) => {
      if (event.key === "Enter") choose();
    },
  });
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter") choose();
    if (event.key !== "Escape" || !search.value) return;
    event.preventDefault(); // it empties the field first, before it leads anywhere
    search.value = "";
    fill();
  });
  const none = make("p", { class: "course-note", role: "status" });
  const row = make("div", { class: "course-row" }, search, rank);
  const which = make("label", { class: "course-which" }, "Sliders set all models; names of ", of);
  which.hidden = models.length === 1;
  const element = make("details", { class: "course-elements" },
    make("summary", {}, "Add a slider"), row, none, list, button("Add", choose, "Add a slider for the chosen element"));

  const model = () => Number(of.value) || 0;
  const atlas = () => atlases()[model()] ?? null;

  function ranks() {
    const chosen = rank.value || "index";
    const can = Object.entries(RANKS).filter(([, [, possible]]) => possible(atlas(), plain));
    rank.replaceChildren(...can.map(([value, [text]]) => make("option", { value }, text)));
    rank.value = can.some(([value]) => value === chosen) ? chosen : "index";
  }

  let found = [];
  function fill() {
    const words = search.value.trim().toLowerCase();
    const key = RANKS[rank.value][2];
    const exact = (e) => (String(e) === words ? 0 : 1);
    const ways = (atlas()?.directions ?? []).map(([way]) => way);
    const late = (e) => (isDirection(e) === (rank.value === "direction") ? 0 : 1);
    const place = (e) => (isDirection(e) ? ways.indexOf(e) : key(e, atlas()));
    found = [...Array(count).keys(), ...(plain ? [] : ways)].map((e) => [e, describe(atlas(), e)])
      .filter(([, text]) => text.toLowerCase().includes(words))
      .sort(([a], [b]) => exact(a) - exact(b) || late(a) - late(b) || place(a) - place(b) || a - b);
    list.replaceChildren(...found.map(([e, text]) => make("option", { value: e }, text)));
    list.selectedIndex = 0;
    none.textContent = found.length ? "" : nothing(search.value.trim());
  }

  function nothing(words) {
    const followed = [...new Set((atlas()?.tracks ?? []).map(([factor]) => factor))].sort();
    const factors = followed.length ? `, or a factor that one follows: ${followed.join(", ")}` : "";
    return `No element is called \u201c${words}\u201d. Type a number up to ${count - 1}${factors}.`;
  }

  function choose() {
    if (found[list.selectedIndex]) add(found[list.selectedIndex][0]);
  }

  /** The facts have come. */
  function refresh() {
    ranks();
    fill();
  }
  /** Show another model's elements. */
  function show(m) {
    if (m === model()) return;
    of.value = m;
    of.dispatchEvent(new Event("change"));
  }
  refresh();
  return { element, which, refresh, atlas, model, show, focus: () => element.querySelector("summary").focus() };
}
