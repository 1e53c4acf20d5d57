// Pictures on canvases: bytes in, (channels, rows, columns), one grey level a byte.

/** Draw a picture; one channel is drawn in grey. */
export function draw(canvas, bytes, [channels, height, width]) {
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  const image = new ImageData(width, height);
  const size = height * width;
  for (let p = 0; p < size; p++) {
    for (let c = 0; c < 3; c++) image.data[4 * p + c] = bytes[(channels === 3 ? c * size : 0) + p];
    image.data[4 * p + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/** `after` minus `before`, amplified, about mid-grey: figures.difference. */
export function difference(before, after, gain) {
  return Uint8ClampedArray.from(after, (value, p) => 128 + gain * (value - before[p]));
}

/** pictures.pixel_change: pixels in which a channel moves by more than `threshold`, mean change. */
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
