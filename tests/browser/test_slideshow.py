"""The slideshow in JupyterLab: readable from the last row, nothing cut off."""

import os
from pathlib import Path

import pytest

from tests.browser.test_lab import SECOND, TWO_FRAMES

pytestmark = pytest.mark.browser

# One with explorers, and two with the highest slides; with SLIDESHOWS=all every notebook is shown.
SHOWN = "*" if os.environ.get("SLIDESHOWS") == "all" else "0[379]"
NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob(f"{SHOWN}_*.ipynb"))
SMALLEST = 18  # pixels
OPEN = "() => window.jupyterapp?.shell.currentWidget?.content?.widgets?.length"
START = "() => void jupyterapp.commands.execute('deck:start')"
DOWN_OR_ON = """async () => {
    const {content} = jupyterapp.shell.currentWidget;
    const before = content.activeCellIndex;
    await jupyterapp.commands.execute('deck:go', {direction: 'down', alternate: 'forward'});
    for (let wait = 0; wait < 40 && content.activeCellIndex === before; wait++) {
        await new Promise(done => setTimeout(done, 50)); // a busy machine is late; the end stays
    }
    return content.activeCellIndex !== before;
}"""
# A slide as it stands: its letters, and by how much it is too high for the screen.
SLIDE = """() => {
    const shown = q => [...document.querySelectorAll(`.jp-Deck .jp-deck-mod-onscreen ${q}`)]
        .filter(e => e.getClientRects().length);
    const all = ':is(.cm-content, .jp-RenderedHTMLCommon :is(p, li, td, th), .jp-RenderedText pre)';
    const letters = shown(all);
    const panels = document.querySelectorAll('.jp-Deck :is(.jp-Notebook, .jp-WindowedPanel-outer)');
    return {
        begins: letters[0]?.innerText.slice(0, 60),
        letters: letters.map(e => parseFloat(getComputedStyle(e).fontSize)),
        down: Math.max(...[...panels].map(e => e.scrollHeight - e.clientHeight)),
    };
}"""


@pytest.fixture
def page(browser):
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_readable_from_the_last_row_and_fits(notebook, lab, page):
    # Each in a workspace of its own, or the ones before would be opened with it.
    workspace = f"{lab['url']}lab/workspaces/{notebook.stem}"
    address = f"{workspace}/tree/notebooks/{notebook.name}"
    page.goto(f"{address}?token={lab['token']}")
    page.wait_for_function(OPEN, timeout=120 * SECOND)
    page.evaluate(START)
    page.locator(".jp-Deck h1").wait_for()
    found = []
    while not found or page.evaluate(DOWN_OR_ON):
        page.evaluate(TWO_FRAMES)
        found.append(page.evaluate(SLIDE))
    assert len(found) > 20
    assert sum(map(bool, (one["letters"] for one in found))) > 20  # and not found for want of words
    assert [one for one in found if min(one["letters"], default=SMALLEST) < SMALLEST] == []
    assert [one for one in found if not 0 <= one["down"] <= 1] == []
