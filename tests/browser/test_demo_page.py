"""The page that needs no kernel, opened straight from disk."""

import json
from urllib.parse import quote

import numpy as np
import pytest
import torch
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import expect

from course_lib.explorers import demo
from course_lib.explorers.latent_explorer import LatentExplorer
from course_lib.models import FullyConnectedVAE
from course_lib.transforms import face_transform
from tests.browser.test_latent_view import (
    NOISE,
    PIXELS,
    SCALE,
    SCREENSHOTS,
    SHIFT,
    STORM,
    TWO_FRAMES,
    assert_that_nothing_moves,
    at,
    shown,
    slider,
)

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def explorer():
    """Not trained, but with pictures that show every grey level, of the homework's size."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (80, 3, 64, 64), dtype=torch.uint8, generator=generator)
    torch.manual_seed(0)
    models = {name: FullyConnectedVAE(hidden_dim=23, latent_dim=9) for name in ("AE", "VAE")}
    with torch.no_grad():
        for model in models.values():
            model.decoder[0].weight *= 4
            # Already float16, so that what goes over is what stays: how much rounding moves a
            # trained model's pixels is measured in test_decoders.
            model.decoder[2].weight.copy_((4 * model.decoder[2].weight).half())
    explorer = LatentExplorer(
        models,
        images[:5],
        transform=face_transform(crop=None),
        elements=(3, 6),
        training=images,
        factors=torch.rand(80, 16, generator=generator),
        points=["AE"],
    )
    yield explorer
    explorer.close()


@pytest.fixture(scope="module")
def address(explorer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    demo.write(folder, explorer, draws=3)
    return (folder / "index.html").as_uri()


@pytest.fixture
def opened(page, address):
    """The explorer's element; whatever the page complains of or asks for is seen."""
    errors, requests = [], []
    page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.set_viewport_size({"width": 1366, "height": 768})
    page.goto(address)
    page.locator(".course-map").nth(1).wait_for()
    yield page.locator(".course-explorer")
    assert errors == []
    assert len(requests) >= 2
    assert all(url.startswith(("file:", "data:")) for url in requests)


def decoded(explorer, name, **choice):
    """What the model itself gives for a choice, (64, 64, 3)."""
    start = explorer.state.choice
    explorer.state.choice = start | choice
    picture = explorer.seen[name].edited[0]
    explorer.state.choice = start
    return picture.permute(1, 2, 0).numpy().astype(np.int16)


def assert_as_the_models(element, explorer, **choice):
    """Within one grey level."""
    for number, name in enumerate(("AE", "VAE")):
        theirs = decoded(explorer, name, **choice)
        assert theirs.std() > 20
        assert np.abs(shown(element, number) - theirs).max() <= 1


def test_untouched_it_shows_what_the_models_give(opened, explorer):
    assert_as_the_models(opened, explorer)
    assert np.array_equal(shown(opened, 0, 1), shown(opened, 0, 2))


def test_a_slider_by_keyboard_moves_picture_and_numbers(opened, explorer, page):
    numbers = opened.locator(".course-numbers").first
    before, said = shown(opened), numbers.inner_text()
    handle = slider(opened, "element 3")
    for _ in range(4):
        handle.press("PageUp")
    page.evaluate(TWO_FRAMES)
    value = float(handle.input_value())
    assert not np.array_equal(shown(opened), before)
    assert numbers.inner_text() != said
    assert_as_the_models(opened, explorer, edits=[[3, value]])
    assert f"latent[:, 3] = {value:g}\n" in opened.locator("pre").inner_text()


def test_a_slider_by_mouse_moves_picture_and_numbers(opened, explorer, page):
    numbers = opened.locator(".course-numbers").nth(1)
    before, said = shown(opened, 1), numbers.inner_text()
    box = slider(opened, "element 6").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + box["height"] / 2, steps=20)
    page.mouse.up()
    page.evaluate(TWO_FRAMES)
    value = float(slider(opened, "element 6").input_value())
    assert value > at(slider(opened, "element 6"), 0.8)[0]
    assert not np.array_equal(shown(opened, 1), before)
    assert numbers.inner_text() != said
    assert_as_the_models(opened, explorer, edits=[[6, value]])


