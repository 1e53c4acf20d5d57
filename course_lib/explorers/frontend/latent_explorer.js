// The latent explorer in a notebook: what its view wants comes from the kernel, once.
import { latentView } from "./latent_view.js";
import { readTensors } from "./tensors.js";

const GONE =
  "The kernel was restarted or stopped. What is here still moves; for anything new, such as " +
  "another face, run this cell again.";

function render({ model, el }) {
  const source = {
    setup: structuredClone(model.get("_setup")),
    choice: model.get("_choice"),
    tensors: new Map(),
    facts: null,
    pictures: new Map(),
    want(request) {
      if (gone) view.say(GONE);
      if (gone || asked) return; // one request in flight; after its answer, the view looks again
      asked = true;
      model.send({ kind: "want", ...request });
    },
    changed(choice) {
      const text = JSON.stringify(choice);
      if (gone || text === known) return;
      known = text;
      model.set("_choice", choice);
      model.save_changes(); // one at a time, the latest wins: ipywidgets sees to that
    },
    rest() {
      if (!gone) model.send({ kind: "rest" });
    },
    own: {
      add(pixels) {
        if (gone) view.say(GONE);
        else model.send({ kind: "add" }, undefined, [pixels.buffer]);
      },
      where:
        "It goes to this notebook\u2019s kernel and no further: where that runs on your machine, " +
        "nothing leaves it. A saved notebook keeps what its explorer shows.",
    },
    training: true,
    take(number) {
      if (gone) view.say(GONE);
      else model.send({ kind: "take", number });
    },
    get waiting() {
      return gone || failed ? "Not decoded" : "The kernel is busy: this picture comes when it is free";
    },
  };
  let asked = false;
  let failed = false; // and said so
  let gone = false;
  let known = JSON.stringify(source.choice);
  const view = latentView(el, source);

  model.on("change:_choice", () => {
    const choice = model.get("_choice");
    if (JSON.stringify(choice) === known) return; // our own
    known = JSON.stringify(choice);
    view.set(choice);
  });
  model.on("change:_setup", () => {
    source.setup.images = model.get("_setup").images;
    view.refresh();
  });
  model.on("change:_message", () => view.say(model.get("_message")));
  model.on("comm_live_update", () => {
    gone = true;
    view.say(GONE);
  });
  model.on("msg:custom", (content, buffers) => {
    if (content.kind !== "picture") asked = false;
    if (content.kind === "error") {
      failed = true;
      view.say(`The kernel could not answer. ${content.text}`);
      return; // to look again at once would be to ask the same again
    }
    if (failed) view.say("");
    failed = false;
    if (content.kind === "have") {
      for (const [name, tensor] of readTensors(bytes(buffers[0]))) source.tensors.set(name, tensor);
      if (content.facts) {
        source.facts = content.facts;
        view.facts();
      }
    } else if (content.kind === "picture") {
      source.pictures.set(content.model, { choice: content.choice, pixels: bytes(buffers[0]) });
    }
    view.refresh();
  });
  return () => view.close();
}

function bytes(buffer) {
  return new Uint8Array(buffer.buffer ?? buffer, buffer.byteOffset ?? 0, buffer.byteLength);
}

export default { render };
