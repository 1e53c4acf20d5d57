"""Each notebook as slides: what a cell's code needs of the screen."""

import pytest

from course_lib.authoring.slides import slides
from tests.test_notebooks import NOTEBOOKS

pytestmark = pytest.mark.browser

# The height of every cell's code on its slide, and the slide's.
CODE = """() => {
    Reveal.configure({viewDistance: 10000});
    const {height} = Reveal.getConfig();
    return [...document.querySelectorAll('.slides .jp-CodeCell .jp-Editor')].map(editor => ({
        text: editor.innerText.slice(0, 60), height: editor.offsetHeight, most: height,
    }));
}"""


@pytest.fixture(scope="module")
def decks(tmp_path_factory):
    return dict(zip(NOTEBOOKS, slides(NOTEBOOKS, tmp_path_factory.mktemp("slides")), strict=True))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_each_cells_code_fits_on_a_slide(decks, page, path):
    page.set_viewport_size({"width": 1280, "height": 720})
    page.goto(decks[path].as_uri())
    page.wait_for_function("() => window.Reveal?.isReady?.()")
    cells = page.evaluate(CODE)
    assert len(cells) > 5 and all(cell["height"] > 0 for cell in cells)
    assert [cell for cell in cells if cell["height"] > cell["most"]] == []