def test_every_face_and_element_is_at_hand(opened, explorer, page):
    slider(opened, "face").press("End")
    slider(opened, "towards face").press("ArrowRight")
    slider(opened, "step towards that face").press("PageUp")
    step = float(slider(opened, "step towards that face").input_value())
    opened.get_by_text("Add a slider").click()
    for element in (0, 1, 2, 4, 5, 7, 8):
        opened.get_by_role("searchbox", name="Search elements").fill(str(element))
        opened.get_by_role("searchbox", name="Search elements").press("Enter")
    slider(opened, "element 8").press("PageDown")
    page.evaluate(TWO_FRAMES)
    edits = [[8, float(slider(opened, "element 8").input_value())]]
    assert_as_the_models(opened, explorer, image=4, target=2, step=step, edits=edits)


@pytest.mark.parametrize(
    ("origin", "name"), [("prior", "N(0, I)"), ("density", "the fitted density")]
)
def test_draws_come_again_after_the_last(opened, explorer, page, origin, name):
    for draw in (0, 1, 2, 0):
        opened.get_by_role("button", name=f"Draw from {name}").press("Enter")
        page.evaluate(TWO_FRAMES)
        assert_as_the_models(opened, explorer, origin=origin, draw=draw)


def test_scale_noise_and_a_direction_need_no_kernel(opened, explorer, page):
    slider(opened, SCALE).press("PageUp")
    slider(opened, NOISE).press("PageUp")
    opened.get_by_text("Add a slider").click()
    opened.get_by_role("searchbox", name="Search elements").fill("direction tilt")
    opened.get_by_role("searchbox", name="Search elements").press("Enter")
    way = slider(opened, "direction tilt, in standard deviations")
    way.press("PageDown")
    choice = {
        "scale": float(slider(opened, SCALE).input_value()),
        "noise": float(slider(opened, NOISE).input_value()),
        "directions": [["tilt", float(way.input_value())]],
    }
    assert choice["scale"] > 1 and choice["noise"] > 0 and choice["directions"][0][1] < 0
    for seed in (1000, 1001, 1002, 1000):
        page.evaluate(TWO_FRAMES)
        assert_as_the_models(opened, explorer, **choice, noise_seed=seed)
        opened.get_by_role("button", name="Other noise").press("Enter")


def test_the_pages_address_leads_to_what_is_on_screen(opened, page, explorer):
    slider(opened, "element 3").press("PageUp")
    slider(opened, SHIFT).press("PageDown")
    page.wait_for_url(lambda url: "shift" in url)
    seen = shown(opened)
    choice = {
        "edits": [[3, float(slider(opened, "element 3").input_value())]],
        "shift": float(slider(opened, SHIFT).input_value()),
    }
    link = page.url
    page.goto("about:blank")
    page.goto(link)
    page.locator(".course-map").nth(1).wait_for()
    page.evaluate(TWO_FRAMES)
    assert np.array_equal(shown(opened), seen)
    assert_as_the_models(opened, explorer, **choice)
    opened.get_by_role("button", name="Reset").click()
    page.wait_for_url(lambda url: url != link)
    page.evaluate("link => { location.hash = new URL(link).hash; }", link)  # in the open page
    page.wait_for_timeout(100)
    assert np.array_equal(shown(opened), seen)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("image", 5),
        ("image", "0"),
        ("origin", "elsewhere"),
        ("draw", 7),
        ("shift", 1e39),
        ("edits", [[9, 1.0]]),
        ("edits", [["__proto__", 1.0]]),
        ("moves", {"constructor": [1, 1]}),
        ("directions", [["no such way", 1.0]]),
        ("elements", list(range(9)) * 2),
        ("unknown", 1),
        (None, None),
    ],
)
def test_a_link_that_cannot_be_shown_opens_the_page_as_ever(
    opened, page, address, explorer, key, value
):
    wrong = (
        "#%7Bno json"
        if key is None
        else f"#{quote(json.dumps(explorer.state.choice | {key: value}))}"
    )
    page.goto("about:blank")
    page.goto(address + wrong)
    page.locator(".course-map").nth(1).wait_for()
    page.evaluate(TWO_FRAMES)
    assert_as_the_models(opened, explorer)


