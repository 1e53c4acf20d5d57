"""By keyboard in plain ipywidgets: their keys are theirs, and a screen reader has their names."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser import notebook
from tests.browser.lab import ROOT

WIDGETS = """
import ipywidgets as w
from course_lib.lessons import Estimate, Prediction, Sketch

question = Prediction("Which is larger?", ["the rate", "the distortion"])
typed = Estimate("How many?", unit="nats")
moved = w.FloatSlider(description="element 3", value=1.0, min=0, max=10, step=0.5)
line = Sketch("Which line?", [1, 2, 4, 8], "epoch", "error", low=0, high=10)
display(moved, question, typed, line)
"""
SCREENSHOTS = ROOT / "build" / "screenshots"
pytestmark = pytest.mark.browser

CELLS = """() => {
    const {content} = jupyterapp.shell.currentWidget;
    return [content.activeCellIndex, content.widgets.length];
}"""


@pytest.fixture(scope="module")
def page(browser, lab):
    cells = ("before = 1", WIDGETS, "after = 2")
    name = notebook.write(Path(lab["root_dir"]), *cells, name="keys.ipynb")
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    notebook.open_in(page, lab, name)
    notebook.run_all(page)
    page.locator(".jp-Notebook .noUi-handle").scroll_into_view_if_needed()
    yield page
    notebook.shut_down(page)


@pytest.fixture(autouse=True)
def in_the_cell(page):
    """The cell with the widgets is the active one, as it is when a hand has clicked into them."""
    page.evaluate("() => { jupyterapp.shell.currentWidget.content.activeCellIndex = 1; }")


def assert_in_time(page, expression: str, expected: str) -> None:
    """In the kernel, once all is there: a state is sent when the one before has been taken."""
    for _ in range(100):
        if (said := notebook.in_kernel(page, f"print({expression})")) == expected:
            return
        page.wait_for_timeout(50)
    assert said == expected


def test_a_sliders_keys_move_it_and_leave_the_notebook_alone(page):
    handle = page.locator(".noUi-handle")
    handle.focus()
    expect(handle).to_have_accessible_name("element 3")
    for key in ("ArrowUp", "ArrowUp", "ArrowDown", "ArrowRight", "b", "x", "a"):
        handle.press(key)
    assert page.evaluate(CELLS) == [1, 3]
    assert float(handle.get_attribute("aria-valuenow")) == 2.0
    assert_in_time(page, "moved.value", "2.0")


def test_arrows_choose_an_answer_within_its_question(page):
    radio = page.get_by_role("radio")
    assert radio.count() == 2
    radio.first.focus()
    group = page.get_by_role("radiogroup", name="Predict. Which is larger?")
    assert group.get_by_role("radio").count() == 2
    page.keyboard.press("Space")
    page.keyboard.press("ArrowDown")
    assert page.evaluate(CELLS) == [1, 3]
    assert_in_time(page, "question._inputs.value", "the distortion")
    assert radio.nth(1).is_checked()


def test_enter_locks_a_typed_number_in(page):
    page.get_by_placeholder("a number").fill("2,5")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Locked in: run the next cells").wait_for()
    assert page.evaluate(CELLS) == [1, 3]
    assert_in_time(page, "typed.answer", "2.5")


def test_jupyters_own_keys_reach_it(page):
    handle = page.locator(".noUi-handle")
    handle.focus()
    handle.press("b")
    handle.press("Shift+Enter")
    page.wait_for_function(f"() => ({CELLS})()[0] === 2")
    assert page.evaluate(CELLS) == [2, 3]


def test_a_line_is_drawn_by_hand_and_by_keyboard_and_the_true_one_laid_over_it(page):
    pad = page.locator(".course-pad")
    pad.scroll_into_view_if_needed()
    points = pad.get_by_role("slider")
    expect(points).to_have_count(4)
    expect(points.first).to_have_accessible_name("error, where epoch is 1")
    boxes = [dot.bounding_box() for dot in pad.locator("circle").all()]
    [first, *_, last] = [(b["x"] + b["width"] / 2, b["y"] + b["height"] / 2) for b in boxes]
    # One quick stroke, down from left to right: the points that it skips lie on it.
    page.mouse.move(first[0], first[1] - 80)
    page.mouse.down()
    page.mouse.move(last[0], last[1] + 80)
    page.mouse.up()
    drawn = [float(point.get_attribute("aria-valuenow")) for point in points.all()]
    assert drawn[0] > 5 > drawn[-1]
    on_the_line = [drawn[0] + (drawn[-1] - drawn[0]) * (epoch - 1) / 7 for epoch in (1, 2, 4, 8)]
    assert drawn == pytest.approx(on_the_line, abs=0.1)
    points.first.focus()
    for key in ("Home", "ArrowUp", "PageUp", "ArrowDown"):
        page.keyboard.press(key)
    assert page.evaluate(CELLS) == [1, 3]
    expect(points.first).to_have_attribute("aria-valuetext", "1")
    page.get_by_role("button", name="Lock in my prediction").last.click()
    expect(points.first).to_have_attribute("aria-disabled", "true")
    assert_in_time(page, "line.answer", str([1.0, *drawn[1:]]))
    notebook.in_kernel(page, "line.reveal([9, 4, 2, 1], 'Why.')")
    expect(pad.locator("rect")).to_have_count(4)
    expect(pad).to_have_accessible_name(re.compile("measured: 9 at 1, 4 at 2, 2 at 4, 1 at 8"))
    page.mouse.click(*first)
    expect(points.first).to_have_attribute("aria-valuetext", "1")
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    pad.screenshot(path=SCREENSHOTS / "sketch.png")
