"""The slideshow in JupyterLab: readable from the last row, nothing cut off."""

import pytest

from tests.browser.test_lab import SECOND, TWO_FRAMES

pytestmark = pytest.mark.browser

SMALLEST = 18  # pixels
OPEN = "() => window.jupyterapp?.shell.currentWidget?.content?.widgets?.length"
START = "() => void jupyterapp.commands.execute('deck:start')"
DOWN_OR_ON = """async () => {
    const {content} = jupyterapp.shell.currentWidget;
    const before = content.activeCellIndex;
    await jupyterapp.commands.execute('deck:go', {direction: 'down', alternate: 'forward'});
    return content.activeCellIndex !== before;
}"""
# A slide as it stands: its letters, and by how much it is too high for the screen.
SLIDE = """() => {
    const shown = q => [...document.querySelectorAll(`.jp-Deck .jp-deck-mod-onscreen ${q}`)]
        .filter(e => e.getClientRects().length);
    const letters = shown('.cm-content, .jp-RenderedHTMLCommon p, .jp-RenderedText pre');
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


def test_notebook_3_is_readable_from_the_last_row_and_fits(lab, page):
    address = f"{lab['url']}lab/workspaces/show/tree/notebooks/03_edit_the_latent.ipynb"
    page.goto(f"{address}?token={lab['token']}")
    page.wait_for_function(OPEN, timeout=120 * SECOND)
    page.evaluate(START)
    page.locator(".jp-Deck h1").wait_for()
    found = []
    while not found or page.evaluate(DOWN_OR_ON):
        page.evaluate(TWO_FRAMES)
        found.append(page.evaluate(SLIDE))
    assert len(found) > 30
    assert sum(map(bool, (one["letters"] for one in found))) > 30  # and not found for want of words
    assert [one for one in found if min(one["letters"], default=SMALLEST) < SMALLEST] == []
    assert [one for one in found if not 0 <= one["down"] <= 1] == []
