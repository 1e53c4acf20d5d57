// What to move: an element, by number, by how much it is used, or by what it follows, or a direction.
import { button, make } from "./controls.js";
import { rates, rateWords } from "./posterior.js";

const FOLLOWS = 0.3; // R² from which on a factor names an element

/** Elements go by their number, directions by their name. */
export const isDirection = (key) => typeof key === "string";

/** What a model's codes have to do with a direction, in words. */
export function aboutDirection(atlas, name) {
  return atlas?.directions.find(([way]) => way === name)[1] ?? "";
}

/** What is known in a model of an element, or of a direction by its name; `atlas` may be null, and
 * `each` has what every element costs a face, if that is to be told. */
export function describe(atlas, element, each) {
  if (isDirection(element)) return `direction ${element}: ${aboutDirection(atlas, element)}`;
  const name = `element ${element}` + (each ? `, ${rateWords(each[element])}` : "");
  if (!atlas) return name;
  const activity = `variance ${atlas.activity[element].toPrecision(2)}`;
  const track = atlas.tracks[element];
  if (!track) return `${name}: ${activity}`;
  return `${name} \u2194 ${track[0]}, R\u00b2 ${track[1].toFixed(2)}; ${activity}`;
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
  rate: ["by this face's rate", (_, clouds) => clouds, (element, _, each) => -(each?.[element] ?? 0)],
  // Directions come before the elements in this order, and after them in all others.
  direction: ["directions first", (atlas) => atlas, (element) => element],
};

/**
 * A searchable list; `add(key)` is called with the element's number or the direction's name.
 *
 * `posteriors` says which models have one, and `posterior(m)` gives that of the face on screen, its
 * mean and spread, or null. A plain list has numbers alone.
 */
export function elementList({ count, models, atlases, posteriors, posterior, plain, add, changed }) {
  const what = plain ? "elements" : "elements and directions";
  const search = make("input", {
    type: "search", size: "12", placeholder: plain ? "number" : "number or factor",
    "aria-label": `Search ${what}`, oninput: fill,
  });
  const rank = make("select", { "aria-label": "Order of the elements", onchange: fill });
  const of = make("select", { onchange: () => {
    ranks();
    fill();
    changed();
  } });
  of.append(...models.map((name, m) => make("option", { value: m }, name)));
  const list = make("select", {
    size: "5", "aria-label": what[0].toUpperCase() + what.slice(1),
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
  const element = make("details", { class: "course-elements", ontoggle: follow },
    make("summary", {}, "Add a slider"), row, none, list, button("Add", choose, "Add a slider for the chosen element"));

  const model = () => Number(of.value) || 0;
  const atlas = () => (plain ? null : atlases()[model()] ?? null);

  function ranks() {
    const chosen = rank.value || "index";
    const can = Object.entries(RANKS).filter(([, [, possible]]) => possible(atlas(), posteriors[model()]));
    rank.replaceChildren(...can.map(([value, [text]]) => make("option", { value }, text)));
    rank.value = can.some(([value]) => value === chosen) ? chosen : "index";
    rank.hidden = can.length === 1;
  }

  let found = [];
  let cloud = null; // of which the list tells the rates
  function fill() {
    const words = search.value.trim().toLowerCase();
    const key = RANKS[rank.value][2];
    cloud = rank.value === "rate" ? posterior(model()) : null;
    const each = cloud && rates(...cloud);
    const exact = (e) => (String(e) === words ? 0 : 1);
    const ways = (atlas()?.directions ?? []).map(([way]) => way);
    const late = (e) => (isDirection(e) === (rank.value === "direction") ? 0 : 1);
    const place = (e) => (isDirection(e) ? ways.indexOf(e) : key(e, atlas(), each));
    found = [...Array(count).keys(), ...ways].map((e) => [e, describe(atlas(), e, each)])
      .filter(([, text]) => text.toLowerCase().includes(words))
      .sort(([a], [b]) => exact(a) - exact(b) || late(a) - late(b) || place(a) - place(b) || a - b);
    list.replaceChildren(...found.map(([e, text]) => make("option", { value: e }, text)));
    list.selectedIndex = 0;
    none.textContent = !found.length ? nothing(search.value.trim())
      : rank.value === "rate" && !each ? "This code was drawn, and only a face has a rate." : "";
  }

  /** Another face, perhaps: its rates are told only where they are seen. */
  function follow() {
    if (!element.open || rank.value !== "rate") return;
    if (posterior(model())?.[1] !== cloud?.[1]) fill();
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
  return {
    element, which, refresh, follow, atlas, model, show, focus: () => element.querySelector("summary").focus(),
  };
}
