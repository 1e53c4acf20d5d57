// The latent explorer without a kernel: all that its view may want lies in data.js (see demo.py).
import { latentView } from "./latent_view.js";
import { addFace } from "./encoder.js";
import { readTensors } from "./tensors.js";

// First, so that without data.js the page keeps the line that says so.
const file = Uint8Array.from(atob(DEMO.tensors), (letter) => letter.charCodeAt(0));
const explorer = document.getElementById("explorer");
explorer.replaceChildren();
const source = {
  ...DEMO,
  tensors: readTensors(file),
  pictures: new Map(),
  want(request) {
    throw new Error(`data.js does not hold ${JSON.stringify(request)}: write the page again.`);
  },
  changed() {},
  rest() {},
};
if (DEMO.facts.every(({ encoder }) => encoder)) {
  source.own = {
    add: (pixels) => addFace(source, pixels),
    where: "It is encoded in your browser; nothing leaves this machine.",
  };
}
latentView(explorer, source);
