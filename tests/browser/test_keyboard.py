"""The explorer's page without a mouse: what has the focus after each deed, and what is said."""

import pytest
import torch

from course_lib.explorers import demo
from course_lib.explorers.latent_explorer import LatentExplorer
from course_lib.models import FullyConnectedVAE
from course_lib.transforms import face_transform
from tests.browser.test_latent_view import TWO_FRAMES

pytestmark = pytest.mark.browser

REST = 900  # ms until the hands are at rest, and screen readers have been told
NAME = """() => {
    const e = document.activeElement;
    return e === document.body ? null
        : e.getAttribute('aria-label') ?? e.labels?.[0]?.textContent ?? e.textContent;
}"""
RING = "() => getComputedStyle(document.activeElement).outlineStyle"
ALL = """root => Array.from(
    root.querySelectorAll('button, input, select, summary, canvas[tabindex], pre[tabindex]'))
    .filter(e => !e.disabled && e.checkVisibility({visibilityProperty: true})).length"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    images = torch.randint(256, (60, 3, 8, 8), dtype=torch.uint8)
    torch.manual_seed(0)
    explorer = LatentExplorer(
        {name: FullyConnectedVAE((3, 8, 8), 7, 5) for name in ("AE", "VAE")},
        images[:4],
        transform=face_transform(crop=None, size=(8, 8)),
        elements=(0, 2),
        training=images,
        points=["AE"],
    )
    folder = tmp_path_factory.mktemp("keyboard")
    demo.write(folder, explorer, draws=3)
    explorer.close()
    return folder


@pytest.fixture
def walk(page, folder):
    page.goto((folder / "index.html").as_uri())
    page.locator(".course-map").nth(1).wait_for()
    page.wait_for_timeout(REST)
    return Walk(page)


class Walk:
    """Someone who has a keyboard alone."""

    def __init__(self, page):
        self.page, self.press = page, page.keyboard.press

    def name(self) -> str | None:
        return self.page.evaluate(NAME)

    def to(self, name: str) -> None:
        for _ in range(60):
            if name in (self.name() or ""):
                return
            self.press("Tab")
        pytest.fail(f"No Tab leads to {name!r}.")

    def said(self) -> str:
        self.page.wait_for_timeout(REST)
        return self.page.locator(".course-hidden[role=status]").text_content()


def test_one_round_of_tabs_reaches_all_with_a_ring_around_it(walk):
    count = walk.page.locator(".course-explorer").evaluate(ALL)
    names = []
    walk.press("Tab")
    while walk.name() is not None:
        assert walk.page.evaluate(RING) != "none", walk.name()
        names.append(walk.name())
        walk.press("Tab")
    assert len(names) == len(set(names)) == count < 45


def test_back_from_a_draw_keeps_the_focus(walk):
    walk.to("Draw from N(0, I)")
    walk.press("Enter")
    assert walk.said().startswith("Draw 0 from N(0, I). AE: ")
    walk.to("Back to the face")
    walk.press("Enter")
    assert walk.said().startswith("Face 0. AE: ")
    assert walk.name() == "Back to the face"
    walk.press("Enter")  # a second press does nothing
    walk.press("Tab")
    assert walk.name() == "towards face"


def test_undone_to_the_end_the_focus_stays(walk):
    walk.to("element 0")
    walk.press("End")
    assert walk.said().startswith("Element 0 set to ")
    walk.to("Undo")
    for _ in range(3):
        walk.press("Enter")
    assert walk.said().startswith("Element 0 has its own value again. AE: ")
    assert walk.name() == "Undo"
    walk.press("Tab")
    walk.press("Enter")
    assert walk.said().startswith("Element 0 set to ")
    assert walk.name() == "Redo"


def test_where_a_slider_was_removed_is_the_next_one(walk):
    walk.to("remove the slider of element 0")
    walk.press("Enter")
    assert walk.name() == "element 2"
    assert walk.said() == "No slider of element 0 any more."
    walk.to("remove the slider of element 2")
    walk.press("Enter")
    assert walk.name() == "Add a slider"
    assert walk.said() == "No slider of element 2 any more."
    walk.press("Enter")
    walk.to("Search elements")
    walk.page.keyboard.type("4")
    walk.press("Enter")
    assert walk.name() == "element 4"
    assert walk.said() == "A slider of element 4."


def test_a_picture_of_ones_own_by_key(walk):
    # Somebody listens long before the key is pressed: a busy browser that is told of it only then
    # opened a window of its own instead, 1 time in 24.
    walk.page.on("filechooser", lambda _: None)
    walk.to("Your own picture")
    walk.press("Enter")
    walk.to("A file")
    walk.page.evaluate(TWO_FRAMES)
    with walk.page.expect_file_chooser() as chooser:
        walk.press("Enter")
    assert chooser.value.element.get_attribute("accept") == "image/*"


@pytest.mark.parametrize("allowed", [True, False])
def test_a_copy_is_told(walk, allowed):
    answer = "resolve" if allowed else "reject"
    walk.page.evaluate(f"() => {{ navigator.clipboard.writeText = () => Promise.{answer}(); }}")
    walk.to("Copy the code")
    walk.press("Enter")
    told = "Copied" if allowed else "The code is marked, to copy by hand."
    walk.page.locator(".course-code [aria-live=polite]").get_by_text(told).wait_for()
    marked = walk.page.evaluate("() => String(getSelection())")
    assert allowed or "to_image" in marked
