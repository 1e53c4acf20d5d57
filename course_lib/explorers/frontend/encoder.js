// A picture of one's own where no kernel encodes it.
import { encode, firstOutput } from "./decoder.js";

/** Add a picture, uint8 (C, H, W), to what `source` holds, as one face more; returns its number. */
export function addFace(source, pixels) {
  const { setup, tensors } = source;
  const face = setup.images++;
  tensors.set(`original/${face}`, pixels);
  source.facts.forEach(({ encoder }, m) => {
    const tensor = (key) => tensors.get(`${m}/${key}`);
    const put = (base, code) => {
      tensors.set(`${m}/base/${base}/code`, code);
      tensors.set(`${m}/base/${base}/first`, firstOutput(tensor, code));
    };
    const { code, spread } = encode(encoder, tensor, pixels, tensor("base/image/0/code").length);
    put(`image/${face}`, code);
    if (!setup.posteriors[m]) return; // its encoder may give a spread that means nothing
    tensors.set(`${m}/base/image/${face}/spread`, spread);
    const [mean, unit] = [tensor("base/image/0/code"), tensor("base/image/0/spread")];
    for (let draw = 1; draw <= setup.draws; draw++) { // of the same noise as face 0's
      const drawn = tensor(`base/posterior/0/${draw}/code`);
      put(`posterior/${face}/${draw}`, code.map((value, k) => value + spread[k] * (drawn[k] - mean[k]) / unit[k]));
    }
  });
  return face;
}
