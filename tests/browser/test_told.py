"""What the explorer says of an edit: on screen, and to a screen reader."""

import pytest
import torch

from course_lib.explorers import demo
from course_lib.explorers.latent_explorer import LatentExplorer
from course_lib.models import FullyConnectedAutoencoder, FullyConnectedVAE
from course_lib.transforms import face_transform
from tests.browser.test_latent_view import TWO_FRAMES, slider

pytestmark = pytest.mark.browser

REST = 900  # ms until the hands are at rest, and screen readers have been told


@pytest.fixture(scope="module")
def explorer():
    """Of pictures in which one factor is seen and another is not."""
    generator = torch.Generator().manual_seed(0)
    light, smile = torch.rand(2, 200, generator=generator)
    grain = 0.2 * torch.rand(200, 3, 8, 8, generator=generator)
    images = (255 * (0.8 * light[:, None, None, None] + grain)).to(torch.uint8)
    torch.manual_seed(0)
    explorer = LatentExplorer(
        {name: FullyConnectedVAE((3, 8, 8), 9, 6) for name in ("one", "two")},
        images[:4],
        transform=face_transform(crop=None, size=(8, 8)),
        elements=(0, 1),
        training=images,
        factors={"sun_light": light, "smile": smile},
    )
    yield explorer
    explorer.close()


@pytest.fixture
def opened(page, explorer, tmp_path):
    demo.write(tmp_path, explorer, draws=3)
    page.goto((tmp_path / "index.html").as_uri())
    page.locator(".course-map").nth(1).wait_for()
    page.wait_for_timeout(REST)
    return page.locator(".course-explorer")


def said(element) -> str:
    element.page.wait_for_timeout(REST)
    return element.locator(".course-hidden[role=status]").text_content()


def test_an_untouched_face_reads_the_same(opened, explorer):
    assert explorer.atlases["one"].probe.readable.names == ["sun_light"], "the smile is not seen"
    for line in opened.locator(".course-reads").all():
        assert line.inner_text() == "read from the code: no factor changes"
    usual = opened.locator(".course-numbers b").all_inner_texts()
    assert said(opened) == (
        f"one: no factor changes; 0 pixels change; {usual[0]}. "
        f"two: no factor changes; 0 pixels change; {usual[1]}."
    )


def test_what_an_edit_changes_is_read_as_the_kernel_reads_it(opened, explorer, page):
    element = opened.locator(".course-sliders input").first
    element.press("End")
    slider(opened, "shift all: added to every latent element").press("End")
    page.evaluate(TWO_FRAMES)
    start = explorer.state.choice
    value = float(element.input_value())
    shift = float(slider(opened, "shift all: added to every latent element").input_value())
    explorer.state.choice = start | {"edits": [[0, value]], "shift": shift}
    try:
        seen = explorer.seen
    finally:
        explorer.state.choice = start
    spoken = said(opened)
    for number, name in enumerate(("one", "two")):
        [before, after] = seen[name].reads["sun_light"]
        words = [f"{v:.2f}".replace("-", "\u2212") for v in (before, after)]
        line = opened.locator(".course-reads").nth(number).inner_text()
        assert line == "read from the code: sun_light {} → {}".format(*words)
        assert f"{name}: sun light from {{}} to {{}}; ".format(*words) in spoken
    assert "nats" not in spoken and len(spoken.split()) < 40


def test_what_is_read_has_its_lines_before_anything_changes(opened, page):
    heads = "() => Array.from(document.querySelectorAll('.course-head'), e => e.offsetHeight)"
    texts = opened.locator(".course-reads")
    for width in range(300, 480, 20):
        page.set_viewport_size({"width": width, "height": 900})
        shift = slider(opened, "shift all: added to every latent element")
        found = []
        for key in ("End", "Control+z"):
            shift.press(key)
            page.evaluate(TWO_FRAMES)
            found.append((page.evaluate(heads), texts.first.inner_text()))
        assert found[0][0] == found[1][0] and found[0][1] != found[1][1]


def test_where_no_factors_are_known_pixels_are_counted(page, tmp_path):
    images = torch.randint(256, (60, 3, 8, 8), dtype=torch.uint8)
    transform = face_transform(crop=None, size=(8, 8))
    model = FullyConnectedAutoencoder((3, 8, 8), 6)
    explorer = LatentExplorer(model, images[:2], transform=transform, training=images)
    demo.write(tmp_path, explorer, draws=2)
    explorer.close()
    page.goto((tmp_path / "index.html").as_uri())
    page.locator(".course-map").wait_for()
    assert not page.locator(".course-reads").is_visible()
    element = page.locator(".course-explorer")
    slider(element, "shift all: added to every latent element").press("End")
    spoken = said(element)
    changed = element.locator(".course-numbers").inner_text().split(" of ")[0]
    assert f"model: {changed} pixels change; " in spoken


def test_where_no_factor_can_be_read_it_says_so(page, tmp_path):
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (60, 3, 8, 8), dtype=torch.uint8, generator=generator)
    explorer = LatentExplorer(
        FullyConnectedAutoencoder((3, 8, 8), 3),
        images[:2],
        transform=face_transform(crop=None, size=(8, 8)),
        training=images,
        factors={"smile": torch.rand(60, generator=generator)},
    )
    demo.write(tmp_path, explorer, draws=2)
    explorer.close()
    page.goto((tmp_path / "index.html").as_uri())
    page.locator(".course-map").wait_for()
    assert page.locator(".course-reads").inner_text() == "read from the code: no factor can be"
    assert "model: 0 pixels change; " in said(page.locator(".course-explorer"))
