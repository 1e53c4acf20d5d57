"""An explorer whose figure the kernel draws, in JupyterLab: by mouse, by keyboard, in a hurry."""

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser import notebook
from tests.browser.lab import ROOT
from tests.browser.test_lab import SECOND

pytestmark = pytest.mark.browser

SCREENSHOTS = ROOT / "build" / "screenshots"
# The figure has the grey level that it is told, so that its pixels say what was drawn.
DRAW = """
from course_lib.plots.figure import AltFigure
from course_lib.explorers.figure_explorer import FigureExplorer, Handle
drawn = []
def draw(level, width):
    drawn.append(level)
    if width < 0.015:
        raise ValueError("too thin for a pen")
    figure = AltFigure(figsize=(3, 1), alt=f"Grey level {level:g}, width {width:g}.")
    figure.set_facecolor((level / 255,) * 3)
    return figure
"""
EXPLORER = """
sliders = {"level": (0, 255, 100, 5, "grey level"), "width": (0.01, 100, 1, 0.25, "width", True)}
axis = Handle("width", (0.25, 0.2, 0.5, 0.6), 10, 1000, divisor="level")
explorer = FigureExplorer(draw, sliders, handle=axis)
explorer
"""
MANY = """
FigureExplorer(lambda **numbers: draw(sum(numbers.values()), 1),
               {f"number {n}": (0, 10, 5, 1) for n in range(16)})
"""
FILM = """
film = FigureExplorer(lambda level: draw(level, 1),
                      {"level": (0, 40, 0, 10, "after steps", False, ("0", "1", "2", "4", "8"))})
film
"""
SHOWN = """async picture => {
    await picture.decode();
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [picture.naturalWidth, picture.naturalHeight];
    const context = canvas.getContext('2d');
    context.drawImage(picture, 0, 0);
    return context.getImageData(150, 50, 1, 1).data[0];
}"""
# Moves faster than the kernel draws; what screen readers were told meanwhile.
STORM = """async (input, [values, pause]) => {
    const status = input.closest('.course-explorer').querySelector('[role=status]');
    const told = new Set();
    for (const value of values) {
        input.value = value;
        input.dispatchEvent(new Event('input', {bubbles: true}));
        if (pause) await new Promise(done => setTimeout(done, pause));
        told.add(status.textContent);
    }
    input.dispatchEvent(new Event('change', {bubbles: true}));
    return [...told];
}"""
STILL = """() => jupyterapp.shell.currentWidget.content.widgets[1].model.outputs.toJSON()[1].data"""


@pytest.fixture(scope="module")
def page(browser, lab):
    """One page for all tests here."""
    name = notebook.write(Path(lab["root_dir"]), DRAW, EXPLORER, MANY, FILM, name="figure.ipynb")
    page = browser.new_page(viewport={"width": 1366, "height": 768})
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    notebook.open_in(page, lab, name)
    notebook.run_all(page)
    page.locator(".course-explorer img").first.wait_for()
    yield page
    notebook.shut_down(page)


@pytest.fixture
def explorer(page):
    """The explorer's element, as it was in the beginning."""
    notebook.in_kernel(page, "explorer.state.level, explorer.state.width = 100, 1")
    element = page.locator(".course-explorer").first
    element.get_by_role("img", name="Grey level 100, width 1.").wait_for()
    yield element
    assert page.errors == []


def slider(explorer, name):
    return explorer.get_by_role("slider", name=name, exact=True)


def state(page):
    return notebook.in_kernel(page, "print(explorer.state)")


def assert_shows(explorer, page, level, width="1"):
    """The picture, its description, the slider, and the kernel's state, agree."""
    alt = f"Grey level {level}, width {width}."
    picture = explorer.get_by_role("img", name=alt, exact=True)
    picture.wait_for()
    assert picture.evaluate(SHOWN) == level
    assert explorer.locator(".course-numbers").inner_text() == alt
    assert slider(explorer, "grey level").get_attribute("aria-valuetext") == str(level)
    assert slider(explorer, "width").get_attribute("aria-valuetext") == width
    assert state(page) == f"level {level}, width {width}"


