"""The course as a student meets it: `make lab`, Run All, and a hand on a slider."""

import re
import urllib.error
import urllib.request

import psutil
import pytest

from tests.browser.lab import ROOT

NOTEBOOK = "00_start_here.ipynb"  # the one that `make lab` opens
SCREENSHOTS = ROOT / "build" / "screenshots"
SECOND = 1000  # Playwright counts milliseconds

CELLS = """() => jupyterapp.shell.currentWidget.content.widgets
    .filter(cell => cell.model.type === 'code' && cell.model.sharedModel.getSource().trim())
    .map(({model}) => ({
        count: model.executionCount,
        running: model.executionState === 'running',
        outputs: model.outputs.length,
        raises: (model.getMetadata('tags') ?? []).includes('raises-exception'),
        errors: model.outputs.toJSON().filter(output => output.output_type === 'error'),
    }))"""
OPEN_FILE = "() => window.jupyterapp?.shell.currentWidget?.context?.path"
KERNEL = "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status"
FINISHED = f"""() => {{
    const cells = ({CELLS})();
    const failed = cells.some(cell => cell.errors.length && !cell.raises);
    const done = cells.every(cell => cell.count !== null && !cell.running);
    return failed || (done && ({KERNEL})() === 'idle');
}}"""
EXPLORER = """jupyterapp.shell.currentWidget.content.widgets.findIndex(
    ({model}) => model.type === 'code' && model.outputs.toJSON().some(
        output => output.data?.['text/plain']?.startsWith('LatentExplorer')))"""
SHOW_EXPLORER = f"() => jupyterapp.shell.currentWidget.content.scrollToItem({EXPLORER}, 'center')"
SHOW_SLIDE = f"() => {{ jupyterapp.shell.currentWidget.content.activeCellIndex = {EXPLORER}; }}"
FIGURES = """() => jupyterapp.shell.currentWidget.content.widgets
    .filter(({model}) => model.type === 'code')
    .map(({model, node}) => ({
        told: model.outputs.toJSON().map(output => output.metadata?.['image/png']?.alt)
            .filter(Boolean),
        read: [...node.querySelectorAll('.jp-RenderedImage img')].map(image => image.alt),
    }))"""
SHOW_MAP = """() => {
    const {content} = jupyterapp.shell.currentWidget;
    const maps = ({model}) => model.sharedModel.getSource().startsWith('## The map');
    return content.scrollToItem(content.widgets.findIndex(maps), 'start');
}"""
PIXELS = "canvas => canvas.toDataURL()"
TWO_FRAMES = "() => new Promise(f => requestAnimationFrame(() => requestAnimationFrame(f)))"


