// Which tensors a choice needs that are not here yet.
import { noiseOf, originOf, sampled } from "./edits.js";
import { cloudBases } from "./posterior.js";

/** A request to the source, or null; `cloud` draws of the face are looked at, if any. */
export function missing(source, choice, cloud) {
  const { setup, facts, tensors } = source;
  const bases = [originOf(choice)];
  // Before there is any noise, too: its slider's first move waits for nobody.
  if (!setup.plain || choice.noise) bases.push(noiseOf(choice));
  if (sampled(choice)) bases.push(sampled(choice));
  if (choice.step) bases.push(["image", choice.target]);
  if (cloud && choice.origin === "image") bases.push(...cloudBases(choice.image, cloud));
  const ways = choice.directions.map(([way]) => way);
  if (!facts) return { models: true, columns: [...choice.elements, ...ways], bases };
  const has = (base) => setup.models.every((_, m) =>
    tensors.has(`${m}/base/${base.join("/")}/code`) ||
    (base[0] === "posterior" && !setup.posteriors[m]));
  const travels = facts.some(({ layers }) => layers);
  const columns = travels ? choice.elements.filter((e) => !setup.models.some(
    (_, m) => tensors.has(`${m}/column/${e}`))) : [];
  columns.push(...ways.filter((way) => !tensors.has(`0/direction/${way}`)));
  const wanted = bases.filter((base) => !has(base));
  return columns.length + wanted.length ? { models: false, columns, bases: wanted } : null;
}
