// Pictures on canvases: bytes in, (channels, rows, columns), one grey level a byte.

/** Draw a picture; one channel is drawn in grey. */
export function draw(canvas, bytes, [channels, height, width]) {
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  const { data } = (canvas.image ??= new ImageData(width, height));
  const size = height * width;
  const green = channels === 3 ? size : 0;
  for (let p = 0; p < size; p++) {
    data[4 * p] = bytes[p];
    data[4 * p + 1] = bytes[green + p];
    data[4 * p + 2] = bytes[2 * green + p];
    data[4 * p + 3] = 255;
  }
  canvas.getContext("2d").putImageData(canvas.image, 0, 0);
}

/** `after` minus `before`, amplified, about mid-grey: plots.figure.difference. */
export function difference(before, after, gain) {
  const pixels = new Uint8ClampedArray(after.length);
  for (let p = 0; p < after.length; p++) pixels[p] = 128 + gain * (after[p] - before[p]);
  return pixels;
}

/** evaluation.pixel_change: pixels in which a channel moves by more than `threshold`, mean change. */
export function pixelChange(before, after, channels, threshold) {
  const size = before.length / channels;
  let changed = 0;
  let total = 0;
  for (let p = 0; p < size; p++) {
    let most = 0;
    for (let c = 0; c < channels; c++) {
      const change = Math.abs(after[c * size + p] - before[c * size + p]);
      total += change;
      if (change > most) most = change;
    }
    if (most > threshold) changed++;
  }
  return { changed, mean: total / before.length };
}