def test_only_this_machine_and_only_with_the_token(lab):
    listening = [
        connection.laddr.ip
        for connection in psutil.Process(lab["pid"]).net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert set(listening) == {"127.0.0.1"}

    def status(path: str, **headers: str) -> int | str:
        request = urllib.request.Request(lab["url"] + path, headers=headers)
        try:
            with urllib.request.urlopen(request) as answer:
                return "login" if "/login" in answer.url else answer.status
        except urllib.error.HTTPError as error:
            return error.code

    assert len(lab["token"]) >= 32
    assert status("lab") == "login"
    assert status("api/contents") == status("api/contents?token=guess") == 403
    assert status("api/contents", Authorization=f"token {lab['token']}") == 200


@pytest.mark.browser
def test_a_student_starts_in_a_copy_without_answers_and_goes_on_to_the_next(lab, page):
    page.goto(f"{lab['url']}?token={lab['token']}")
    wait_for_file(page, "notebooks/mine/00_start_here.ipynb")
    cells = page.evaluate(CELLS)
    assert len(cells) > 10
    assert all(cell["count"] is None and not cell["outputs"] for cell in cells)
    page.evaluate(SHOW_MAP)
    page.get_by_role("link", name="1 · Faces and transforms").first.click()
    wait_for_file(page, "notebooks/mine/01_faces_and_transforms.ipynb")
    assert page.locator(".Toastify__toast").all_inner_texts() == []  # nothing covers the cells


def wait_for_file(page, path: str):
    page.wait_for_function(f"path => ({OPEN_FILE})() === path", arg=path, timeout=120 * SECOND)
    page.wait_for_function(f"() => ({CELLS})().length", timeout=120 * SECOND)


@pytest.mark.browser
def test_run_all_and_a_slider_that_moves_the_picture(lab, page):
    page.goto(f"{lab['url']}lab/tree/notebooks/mine/{NOTEBOOK}?token={lab['token']}")
    page.wait_for_function(f"() => ({KERNEL})() === 'idle'", timeout=120 * SECOND)
    run_all(page)
    explore(page)
    explore_in_slideshow(page)


def run_all(page):
    """Run > Run All Cells, until every cell has run."""
    page.get_by_role("menubar").get_by_text("Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    page.wait_for_function(FINISHED, timeout=600 * SECOND)
    cells = page.evaluate(CELLS)
    errors = [error for cell in cells if not cell["raises"] for error in cell["errors"]]
    assert not errors, errors
    figures = [cell for cell in page.evaluate(FIGURES) if cell["read"] or cell["told"]]
    assert figures
    assert [cell for cell in figures if cell["read"] != cell["told"]] == []
    assert [cell["count"] for cell in cells] == list(range(1, len(cells) + 1))


def explore(page):
    """Drag a slider, move it with the keyboard, and undo it all."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.evaluate(SHOW_EXPLORER)
    explorer = page.locator(".course-latent").first
    slider = explorer.get_by_role("slider", name=re.compile(r"^element \d+$")).first
    element = slider.evaluate("input => input.labels[0].textContent").removeprefix("element ")
    canvases = explorer.locator("section canvas")
    canvases.nth(4).wait_for()  # the map, which comes with the decoder

    def pixels(column: int = 2) -> str:
        page.evaluate(TWO_FRAMES)
        return canvases.nth(column).evaluate(PIXELS)

    slider.scroll_into_view_if_needed()
    reset = explorer.get_by_role("button", name="Reset")
    reset.click()  # the notebook shows its explorer with an edit
    untouched = pixels()
    assert untouched == pixels(1)
    assert "latent[:" not in explorer.locator("pre").inner_text()
    page.screenshot(path=SCREENSHOTS / "explorer-untouched.png")

    box = slider.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + 12, middle, steps=10)
    page.mouse.up()
    dragged, low = pixels(), float(slider.input_value())
    least, most, step = (float(slider.get_attribute(name)) for name in ("min", "max", "step"))
    assert low < least + (most - least) / 4
    assert dragged != untouched
    assert f"latent[:, {element}] = {low:g}" in explorer.locator("pre").inner_text()
    page.screenshot(path=SCREENSHOTS / "explorer-dragged.png")

    for _ in range(5):
        slider.press("ArrowRight")
    assert float(slider.input_value()) == pytest.approx(low + 5 * step)
    assert pixels() not in (dragged, untouched)
    page.screenshot(path=SCREENSHOTS / "explorer-keyboard.png")

    reset.click()
    assert pixels() == untouched


def explore_in_slideshow(page):
    """On its slide, too, a key on a slider is a new picture at once, and nothing is cut off."""
    page.set_viewport_size({"width": 1280, "height": 720})
    page.evaluate("() => void jupyterapp.commands.execute('deck:start')")
    page.evaluate(SHOW_SLIDE)
    explorer = page.locator(".jp-deck-mod-onscreen .course-latent")
    edited = explorer.locator("section canvas").nth(2)
    edited.wait_for()
    before = edited.evaluate(PIXELS)
    explorer.get_by_role("slider", name=re.compile(r"^element \d+$")).first.press("ArrowRight")
    page.evaluate(TWO_FRAMES)
    assert edited.evaluate(PIXELS) != before
    box = explorer.bounding_box()
    assert box["y"] >= 0 and box["y"] + box["height"] <= 720
    page.screenshot(path=SCREENSHOTS / "explorer-in-slideshow.png")
