"""The handout as it leaves the printer: two pages, nothing cut off, every formula set."""

import re

import pytest

from course_lib.authoring import browser as browsers
from course_lib.authoring.handout import handout
from tests.test_notebooks import FOLDER

pytestmark = pytest.mark.browser

SOURCE = FOLDER / "HANDOUT.md"
# Width of A4 within the margins of the template, in CSS pixels: 180 mm.
WIDTH = 680
# What is wider than the page, and formulas that are still TeX or that MathJax could not read.
FAULTS = """() => ({
    wide: [...document.querySelectorAll('body *')]
        .filter(one => one.getBoundingClientRect().right > innerWidth + 1)
        .map(one => one.textContent.slice(0, 60) || one.tagName),
    raw: document.body.innerText.match(/[$]|\\\\\\\\[a-z]+/g) ?? [],
    wrong: document.querySelectorAll('[data-mjx-error], mjx-merror').length,
    formulas: document.querySelectorAll('mjx-container').length,
})"""


@pytest.fixture(scope="module")
def printed(tmp_path_factory, chromium_path):
    folder = tmp_path_factory.mktemp("handout")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(browsers, "find", lambda: chromium_path)
        return handout(SOURCE, folder)


def test_it_has_two_pages(printed):
    _, pdf = printed
    assert len(re.findall(rb"/Type\s*/Page\b", pdf.read_bytes())) == 2


def test_nothing_is_cut_off_and_every_formula_is_set(printed, page):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.emulate_media(media="print")
    page.set_viewport_size({"width": WIDTH, "height": 1000})
    page.goto(printed[0].as_uri())
    page.wait_for_function("() => document.querySelector('mjx-container svg')")
    page.evaluate("() => MathJax.startup.promise")
    page.evaluate("() => { document.body.style.margin = 0 }")  # the printer's margins are @page's
    faults = page.evaluate(FAULTS)
    dollars = SOURCE.read_text("utf-8").replace("$$", "$").count("$")
    assert faults == {"wide": [], "raw": [], "wrong": 0, "formulas": dollars // 2}
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def test_without_a_browser_there_is_the_page_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(browsers, "find", lambda: None)
    assert handout(SOURCE, tmp_path) == [tmp_path / "handout.html"]
    with pytest.raises(FileNotFoundError, match=r"There is no '.*OTHER\.md': run this in"):
        handout(tmp_path / "OTHER.md", tmp_path)
