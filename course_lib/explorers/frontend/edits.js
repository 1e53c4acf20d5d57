// What is done to a code, in the order of ExplorerState: step, moves, directions, scale, shift,
// noise, then set elements.

/** The edited code, and what the decoder's first layer makes of it (null if that is not here). */
export function edited(choice, name, tensor) {
  // A model without a posterior has no spread, and draws nothing.
  const drawn = tensor(`${baseOf(choice)}/spread`) ? sampled(choice) : null;
  const from = drawn ? `base/${drawn.join("/")}` : baseOf(choice);
  let code = new Float32Array(tensor(`${from}/code`));
  const start = tensor(`${from}/first`);
  const first = start && new Float32Array(start);
  const add = (values, amount) => {
    if (first) for (let i = 0; i < first.length; i++) first[i] += amount * values[i];
  };
  if (choice.step) {
    const base = `base/image/${choice.target}`;
    const target = tensor(`${base}/code`);
    if (first) {
      add(start, -choice.step);
      add(tensor(`${base}/first`), choice.step);
    }
    code = code.map((value, k) => value + choice.step * (target[k] - value));
  }
  (moveOf(choice, name) ?? []).forEach((amount, axis) => {
    if (!amount) return;
    const direction = slice(tensor("atlas/directions"), axis, code.length);
    if (first) add(slice(tensor("plane"), axis, first.length), amount);
    code = code.map((value, k) => value + amount * direction[k]);
  });
  const go = (vector, amount) => {
    code = code.map((value, k) => value + amount * vector[k]);
  };
  for (const [way, amount] of choice.directions) {
    if (!amount) continue;
    if (first) add(tensor(`direction/${way}/first`), amount);
    go(tensor(`direction/${way}`), amount);
  }
  if (choice.scale !== 1) {
    // All but the bias, which is what a code of zeros gives.
    if (first) {
      first.forEach((value, i) => { first[i] = choice.scale * value; });
      add(tensor("zero"), 1 - choice.scale);
    }
    code = code.map((value) => choice.scale * value);
  }
  if (choice.shift) {
    if (first) add(tensor("all"), choice.shift);
    code = code.map((value) => value + choice.shift);
  }
  if (choice.noise) {
    const base = `base/${noiseOf(choice).join("/")}`;
    const amount = choice.noise * tensor("unit")[0];
    if (first) {
      add(tensor(`${base}/first`), amount);
      add(tensor("zero"), -amount);
    }
    go(tensor(`${base}/code`), amount);
  }
  for (const [element, value] of choice.edits) {
    if (first) add(tensor(`column/${element}`), value - code[element]);
    code[element] = value;
  }
  return { code, first };
}

/** Where the code comes from: a kind, and a number of that kind. */
export function originOf(choice) {
  return [choice.origin, choice.origin === "image" ? choice.image : choice.draw];
}

/** The name that begins the names of the unedited code's tensors. */
export function baseOf(choice) {
  return `base/${originOf(choice).join("/")}`;
}

/** The base of the noise: a draw from N(0, I). */
export function noiseOf(choice) {
  return ["prior", choice.noise_seed];
}

/** What a choice becomes when all that was done to the code is undone; the sliders stay. */
export function untouched({ directions }) {
  return {
    origin: "image", sample: 0, step: 0, moves: {}, directions: directions.map(([way]) => [way, 0]),
    scale: 1, shift: 0, noise: 0, edits: [],
  };
}

/** The base of a draw from a face's posterior, where one was chosen, else null. */
export function sampled({ origin, image, sample }) {
  return origin === "image" && sample ? ["posterior", image, sample] : null;
}

/** In words, a sentence each: what a hand has changed between two choices. */
export function changes(before, after) {
  const said = [];
  const whence = ({ origin, image, draw, sample }) => {
    if (origin !== "image") return `Draw ${draw} from ${{ prior: "N(0, I)", density: "the fitted density" }[origin]}.`;
    return sample ? `Face ${image}, draw ${sample} from its cloud.` : `Face ${image}.`;
  };
  if (whence(before) !== whence(after)) said.push(whence(after));
  if (before.step !== after.step || (after.step && before.target !== after.target)) {
    said.push(`Step ${after.step} towards face ${after.target}.`);
  }
  const along = new Map(before.directions);
  for (const [way, amount] of after.directions) {
    if ((along.get(way) ?? 0) !== amount) said.push(`Moved along ${way} by ${amount}.`);
  }
  for (const [way, amount] of along) {
    if (amount && !after.directions.some(([other]) => other === way)) {
      said.push(`No longer moved along ${way}.`);
    }
  }
  if (before.scale !== after.scale) said.push(`All elements times ${after.scale}.`);
  if (before.shift !== after.shift) said.push(`All elements shifted by ${after.shift}.`);
  if (before.noise !== after.noise || (after.noise && before.noise_seed !== after.noise_seed)) {
    said.push(`Noise ${after.noise}, number ${after.noise_seed}.`);
  }
  const old = new Map(before.edits);
  const set = new Map(after.edits);
  for (const [element, value] of set) {
    if (old.get(element) !== value) said.push(`Element ${element} set to ${value}.`);
  }
  for (const element of old.keys()) {
    if (!set.has(element)) said.push(`Element ${element} has its own value again.`);
  }
  for (const name of new Set([...Object.keys(before.moves), ...Object.keys(after.moves)])) {
    const move = moveOf(after, name) ?? [0, 0];
    if (String(moveOf(before, name) ?? [0, 0]) !== String(move)) {
      const by = move.map((amount) => amount.toFixed(2).replace("-", "\u2212")).join(", ");
      said.push(move.some(Boolean) ? `${name}'s code moved by ${by} on its map.`
        : `${name}'s code no longer moved on its map.`);
    }
  }
  return said;
}

