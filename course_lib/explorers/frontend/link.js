// A choice as the last part of an address, after the #, and back again.
import { missing } from "./wants.js";

const LARGEST = 1e6; // as in state.py

const number = (value) => Number.isFinite(value) && Math.abs(value) <= LARGEST;
const count = (value) => Number.isInteger(value) && value >= 0;
const pairs = (value, first) => Array.isArray(value) &&
  value.every((pair) => pair?.length === 2 && first(pair[0]) && number(pair[1]));

/** The choice in words that an address may hold. */
export function toLink(choice) {
  return `#${encodeURIComponent(JSON.stringify(choice))}`;
}

/** The choice that a link holds, or null where it holds none that `source` can show. */
export function fromLink(link, source) {
  let choice;
  try {
    choice = JSON.parse(decodeURIComponent(link.slice(1)));
  } catch {
    return null; // no link of ours: the page starts as ever
  }
  const { setup, choice: start } = source;
  const element = (value) => count(value) && value < setup.elements;
  const face = (value) => count(value) && value < setup.images;
  const model = ([name, move]) => setup.models.includes(name) && move?.length === 2 && move.every(number);
  const possible = {
    image: face, target: face, draw: count, sample: count, noise_seed: count,
    origin: (value) => setup.origins.includes(value),
    step: number, scale: number, shift: number, noise: number,
    moves: (value) => value?.constructor === Object && Object.entries(value).every(model),
    directions: (value) => pairs(value, (name) => typeof name === "string"),
    edits: (value) => pairs(value, element),
    elements: (value) => Array.isArray(value) && value.length <= setup.most && value.every(element),
  };
  const same = Object.keys(start).sort().join() === Object.keys(choice ?? {}).sort().join();
  if (!same || !Object.keys(start).every((key) => possible[key](choice[key]))) return null;
  return missing(source, choice, 0) ? null : choice;
}
