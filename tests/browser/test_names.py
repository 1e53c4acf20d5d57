"""Names that people give to models and factors: words on the page, whatever they look like."""

import re

import pytest
import torch
from playwright.sync_api import expect

from course_lib.explorers import demo
from course_lib.explorers.latent_explorer import LatentExplorer
from course_lib.models import FullyConnectedVAE
from course_lib.transforms import face_transform

pytestmark = pytest.mark.browser

HOSTILE = '</script><img src=x onerror="document.title=1">\' & \\ "'
NAMES = ("constructor", "__proto__", HOSTILE)


@pytest.fixture
def opened(page, tmp_path):
    generator = torch.Generator().manual_seed(0)
    light = torch.rand(200, generator=generator)
    images = (255 * light[:, None, None, None].expand(-1, 3, 8, 8)).to(torch.uint8)
    torch.manual_seed(0)
    explorer = LatentExplorer(
        {name: FullyConnectedVAE((3, 8, 8), 9, 6) for name in NAMES},
        images[:4],
        transform=face_transform(crop=None, size=(8, 8)),
        training=images,
        factors={HOSTILE: light, "toString": light.flip(0)},
    )
    demo.write(tmp_path, explorer, draws=3)
    explorer.close()
    page.troubles = []
    page.on("pageerror", lambda error: page.troubles.append(str(error)))
    page.on("console", lambda line: page.troubles.append(line.text))
    page.goto((tmp_path / "index.html").as_uri())
    page.locator(".course-map").nth(2).wait_for()
    return page.locator(".course-explorer")


def test_any_name_is_words_and_its_model_moves(opened, page):
    title = page.title()
    heads = opened.locator(".course-head h3").all_inner_texts()
    assert [head.startswith(name) for head, name in zip(heads, NAMES, strict=True)] == [True] * 3
    for number in range(len(NAMES)):
        there = opened.locator(".course-map").nth(number)
        expect(there).to_have_attribute("aria-label", re.compile("The code is at"))
        label = there.get_attribute("aria-label")
        there.press("ArrowRight")
        expect(there).not_to_have_attribute("aria-label", label)
    assert opened.locator("img[src=x]").count() == 0
    assert page.title() == title
    assert page.troubles == []