def test_a_value_is_told_in_the_named_models_own_spreads(opened, explorer, page):
    """The same number lies elsewhere among another model's codes."""
    handle, said = slider(opened, "element 6"), []
    handle.press("PageUp")
    value = float(handle.input_value())
    for name, atlas in explorer.atlases.items():
        opened.get_by_label("Sliders set all models; names of").select_option(name)
        page.evaluate(TWO_FRAMES)
        far = (value - atlas.mean[6]) / atlas.activity[6].sqrt()
        said.append(f"{far:+.1f} spreads".replace("-", "\u2212"))
        cost = opened.locator(".course-sliders .course-cost").nth(1).inner_text()
        assert cost.split("; ")[0] == said[-1]
        assert handle.get_attribute("aria-valuetext").endswith(f", {said[-1]}")
    assert said[0] != said[1]
    assert explorer.atlases["AE"].activity[3] < 0.01
    opened.get_by_label("Sliders set all models; names of").select_option("AE")
    page.evaluate(TWO_FRAMES)
    assert opened.locator(".course-sliders .course-cost").first.inner_text() == "", "hardly used"


def test_undo_and_redo(opened, page):
    pictures = [shown(opened)]
    for _ in range(2):
        slider(opened, "element 3").press("PageUp")
        page.evaluate(TWO_FRAMES)
        pictures.append(shown(opened))
    assert not np.array_equal(pictures[1], pictures[2])
    for name, expected in (("Undo", 1), ("Undo", 0), ("Redo", 1), ("Redo", 2)):
        opened.get_by_role("button", name=name).click()
        page.evaluate(TWO_FRAMES)
        assert np.array_equal(shown(opened), pictures[expected])


def test_a_storm_of_moves_ends_on_the_last(opened, explorer, page):
    handle = slider(opened, "element 3")
    values = at(handle, *np.random.default_rng(0).uniform(0, 1, 499), 0.7)
    handle.evaluate(STORM, values)
    page.evaluate(TWO_FRAMES)
    last = shown(opened)  # at once, two frames later
    assert_as_the_models(opened, explorer, edits=[[3, values[-1]]])
    page.wait_for_timeout(500)  # were anything still queued, it would be drawn now
    assert np.array_equal(shown(opened), last)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_anyone_can_use_it(opened, page, scheme):
    page.emulate_media(color_scheme=scheme)
    slider(opened, SHIFT).press("End")  # off the map
    opened.get_by_text("Add a slider").click()
    opened.get_by_role("button", name="Tour: small tasks").click()
    page.wait_for_timeout(700)
    background = page.evaluate("() => getComputedStyle(document.documentElement).backgroundColor")
    assert (background == "rgb(255, 255, 255)") is (scheme == "light")
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"demo-{scheme}.png")
    found = Axe().run(page).response["violations"]
    assert [v["id"] for v in found if v["impact"] in ("serious", "critical")] == []


@pytest.mark.parametrize("size", [(1366, 768), (1093, 614), (400, 800)])
def test_it_fits_the_screen(opened, page, size):
    page.set_viewport_size({"width": size[0], "height": size[1]})
    slider(opened, "element 3").press("End")
    page.evaluate(TWO_FRAMES)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= size[0]
    if size[0] > 400:  # a telephone scrolls
        box = opened.bounding_box()
        assert box["y"] + box["height"] <= size[1]
    if size[0] == 1366:  # a laptop shows all of it, the texts too
        assert page.evaluate("() => document.documentElement.scrollHeight") <= size[1]


