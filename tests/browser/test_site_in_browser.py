"""The whole site, as `make site` builds it but for the demo's training, without a network."""

import re
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import torch
from axe_playwright_python.sync_playwright import Axe

from course_lib.authoring import site
from course_lib.explorers import LatentExplorer, demo
from course_lib.models import FullyConnectedVAE
from course_lib.transforms import face_transform
from tests.browser.test_latent_view import SCREENSHOTS, SHIFT, slider
from tests.test_notebooks import NOTEBOOKS

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[2]
LARGEST = 40_000_000  # bytes, slides and a trained demo included
SLIDES, DEMO = 10_000_000, 10_000_000  # what these take of it, at most
FIRST = f"notebooks/{NOTEBOOKS[0].stem}.html"


@pytest.fixture(scope="module")
def built(sphinx, tmp_path_factory):
    """The site, its demo not trained."""
    torch.manual_seed(0)
    images = torch.randint(256, (60, 3, 8, 8), dtype=torch.uint8)
    see = face_transform(crop=None, size=(8, 8))
    model = FullyConnectedVAE((3, 8, 8), 7, 5)
    explorer = LatentExplorer(model, images[:4], transform=see, training=images)
    folder = tmp_path_factory.mktemp("made") / "site"
    site.site(ROOT, folder, partial(demo.write, explorer=explorer, draws=3))
    explorer.close()
    return folder


@pytest.fixture(scope="module")
def pages(built):
    """What a reader meets; slides and the themes' own files apart."""
    return [
        path
        for path in sorted(built.rglob("*.html"))
        if path.relative_to(built).parts[0] not in ("slides", "_static")
    ]


@pytest.fixture
def page(browser):
    """One without a network, and what it asked for or complained of."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, offline=True)
    page = context.new_page()
    asked, errors = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert errors == []
    assert asked and all(url.startswith(("file:", "data:", "blob:")) for url in asked)


def parsed(path):
    """A page's tree; what is no HTML raises an error, where a browser would guess."""
    import html5lib

    return html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(
        path.read_text(encoding="utf-8")
    )


def faults(page):
    """What axe finds. It need not look at each stroke of a formula."""
    outside = {"exclude": [["mjx-container > *"]]}
    found = (
        Axe()
        .run(page, context=outside, options={"preload": False, "resultTypes": ["violations"]})
        .response["violations"]
    )
    return [(v["id"], v["nodes"][0]["html"]) for v in found]


def test_every_page_is_html_and_every_link_leads_somewhere(built, pages):
    trees = {path: parsed(path) for path in pages}
    ids = {}
    for path, tree in trees.items():
        found = [node.get("id") for node in tree.iter() if node.get("id")]
        assert len(found) == len(set(found)), f"{path}: an id twice"
        ids[path] = {*found}
    followed, dead = 0, []
    for path, tree in trees.items():
        for node in tree.iter():
            address = urlsplit(node.get("href") or node.get("src") or "")
            if address.scheme or address.netloc or not (address.path or address.fragment):
                continue
            there = (path.parent / unquote(address.path)).resolve() if address.path else path
            place = unquote(address.fragment)
            if not there.is_file() or (place and place not in ids.get(there, {place})):
                dead.append(f"{path.relative_to(built)}: {address.geturl()}")
            followed += 1
    assert dead == []
    assert followed > 1000
    assert len(trees) > len(NOTEBOOKS) + 5


def test_every_claim_leads_to_the_cell_that_printed_it(built):
    """By its number, in that cell."""
    tree = parsed(built / "notebooks" / "CLAIMS.html")
    links = [a for a in tree.iter("a") if "#cell-" in a.get("href", "")]
    cells = {}
    for name in {a.get("href").partition("#")[0] for a in links}:
        for node in parsed(built / "notebooks" / name).iter("div"):
            if node.get("id", "").startswith("cell-"):
                cells[f"{name}#{node.get('id')}"] = " ".join(node.itertext())
    assert len(links) > 200
    wrong = [a.text for a in links if f"[{a.text.strip('[]')}]" not in cells[a.get("href")]]
    assert wrong == []


