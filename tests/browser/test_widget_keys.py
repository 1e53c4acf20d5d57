"""By keyboard in plain ipywidgets: their keys are theirs, and a screen reader has their names."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser import notebook

WIDGETS = """
import ipywidgets as w
from course_lib.lessons import Estimate, Prediction

question = Prediction("Which is larger?", ["the rate", "the distortion"])
typed = Estimate("How many?", unit="nats")
moved = w.FloatSlider(description="element 3", value=1.0, min=0, max=10, step=0.5)
display(moved, question, typed)
"""
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