@pytest.mark.parametrize("size", [(1366, 768), (1280, 720), (1093, 614), (700, 900), (400, 800)])
def test_nothing_moves_while_numbers_do(opened, page, size):
    """They have lines enough from the start, whatever is done to the code."""
    page.set_viewport_size({"width": size[0], "height": size[1]})
    assert_that_nothing_moves(opened, page)


def test_large_pictures_for_those_in_the_last_row(opened, page):
    """On a projector both edited pictures are large, whole, and at one height, and so are words."""
    page.set_viewport_size({"width": 1280, "height": 720})
    edited = [opened.locator("section").nth(m).locator("canvas").nth(2) for m in range(2)]
    small = edited[0].bounding_box()["width"]
    slider(opened, "element 3").press("l")
    button = opened.get_by_role("button", name="Large pictures")
    expect(button).to_have_attribute("aria-pressed", "true")
    boxes = [canvas.bounding_box() for canvas in edited]
    for box in boxes:
        assert box["width"] == box["height"] >= 300 > 2 * small
        assert box["y"] + box["height"] <= 720 and box["x"] + box["width"] <= 1280
    assert boxes[0]["y"] == boxes[1]["y"] and boxes[1]["x"] > boxes[0]["x"] + 300
    for words in (".course-head h3", ".course-reads", ".course-numbers", ".course-sliders label"):
        for one in opened.locator(words).all():
            assert one.evaluate("e => getComputedStyle(e).fontSize") == "18px"
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 1280
    page.set_viewport_size({"width": 1920, "height": 1080})
    assert opened.bounding_box()["width"] > 1880, "the whole of a wide projector"
    assert edited[1].bounding_box()["width"] > 600
    button.click()
    assert opened.bounding_box()["width"] == 1280
    page.set_viewport_size({"width": 1280, "height": 720})
    assert edited[0].bounding_box()["width"] == small


@pytest.mark.parametrize("size", [(640, 360), (700, 900), (400, 800)])
def test_in_a_narrow_window_the_pictures_stay_in_sight(opened, page, size):
    """As at 200 % zoom: whoever moves a slider sees what it does."""
    page.set_viewport_size({"width": size[0], "height": size[1]})
    handle = slider(opened, "element 3")
    page.evaluate("e => e.scrollIntoView({block: 'end'})", handle.element_handle())
    page.wait_for_timeout(700)  # until its pictures are described
    boxes = [
        opened.locator("section").nth(m).locator("canvas").nth(2).bounding_box() for m in (0, 1)
    ]
    moved = handle.bounding_box()
    for box in boxes:
        assert box["y"] >= 0 and box["y"] + box["height"] <= moved["y"]
    assert moved["y"] + moved["height"] <= size[1] + 1
    found = Axe().run(page).response["violations"]
    assert [v["id"] for v in found if v["impact"] in ("serious", "critical")] == []


def test_without_its_data_the_page_says_so(page, address, tmp_path, explorer):
    demo.write(tmp_path, explorer, draws=1)
    (tmp_path / "data.js").unlink()
    page.goto((tmp_path / "index.html").as_uri())
    assert "data.js is not beside this page" in page.locator("#explorer").inner_text()


def test_a_direction_too_is_shown_from_end_to_end(opened, explorer, page):
    opened.get_by_text("Add a slider").click()
    opened.get_by_role("searchbox", name="Search elements").fill("direction tilt")
    opened.get_by_role("searchbox", name="Search elements").press("Enter")
    slider(opened, SCALE).press("PageUp")
    scale = float(slider(opened, SCALE).input_value())
    opened.get_by_text("Add a slider").click()
    opened.get_by_text("One slider from end to end").click()
    opened.get_by_label("Slider of the traversal").select_option("direction tilt")
    page.wait_for_timeout(300)
    strips = opened.locator("details:has(button:text-is('Save as PNG')) .course-strip")
    picture = strips.nth(1).locator("canvas").first
    assert picture.get_attribute("aria-label") == "VAE, direction tilt at -3.00"
    pixels = np.array(picture.evaluate(PIXELS), dtype=np.int16).reshape(64, 64, 3)
    there = decoded(explorer, "VAE", directions=[["tilt", -3.0]], scale=scale)
    assert np.abs(pixels - there).max() <= 1