def test_by_mouse(explorer, page):
    box = slider(explorer, "grey level").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 100 / 255, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + box["height"] / 2, steps=20)
    page.mouse.up()
    level = int(slider(explorer, "grey level").input_value())
    assert 190 < level < 220
    assert_shows(explorer, page, level)


def test_by_the_pictures_own_axis(explorer, page):
    box = explorer.locator("img").bounding_box()
    x, height = box["x"] + box["width"] / 2, box["height"]
    page.mouse.move(x, box["y"] + 0.1 * height)  # above the axis nothing is taken hold of
    page.mouse.down()
    page.mouse.move(x, box["y"] + 0.7 * height, steps=3)
    page.mouse.up()
    assert_shows(explorer, page, 100)
    page.mouse.move(x, box["y"] + 0.5 * height)  # in its middle: 100 of 10 to 1000, over level 100
    page.mouse.down()
    assert_shows(explorer, page, 100)
    page.mouse.move(x, box["y"] - height, steps=5)  # and past its end
    page.mouse.up()
    assert_shows(explorer, page, 100, "10")
    page.mouse.move(x, box["y"] + 0.7 * height)  # let go of, it stays
    assert_shows(explorer, page, 100, "10")


def test_by_keyboard(explorer, page):
    for key, level in (("ArrowRight", 105), ("Home", 0), ("ArrowRight", 5), ("End", 255)):
        slider(explorer, "grey level").press(key)
        assert_shows(explorer, page, level)


def test_a_logarithmic_slider(explorer, page):
    for key, width in (("ArrowRight", "1.8"), ("End", "100"), ("ArrowLeft", "56")):
        slider(explorer, "width").press(key)
        assert_shows(explorer, page, 100, width)


def test_an_error_of_draw_is_shown_over_the_last_picture(explorer, page):
    slider(explorer, "width").press("Home")
    alert = explorer.get_by_role("alert")
    alert.get_by_text("At level 100, width 0.01, draw raised ValueError: too thin").wait_for()
    picture = explorer.get_by_role("img", name="Grey level 100, width 1.", exact=True)
    assert picture.evaluate(SHOWN) == 100
    assert slider(explorer, "width").get_attribute("aria-valuetext") == "0.01"
    assert state(page) == "level 100, width 0.01"
    page.wait_for_timeout(600)
    assert explorer.locator("[role=status]").text_content() == ""  # the last picture is no news
    slider(explorer, "width").press("ArrowRight")
    alert.wait_for(state="hidden")
    assert_shows(explorer, page, 100, "0.018")
    slider(explorer, "width").press("ArrowRight")
    assert_shows(explorer, page, 100, "0.032")


def test_keys_stay_in_the_explorer(explorer, page):
    """d, d would delete the notebook's cell, b would add one."""
    cells = page.locator(".jp-CodeCell").count()
    slider(explorer, "width").focus()
    for key in "ddb":
        page.keyboard.press(key)
    page.wait_for_timeout(200)
    assert page.locator(".jp-CodeCell").count() == cells


def test_a_number_from_python_is_not_snapped(explorer, page):
    notebook.in_kernel(page, "explorer.state.level = 101.25")
    explorer.get_by_role("img", name="Grey level 101.25, width 1.", exact=True).wait_for()
    assert slider(explorer, "grey level").get_attribute("aria-valuetext") == "101"
    slider(explorer, "width").press("ArrowRight")
    explorer.get_by_role("img", name="Grey level 101.25, width 1.8.", exact=True).wait_for()
    page.wait_for_timeout(500)
    assert state(page) == "level 101.25, width 1.8"


@pytest.mark.parametrize("pause", [0, 2])
def test_a_storm_of_moves_ends_on_the_last(explorer, page, pause):
    page.wait_for_timeout(500)  # until the beginning has been told
    notebook.in_kernel(page, "drawn.clear()")
    values = [5 * (7 * i % 51) for i in range(199)] + [165]
    told = slider(explorer, "grey level").evaluate(STORM, [values, pause])
    assert_shows(explorer, page, 165)
    assert told == ["Grey level 100, width 1."]  # a storm is no news
    told = explorer.get_by_role("status").get_by_text("Grey level 165, width 1.", exact=True)
    told.wait_for()
    assert_shows(explorer, page, 165)  # nothing came late
    drawn = notebook.in_kernel(page, "print(drawn)")
    assert drawn.endswith(", 165.0]")
    if not pause:  # while the kernel drew the first, the others made way for the last
        assert drawn == "[0.0, 165.0]"


