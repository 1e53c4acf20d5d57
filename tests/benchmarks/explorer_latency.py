"""From a hand on a slider to the picture on screen: our explorer against what people do today.

All move two decoders of the homework's size side by side, in JupyterLab in a real browser on this
machine. Measured in the page: a key is pressed on the slider; the time runs from the slider's
event until the frame with the new picture has been painted. Then the slider is dragged, with an
event every 4 ms, and pictures are counted.

    python tests/benchmarks/explorer_latency.py

Let nothing else run meanwhile: two cores are little for a browser, a server and a kernel.
"""

import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from playwright.sync_api import Page, sync_playwright

from tests.browser import notebook
from tests.browser.lab import jupyterlab
from tests.conftest import FLAGS, find_browser

STEPS, PAUSE, DRAG_SECONDS = 60, 400, 4
MODELS = """
import torch
from course_lib import latents, models, transforms
torch.manual_seed(0)
pair = {"AE": models.FullyConnectedAutoencoder(), "VAE": models.FullyConnectedVAE()}
images = torch.randint(256, (6, 3, 64, 64), dtype=torch.uint8)
transform = transforms.face_transform()
"""
OURS = """
from course_lib.explorers.latent_explorer import LatentExplorer
LatentExplorer(pair, images, elements=(3,))
"""
# No difference pictures, no numbers, no map: less work than ours has.
INTERACT = """
import matplotlib.pyplot as plt
from ipywidgets import FloatSlider, interact
codes = {{name: models.code(model, transform(images[:1])) for name, model in pair.items()}}
@interact(value=FloatSlider(min=-10, max=10, step=0.1))
def show(value):
    figure, axes = plt.subplots(1, 2)
    for axis, (name, model) in zip(axes, pair.items()):
        with torch.no_grad():
            code = latents.set_elements(codes[name], {{3: value}})
            picture = transforms.to_image(model.decode(code))
        axis.imshow(picture[0].movedim(0, -1))
        axis.axis({axis!r})
    plt.show()
"""
RIVALS = {"interact + plt.imshow": "on", "the same, without axes": "off"}
# A picture is new when it has been drawn, and on screen when its frame has been painted: the first
# task after the frame.
WATCH = """() => {
    window.painted = []; window.shown = new Set(); window.lags = [];
    window.frames = 0; window.behind = null; window.rival = null;
    const channel = new MessageChannel();
    channel.port1.onmessage = () => { painted.push(performance.now()); shown.add(frames); };
    const request = window.requestAnimationFrame.bind(window);
    let inFrame = false;
    window.requestAnimationFrame = callback => request(time => {
        inFrame = true;
        try { callback(time); } finally { inFrame = false; }
    });
    const afterPaint = () => channel.port2.postMessage(0);
    const put = CanvasRenderingContext2D.prototype.putImageData;
    CanvasRenderingContext2D.prototype.putImageData = function (...all) {
        put.apply(this, all);
        if (this.canvas !== window.watched) return;
        if (inFrame) afterPaint();
        else request(afterPaint);
        if (behind !== null) lags.push(frames - behind);
        window.behind = null;
    };
    // Counts frames, and notices when the other's cell shows another picture.
    let source = null;
    const look = () => {
        window.frames++;
        const image = rival?.querySelector('img');
        if (image && image.src !== source && image.complete) {
            source = image.src;
            afterPaint();
        }
        request(look);
    };
    request(look);
    document.addEventListener('input', () => {
        window.moved = performance.now();
        window.behind ??= frames;
    }, true);
    for (const {noUiSlider} of document.querySelectorAll('.noUi-target')) {
        noUiSlider.on('update', () => { window.moved = performance.now(); });
    }
}"""
# To and fro; returns pictures painted per second: frames with a new one, as twice in one is once.
DRAG = """async (slider, seconds) => {
    const uiSlider = slider.closest('.noUi-target')?.noUiSlider;
    const set = uiSlider ? value => uiSlider.set(value) : value => {
        slider.value = value;
        slider.dispatchEvent(new Event('input', {bubbles: true}));
    };
    const [low, high] = uiSlider ? [-9, 9] : [Number(slider.min), Number(slider.max)];
    const begin = performance.now();
    for (let step = 0; performance.now() - begin < 1000 * seconds; step++) {
        set((low + (high - low) * (1 + Math.sin(step / 40)) / 2).toFixed(2));
        await new Promise(done => setTimeout(done, 4));
    }
    return shown.size / seconds;
}"""
FORGET = "() => { painted.length = 0; shown.clear(); }"


def main() -> None:
    """Measure one after the other, and print the table."""
    results = {}
    if (chromium := find_browser()) is None:
        sys.exit("There is no browser: install Chromium, or run playwright install chromium.")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        cells = [INTERACT.format(axis=axis) for axis in RIVALS.values()]
        name = notebook.write(Path(folder), MODELS, OURS, *cells)
        with jupyterlab(Path(folder), "--LabApp.expose_app_in_browser=True") as lab:
            browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            page = browser.new_page(viewport={"width": 1400, "height": 1000})
            notebook.open_in(page, lab, name)
            notebook.run_all(page)
            page.locator(".course-explorer canvas").first.wait_for()
            page.wait_for_timeout(3000)
            page.evaluate(WATCH)
            ours = page.locator(".course-explorer").get_by_role("slider", name="element 3")
            edited = page.locator(".course-explorer section").nth(1).locator("canvas").nth(2)
            edited.evaluate("canvas => { window.watched = canvas; }")
            results["ours, two models"] = measure(page, ours)
            lags = page.evaluate("() => lags")
            page.locator(".course-explorer").evaluate("e => e.remove()")
            for number, rival in enumerate(RIVALS):
                widget = page.locator(".widget-interact").nth(number)
                widget.evaluate("element => { window.rival = element; }")
                results[rival] = measure(page, widget.get_by_role("slider"))
            browser.close()
    print(f"{'':26}{'median':>10}{'95 %':>10}{'frames/s':>10}")
    for name, (median, late, rate) in results.items():
        print(f"{name:26}{median:>7.1f} ms{late:>7.1f} ms{rate:>10.1f}")
    ours, *others = results.values()
    for rival, theirs in zip(RIVALS, others, strict=True):
        faster, more = theirs[0] / ours[0], ours[2] / theirs[2]
        print(f"ours is {faster:.1f} times as fast as {rival}, with {more:.1f} times the pictures")
    print(f"pictures behind the hand by at most {max(lags)} frame(s), over {len(lags)} pictures")


def measure(page: Page, slider) -> tuple[float, float, float]:
    """Median and 95th percentile of single steps in ms, and pictures per second of a drag."""
    slider.scroll_into_view_if_needed()
    slider.focus()
    times = []
    for step in range(STEPS + 5):
        page.evaluate(FORGET)
        page.keyboard.press("ArrowRight")
        page.wait_for_function("() => painted.length")
        page.wait_for_timeout(PAUSE)
        moved, painted = page.evaluate("() => [moved, painted]")
        if step >= 5:  # the first ones warm up
            times.append(painted[0] - moved)
    page.evaluate(FORGET)
    rate = slider.evaluate(DRAG, DRAG_SECONDS)
    return statistics.median(times), statistics.quantiles(times, n=20)[-1], rate


if __name__ == "__main__":
    main()