def test_every_picture_is_described(built, pages):
    pictures = [(path, one) for path in pages for one in parsed(path).iter("img")]
    assert len(pictures) > 100
    assert [str(path) for path, one in pictures if len(one.get("alt", "")) < 10] == []


def test_it_is_small(built):
    total = sum(path.stat().st_size for path in built.rglob("*") if path.is_file())
    extra = sum(p.stat().st_size for p in built.rglob("*") if p.parent.name in ("slides", "demo"))
    assert total - extra + SLIDES + DEMO < LARGEST


def test_anyone_can_use_every_page(built, pages, page):
    """Axe finds nothing; formulas are set; nothing is wider than a telephone."""
    formulas = 0
    for path in pages:
        if path.parent.name == "demo":
            continue  # it has its own tests
        page.goto(path.as_uri())
        page.evaluate("() => window.MathJax?.startup?.promise.then(() => null)")
        formulas += page.locator("mjx-container").count()
        assert page.locator("mjx-merror").count() == 0
        assert faults(page) == [], path
        page.set_viewport_size({"width": 390, "height": 800})
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 390, path
        page.set_viewport_size({"width": 1280, "height": 800})
    assert formulas > 50


@pytest.mark.parametrize("name", ["index.html", FIRST, "notebooks/CLAIMS.html"])
def test_it_can_be_read_in_the_dark(built, page, name):
    page.emulate_media(color_scheme="dark")
    page.goto((built / name).as_uri())
    assert page.locator("html").get_attribute("data-theme") == "dark"
    assert faults(page) == []
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"site-{Path(name).stem}-dark.png")


def test_a_prediction_answers_by_keyboard(built, page):
    page.goto((built / FIRST).as_uri())
    form = page.locator("form.prediction").first
    answer = page.locator(f"#{form.get_attribute('data-answer')}")
    told = answer.locator("p").text_content()
    form.locator("button").press("Enter")  # nothing is chosen yet
    assert form.locator("output").inner_text() == ""
    assert not answer.locator("p").is_visible()
    form.get_by_role("radio").first.press("Space")
    page.keyboard.press("ArrowDown")
    assert form.get_by_role("radio").nth(1).is_checked()
    assert form.locator("output").inner_text() == "", "to move on is not to answer"
    page.keyboard.press("Enter")
    said = form.get_by_role("radio").nth(1).locator("..").inner_text()
    assert form.get_by_role("status").inner_text() == f"You predicted: {said}. {told}"
    assert answer.locator("p").is_visible()
    assert form.locator("label.right").count() == 1
    page.keyboard.press("Tab")
    assert form.locator("button").evaluate("e => e === document.activeElement")
    form.locator("button").press("Enter")
    assert form.get_by_role("radio").first.is_disabled(), "the first answer counts"


def test_a_right_prediction_is_told_so(built, page):
    page.goto((built / FIRST).as_uri())
    form = page.locator("form.prediction").first
    form.get_by_role("radio").nth(int(form.get_attribute("data-right"))).check()
    form.get_by_role("button").click()
    assert form.get_by_role("status").inner_text().startswith("As you predicted. It is: ")


def test_the_explorer_runs_in_its_page(built, page):
    page.goto((built / "play.html").as_uri())
    explorer = page.frame_locator("iframe.explorer").locator(".course-explorer")
    explorer.locator(".course-map").wait_for()
    numbers = explorer.locator(".course-numbers")
    assert "mean change 0.0;" in numbers.inner_text()
    slider(explorer, SHIFT).press("End")
    numbers.filter(has_not_text="mean change 0.0;").wait_for()


def test_the_search_finds_a_word(built, browser):
    """From disk too, though there a browser does not let it quote the page."""
    page = browser.new_page()
    page.goto((built / "search.html").as_uri() + "?q=reparameterised")
    hit = page.locator("#search-results li a", has_text=re.compile("4 · VAE theory"))
    hit.first.wait_for()
    assert "04_vae_theory.html" in hit.first.get_attribute("href")
    page.close()
