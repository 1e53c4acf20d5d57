// An animated GIF: one palette of 256 colours for all its frames, and each frame's pixels by LZW.

const COLOURS = 256;
const LONGEST = 4096; // codes that LZW knows before it begins anew

/**
 * A Blob. `frames` are ImageData of one size; `order` says which are shown, one after another, for
 * `hundredths` of a second each, for ever.
 */
export function gif(frames, order, hundredths) {
  const { width, height } = frames[0];
  const { colours, indexOf } = palette(frames);
  const two = (number) => [number & 255, number >> 8];
  const text = (letters) => Array.from(letters, (letter) => letter.charCodeAt(0));
  const pixels = frames.map(({ data }) =>
    blocks(compress(Uint8Array.from({ length: width * height }, (_, p) => indexOf[binOf(data, 4 * p)]))));
  const head = [...text("GIF89a"), ...two(width), ...two(height), 0xf7, 0, 0, ...colours.flat(),
    0x21, 0xff, 11, ...text("NETSCAPE2.0"), 3, 1, 0, 0, 0]; // again and again
  const before = [0x21, 0xf9, 4, 0, ...two(hundredths), 0, 0,
    0x2c, 0, 0, 0, 0, ...two(width), ...two(height), 0, 8];
  const parts = [head, ...order.flatMap((i) => [before, pixels[i]]), [0x3b]];
  return new Blob(parts.map((part) => Uint8Array.from(part)), { type: "image/gif" });
}

/** The number of a pixel's colour, with five bits of each channel. */
function binOf(data, i) {
  return ((data[i] >> 3) << 10) | ((data[i + 1] >> 3) << 5) | (data[i + 2] >> 3);
}

/** Median cut: the colours, and for each bin the index of its own. */
function palette(frames) {
  const counts = new Uint32Array(32768);
  const sums = new Float64Array(3 * 32768);
  for (const { data } of frames) {
    for (let i = 0; i < data.length; i += 4) {
      const bin = binOf(data, i);
      counts[bin] += 1;
      for (let c = 0; c < 3; c++) sums[3 * bin + c] += data[i + c];
    }
  }
  const level = (bin, c) => (bin >> (10 - 5 * c)) & 31;
  const total = (bins, of) => bins.reduce((sum, bin) => sum + of(bin), 0);
  const boxOf = (bins) => {
    const spans = [0, 1, 2].map((c) => {
      const levels = bins.map((bin) => level(bin, c));
      return Math.max(...levels) - Math.min(...levels);
    });
    const widest = Math.max(...spans);
    return { bins, channel: spans.indexOf(widest), error: widest ** 2 * total(bins, (bin) => counts[bin]) };
  };
  let boxes = [boxOf([...counts.keys()].filter((bin) => counts[bin]))];
  while (boxes.length < COLOURS) {
    const worst = boxes.reduce((a, b) => (b.error > a.error ? b : a));
    if (!worst.error) break; // each bin has a colour of its own
    const { bins, channel } = worst;
    bins.sort((a, b) => level(a, channel) - level(b, channel));
    const half = total(bins, (bin) => counts[bin]) / 2;
    let [cut, sum] = [0, 0];
    while (cut < bins.length - 1 && sum < half) sum += counts[bins[cut++]];
    boxes = [...boxes.filter((box) => box !== worst), boxOf(bins.slice(0, cut)), boxOf(bins.slice(cut))];
  }
  const indexOf = new Uint8Array(32768);
  const colours = Array.from({ length: COLOURS }, () => [0, 0, 0]);
  boxes.forEach(({ bins }, index) => {
    for (const bin of bins) indexOf[bin] = index;
    const count = total(bins, (bin) => counts[bin]);
    colours[index] = [0, 1, 2].map((c) => Math.round(total(bins, (bin) => sums[3 * bin + c]) / count));
  });
  return { colours, indexOf };
}

/** LZW of bytes, as GIF packs it: codes of 9 to 12 bits, the lowest bit first. */
function compress(indices) {
  const [clear, end] = [COLOURS, COLOURS + 1];
  const bytes = [];
  const known = new Map();
  let [size, next, held, bits] = [9, end + 1, 0, 0];
  const put = (code) => {
    held |= code << bits;
    for (bits += size; bits >= 8; bits -= 8) {
      bytes.push(held & 255);
      held >>= 8;
    }
  };
  put(clear);
  let prefix = indices[0];
  for (let i = 1; i < indices.length; i++) {
    const longer = (prefix << 8) | indices[i];
    if (known.has(longer)) {
      prefix = known.get(longer);
      continue;
    }
    put(prefix);
    if (next === LONGEST) {
      put(clear);
      known.clear();
      [size, next] = [9, end + 1];
    } else {
      if (next === 1 << size) size += 1;
      known.set(longer, next++);
    }
    prefix = indices[i];
  }
  put(prefix);
  put(end);
  if (bits) bytes.push(held & 255);
  return bytes;
}

/** Bytes in blocks that begin with their length; an empty one is the last. */
function blocks(bytes) {
  const cut = [];
  for (let start = 0; start < bytes.length; start += 255) {
    const block = bytes.slice(start, start + 255);
    cut.push(block.length, ...block);
  }
  return [...cut, 0];
}
