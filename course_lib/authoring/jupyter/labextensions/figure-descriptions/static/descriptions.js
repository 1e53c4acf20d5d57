// A figure's description as its picture's alternative text: it stands in the output's metadata,
// and JupyterLab's own renderer of pictures drops it.
//
// JupyterLab loads an extension as a container with `init` and `get` (webpack's module
// federation); one file by hand needs no build.
let shared;

const describe = (registry) => {
    const own = registry.getFactory("image/png");
    const createRenderer = (options) => {
        const renderer = own.createRenderer(options);
        const renderModel = renderer.renderModel.bind(renderer);
        renderer.renderModel = async (model) => {
            await renderModel(model);
            const description = model.metadata[options.mimeType]?.alt;
            if (description) renderer.node.querySelector("img").alt = description;
        };
        return renderer;
    };
    registry.addFactory({...own, createRenderer});
};

const extension = async () => {
    const [rendermime] = Object.values(shared["@jupyterlab/rendermime"]);
    const {IRenderMimeRegistry} = (await rendermime.get())();
    const plugin = {
        id: "figure-descriptions:plugin",
        autoStart: true,
        requires: [IRenderMimeRegistry],
        activate: (app, registry) => describe(registry),
    };
    return () => ({__esModule: true, default: plugin});
};

globalThis._JUPYTERLAB ??= {};
globalThis._JUPYTERLAB["figure-descriptions"] = {
    init: (scope) => { shared = scope; },
    get: extension,
};