def test_one_element_from_end_to_end_can_be_seen_played_and_saved(opened, explorer, page, tmp_path):
    opened.get_by_text("One slider from end to end").click()
    which = opened.get_by_label("Slider of the traversal")
    which.select_option("element 3")
    page.wait_for_timeout(300)
    strips = opened.locator("details:has(button:text-is('Save as PNG')) .course-strip")
    codes = explorer.atlases["VAE"].codes.half().float()[:, 3]
    ends = [codes.min().item(), codes.max().item()]
    for place, value in ((0, ends[0]), (8, ends[1])):
        picture = strips.nth(1).locator("canvas").nth(place)
        assert picture.get_attribute("aria-label") == f"VAE, element 3 at {value:.2f}"
        pixels = np.array(picture.evaluate(PIXELS), dtype=np.int16).reshape(64, 64, 3)
        assert np.abs(pixels - decoded(explorer, "VAE", edits=[[3, value]])).max() <= 1
    before = shown(opened, 1)
    opened.get_by_role("button", name="Play").click()
    page.wait_for_timeout(700)
    opened.get_by_role("button", name="Pause").click()
    page.wait_for_timeout(100)
    still = shown(opened, 1)
    assert not np.array_equal(still, before)
    page.wait_for_timeout(300)
    assert np.array_equal(shown(opened, 1), still), "it pauses"
    with page.expect_download() as download:
        opened.get_by_role("button", name="Save as PNG").click()
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    assert path.name == "element-3.png" and Image.open(path).size == (9 * 64, 2 * 64)
    told = opened.get_by_role("status").get_by_text("Saved as")
    assert told.inner_text() == "Saved as element-3.png"
    with page.expect_download() as download:
        opened.get_by_role("button", name="Save as GIF").press("Enter")
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    film = Image.open(path)
    assert path.name == "element-3.gif" and told.inner_text() == "Saved as element-3.gif"
    assert (film.n_frames, film.size) == (40, (2 * 192, 36 + 192))
    for place, value in ((0, ends[0]), (20, ends[1])):
        film.seek(place)
        right = np.asarray(film.convert("RGB"), dtype=np.int16)[36::3, 192::3]
        error = np.abs(right - decoded(explorer, "VAE", edits=[[3, value]]))
        assert error.mean() < 12, "noise of all colours, in 256 of them"


def test_what_changed_is_said_before_the_numbers(opened, page):
    status = opened.locator(".course-hidden[role=status]")
    slider(opened, "element 3").press("End")
    page.wait_for_timeout(800)
    value = slider(opened, "element 3").input_value()
    assert status.inner_text().startswith(f"Element 3 set to {float(value):g}. AE: ")
    opened.get_by_role("button", name="Draw from q(z|x), this face's cloud (key r)").click()
    page.wait_for_timeout(800)
    assert status.inner_text().startswith("Face 0, draw 1 from its cloud. AE: ")
    opened.get_by_role("button", name="Draw from N(0, I)").click()
    opened.get_by_role("button", name="Back to the face").click()
    page.wait_for_timeout(800)
    assert opened.locator("figure").first.is_visible()
    assert opened.get_by_role("button", name="Back to the face").is_disabled()


