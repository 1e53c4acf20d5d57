// Python to read and to copy.
import { button, make } from "./controls.js";

export function codeBox() {
  const code = make("pre", { tabindex: "0", "aria-label": "Python for the edited picture" });
  const copy = button("Copy", async () => {
    if (!navigator.clipboard) { // a plain http page has none: mark the text, to copy by hand
      getSelection().selectAllChildren(code);
      return;
    }
    await navigator.clipboard.writeText(code.textContent);
    copy.textContent = "Copied";
    setTimeout(() => { copy.textContent = "Copy"; }, 1500);
  }, "Copy the code");
  const element = make("div", { class: "course-code" }, code, copy);
  return { element, show(text) { code.textContent = text; } };
}
