// Named tensors, as safetensors keeps them: from the kernel's messages and in the demo's file.

const HALF = new Float32Array(65536); // every float16, once
for (let bits = 0; bits < 65536; bits++) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) HALF[bits] = fraction ? NaN : sign * Infinity;
  else if (exponent === 0) HALF[bits] = sign * fraction * 2 ** -24;
  else HALF[bits] = sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

const KINDS = {
  F32: (bytes) => new Float32Array(bytes),
  F16: (bytes) => Float32Array.from(new Uint16Array(bytes), (bits) => HALF[bits]),
  U8: (bytes) => new Uint8Array(bytes),
};

/** A safetensors file (an ArrayBuffer, or a view of one) to a Map from name to typed array. */
export function readTensors(file) {
  const view = ArrayBuffer.isView(file) ? file : new Uint8Array(file);
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  const tensors = new Map();
  for (const [name, { dtype, data_offsets: [start, end] }] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    // A copy, because a typed array may not start at any odd byte.
    tensors.set(name, KINDS[dtype](bytes.slice(8 + length + start, 8 + length + end).buffer));
  }
  return tensors;
}
