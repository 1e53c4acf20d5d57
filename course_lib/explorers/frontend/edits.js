// What is done to a code, in the order of explorer.edit: step, move, shift, then set elements.

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
  (choice.moves[name] ?? []).forEach((amount, axis) => {
    if (!amount) return;
    const direction = slice(tensor("atlas/directions"), axis, code.length);
    if (first) add(slice(tensor("plane"), axis, first.length), amount);
    code = code.map((value, k) => value + amount * direction[k]);
  });
  if (choice.shift) {
    if (first) add(tensor("all"), choice.shift);
    code = code.map((value) => value + choice.shift);
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

/** The base of a draw from a face's posterior, where one was chosen, else null. */
export function sampled({ origin, image, sample }) {
  return origin === "image" && sample ? ["posterior", image, sample] : null;
}

/** Row `i` of a matrix with rows of `n`. */
export function slice(values, i, n) {
  return values.subarray(i * n, i * n + n);
}

/** Python that makes the edited picture again; `model`, `images` and `transform` must be there. */
export function python(choice, name, posterior = false) {
  const [origin, number] = originOf(choice);
  // Detached, because what is still on a graph may not be written into: no training follows here.
  const face = (i) => `models.code(model, transform(images[${i}:${i + 1}])).detach()`;
  const noise = (seed) => "torch.randn(1, model.latent_dim, dtype=torch.float32, " +
    `generator=torch.Generator().manual_seed(${seed}))`;
  const start = {
    image: face(number),
    prior: noise(number),
    density: `explorer.atlases["${name}"].density.sample(1, seed=${number})`,
  };
  const lines = [`latent = ${start[origin]}`];
  if (posterior && sampled(choice)) {
    lines.push(`spread = model.encode(transform(images[${number}:${number + 1}])).stddev.detach()`);
    lines.push(`latent = latent + spread * ${noise(choice.sample)}`);
  }
  if (choice.step) lines.push(`latent = torch.lerp(latent, ${face(choice.target)}, ${choice.step})`);
  const move = choice.moves[name];
  if (move?.some(Boolean)) {
    lines.push(`directions = explorer.atlases["${name}"].directions`);
    lines.push(`latent = latents.move(latent, directions, [${move.join(", ")}])`);
  }
  if (choice.shift) lines.push(`latent = latent + ${choice.shift}`.replace("+ -", "- "));
  if (choice.edits.length) {
    // As the homework writes it.
    const elements = choice.edits.map(([element]) => `latent[:, ${element}]`).join(", ");
    lines.push(`${elements} = ${choice.edits.map(([, value]) => value).join(", ")}`);
  }
  lines.push("edited = transforms.to_image(model.decode(latent))");
  return lines.join("\n");
}
