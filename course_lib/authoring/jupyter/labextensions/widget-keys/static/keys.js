// Inside a widget plain keys are the widget's: an arrow moves a slider or chooses an answer, and
// does not go to another cell; a letter makes or deletes none. The course's explorers see to their
// own keys. And what ipywidgets leave nameless, slider handles and radio buttons, get a name.
const INSIDE = ".jupyter-widgets :not(.course-explorer *)";

const forJupyter = ({key, ctrlKey, metaKey, shiftKey}) =>
    ctrlKey || metaKey || key === "Escape" || (shiftKey && key === "Enter");

// JupyterLab looks for the attribute on the very element that has the focus.
const giveKeys = (event) => {
    if (!event.target.matches?.(INSIDE)) return;
    event.target.toggleAttribute("data-lm-suppress-shortcuts", !forJupyter(event));
};

const giveName = ({target}) => {
    const nameless = target.closest?.(".noUi-handle, .widget-radio-box");
    if (!nameless) return;
    const label = nameless.closest(".jupyter-widgets").querySelector(".widget-label");
    const question = nameless.closest(".widget-vbox")?.querySelector(".widget-html-content");
    nameless.ariaLabel = (label?.textContent.trim() ? label : question)?.textContent ?? "";
    if (nameless.matches(".widget-radio-box")) nameless.role = "radiogroup";
};

const plugin = {
    id: "widget-keys:plugin",
    autoStart: true,
    activate: () => {
        window.addEventListener("keydown", giveKeys, true);
        window.addEventListener("focusin", giveName);
    },
};

globalThis._JUPYTERLAB ??= {};
globalThis._JUPYTERLAB["widget-keys"] = {
    init: () => {},
    get: async () => () => ({__esModule: true, default: plugin}),
};