/** In words: which sliders have come and gone between two choices. */
export function sliderChanges(before, after) {
  const [old, now] = [before, after].map(({ elements, directions }) =>
    [...elements.map((element) => `element ${element}`), ...directions.map(([way]) => `direction ${way}`)]);
  const only = (some, others) => some.filter((name) => !others.includes(name));
  return [...only(now, old).map((name) => `A slider of ${name}.`),
    ...only(old, now).map((name) => `No slider of ${name} any more.`)];
}

/** How a model is moved on its map, if it is: one may be called `constructor`, as what objects have. */
export function moveOf({ moves }, name) {
  return Object.hasOwn(moves, name) ? moves[name] : undefined;
}

/** Row `i` of a matrix with rows of `n`. */
export function slice(values, i, n) {
  return values.subarray(i * n, i * n + n);
}

/** Python that makes a model's edited picture again, wherever there is an `explorer`. */
export function python(choice, name, posterior = false) {
  const moved = moveOf(choice, name)?.some(Boolean);
  const drawn = posterior && sampled(choice);
  const [origin, number] = originOf(choice);
  const key = JSON.stringify(name);
  const model = `explorer.models[${key}]`;
  const face = (i) => `explorer.x[${i}:${i + 1}]`;
  const noise = (seed) => `torch.randn(1, ${model}.latent_dim, dtype=torch.float32, ` +
    `generator=torch.Generator().manual_seed(${seed}))`;
  const start = {
    image: `code(${model}, ${face(number)})`,
    prior: noise(number),
    density: `explorer.atlases[${key}].density.sample(1, seed=${number})`,
  };
  const lines = [];
  if (choice.step || drawn || origin === "prior") lines.push("import torch");
  const used = [choice.noise && "jitter", moved && "move"].filter(Boolean);
  if (used.length) lines.push(`from course_lib.latents import ${used.join(", ")}`);
  if (choice.step || origin === "image") lines.push("from course_lib.models import code");
  lines.push("from course_lib.transforms import to_image");
  lines.push(`latent = ${start[origin]}`);
  if (drawn) {
    lines.push(`sigma_z = ${model}.encode(${face(number)}).stddev`);
    lines.push(`latent = latent + sigma_z * ${noise(choice.sample)}`);
  }
  if (choice.step) {
    lines.push(`latent = torch.lerp(latent, code(${model}, ${face(choice.target)}), ${choice.step})`);
  }
  if (moved) {
    lines.push(`directions = explorer.atlases[${key}].directions`);
    lines.push(`latent = move(latent, directions, [${moveOf(choice, name).join(", ")}])`);
  }
  for (const [way, amount] of choice.directions) {
    if (!amount) continue;
    const vector = `explorer.atlases[${key}].named[${JSON.stringify(way)}].vector`;
    lines.push(`latent = latent + ${amount} * ${vector}`.replace("+ -", "- "));
  }
  if (choice.scale !== 1) lines.push(`latent = ${choice.scale} * latent`);
  if (choice.shift) lines.push(`latent = latent + ${choice.shift}`.replace("+ -", "- "));
  if (choice.noise) {
    const amount = `${choice.noise} * explorer.units[${key}]`;
    lines.push(`latent = jitter(latent, ${amount}, seed=${choice.noise_seed})`);
  }
  if (choice.edits.length) {
    // As the homework writes it.
    const elements = choice.edits.map(([element]) => `latent[:, ${element}]`).join(", ");
    lines.push(`${elements} = ${choice.edits.map(([, value]) => value).join(", ")}`);
  }
  lines.push(`edited = to_image(${model}.decode(latent))`);
  return lines.join("\n");
}
