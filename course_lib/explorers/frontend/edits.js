// What is done to a code, in the order of explorer.edit: step, move, shift, then set elements.

/** The edited code, and what the decoder's first layer makes of it (null if that is not here). */
export function edited(choice, name, tensor) {
  let code = new Float32Array(tensor(`${baseOf(choice)}/code`));
  const start = tensor(`${baseOf(choice)}/first`);
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

/** Row `i` of a matrix with rows of `n`. */
export function slice(values, i, n) {
  return values.subarray(i * n, i * n + n);
}

/** Python that makes the edited picture again, wherever there is an `explorer`: the picture of its
 * first model, or of the one that was moved on its map. */
export function python(choice, names) {
  const moved = (name) => choice.moves[name]?.some(Boolean);
  const name = names.find(moved) ?? names[0];
  const [origin, number] = originOf(choice);
  const model = `explorer.models["${name}"]`;
  const face = (i) => `code(${model}, explorer.x[${i}:${i + 1}])`;
  const start = {
    image: face(number),
    prior: `torch.randn(1, ${model}.latent_dim, dtype=torch.float32, ` +
      `generator=torch.Generator().manual_seed(${number}))`,
    density: `explorer.atlases["${name}"].density.sample(1, seed=${number})`,
  };
  const lines = [];
  if (choice.step || origin === "prior") lines.push("import torch");
  if (moved(name)) lines.push("from course_lib.latents import move");
  if (choice.step || origin === "image") lines.push("from course_lib.models import code");
  lines.push("from course_lib.transforms import to_image");
  lines.push(`latent = ${start[origin]}`);
  if (choice.step) lines.push(`latent = torch.lerp(latent, ${face(choice.target)}, ${choice.step})`);
  if (moved(name)) {
    lines.push(`directions = explorer.atlases["${name}"].directions`);
    lines.push(`latent = move(latent, directions, [${choice.moves[name].join(", ")}])`);
  }
  if (choice.shift) lines.push(`latent = latent + ${choice.shift}`.replace("+ -", "- "));
  if (choice.edits.length) {
    // As the homework writes it.
    const elements = choice.edits.map(([element]) => `latent[:, ${element}]`).join(", ");
    lines.push(`${elements} = ${choice.edits.map(([, value]) => value).join(", ")}`);
  }
  lines.push(`edited = to_image(${model}.decode(latent))`);
  return lines.join("\n");
}
