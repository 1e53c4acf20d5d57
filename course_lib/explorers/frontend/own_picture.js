// One's own picture, from a file or the camera, in the models' size. It is sent nowhere from here.
import { button, make } from "./controls.js";

const MOST = 50; // megabytes of a file: more would keep the browser busy for long

/** Pixels of an ImageBitmap or a video: its middle, in the shape (channels, height, width). */
async function pixelsOf(picture, [channels, height, width]) {
  const wide = picture.videoWidth || picture.width;
  const high = picture.videoHeight || picture.height;
  const scale = Math.min(wide / width, high / height);
  const [w, h] = [scale * width, scale * height];
  const small = await createImageBitmap(picture, (wide - w) / 2, (high - h) / 2, w, h, {
    resizeWidth: width, resizeHeight: height, resizeQuality: "high",
  });
  const context = make("canvas", { width, height }).getContext("2d");
  context.fillStyle = "white"; // behind what is transparent
  context.fillRect(0, 0, width, height);
  context.drawImage(small, 0, 0);
  const { data } = context.getImageData(0, 0, width, height);
  const size = height * width;
  const pixels = new Uint8ClampedArray(channels * size); // it rounds
  for (let p = 0; p < size; p++) {
    const rgb = data.subarray(4 * p, 4 * p + 3);
    if (channels === 3) rgb.forEach((level, c) => { pixels[c * size + p] = level; });
    else pixels[p] = 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2];
  }
  return new Uint8Array(pixels.buffer);
}

/** To unfold; `add(pixels)` gets each picture, `where` says in a sentence what becomes of it. */
export function ownPicture({ shape, add, where }) {
  const told = make("p", { class: "course-message", role: "status" });
  const tell = (text) => { told.textContent = text; };
  const file = make("input", { type: "file", accept: "image/*", onchange: () => read(file.files[0]) });
  const video = make("video", { muted: true, playsinline: true, hidden: true, "aria-label": "What the camera sees" });
  const camera = button("Use the camera", () => (video.srcObject ? release() : look()));
  const take = button("Take the picture", async () => {
    const pixels = await pixelsOf(video, shape);
    release();
    add(pixels);
  });
  take.hidden = true;
  const element = make("details", { class: "course-fold", ontoggle: () => {
    if (!element.open) release();
  } }, make("summary", {}, "Your own picture"), make("label", {}, "A file: ", file),
  make("div", { class: "course-row" }, camera, take), video,
  make("p", {}, `Its middle is taken: let one face fill it. ${where}`), told);
  let closed = false;

  async function read(chosen) {
    file.value = ""; // so that the same may be chosen again
    if (!chosen) return;
    if (chosen.size > MOST * 1e6) {
      tell(`The file has ${Math.round(chosen.size / 1e6)} MB, and at most ${MOST} are read: choose a smaller one.`);
      return;
    }
    let pixels;
    try {
      pixels = await pixelsOf(await createImageBitmap(chosen), shape); // upright, as its EXIF says
    } catch {
      tell(`\u201c${chosen.name}\u201d is no picture that this browser can read: choose a PNG or JPEG file.`);
      return;
    }
    tell("");
    add(pixels);
  }

  async function look() {
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user" } });
      video.srcObject = stream;
      if (closed || !element.open) { // folded while the browser asked
        release();
        return;
      }
      await video.play();
      video.hidden = take.hidden = false;
      camera.textContent = "Camera off";
      tell("");
    } catch {
      release();
      tell("There is no camera, or the browser may not use it: allow it for this page, or choose a file.");
    }
  }

  function release() {
    video.srcObject?.getTracks().forEach((track) => track.stop());
    video.srcObject = null;
    video.hidden = take.hidden = true;
    camera.textContent = "Use the camera";
  }

  return { element, close() {
    closed = true;
    release();
  } };
}
