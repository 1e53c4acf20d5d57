// The latent explorer's view. It knows of no kernel: `source` brings what it wants (see
// latent_explorer.js, where that is the kernel, and demo.js, where it is a file).
import { place } from "./atlas.js";
import { comparison } from "./compare.js";
import { button, copyable, enable, make, ownKeys, slider } from "./controls.js";
import { decode, toImage } from "./decoder.js";
import { baseOf, changes, edited, moveOf, originOf, python, sliderChanges, untouched } from "./edits.js";
import { elementList } from "./elements.js";
import { faceChooser } from "./faces.js";
import { history, same } from "./history.js";
import { lattice } from "./lattice.js";
import { codeMap } from "./map.js";
import { ownPicture } from "./own_picture.js";
import { difference, draw } from "./pictures.js";
import { cloudStrip, ellipse } from "./posterior.js";
import { codeSliders } from "./sliders.js";
import { told } from "./told.js";
import { tour } from "./tour.js";
import { traversal } from "./traversal.js";
import { missing } from "./wants.js";
import { round6, wholeControls } from "./whole.js";

const CLOUD = 8; // draws in the strip of a face's cloud
const REST = 500; // ms without a change until screen readers and the still picture follow

/**
 * Build the view into `el`.
 *
 * `source` has `setup`, `choice`, `tensors` (a Map), `facts` (null until they come), `pictures`
 * (by model, `pixels` that the kernel decoded last and for which `choice`), `training` (whether it
 * has the training pictures), and is told by `want(request)`, `changed(choice)` (at each picture)
 * and `rest()`; `own`, if there, is one's own picture's way in: its `add(pixels)` returns the number
 * of the face, unless it sets the choice itself, `where` says what becomes of it. `waiting` says
 * why a picture has not come.
 * Returns what the source calls:
 * `set(choice)`, `refresh()`, `say(text)`, `close()`.
 */
