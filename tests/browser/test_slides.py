"""Each notebook as slides: everything fits, and can be read from the last row."""

import re

import nbformat
import pytest
from nbformat.v4 import new_markdown_cell, new_notebook

from course_lib.authoring import browser, slides
from tests.browser.test_lab import SECOND
from tests.test_notebooks import NOTEBOOKS

pytestmark = pytest.mark.browser

CODE_PX = 18
SCREEN = {"width": 1280, "height": 720}
# What is wrong with each slide; sizes are the screen's pixels. All slides are shown at once, moved
# by transitions but not resized: places count from the slide's own corner.
MEASURE = """() => {
    Reveal.configure({viewDistance: 10000});
    const shown = e => e.getClientRects().length;
    const scrolls = e => e.clientWidth && getComputedStyle(e).overflowX !== 'visible'
        && (e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 1);
    return Reveal.getSlides().map(slide => {
        const {left, top} = slide.getBoundingClientRect();
        const inside = [...slide.querySelectorAll(':not(aside *, mjx-container *)')].filter(shown);
        const boxes = inside.map(e => e.getBoundingClientRect());
        const all = name => inside.filter(e => e.matches(name));
        const text = all('h1, h2, h3, h4, p, li, td').map(e => e.innerText).join(' ');
        return {
            begins: slide.innerText.trim().slice(0, 50),
            empty: !slide.innerText.trim() && !all('img').length,
            heading: all('h1, h2, h3, h4').length > 0,
            notes: slide.querySelector('aside') !== null,
            down: Math.max(...boxes.map(box => box.bottom - top)) - innerHeight,
            side: Math.max(...boxes.map(box => box.right - left)) - innerWidth,
            scrolls: inside.concat(slide).filter(scrolls).map(e => e.className),
            code: all('pre').map(e => parseFloat(getComputedStyle(e).fontSize)
                * e.currentCSSZoom * Reveal.getScale()),
            figures: all('img').map(e => e.clientHeight / e.naturalHeight),
            formulas: /\\$[^$]+\\$|\\\\(frac|sum|mathbb)/.test(text),
        };
    });
}"""
HEAD = "      slides down side scrolling headless empty formulas broken code/px figure"


@pytest.fixture(scope="module")
def decks(tmp_path_factory):
    found = slides.slides(NOTEBOOKS, tmp_path_factory.mktemp("slides"))
    return dict(zip(NOTEBOOKS, found, strict=True))


def opened(page, address: str):
    """Wait until a deck has laid itself out."""
    page.set_viewport_size(SCREEN)
    page.goto(address)
    page.wait_for_function("() => window.Reveal?.isReady?.()", timeout=120 * SECOND)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_everything_fits_on_its_slide(decks, page, path):
    opened(page, decks[path].as_uri())
    found = page.evaluate(MEASURE)
    wrong = {
        "down": [one for one in found if one["down"] > 1],
        "side": [one for one in found if one["side"] > 1],
        "scrolling": [one for one in found if one["scrolls"]],
        "headless": [one for one in found if not one["heading"]],
        "empty": [one for one in found if one["empty"]],
        "formulas": [one for one in found if one["formulas"]],
        "broken": [one for one in found if not all(share > 0 for share in one["figures"])],
    }
    code = min(size for one in found for size in one["code"])
    figure = min(share for one in found for share in one["figures"])
    counts = "".join(f"{len(slides):{len(name) + 1}}" for name, slides in wrong.items())
    print(f"{HEAD}\n{path.stem[:2]:5}{len(found):7}{counts}{code:8.0f}{figure:7.2f}")
    assert len(found) > 20
    assert {name: slides for name, slides in wrong.items() if slides} == {}
    assert code >= CODE_PX
    assert all(one["notes"] for one in found)


@pytest.fixture(scope="module")
def long_notebook(tmp_path_factory):
    """Two sections, of which the first is far too long for a slide, and a list too long as well."""
    paragraphs = "\n\n".join(f"Paragraph {n}. " + "It goes on and on. " * 9 for n in range(20))
    items = "\n".join(f"- item {n}" for n in range(40))
    told = {
        f"# Title\n\n{paragraphs}": "slide",
        "Speak slowly.": "notes",
        f"## List of $x$\n\n{items}": "subslide",
        "No heading.": "slide",
    }
    cells = [new_markdown_cell(text) for text in told]
    for cell, kind in zip(cells, told.values(), strict=True):
        cell.metadata["slideshow"] = {"slide_type": kind}
    path = tmp_path_factory.mktemp("notebooks") / "long.ipynb"
    nbformat.write(new_notebook(cells=cells), path)
    return path


def test_what_is_too_long_goes_on_under_its_heading_and_nothing_is_lost(
    long_notebook, page, tmp_path
):
    [deck] = slides.slides([long_notebook], tmp_path)
    opened(page, deck.as_uri())
    found = page.evaluate(MEASURE)
    assert max(one["down"] for one in found) <= 1
    texts = page.evaluate("() => Reveal.getSlides().map(slide => slide.textContent)")
    whole = " ".join(texts)
    assert re.findall(r"Paragraph (\d+)", whole) == [str(n) for n in range(20)]
    assert re.findall(r"item (\d+)", whole) == [str(n) for n in range(40)]
    first, second = ([text for text in texts if words in text] for words in ("Paragraph", "item"))
    assert len(first) > 2 and all("Title" in text for text in first)
    assert len(second) > 1 and all("List of" in text for text in second)
    assert texts[-1].count("List of") == 1 and "No heading." in texts[-1]
    assert all("Speak slowly." in text for text in texts)
    assert not page.get_by_text("Speak slowly.").first.is_visible()


def test_a_deck_is_printed_a_page_for_a_slide(
    long_notebook, page, tmp_path, chromium_path, monkeypatch
):
    monkeypatch.setattr(browser, "find", lambda: chromium_path)
    deck, printed = slides.slides([long_notebook], tmp_path, pdf=True)
    opened(page, deck.as_uri())
    count = page.evaluate("() => Reveal.getTotalSlides()")
    pdf = printed.read_bytes()
    assert printed == deck.with_suffix(".pdf")
    assert len(re.findall(rb"/Type /Page\b", pdf)) == count > 4
    assert set(re.findall(rb"/MediaBox (\[[^]]+\])", pdf)) == {b"[0 0 960 540]"}  # 1280×720


def test_without_a_browser_nothing_is_printed_and_why_is_said(long_notebook, tmp_path, monkeypatch):
    monkeypatch.setattr(browser, "find", lambda: None)
    with pytest.raises(FileNotFoundError, match=r"install one, or export without PDF"):
        slides.slides([long_notebook], tmp_path / "decks", pdf=True)
    assert not (tmp_path / "decks").exists()
