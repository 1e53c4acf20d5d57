// A guided tour: small tasks, one at a time, that notice when they are done.
import { button, make } from "./controls.js";
import { untouched } from "./edits.js";
import { same } from "./history.js";

const PART = 1 / 8; // of a picture's pixels that one element is to change
const OVER = "That was the tour. The Python under the pictures makes them again in a notebook.";

/**
 * The tasks that make sense here. Of each: what to do, the control to point at (a selector), when
 * it is done (`now` and `before` are choices, `most` is how many pixels change in the row where
 * most do), and what to see then.
 */
function tasks({ setup, choice, mapped }) {
  const goal = Math.round(PART * setup.shape[1] * setup.shape[2]);
  const undone = (now) => same(now, { ...now, ...untouched(now) });
  return [{
    here: !undone(choice),
    say: "The code is edited already: press Reset.",
    at: ".course-reset",
    done: undone,
    see: "Now the edited picture is the reconstruction again.",
  }, {
    here: setup.images > 1,
    say: "Choose another face.",
    at: ".course-controls > .course-slider",
    done: (now, before) => now.image !== before.image,
    see: "From the face comes its code, from the code alone the reconstruction.",
  }, {
    here: true,
    say: `Move one of the elements until ${goal} pixels change; their number is under the pictures.`,
    at: ".course-sliders:has(input), .course-elements",
    done: ({ edits }, _, most) => edits.length && most >= goal,
    see: "Did it change one part of the face, or a little of everything?",
  }, {
    here: true,
    say: "Give it its own value again, with \u21ba beside the slider.",
    at: ".course-sliders:has(input), .course-elements",
    done: ({ edits }) => !edits.length,
    see: "Reset takes back all changes, Undo and Redo go one by one.",
  }, {
    here: mapped,
    say: "Walk on the map of codes: drag the point, or use the arrow keys.",
    at: ".course-map",
    done: ({ moves }, before) => !same(moves, before.moves),
    see: "Where the map is denser, more faces have their codes.",
  }, {
    here: setup.origins.includes("prior"),
    say: "Draw a code from N(0, I), which has seen no face.",
    at: "[aria-label='Draw from N(0, I)']",
    done: ({ origin }) => origin === "prior",
    see: mapped ? "Is it a face? Under it stands how usual such a code is." : "Is it a face?",
  }, {
    here: setup.origins.includes("density"),
    say: "Now draw from the density that was fitted to the codes of faces.",
    at: "[aria-label='Draw from the fitted density']",
    done: ({ origin }) => origin === "density",
    see: "Compare the two kinds of draws: press each some more times.",
  }, {
    here: setup.origins.includes("prior"),
    say: "Go back to the face.",
    at: ".course-draws button:last-child",
    done: ({ origin, sample }) => origin === "image" && !sample,
    see: "There it is.",
  }, {
    here: setup.posteriors.some(Boolean),
    say: "Draw from q(z|x), the cloud that the encoder gives for this face; the key r does it too.",
    at: "[aria-label^='Draw from q(z|x)']",
    done: ({ origin, sample }) => origin === "image" && sample > 0,
    see: "If hardly a pixel changes, the cloud is only as wide as the decoder forgives.",
  }, {
    here: setup.images > 1,
    say: "Choose a face to go towards, and move \u201cstep\u201d to the middle.",
    at: ".course-slider:has([aria-label='step towards that face'])",
    done: ({ step, target, image }) => target !== image && step >= 0.4 && step <= 0.6,
    see: "Is that a third face, or are two laid over each other?",
  }, {
    here: true,
    say: "Press Reset.",
    at: ".course-reset",
    done: undone,
    see: "",
  }].filter(({ here }) => here);
}

/** A button that starts the tour, and its panel; `facts()` gives what `tasks` wants, and `choice`. */
export function tour(root, facts) {
  let list = [];
  let number = 0;
  let before = null;
  const text = make("p", { role: "status" });
  const there = button("Go there", () => {
    const target = pointed();
    (target.querySelector("input, summary") ?? target).focus();
  }, "Go there: to the control of this task (key g)");
  const skip = button("Skip", () => next(""), "Skip this task");
  const stop = button("End", end, "End the tour (Escape)");
  const buttons = make("div", { class: "course-row", hidden: true }, there, skip, stop);
  const element = make("div", { class: "course-tour", role: "group", "aria-label": "Tour" },
    text, buttons);
  const control = button("Tour", () => (list.length ? end() : start()), "Tour: small tasks");
  control.setAttribute("aria-expanded", "false");
  const pointed = () => root().querySelector(list[number].at);

  function start() {
    list = tasks(facts());
    number = -1;
    buttons.hidden = false;
    control.setAttribute("aria-expanded", "true");
    root().addEventListener("keydown", keys);
    next("");
  }

  /** Go to the next task that is not done already; `seen` is said before it. */
  function next(seen) {
    unpoint();
    before = facts().choice;
    do number += 1; while (number < list.length && list[number].done(before, before, 0));
    const over = number >= list.length;
    if (over && element.contains(document.activeElement)) stop.focus();
    there.hidden = skip.hidden = over;
    const task = over ? OVER : `Task ${number + 1} of ${list.length}. ${list[number].say}`;
    text.textContent = [seen, task].filter(Boolean).join(" ");
    if (!over) pointed().classList.add("course-pointed");
  }

  function unpoint() {
    root().querySelector(".course-pointed")?.classList.remove("course-pointed");
  }

  function end() {
    const inside = element.contains(document.activeElement);
    unpoint();
    list = [];
    text.textContent = "";
    buttons.hidden = true;
    control.setAttribute("aria-expanded", "false");
    root().removeEventListener("keydown", keys);
    if (inside) control.focus();
  }

  function keys(event) {
    const typing = event.target.type === "search" || event.target.tagName === "SELECT";
    const shortcut = event.ctrlKey || event.metaKey || event.altKey; // the browser's own
    if (event.key === "Escape") {
      event.preventDefault(); // it leads no further
      end();
    } else if (event.key === "g" && !typing && !shortcut && !there.hidden) there.click();
  }

  /** The hands are at rest: is the task done? */
  function notice(most) {
    const task = list[number];
    if (task?.done(facts().choice, before, most)) next(`\u2713 ${task.see}`.trim());
  }
  return { control, element, notice };
}