export function latentView(el, source) {
  const { setup } = source;
  let choice = structuredClone(source.choice);
  const steps = history(choice);
  const strip = Math.min(CLOUD, setup.draws ?? CLOUD);
  let frame = 0;
  let late = false; // a move since the last picture
  let resting = 0;
  let heard = choice; // what screen readers were told of last,
  let complete = false; // with all its pictures
  const tensorOf = (m) => (key) => source.tensors.get(`${m}/${key}`);
  const atlases = () => setup.models.map((_, m) => source.facts?.[m].atlas ?? null);
  /** A model's posterior of the face on screen, mean and spread, or null. */
  function posterior(m) {
    const face = `base/image/${choice.image}`;
    const spread = choice.origin === "image" && tensorOf(m)(`${face}/spread`);
    return spread ? [tensorOf(m)(`${face}/code`), spread] : null;
  }

  // Changes by hand

  function change(part) {
    choice = { ...choice, ...part };
    refresh();
  }
  const settle = () => {
    steps.settle(choice);
    showHistory();
  };
  const once = (part) => {
    change(part);
    settle();
  };
  const travel = (to) => {
    if (to) change(to);
    showHistory();
  };

  // Controls

  const hands = { setup, choice: () => choice, change, settle };
  const image = slider({
    label: "face", step: 1, decimals: 0, min: 0, max: setup.images - 1, rest: settle,
    move: (i) => change({ image: i, origin: "image" }),
  });
  // Back from a draw to the face where the slider stands already, which is no move.
  for (const kind of ["click", "keydown"]) {
    image.input.addEventListener(kind, ({ key }) => {
      if (choice.origin === "image" || (key && !["Home", "Enter", " "].includes(key))) return;
      once({ origin: "image" });
    });
  }
  const whole = wholeControls(hands);
  const faces = setup.plain ? null : faceChooser({
    count: () => setup.images, shape: setup.shape, choose: once, opened: () => refresh(),
    pictureOf: (i) => source.tensors.get(`original/${i}`),
  });
  const own = setup.plain || !source.own ? null : ownPicture({
    shape: setup.image_shape, where: source.own.where,
    add: (pixels) => {
      const face = source.own.add(pixels);
      if (face !== undefined) once({ image: face, origin: "image", sample: 0 });
    },
  });
  const draws = { prior: ["N(0, I)", ""], density: ["fitted density", "the "] };
  const drawButtons = Object.entries(draws).filter(([origin]) => setup.origins.includes(origin))
    .map(([origin, [text, article]]) => button(text, () => {
      const draw = choice.origin === "image" ? choice.draw : choice.draw + 1;
      once({ origin, draw: setup.draws ? draw % setup.draws : draw });
    }, `Draw from ${article}${text}`));
  const clouds = setup.posteriors.some(Boolean);
  const resample = () => {
    const sample = choice.origin === "image" ? choice.sample : 0;
    once({ origin: "image", sample: (setup.draws ? sample % setup.draws : sample) + 1 });
  };
  const cloudButton = button("q(z|x)", resample, clouds
    ? "Draw from q(z|x), this face's cloud (key r)"
    : "q(z|x): these codes are points, there is no cloud to draw from");
  const back = button("Back to the face", () => once({ origin: "image", sample: 0 }));
  enable(cloudButton, clouds);
  const undo = button("Undo", () => travel(steps.undo()));
  const redo = button("Redo", () => travel(steps.redo()));
  const reset = button("Reset", () => once(untouched(choice)));
  reset.classList.add("course-reset");
  const large = button("Large", () => {
    const on = root.classList.toggle("course-large");
    large.setAttribute("aria-pressed", String(on));
  }, "Large pictures of the edit, to show to many (key l)");
  large.setAttribute("aria-pressed", "false");
  const compared = setup.plain ? null : comparison({ choice: () => choice, once });
  const guide = setup.plain ? null : tour(() => root, () => ({
    setup, choice, mapped: atlases().some(Boolean),
  }));
  const list = elementList({
    count: setup.elements, models: setup.models, atlases, posteriors: setup.posteriors, posterior,
    plain: setup.plain,
    add: (key) => sliders.add(key),
    changed: () => {
      sliders.name();
      refresh();
    },
  });
  const sliders = codeSliders({ ...hands, say, atlas: list.atlas, emptied: () => list.focus() });

  function showHistory() {
    enable(undo, steps.canUndo);
    enable(redo, steps.canRedo);
  }

  // Pictures

  const message = make("p", { class: "course-message", role: "alert" });
  const spoken = make("p", { class: "course-hidden", role: "status" });
  const code = copyable("Python for the edited picture");
  const models = setup.models.map((name, m) => modelRow(name, m));
  models[0].head.append(large);
  const more = make("div", { class: "course-more" },
    ...models.flatMap(({ cloud }) => cloud?.element ?? []));

  function modelRow(name, m) {
    const captions = ["original", "reconstruction", "edited", `difference \u00d7${setup.gain}`];
    const canvases = captions.map(() => make("canvas", { role: "img" }));
    const figures = captions.map((caption, i) => make("figure", {},
      make("figcaption", {}, caption), canvases[i]));
    figures[2].classList.add("course-edited");
    const pictures = make("div", { class: "course-pictures" }, ...figures);
    const words = told(source, name, m);
    const note = make("span", { class: "course-note" });
    const head = make("div", { class: "course-head" }, make("h3", {}, name, " ", note), words.reads);
    const element = make("section", { role: "group", "aria-label": name }, head, pictures, words.element);
    const cloud = setup.posteriors[m] ? cloudStrip(name, setup.shape, strip, refresh) : null;
    return { name, m, canvases, captions, pictures, words, note, head, element, cloud, map: null };
  }
  function addMap(row) {
    const facts = source.facts[row.m].atlas;
    if (row.map || !facts) return;
    const tensor = tensorOf(row.m);
    row.map = codeMap({
      ...facts, name: row.name, picture: tensor("atlas/picture"), rest: settle,
      go: (place) => {
        if (!row.place) return; // the kernel has yet to say where the code is
        list.show(row.m);
        change(walked(row, place));
      },
    });
    const share = `${(100 * facts.share).toFixed(0)} %`;
    const caption = make("figcaption", {
      title: `map of the codes: their two principal directions, ${share} of their variance`,
    }, setup.plain ? "map" : `map (shows ${share})`);
    row.pictures.append(make("figure", {}, caption, row.map.canvas));
  }

  /** What takes a model's code to a place of its map; the move is scaled with the code. */
  function walked(row, place) {
    const move = moveOf(choice, row.name) ?? [0, 0];
    const moved = place.map((value, axis) =>
      round6(move[axis] + (value - row.place[axis]) / (choice.scale || 1)));
    return { moves: { ...choice.moves, [row.name]: moved } };
  }

  // Made when the kernel has said whose decoders are here; the others cannot be drawn in the browser.
  let ends = null;
  let grid = null;
  function addTraversal() {
    const here = models.filter(({ m }) => source.facts[m].layers);
    if (ends || !here.length || setup.plain) return;
    ends = traversal({
      source,
      models: here,
      choice: () => choice,
      set: (key, value) => sliders.set(key, Math.round(100 * value) / 100),
      rest: settle,
      opened: refresh,
    });
    more.append(ends.element);
    const mapped = here.filter(({ m }) => source.facts[m].atlas);
    if (!mapped.length) return;
    grid = lattice({
      source, rows: mapped, opened: refresh,
      there: (row, place) => ({ ...choice, ...walked(row, place) }),
      go: (row, place) => {
        list.show(row.m);
        once(walked(row, place));
      },
    });
    more.append(grid.element);
  }

  // A picture a frame: the first move is decoded at once, the others of that frame when it ends

  function refresh() {
    if (frame) {
      late = true;
      return;
    }
    frame = requestAnimationFrame(() => {
      frame = 0;
      if (late) show();
    });
    show();
  }

  function show() {
    late = false;
    source.changed(choice);
    showChoice();
    const cloud = models.some((row) => row.cloud?.element.open) ? strip : 0;
    const request = missing(source, choice, cloud);
    for (const row of models) paint(row, !request);
    ask(request);
    faces?.show(choice);
    if (source.facts) addTraversal();
    ends?.choose(sliders.keys());
    if (ends?.element.open && !request && sliders.keys().length) ends.show();
    if (request) grid?.stop();
    else grid?.show(choice);
    if (complete && same(heard, choice)) return; // a picture beside the others has come
    clearTimeout(resting);
    resting = setTimeout(atRest, REST);
  }
  function ask(request) {
    const pictures = [...faces?.wanted(choice) ?? [], ...models.flatMap(({ words }) => words.wanted())];
    if (!request && !pictures.length) return;
    source.want({ models: false, columns: [], bases: [], ...request, pictures });
  }

  function showChoice() {
    sliders.show();
    image.show(choice.image);
    whole.show(choice);
    compared?.show();
    enable(back, choice.origin !== "image" || choice.sample > 0);
    const m = list.model();
    code.text.textContent = python(choice, setup.models[m], setup.posteriors[m]);
  }

  /** Bring a row in line with the choice; `here` says whether all tensors for it are. */
  function paint(row, here) {
    const { layers, atlas } = source.facts?.[row.m] ?? {};
    const tensor = tensorOf(row.m);
    const { code, first } = here ? edited(choice, row.name, tensor) : {};
    const last = source.pictures.get(row.m);
    // Behind a dragging hand, the kernel's last picture, beside the face that it was made from.
    if (first) showPictures(row, choice, toImage(decode(layers, tensor, first)));
    else if (last && tensor(`${baseOf(last.choice)}/picture`)) {
      showPictures(row, last.choice, last.pixels);
    }
    const done = same(row.shown, choice);
    for (const canvas of row.canvases) canvas.classList.toggle("course-waiting", !done);
    row.words.pictures(row.before, done ? row.after : null);
    row.place = null;
    if (!here) return;
    row.note.textContent = layers ? "" : "(decoded by the kernel: this decoder cannot run here)";
    const cloud = posterior(row.m);
    row.words.code(tensor(`${baseOf(choice)}/code`), code, cloud);
    if (atlas) showPlace(row, atlas, tensor, code, cloud?.[1]);
    if (row.cloud) showCloud(row, layers, tensor);
    if (row.m === list.model()) {
      sliders.paint(code, cloud, tensor);
      list.follow();
    }
  }

  function showCloud(row, layers, tensor) {
    row.cloud.element.hidden = choice.origin !== "image";
    if (!row.cloud.element.open || choice.origin !== "image" || row.base !== baseOf(choice)) return;
    row.cloud.show(choice.image, row.before, (base) => {
      const at = `base/${base.join("/")}`;
      return layers ? toImage(decode(layers, tensor, tensor(`${at}/first`))) : tensor(`${at}/picture`);
    });
  }

  /** The pictures of a choice, whose edited one is `after`. */
  function showPictures(row, of, after) {
    const { layers } = source.facts[row.m];
    const tensor = tensorOf(row.m);
    const base = baseOf(of);
    if (row.base !== base) {
      const [origin, number] = originOf(of);
      const original = source.tensors.get(`original/${number}`);
      row.before = layers ? toImage(decode(layers, tensor, tensor(`${base}/first`)))
        : tensor(`${base}/picture`);
      row.canvases[0].parentElement.hidden = origin !== "image";
      row.captions[1] = origin === "image" ? "reconstruction" : "drawn";
      row.canvases[1].previousElementSibling.textContent = row.captions[1];
      if (origin === "image") draw(row.canvases[0], original, setup.shape);
      draw(row.canvases[1], row.before, setup.shape);
      row.base = base;
    }
    draw(row.canvases[2], after, setup.shape);
    draw(row.canvases[3], difference(row.before, after, setup.gain), setup.shape);
    Object.assign(row, { after, shown: of });
  }

  function showPlace(row, atlas, tensor, code, spread) {
    addMap(row);
    const at = (z) => place(tensor("atlas/mean"), tensor("atlas/directions"), z);
    row.start = at(tensor(`${baseOf(choice)}/code`));
    row.place = at(code);
    row.ellipse = spread ? ellipse(tensor("atlas/directions"), spread) : null;
    row.map.show(row.start, row.place, row.ellipse);
  }

  function atRest() {
    for (const row of models) {
      const [origin, number] = originOf(row.shown ?? choice);
      row.canvases.forEach((canvas, i) => {
        canvas.setAttribute("aria-label", `${row.captions[i]} of ${origin} ${number}, ${row.name}`);
      });
      if (row.place) row.map?.say(row.start, row.place, row.ellipse);
      row.words.rest();
    }
    const [moved, shown] = [changes(heard, choice), sliderChanges(heard, choice)];
    // A slider that comes or goes changes no picture.
    const said = shown.length && !moved.length && complete ? [] : models.map(({ words }) => words.sentence());
    spoken.textContent = [...shown, ...moved, ...said].join(" ");
    heard = choice;
    complete = models.every(({ shown }) => same(shown, choice));
    if (complete) {
      ask(null);
      guide?.notice(Math.max(...models.map(({ words }) => words.changed())));
    }
    source.rest();
  }

  function say(text) {
    message.textContent = text;
  }

  // All together

  const root = make("div", { class: "course-explorer course-latent", role: "group",
    "aria-label": "Latent explorer" }, make("div", {},
    make("div", { class: "course-controls" },
      image.element,
      ...(setup.plain ? whole.elements : [
        make("div", { class: "course-more" }, faces.element, ...(own ? [own.element] : [])),
        make("div", { class: "course-row course-draws", hidden: !clouds && !drawButtons.length },
          make("span", {}, "draw"), cloudButton, ...drawButtons, back),
        make("div", { class: "course-towards" }, make("div", {}, ...whole.elements.slice(0, 2)), faces.target),
        ...whole.elements.slice(2)]),
      list.which, sliders.element, list.element,
      make("div", { class: "course-row course-steps" }, undo, redo, reset, ...compared?.elements ?? [],
        guide?.control ?? ""),
      guide?.element ?? ""),
    make("div", { class: "course-models", style: `--models: ${models.length}` },
      make("div", { class: "course-sections" }, ...models.map((row) => row.element)),
      more,
      code.element,
      message, spoken)));
  ownKeys(root);
  const keys = { ...clouds && { r: resample }, ...compared?.keys, l: () => large.click() };
  root.addEventListener("keydown", (event) => {
    const typing = event.target.type === "search" || event.target.tagName === "SELECT";
    if (keys[event.key] && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      keys[event.key]();
      return;
    }
    if (!(event.ctrlKey || event.metaKey) || event.target.type === "search") return;
    const key = event.key.toLowerCase();
    if (key === "z" && !event.shiftKey) travel(steps.undo());
    else if (key === "y" || key === "z") travel(steps.redo());
    else return;
    event.preventDefault();
  });
  el.append(root);
  showHistory();
  refresh();

  return {
    set(next) {
      choice = structuredClone(next);
      settle();
      refresh();
    },
    refresh,
    facts() {
      list.refresh();
      sliders.name();
    },
    say,
    close() {
      cancelAnimationFrame(frame);
      ends?.pause();
      grid?.stop();
      own?.close();
      clearTimeout(resting);
      root.remove();
    },
  };
}
