// Where a code lies among the codes of the training pictures (see atlas.py).

/** log p(z) under the fitted density, in nats; `gaussians` as atlas.gaussians writes them. */
export function logDensity(gaussians, code) {
  const { constant, means, rows, round: [round], sign: [sign] } = gaussians;
  const n = code.length;
  const height = rows.length / constant.length / n;
  const logs = Array.from(constant, (logPeak, c) => {
    let inside = 0;
    let all = 0;
    for (let k = 0; k < n; k++) all += (code[k] - means[c * n + k]) ** 2;
    for (let r = 0; r < height; r++) {
      let sum = 0;
      const row = (c * height + r) * n;
      for (let k = 0; k < n; k++) sum += rows[row + k] * (code[k] - means[c * n + k]);
      inside += sum * sum;
    }
    return logPeak - 0.5 * (round * all + sign * inside);
  });
  const most = Math.max(...logs);
  return most + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - most), 0));
}

/** The nearest of the codes, (N, K) in one array: its distance, and which it is. */
export function nearest(codes, code) {
  const n = code.length;
  let least = Infinity;
  let index = -1;
  for (let start = 0; start < codes.length; start += n) {
    let sum = 0;
    // Most are given up half-way.
    for (let k = 0; k < n && sum < least; k++) sum += (code[k] - codes[start + k]) ** 2;
    if (sum < least) [least, index] = [sum, start / n];
  }
  return { distance: Math.sqrt(least), index };
}

/** A code's two coordinates on the map. */
export function place(mean, directions, code) {
  return [0, 1].map((axis) => {
    let sum = 0;
    for (let k = 0; k < code.length; k++) {
      sum += directions[axis * code.length + k] * (code[k] - mean[k]);
    }
    return sum;
  });
}

/**
 * In words: how usual is a code, all its elements together, and how near is a training picture's?
 * `nats` says whether its log density is told, too.
 */
export function verdict(facts, logP, distance, nats) {
  // Rounded alike, a number would seem to lie on a limit that it misses: with a decimal it does not.
  const short = (value) => (Math.abs(value) < 100 ? (Math.round(10 * value) || 0) / 10
    : Math.round(value)).toString().replace("-", "\u2212");
  if (facts.collapsed) {
    return {
      where: "collapsed",
      far: true,
      text: "all pictures have the same code, one point of the map, and decode to the same picture",
    };
  }
  const [low, high] = facts.usual_log_density;
  // Nine new faces in ten lie between low and high, one in twenty below; as far below again, none.
  const where = logP >= low ? "a usual code"
    : logP >= low - (high - low) ? "an unusual code" : "unlike any training code";
  const density = `log density ${short(logP)} nats ` +
    `(nine new faces in ten: ${short(low)} to ${short(high)}); `;
  return {
    where,
    far: logP < low - (high - low),
    text: (nats ? density : "") +
      `nearest training code at ${(distance / facts.usual_distance).toFixed(2)} of the distance ` +
      "usual for a new face",
  };
}
