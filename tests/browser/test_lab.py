"""The course as a student meets it: `make lab`, Run All, and a hand on a slider."""

import re
import urllib.error
import urllib.request

import nbformat
import psutil
import pytest

from tests.browser.lab import ROOT, jupyterlab

NOTEBOOK = "03_edit_the_latent.ipynb"
ELEMENT = 3  # the explorer in that notebook has a slider for it
SCREENSHOTS = ROOT / "build" / "screenshots"
SECOND = 1000  # Playwright counts milliseconds

CELLS = """() => jupyterapp.shell.currentWidget.content.widgets
    .filter(cell => cell.model.type === 'code' && cell.model.sharedModel.getSource().trim())
    .map(({model}) => ({
        count: model.executionCount,
        running: model.executionState === 'running',
        raises: (model.getMetadata('tags') ?? []).includes('raises-exception'),
        errors: model.outputs.toJSON().filter(output => output.output_type === 'error'),
    }))"""
KERNEL = "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status"
FINISHED = f"""() => {{
    const cells = ({CELLS})();
    const failed = cells.some(cell => cell.errors.length && !cell.raises);
    const done = cells.every(cell => cell.count !== null && !cell.running);
    return failed || (done && ({KERNEL})() === 'idle');
}}"""
SHOW_EXPLORER = """() => {
    const {content} = jupyterapp.shell.currentWidget;
    const explores = ({model}) => model.type === 'code' && model.outputs.toJSON().some(
        output => output.data?.['text/plain']?.startsWith('LatentExplorer'));
    return content.scrollToItem(content.widgets.findIndex(explores), 'center');
}"""
PIXELS = """picture => {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [picture.naturalWidth, picture.naturalHeight];
    canvas.getContext('2d').drawImage(picture, 0, 0);
    return canvas.toDataURL();
}"""
SHOWS = f"([picture, pixels]) => picture.complete && ({PIXELS})(picture) === pixels"


@pytest.fixture
def folder(tmp_path):
    """The course's notebooks as they are before anybody has run them."""
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        (tmp_path / "notebooks").mkdir(exist_ok=True)
        nbformat.write(notebook, tmp_path / "notebooks" / path.name)
    return tmp_path


def test_only_this_machine_and_only_with_the_token(tmp_path):
    with jupyterlab(tmp_path) as lab:
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
def test_run_all_and_a_slider_that_moves_the_picture(folder, page):
    expose = "--LabApp.expose_app_in_browser=True"  # lets the test ask what the notebook holds
    with jupyterlab(folder, expose) as lab:
        page.goto(f"{lab['url']}lab/tree/notebooks/{NOTEBOOK}?token={lab['token']}")
        page.wait_for_function(f"() => ({KERNEL})() === 'idle'", timeout=120 * SECOND)
        run_all(page)
        explore(page)


def run_all(page):
    """Run > Run All Cells, until every cell has run."""
    page.get_by_role("menubar").get_by_text("Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    page.wait_for_function(FINISHED, timeout=600 * SECOND)
    cells = page.evaluate(CELLS)
    errors = [error for cell in cells if not cell["raises"] for error in cell["errors"]]
    assert not errors, errors
    assert [cell["count"] for cell in cells] == list(range(1, len(cells) + 1))


def explore(page):
    """Drag a slider, move it with the keyboard, and undo it all."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.evaluate(SHOW_EXPLORER)
    label = page.get_by_text(f"element {ELEMENT}", exact=True)
    explorer = page.locator(".jp-OutputArea-output", has=label).first
    slider = explorer.locator(".widget-slider", has=label)
    handle = slider.get_by_role("slider")
    picture = explorer.get_by_title("edited of image").first.element_handle()

    def value() -> float:
        return float(handle.get_attribute("aria-valuenow"))

    def pixels_once_decoded() -> str:
        """The picture that belongs to the slider: the code beside it then names its value."""
        edit = re.compile(rf"{ELEMENT}: {value():.1f}\b")
        explorer.locator("code", has_text=edit).wait_for()
        page.wait_for_function("picture => picture.complete", arg=picture)
        return picture.evaluate(PIXELS)

    handle.scroll_into_view_if_needed()
    reset = explorer.get_by_role("button", name="Reset all")
    reset.click()  # the notebook shows its explorer with the homework's edit
    explorer.locator("code", has_not_text="set_elements").wait_for()
    unedited = explorer.get_by_title("reconstruction of image").first.element_handle()
    page.wait_for_function(SHOWS, arg=[picture, unedited.evaluate(PIXELS)])
    untouched, own_value = picture.evaluate(PIXELS), value()
    page.screenshot(path=SCREENSHOTS / "explorer-untouched.png")

    handle.drag_to(slider.locator(".noUi-base"), target_position={"x": 5, "y": 2}, force=True)
    dragged, low_value = pixels_once_decoded(), value()
    assert low_value < own_value - 1
    assert dragged != untouched
    page.screenshot(path=SCREENSHOTS / "explorer-dragged.png")

    handle.focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    assert value() > low_value
    assert pixels_once_decoded() not in (dragged, untouched)
    page.screenshot(path=SCREENSHOTS / "explorer-keyboard.png")

    reset.click()
    page.wait_for_function(SHOWS, arg=[picture, untouched])
    assert value() == own_value