def test_a_plain_explorer_is_sliders_pictures_and_a_map(page, tmp_path):
    images = torch.randint(256, (60, 3, 8, 8), dtype=torch.uint8)
    explorer = LatentExplorer(
        FullyConnectedVAE((3, 8, 8), 7, 5),
        images[:4],
        transform=face_transform(crop=None, size=(8, 8)),
        elements=(0, 2),
        training=images,
        plain=True,
    )
    demo.write(tmp_path, explorer, draws=3)
    explorer.close()
    page.goto((tmp_path / "index.html").as_uri())
    page.locator(".course-map").wait_for()
    element = page.locator(".course-explorer")
    names = [label.inner_text() for label in element.locator("label:visible").all()]
    assert names == ["face", "shift all", "element 0", "element 2"]
    buttons = " ".join(one.inner_text() for one in element.get_by_role("button").all())
    assert "Draw" not in buttons and "Tour" not in buttons and "Reset" in buttons
    element.get_by_text("Add a slider").click()
    entries = element.get_by_role("listbox", name="Elements", exact=True).get_by_role("option")
    assert entries.all_inner_texts() == [f"element {number}" for number in range(5)]
    assert not element.get_by_role("combobox").is_visible(), "they have one order"
    title = element.locator("label", has_text="element 2").get_attribute("title")
    assert title == "element 2", "nor is it told that codes vary"
    assert set(element.locator(".course-cost").all_text_contents()) == {""}
    element.get_by_text("Add a slider").click()
    before = element.locator(".course-map").get_attribute("aria-label")
    slider(element, "element 2").press("End")
    page.wait_for_timeout(700)
    numbers = element.locator(".course-numbers").inner_text()
    assert "of 64 pixels change by more than 40 grey levels; mean change" in numbers
    assert not any(word in numbers for word in ("map", "nats", "density"))
    assert element.locator(".course-map").get_attribute("aria-label") != before


def test_a_tour_notices_what_was_done(opened, page):
    def press(name, key="Enter"):
        opened.get_by_role("button", name=name).press(key)

    tour = opened.get_by_role("group", name="Tour", exact=True)
    start = opened.get_by_role("button", name="Tour: small tasks")
    start.press("Enter")
    assert start.get_attribute("aria-expanded") == "true"
    assert start.evaluate("e => e === document.activeElement")
    tasks = [
        ("Choose another face", lambda: slider(opened, "face").press("ArrowRight")),
        ("until 512 pixels change", lambda: slider(opened, "element 3").press("End")),
        ("its own value again", lambda: press("element 3 back to its own value")),
        ("Walk on the map", lambda: opened.locator(".course-map").nth(1).press("ArrowUp")),
        ("Draw a code from N(0, I)", lambda: press("Draw from N(0, I)")),
        ("density that was fitted", lambda: press("Draw from the fitted density")),
        ("Go back to the face", lambda: press("Back to the face")),
        ("Draw from q(z|x)", lambda: slider(opened, "element 3").press("r")),
        ("Choose a face to go towards", lambda: None),
        ("Press Reset", lambda: press("Reset")),
    ]
    for number, (words, deed) in enumerate(tasks, 1):
        task = tour.get_by_text(f"Task {number} of 10. ")
        task.wait_for()
        assert words in task.inner_text()
        assert opened.locator(".course-pointed:visible").count() == 1
        if number == 2:  # too little is not enough
            slider(opened, "element 3").press("ArrowRight")
            page.wait_for_timeout(800)
            assert task.is_visible()
        if number == 9:
            slider(opened, "towards face").press("End")
            for _ in range(10):
                slider(opened, "step towards that face").press("ArrowRight")
        deed()
    tour.get_by_text("That was the tour").wait_for()
    assert opened.locator(".course-pointed").count() == 0
    assert tour.get_by_role("button").count() == 1
    press("End the tour (Escape)")
    assert tour.inner_text() == ""
    assert start.evaluate("e => e === document.activeElement")