def test_the_still_follows_and_hides(explorer, page):
    slider(explorer, "grey level").press("Home")
    for _ in range(100):
        if (still := page.evaluate(STILL))["text/plain"] == "Grey level 0, width 1.":
            break
        page.wait_for_timeout(50)
    assert still["text/plain"] == "Grey level 0, width 1."
    assert page.locator(".jp-RenderedImage").first.is_hidden()


def test_a_few_sliders_stand_above_the_picture_and_many_beside_it(explorer, page):
    def place(element):
        box = element.bounding_box()
        return box["x"], box["x"] + box["width"], box["y"], box["y"] + box["height"]

    picture = place(explorer.locator("img"))
    assert place(slider(explorer, "width"))[3] <= picture[2]
    many = page.locator(".course-explorer").nth(1)
    many.scroll_into_view_if_needed()
    handles = [place(slider(many, f"number {n}")) for n in range(16)]
    picture = place(many.locator("img"))
    assert all(right <= picture[0] for _, right, _, _ in handles)
    panel = place(page.locator(".jp-NotebookPanel-notebook"))
    whole = place(many)
    assert whole[3] - whole[2] < panel[3] - panel[2]  # all of it can be seen at once
    explorer.scroll_into_view_if_needed()


def test_a_film_by_keyboard(explorer, page):
    film = page.locator(".course-explorer").nth(2)
    film.scroll_into_view_if_needed()
    handle, told = slider(film, "after steps"), film.locator("[role=status]")
    before = told.text_content()
    film.get_by_role("button", name="Play").press("Enter")
    film.get_by_role("img", name="Grey level 20, width 1.", exact=True).wait_for()
    assert handle.get_attribute("aria-valuetext") == "2"
    assert told.text_content() == before  # the frames between are no news
    film.get_by_role("button", name="Pause").press(" ")
    page.wait_for_timeout(900)
    assert notebook.in_kernel(page, "print(film.state)") == "level 20"
    assert told.text_content() == "Grey level 20, width 1."
    film.get_by_role("button", name="Play").press("Enter")
    film.get_by_role("img", name="Grey level 40, width 1.", exact=True).wait_for()
    assert handle.get_attribute("aria-valuetext") == "8"
    film.get_by_role("button", name="Play").press("Enter")  # it has come to its end: from the start
    film.get_by_role("img", name="Grey level 0, width 1.", exact=True).wait_for()
    handle.press("End")  # a hand may move it meanwhile
    film.get_by_role("button", name="Play").wait_for()
    assert notebook.in_kernel(page, "print(film.state)") == "level 40"
    explorer.scroll_into_view_if_needed()


@pytest.mark.parametrize("theme", notebook.THEMES)
def test_anyone_can_use_it(explorer, page, theme):
    notebook.set_theme(page, theme)
    page.wait_for_timeout(500)
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"figure-explorer-{theme.split()[1].lower()}.png")
    sheet = "e => [getComputedStyle(e).filter, getComputedStyle(e).padding]"
    dimmed = explorer.get_by_role("img").evaluate(sheet)
    assert dimmed == (["brightness(0.87)", "6px"] if "Dark" in theme else ["brightness(1)", "0px"])
    found = Axe().run(page, context=".course-explorer").response["violations"]
    assert [v["id"] for v in found if v["impact"] in ("serious", "critical")] == []


def test_a_kernel_restart_is_told(explorer, page):
    """The last of these tests: after it, no kernel knows the explorer."""
    page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    alert = explorer.get_by_role("alert")
    alert.get_by_text("restarted or stopped: run this cell").wait_for(timeout=30 * SECOND)
    assert slider(explorer, "grey level").is_disabled()
    assert slider(explorer, "width").is_disabled()
    assert page.get_by_role("button", name="Play").is_disabled()
    assert explorer.get_by_role("img").evaluate(SHOWN) == 100  # the last picture stays
