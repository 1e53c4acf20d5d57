// Chains of layers: a decoder after its first layer, whose output is summed up by parts, and an
// encoder (see decoders.py).

const FUNCTIONS = {
  relu: (x) => (x > 0 ? x : 0),
  tanh: Math.tanh,
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
};

/** The layers named in `layers`, whose first has the number 1. */
function run(layers, weightOf, x) {
  let values = new Float32Array(x);
  layers.forEach((layer, i) => {
    if (layer === "linear") {
      values = product(values, weightOf(`${i + 1}/weight`), weightOf(`${i + 1}/bias`));
    } else {
      const f = FUNCTIONS[layer];
      for (let p = 0; p < values.length; p++) values[p] = f(values[p]);
    }
  });
  return values;
}

/** A decoder's layers after the first, on the first's output: a Float32Array of pixels. */
export function decode(layers, weightOf, x) {
  return run(layers, weightOf, x);
}

/** The first layer's output for a code, where that layer is here as a whole. */
export function firstOutput(weightOf, code) {
  return product(code, weightOf("0/weight"), weightOf("0/bias"));
}

/** An encoder on a picture's grey levels: the code of `size`, and its spread, if it gives one. */
export function encode(layers, weightOf, pixels, size) {
  const found = run(layers, (key) => weightOf(`encoder/${key}`), Float32Array.from(pixels, (p) => 2 * p / 255 - 1));
  return { code: found.slice(0, size), spread: found.slice(size).map((log) => Math.exp(log / 2)) };
}

/**
 * bias + x · weight, for a weight of (in, out).
 *
 * Nothing is done for inputs that are zero, and behind a ReLU half of them are. The others are
 * added eight at a time: each output is then read and written an eighth as often.
 */
function product(x, weight, bias) {
  const n = bias.length;
  const out = new Float32Array(bias);
  const on = [];
  for (let i = 0; i < x.length; i++) if (x[i] !== 0) on.push(i);
  const row = (i) => weight.subarray(i * n, i * n + n);
  let i = 0;
  for (; i + 8 <= on.length; i += 8) {
    const [a, b, c, d, e, f, g, h] = on.slice(i, i + 8).map(row);
    const [s, t, u, v, w, y, z, q] = on.slice(i, i + 8).map((k) => x[k]);
    for (let p = 0; p < n; p++) {
      out[p] += s * a[p] + t * b[p] + u * c[p] + v * d[p] + w * e[p] + y * f[p] + z * g[p] + q * h[p];
    }
  }
  for (; i < on.length; i++) {
    const a = row(on[i]);
    const s = x[on[i]];
    for (let p = 0; p < n; p++) out[p] += s * a[p];
  }
  return out;
}

/** From [-1, 1] to grey levels, rounded half to even as transforms.to_image does. */
export function toImage(x) {
  // Storing into this kind of array rounds and clips just so. A loop, because `from` with a
  // function takes ten times as long, as it does wherever here a loop runs over pixels.
  const pixels = new Uint8ClampedArray(x.length);
  for (let p = 0; p < x.length; p++) pixels[p] = Math.fround(Math.fround(x[p] + 1) * 127.5);
  return pixels;
}