def test_a_page_that_starts_with_an_edit(page, explorer, tmp_path):
    """As the course's own does: Reset leads back to no edit, and is the tour's first task."""
    explorer.state.directions = {"hair_colour": 2.0}
    demo.write(tmp_path, explorer, draws=1)
    explorer.state.directions = {}
    page.goto((tmp_path / "index.html").as_uri())
    page.locator(".course-map").nth(1).wait_for()
    element = page.locator(".course-explorer")
    assert_as_the_models(element, explorer, directions=[["hair_colour", 2.0]])
    for model in (0, 1):
        assert not np.array_equal(shown(element, model, 1), shown(element, model, 2))
        assert (shown(element, model, 3) != 128).any(), "the difference is no grey square"
    element.get_by_role("button", name="Tour: small tasks").click()
    tour = element.get_by_role("group", name="Tour", exact=True)
    assert tour.inner_text().startswith("Task 1 of 11. The code is edited already: press Reset.")
    element.get_by_role("button", name="Reset").click()
    tour.get_by_text("Task 2 of 11. Choose another face.").wait_for()
    assert_as_the_models(element, explorer)
    for model in (0, 1):
        assert np.array_equal(shown(element, model, 1), shown(element, model, 2))
    assert slider(element, "direction hair_colour, in standard deviations").input_value() == "0"


def test_a_tour_leads_there_skips_and_ends_by_escape(opened, page):
    start = opened.get_by_role("button", name="Tour: small tasks")
    tour = opened.get_by_role("group", name="Tour", exact=True)
    start.click()
    go, skip = (tour.get_by_role("button", name=name) for name in ("Go there", "Skip"))
    controls = ["face", "element 3", None, "step towards that face"]
    for number, name in zip((1, 2, 4, 9), controls, strict=True):
        while f"Task {number} " not in tour.inner_text():
            skip.press("Enter")  # what is done already does not come
        go.press("Enter")
        handle = slider(opened, name) if name else opened.locator(".course-map").first
        assert handle.evaluate("e => e === document.activeElement")
    skip.press("Enter")
    assert "That was the tour" in tour.inner_text()
    start.click()  # a second press ends it
    assert tour.inner_text() == ""
    start.click()
    assert "Task 1 of 10" in tour.inner_text()
    skip.focus()
    page.keyboard.press("Control+g")
    assert skip.evaluate("e => e === document.activeElement"), "the browser's own key"
    page.keyboard.press("g")
    assert slider(opened, "face").evaluate("e => e === document.activeElement")
    skip.focus()
    page.keyboard.press("Escape")
    assert tour.inner_text() == "" and opened.locator(".course-pointed").count() == 0
    assert start.evaluate("e => e === document.activeElement")
    assert start.get_attribute("aria-expanded") == "false"


@pytest.mark.parametrize("size", [(1366, 768), (1280, 720)])
def test_a_tour_fits_the_screen(opened, page, size):
    page.set_viewport_size({"width": size[0], "height": size[1]})
    opened.get_by_role("button", name="Tour: small tasks").click()
    tour = opened.get_by_role("group", name="Tour", exact=True)
    for _ in range(5):
        box = tour.bounding_box()
        assert box["y"] + box["height"] <= size[1]
        tour.get_by_role("button", name="Skip").click()


def test_a_tour_leaves_out_what_is_not_there(page, tmp_path):
    images = torch.randint(256, (1, 3, 8, 8), dtype=torch.uint8)
    transform = face_transform(crop=None, size=(8, 8))
    model = FullyConnectedVAE((3, 8, 8), 7, 5)
    explorer = LatentExplorer(model, images, transform=transform, points=["model"])
    demo.write(tmp_path, explorer, draws=3)
    explorer.close()
    page.goto((tmp_path / "index.html").as_uri())
    page.get_by_role("button", name="Tour: small tasks").click()
    tour = page.get_by_role("group", name="Tour", exact=True)
    text = tour.inner_text()
    assert "Task 1 of 5. Move one of the elements until 8 pixels change" in text
    tour.get_by_role("button", name="Skip").click()
    assert "Task 3 of 5. Draw a code from N(0, I)" in tour.inner_text()
