// The latent explorer without a kernel: all that its view may want lies in data.js (see demo.py).
import { latentView } from "./latent_view.js";
import { addFace } from "./encoder.js";
import { fromLink, toLink } from "./link.js";
import { readTensors } from "./tensors.js";

// First, so that without data.js the page keeps the line that says so.
const file = Uint8Array.from(atob(DEMO.tensors), (letter) => letter.charCodeAt(0));
const explorer = document.getElementById("explorer");
explorer.replaceChildren();
const faces = DEMO.setup.images;
let now = DEMO.choice;
const source = {
  ...DEMO,
  tensors: readTensors(file),
  pictures: new Map(),
  want(request) {
    throw new Error(`data.js does not hold ${JSON.stringify(request)}: write the page again.`);
  },
  changed(choice) {
    now = choice;
  },
  // The page's address is a link to what is on screen, but for pictures that only this browser has.
  rest() {
    const shared = Math.max(now.image, now.target) < faces;
    window.history.replaceState(null, "", shared ? toLink(now) : location.pathname);
  },
};
source.choice = fromLink(location.hash, source) ?? DEMO.choice;
if (DEMO.facts.every(({ encoder }) => encoder)) {
  source.own = {
    add: (pixels) => addFace(source, pixels),
    where: "It is encoded in your browser; nothing leaves this machine.",
  };
}
const view = latentView(explorer, source);
window.addEventListener("hashchange", () => { // a link put into the open page's address
  const linked = fromLink(location.hash, source);
  if (linked) view.set(linked);
});
