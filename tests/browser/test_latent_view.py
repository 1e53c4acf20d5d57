"""The latent explorer in JupyterLab: every control by mouse and by keyboard."""

import base64
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import expect

from course_lib.transforms import face_transform, to_image
from tests.browser import notebook
from tests.browser.lab import ROOT
from tests.browser.test_lab import SECOND

pytestmark = pytest.mark.browser

SCREENSHOTS = ROOT / "build" / "screenshots"
# Not trained, but with pictures that show every grey level, at the homework's size.
MODELS = """
import base64, json, torch
import ipywidgets as widgets
from course_lib import latents, models, transforms
from course_lib.explorers.latent_explorer import LatentExplorer
torch.set_num_threads(1)
torch.manual_seed(0)
ae, vae = models.FullyConnectedAutoencoder(), models.FullyConnectedVAE(latent_dim=32)
class Smoothed(models.FullyConnectedVAE):
    def decode(self, z):
        return torch.nn.functional.avg_pool2d(super().decode(z), 3, 1, 1)
with torch.no_grad():
    ae.decoder[0].weight *= 4
    vae.decoder[0].weight *= 9
    vae.decoder[2].weight *= 9
smooth = Smoothed(latent_dim=32)
smooth.load_state_dict(vae.state_dict())
transform = transforms.face_transform()
images = torch.randint(256, (300, 3, 64, 64), dtype=torch.uint8)
def pixels(name):
    picture = explorer.seen[name].edited[0]
    print(base64.b64encode(picture.numpy().tobytes()).decode())
"""
EXPLORER = """
explorer = LatentExplorer({"AE": ae, "VAE": vae}, images[:6], transform=transform,
                          elements=(3, 11), training=images, factors=torch.rand(300, 16))
explorer
"""
SECOND_ONE = """
other = LatentExplorer({"smooth": smooth}, images[:3], transform=transform, elements=(5,))
display(other)
box = widgets.VBox()
box.add_class("made-box")
box
"""
LINKED = """
few = models.FullyConnectedAutoencoder(latent_dim=2)
with torch.no_grad():
    few.decoder[0].weight *= 4
linked = LatentExplorer(few, images[:2], transform=transform)
beside = widgets.FloatSlider(min=-2, max=2, step=0.1, description="beside")
widgets.link((beside, "value"), (linked.state, "shift"))
widgets.VBox([beside, linked])
"""
EARLY = """
LatentExplorer(few, images[:2], transform=transform, training=images[:60], densities=False)
"""
THREE = """
LatentExplorer({"AE": ae, "VAE": vae, "VAE, σ² = 1": vae}, images[:2], transform=transform,
               elements=(3, 11), training=images, factors=torch.rand(300, 16))
"""
PIXELS = """canvas => {
    const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    return Array.from(data).filter((_, i) => i % 4 < 3);
}"""
# As fast as the browser takes them, all of them before the next frame.
STORM = """(input, values) => {
    for (const value of values) {
        input.value = value;
        input.dispatchEvent(new Event('input', {bubbles: true}));
    }
    input.dispatchEvent(new Event('change', {bubbles: true}));
}"""
# A drag as hands make it: an event every few milliseconds, over many frames.
DRAG = """async (input, values) => {
    for (const value of values) {
        input.value = value;
        input.dispatchEvent(new Event('input', {bubbles: true}));
        await new Promise(done => setTimeout(done, 2));
    }
    input.dispatchEvent(new Event('change', {bubbles: true}));
}"""
ACTIVE = "() => jupyterapp.shell.currentWidget.content.activeCellIndex"
FILE_BROWSER = "() => jupyterapp.commands.execute('application:toggle-left-area')"
TWO_FRAMES = "() => new Promise(f => requestAnimationFrame(() => requestAnimationFrame(f)))"


@pytest.fixture(scope="module")
def page(browser, lab):
    """One page for all tests here; each starts from the untouched explorer."""
    cells = (MODELS, EXPLORER, SECOND_ONE, LINKED, EARLY, THREE)
    name = notebook.write(Path(lab["root_dir"]), *cells, name="latent.ipynb")
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    notebook.open_in(page, lab, name)
    notebook.run_all(page)
    page.locator(".course-explorer").nth(1).wait_for()
    page.locator(".course-map").nth(1).wait_for()
    yield page
    notebook.shut_down(page)


@pytest.fixture
def explorer(page):
    """The first explorer's element, as it was in the beginning."""
    notebook.in_kernel(page, "explorer.state.choice = " + repr(START))
    page.errors.clear()
    element = page.locator(".course-explorer").first
    element.scroll_into_view_if_needed()
    page.evaluate(TWO_FRAMES)
    yield element
    assert page.errors == []


START = {
    "image": 0, "origin": "image", "draw": 0, "sample": 0, "target": 1, "step": 0.0,
    "moves": {}, "directions": [], "scale": 1.0, "shift": 0.0, "noise": 0.0, "noise_seed": 1000,
    "edits": [], "elements": [3, 11],
}  # fmt: skip


def shown(element, model=0, column=2):
    """Pixels on screen, (64, 64, 3)."""
    row = element.locator("section").nth(model)
    pixels = row.locator("figure canvas").nth(column).evaluate(PIXELS)
    return np.array(pixels, dtype=np.int16).reshape(64, 64, 3)


def decoded(page, name):
    """The same by the kernel, from its own state."""
    data = base64.b64decode(notebook.in_kernel(page, f"pixels({name!r})"))
    return np.frombuffer(data, np.uint8).reshape(3, 64, 64).transpose(1, 2, 0).astype(np.int16)


def state(page) -> dict:
    return json.loads(notebook.in_kernel(page, "print(json.dumps(explorer.state.choice))"))


def wait_for_state(page, **expected):
    """Wait until the kernel has heard; what it hears last is what the hand did last."""
    for _ in range(100):
        found = state(page)
        if all(found[name] == value for name, value in expected.items()):
            return
        page.wait_for_timeout(50)
    assert {name: found[name] for name in expected} == expected


def assert_as_the_kernel(page, element):
    """Browser and kernel agree to one grey level, once what the kernel was asked for is here."""
    for number, name in enumerate(("AE", "VAE")):
        theirs = decoded(page, name)
        assert theirs.std() > 20
        for _ in range(100):
            page.evaluate(TWO_FRAMES)
            difference = np.abs(shown(element, number) - theirs).max()
            if difference <= 1:
                break
        assert difference <= 1


def slider(element, name):
    return element.get_by_role("slider", name=name, exact=True)


def at(handle, *parts) -> list[float]:
    """Numbers on a slider's steps, at these parts of its range."""
    low, high, step = (float(handle.get_attribute(name)) for name in ("min", "max", "step"))
    return [round(low + round(part * (high - low) / step) * step, 6) for part in parts]


def test_it_fits_a_laptops_screen(explorer, page):
    box = explorer.bounding_box()
    panel = page.locator(".jp-NotebookPanel-notebook").bounding_box()
    assert box["height"] < panel["height"]
    assert box["x"] + box["width"] <= panel["x"] + panel["width"]
    assert explorer.evaluate("e => e.scrollWidth <= e.clientWidth")


def test_three_models_fit_a_projectors_screen(page):
    """Without the file browser beside them, as one teaches."""
    page.evaluate(FILE_BROWSER)
    page.set_viewport_size({"width": 1280, "height": 720})
    three = page.locator(".course-explorer").last
    three.scroll_into_view_if_needed()
    page.evaluate(TWO_FRAMES)
    rows = three.locator(".course-sections").bounding_box()
    panel = page.locator(".jp-NotebookPanel-notebook").bounding_box()
    sides = three.locator(".course-edited canvas").evaluate_all(
        "all => all.map(e => e.clientWidth)"
    )
    page.set_viewport_size({"width": 1366, "height": 768})
    page.evaluate(FILE_BROWSER)
    assert three.locator("section").count() == 3
    assert rows["height"] < panel["height"] and min(sides) > 93


def test_untouched_it_shows_the_reconstruction(explorer, page):
    assert_as_the_kernel(page, explorer)
    for model in (0, 1):
        assert np.array_equal(shown(explorer, model, 1), shown(explorer, model, 2))
        assert (shown(explorer, model, 3) == 128).all()


SHIFT = "shift all: added to every latent element"
SCALE = "scale all: times every latent element"
NOISE = "noise on all: 1 is as much as each model's own codes vary"


def test_nothing_moves_while_numbers_do(explorer, page):
    assert_that_nothing_moves(explorer, page)


def assert_that_nothing_moves(element, page):
    """All pictures stay where they are, and what stands below them does."""
    sections, counts = element.locator(".course-sections"), set()
    places = """e => [e.scrollHeight, ...Array.from(e.querySelectorAll("figure canvas"),
        one => one.getBoundingClientRect().y - e.getBoundingClientRect().y + e.scrollTop)]"""
    untouched = sections.evaluate(places)
    for name, key in (
        (SHIFT, "PageUp"),
        (NOISE, "PageUp"),
        (SCALE, "PageUp"),
        ("element 3", "Home"),
    ):
        slider(element, name).press(key)
        page.evaluate(TWO_FRAMES)
        numbers = element.locator(".course-numbers").all_inner_texts()
        counts |= {len(text) for text in numbers}
        assert sections.evaluate(places) == untouched, numbers
    assert max(counts) - min(counts) > 20, "longer and shorter sentences were told"


@pytest.mark.parametrize(
    "name", ["element 3", SHIFT, SCALE, NOISE, "face", "step towards that face"]
)
def test_a_slider_by_keyboard(explorer, page, name):
    slider(explorer, "towards face").press("ArrowRight")  # for the step to lead anywhere
    before = shown(explorer)
    handle = slider(explorer, name)
    value = float(handle.input_value())
    for _ in range(4):
        handle.press("ArrowRight")
    assert float(handle.input_value()) > value
    value = float(handle.input_value())
    changed = {
        "element 3": {"edits": [[3, value]]},
        SHIFT: {"shift": value},
        SCALE: {"scale": value},
        NOISE: {"noise": value, "noise_seed": 1000},
        "face": {"image": int(value)},
    }
    wait_for_state(page, **changed.get(name, {"step": value}))
    explorer.locator(".course-waiting").first.wait_for(state="detached")  # for a new face
    assert not np.array_equal(shown(explorer), before)
    assert_as_the_kernel(page, explorer)


def test_a_slider_by_mouse(explorer, page):
    before = shown(explorer)
    box = slider(explorer, "element 11").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + box["height"] / 2, steps=20)
    page.mouse.up()
    value = float(slider(explorer, "element 11").input_value())
    assert value > at(slider(explorer, "element 11"), 0.8)[0]
    wait_for_state(page, edits=[[11, value]])
    assert not np.array_equal(shown(explorer), before)
    assert_as_the_kernel(page, explorer)


@pytest.mark.parametrize(("how", "moves"), [(STORM, 500), (DRAG, 150)], ids=["storm", "drag"])
def test_a_storm_of_moves_ends_on_the_last(explorer, page, how, moves):
    handle = slider(explorer, "element 3")
    values = at(handle, *np.random.default_rng(0).uniform(0, 1, moves - 1), 0.7)
    handle.evaluate(how, values)
    page.evaluate(TWO_FRAMES)
    last = shown(explorer)  # at once, two frames later
    wait_for_state(page, edits=[[3, values[-1]]])
    page.wait_for_timeout(500)  # were anything still queued, it would be drawn now
    assert np.array_equal(shown(explorer), last)
    assert state(page)["edits"] == [[3, values[-1]]]
    assert_as_the_kernel(page, explorer)


def test_its_own_value_and_away_with_a_slider(explorer, page):
    untouched = shown(explorer)
    slider(explorer, "element 3").press("Home")
    page.evaluate(TWO_FRAMES)
    assert not np.array_equal(shown(explorer), untouched)
    explorer.get_by_role("button", name="element 3 back to its own value").press("Enter")
    page.evaluate(TWO_FRAMES)
    assert np.array_equal(shown(explorer), untouched)
    explorer.get_by_role("button", name="remove the slider of element 3").click()
    page.evaluate(TWO_FRAMES)
    assert slider(explorer, "element 3").count() == 0
    wait_for_state(page, elements=[11], edits=[])


@pytest.mark.parametrize("undo", ["keys", "buttons"])
def test_undo_redo_and_reset(explorer, page, undo):
    def press(name):
        if undo == "buttons":
            explorer.get_by_role("button", name=name).click()
        else:
            keys = {"Undo": "Control+z", "Redo": "Control+Shift+z"}
            slider(explorer, "element 3").press(keys[name])
        page.evaluate(TWO_FRAMES)

    pictures = [shown(explorer)]
    for key in ("PageUp", "PageUp"):
        slider(explorer, "element 3").press(key)
        page.evaluate(TWO_FRAMES)
        pictures.append(shown(explorer))
    assert not np.array_equal(pictures[1], pictures[2])
    for expected in (pictures[1], pictures[0]):
        press("Undo")
        assert np.array_equal(shown(explorer), expected)
    for expected in (pictures[1], pictures[2]):
        press("Redo")
        assert np.array_equal(shown(explorer), expected)
    explorer.get_by_role("button", name="Reset").press("Enter")
    page.evaluate(TWO_FRAMES)
    assert np.array_equal(shown(explorer), pictures[0])


def test_there_is_nothing_to_flip_to_before_something_is_kept(explorer):
    flip = explorer.get_by_role("button", name=re.compile("^Flip"))
    assert flip.get_attribute("aria-disabled") == "true"


def test_before_densities_are_taught_none_is_named(page):
    early = page.locator(".course-explorer").nth(3)
    early.scroll_into_view_if_needed()
    told = early.locator(".course-numbers")
    expect(told).to_contain_text("nearest training code")
    assert "nats" not in told.inner_text() and " code: nearest training code" in told.inner_text()
    assert early.locator(".course-map").is_visible()
    for name in ("Draw from N(0, I)", "Draw from the fitted density"):
        assert early.get_by_role("button", name=name).count() == 0
    assert early.get_by_role("button", name="Back to the face").count() == 0


@pytest.mark.parametrize("by", ["keys", "buttons"])
def test_keep_an_edit_and_flip_to_another(explorer, page, by):
    handle = slider(explorer, "element 3")

    def press(name):
        if by == "buttons":
            explorer.get_by_role("button", name=re.compile(f"^{name}")).click()
        else:
            handle.press(name[0].lower())
        page.evaluate(TWO_FRAMES)

    flip = explorer.get_by_role("button", name=re.compile("^Flip"))
    handle.press("PageUp")
    page.evaluate(TWO_FRAMES)
    kept = shown(explorer)
    press("Keep")
    assert flip.get_attribute("aria-pressed") == "true"
    assert flip.get_attribute("aria-disabled") == "true", "there is nothing else yet"
    handle.press("f")
    page.evaluate(TWO_FRAMES)
    assert np.array_equal(shown(explorer), kept)
    handle.press("Home")
    page.evaluate(TWO_FRAMES)
    other = shown(explorer)
    assert not np.array_equal(other, kept)
    for expected, pressed in ((kept, "true"), (other, "false"), (kept, "true")):
        press("Flip")
        assert np.array_equal(shown(explorer), expected)
        assert flip.get_attribute("aria-pressed") == pressed
    assert_as_the_kernel(page, explorer)


def test_draws_from_the_prior_and_from_the_fitted_density(explorer, page):
    reconstruction = shown(explorer, column=1)
    for origin, name in (("prior", "N(0, I)"), ("density", "fitted density")):
        explorer.get_by_role(
            "button", name=f"Draw from {'the ' if origin == 'density' else ''}{name}"
        ).click()
        wait_for_state(page, origin=origin)
        page.wait_for_timeout(300)
        assert not np.array_equal(shown(explorer, column=1), reconstruction)
        assert not explorer.locator("figure").first.is_visible()  # no original
        assert_as_the_kernel(page, explorer)


@pytest.mark.parametrize("how", ["button", "key"])
def test_a_draw_from_this_faces_cloud_and_back_to_its_mean(explorer, page, how):
    mean, point = shown(explorer, model=1), shown(explorer, model=0)
    draw = explorer.get_by_role("button", name="Draw from q(z|x), this face's cloud (key r)")
    for number in (1, 2):
        draw.click() if how == "button" else slider(explorer, "element 3").press("r")
        wait_for_state(page, sample=number, origin="image")
        page.wait_for_timeout(300)
        assert_as_the_kernel(page, explorer)
        assert not np.array_equal(shown(explorer, model=1), mean)
        assert np.array_equal(shown(explorer, model=0), point), "an autoencoder's code is a point"
    explorer.get_by_role("button", name="Back to the face").click()
    wait_for_state(page, sample=0)
    page.evaluate(TWO_FRAMES)
    assert np.array_equal(shown(explorer, model=1), mean)


def test_the_cloud_is_told_in_numbers(explorer, page):
    ae, vae = explorer.locator("section").all()
    assert "each code is a point" in ae.inner_text() and "rate" not in ae.inner_text()
    printed = """
q = vae.encode(transform(images[:1]))
rate = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0))
print(f"this face's rate {rate.sum():.1f} nats, on {(rate > 0.01).sum()} of 32 elements")
print(f"\u00b1\u00a0{q.stddev[0, 3]:.2g}, {rate[0, 3]:.2f} nats" if rate[0, 3] > 0.01 else "silent")
"""
    total, third = notebook.in_kernel(page, printed).splitlines()
    assert total in vae.inner_text()
    row = explorer.locator(".course-sliders .course-slider").first
    assert not re.search("nats|silent", row.locator(".course-cost").inner_text())
    explorer.get_by_label("Sliders set all models; names of").select_option("VAE")
    assert third in row.locator(".course-cost").inner_text()
    _, places = slider(explorer, "element 3").get_attribute("step").split(".")
    value = slider(explorer, "element 3").get_attribute("aria-valuetext").split(",")[0]
    assert value == notebook.in_kernel(
        page, f"print(f'{{q.mean[0, 3]:.{len(places)}f}}'.replace('-', chr(8722)))"
    )
    assert row.locator(".course-band").is_visible()
    explorer.get_by_label("Sliders set all models; names of").select_option("AE")
    assert not row.locator(".course-band").is_visible()


def test_eight_draws_from_a_cloud_unfold(explorer, page):
    cloud = explorer.locator(".course-cloud").filter(has_text="draws from")
    assert cloud.count() == 1, "the autoencoder has none"
    cloud.locator("summary").press("Enter")
    page.wait_for_timeout(500)
    second = np.array(cloud.locator("canvas").nth(1).evaluate(PIXELS)).reshape(64, 64, 3)
    notebook.in_kernel(page, "explorer.state.sample = 2")
    theirs = decoded(page, "VAE")
    assert np.abs(second - theirs).max() <= 1
    told = cloud.locator("p").inner_text()
    levels = float(told.split("by ")[1].split(" ")[0])
    assert "grey levels" in told and levels > 0
    cloud.locator("summary").press("Enter")


def test_other_noise(explorer, page):
    other = explorer.get_by_role("button", name="Other noise")
    assert other.is_disabled(), "there is none yet"
    for _ in range(4):
        slider(explorer, NOISE).press("ArrowRight")
    page.evaluate(TWO_FRAMES)
    before = shown(explorer)
    other.press("Enter")
    wait_for_state(page, noise=0.2, noise_seed=1001)
    page.wait_for_timeout(300)
    assert not np.array_equal(shown(explorer), before)
    assert_as_the_kernel(page, explorer)
    explorer.get_by_role("button", name="Undo").click()
    page.evaluate(TWO_FRAMES)
    assert np.array_equal(shown(explorer), before)


def test_a_direction_is_found_added_moved_and_removed(explorer, page):
    untouched = shown(explorer)
    explorer.get_by_text("Add a slider").first.press("Enter")
    search = explorer.get_by_role("searchbox", name="Search elements")
    options = explorer.get_by_role("listbox", name="Elements").get_by_role("option")
    assert options.count() == 32 + 4 + 16
    assert options.nth(32).inner_text().startswith("direction principal 1: "), "after the elements"
    order = explorer.get_by_role("combobox", name="Order of the elements")
    order.select_option("direction")
    assert options.first.inner_text().endswith("% of the codes' variance")
    search.fill("direction tilt")
    assert options.first.inner_text().endswith(", read from the code by a line")
    assert options.first.inner_text().startswith("direction tilt: R² ")
    search.press("Enter")
    wait_for_state(page, directions=[["tilt", 0]])
    handle = slider(explorer, "direction tilt, in standard deviations")
    assert handle.evaluate("e => e === document.activeElement")
    assert np.array_equal(shown(explorer), untouched), "a slider alone moves nothing"
    handle.press("PageUp")
    handle.press("PageUp")
    wait_for_state(page, directions=[["tilt", float(handle.input_value())]])
    assert float(handle.input_value()) > 0.5
    row = explorer.locator(".course-sliders .course-slider").last
    assert row.locator(".course-cost").inner_text() in options.first.inner_text()
    assert_as_the_kernel(page, explorer)
    moved = shown(explorer)
    assert not np.array_equal(moved, untouched)
    explorer.get_by_role("button", name="direction tilt back to 0").click()
    page.evaluate(TWO_FRAMES)
    assert np.array_equal(shown(explorer), untouched)
    explorer.get_by_role("button", name="Undo").click()
    page.evaluate(TWO_FRAMES)
    assert np.array_equal(shown(explorer), moved)
    explorer.get_by_role("button", name="Reset").click()
    wait_for_state(page, directions=[["tilt", 0]])
    explorer.get_by_role("button", name="remove the slider of direction tilt").click()
    wait_for_state(page, directions=[])
    assert handle.count() == 0
    search.fill("")
    order.select_option("index")
    explorer.get_by_text("Add a slider").first.press("Enter")


def test_an_exact_number_is_typed(explorer, page):
    """The homework sets an element to 8, where no slider of its codes would reach."""
    handle = slider(explorer, "element 3")
    assert float(handle.get_attribute("max")) < 8
    handle.focus()
    page.keyboard.type("8.25")
    assert state(page)["edits"] == []
    page.keyboard.press("Enter")
    wait_for_state(page, edits=[[3, 8.25]])
    assert handle.evaluate("e => e === document.activeElement")
    assert float(handle.get_attribute("max")) == 9, "the slider reaches it now"
    assert_as_the_kernel(page, explorer)

    row = explorer.locator(".course-sliders .course-slider").first
    row.locator("output").click()
    field = row.get_by_role("textbox", name="exact number for element 3")
    field.fill("nonsense")
    field.press("Enter")
    assert row.locator("output").is_visible() and state(page)["edits"] == [[3, 8.25]]
    notebook.in_kernel(page, "explorer.state.edits = {3: 8.2501}")
    row.locator("output").click()
    field.press("Enter")
    page.wait_for_timeout(200)
    assert state(page)["edits"] == [[3, 8.2501]], "what was only looked at is not rounded"
    row.locator("output").click()
    field.fill("\u22122,5")  # as it is shown, or with a comma
    slider(explorer, "element 11").focus()  # leaving it takes it
    wait_for_state(page, edits=[[3, -2.5]])
    handle.press("7")
    page.keyboard.press("Escape")
    page.wait_for_timeout(200)
    assert state(page)["edits"] == [[3, -2.5]]

    slider(explorer, SCALE).press("4")
    page.keyboard.press("Enter")
    slider(explorer, NOISE).press("-")
    page.keyboard.type("1")
    page.keyboard.press("Enter")
    wait_for_state(page, scale=4, noise=0)
    assert float(slider(explorer, SCALE).input_value()) == 4


@pytest.mark.parametrize("back", ["Reset", "face slider by key", "face slider by mouse"])
def test_back_from_a_draw_to_the_face(explorer, page, back):
    face, reconstruction = (shown(explorer, column=column) for column in (0, 1))
    explorer.get_by_role("button", name="Draw from N(0, I)").click()
    wait_for_state(page, origin="prior")
    caption = explorer.locator("section").first.locator("figcaption").nth(1)
    assert caption.inner_text() == "drawn"
    handle = slider(explorer, "face")
    assert handle.is_enabled()
    assert handle.evaluate("e => getComputedStyle(e.parentElement).opacity") == "1"
    if back == "Reset":
        explorer.get_by_role("button", name="Reset").click()
    elif back == "face slider by key":
        handle.press("Home")  # it stands there already
    else:
        handle.click(position={"x": 3, "y": 12})
    wait_for_state(page, origin="image", image=0)
    page.wait_for_timeout(300)
    assert caption.inner_text() == "reconstruction"
    assert explorer.locator("figure").first.is_visible()
    assert np.array_equal(shown(explorer, column=0), face)
    assert np.array_equal(shown(explorer, column=1), reconstruction)
    explorer.get_by_role("button", name="Undo").click()
    wait_for_state(page, origin="prior")


def test_a_step_from_this_face_to_that_one(explorer, page):
    slider(explorer, "towards face").press("End")
    slider(explorer, "step towards that face").press("End")
    wait_for_state(page, target=5, step=1)
    page.wait_for_timeout(300)
    assert_as_the_kernel(page, explorer)
    there = shown(explorer)
    slider(explorer, "step towards that face").press("Home")
    slider(explorer, "face").press("End")
    wait_for_state(page, image=5, step=0)
    page.wait_for_timeout(300)
    assert np.abs(shown(explorer) - there).max() <= 1


def test_a_map_by_mouse_and_by_keyboard(explorer, page):
    before = shown(explorer, model=1)
    there = explorer.locator(".course-map").nth(1)
    box = there.bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 2, box["y"] + 2, steps=5)
    page.mouse.up()
    page.wait_for_timeout(700)
    label = there.get_attribute("aria-label")
    moved = state(page)["moves"]
    assert list(moved) == ["VAE"]
    assert_as_the_kernel(page, explorer)
    assert not np.array_equal(shown(explorer, model=1), before)

    there.press("ArrowRight")
    page.wait_for_timeout(700)
    assert there.get_attribute("aria-label") != label
    assert state(page)["moves"]["VAE"][0] > moved["VAE"][0]
    assert state(page)["moves"]["VAE"][1] == moved["VAE"][1]
    assert_as_the_kernel(page, explorer)


def test_elements_are_searched_ranked_and_added(explorer, page):
    explorer.get_by_text("Add a slider").first.press("Enter")
    search = explorer.get_by_role("searchbox", name="Search elements")
    search.fill("17")
    options = explorer.get_by_role("listbox", name="Elements").get_by_role("option")
    assert options.first.inner_text().startswith("element 17")
    search.press("Enter")
    wait_for_state(page, elements=[3, 11, 17])
    assert slider(explorer, "element 17").evaluate("e => e === document.activeElement")

    search.fill("")
    explorer.get_by_role("combobox", name="Order of the elements").select_option("factor")
    explorer.get_by_label("Sliders set all models; names of").select_option("VAE")
    best = notebook.in_kernel(
        page, "t = explorer.atlases['VAE'].tracks; print(max(range(32), key=lambda e: t[e][1]))"
    )
    text = options.first.inner_text()
    assert text.startswith(f"element {best} ↔ ")
    assert "R²" in text and "variance" in text
    explorer.get_by_role("listbox", name="Elements").select_option(best)
    explorer.get_by_role("button", name="Add a slider for the chosen element").click()
    wait_for_state(page, elements=[3, 11, 17, int(best)])

    notebook.in_kernel(page, "explorer.state.elements = list(range(12))")
    search.fill("20")
    search.press("Enter")
    assert "At most 12 sliders" in explorer.get_by_role("alert").first.inner_text()
    explorer.get_by_text("Add a slider").first.press("Enter")


def test_the_list_says_what_each_element_costs_this_face(explorer, page):
    def costs(face: int) -> list[str]:
        """Of each element, the dearest first."""
        return notebook.in_kernel(
            page,
            f"q = vae.encode(transform(images[{face}:{face + 1}]))\n"
            "rate = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0))[0]\n"
            "for e in rate.argsort(descending=True).tolist():\n"
            "    says = f'{rate[e]:.2f} nats' if rate[e] > 0.01 else 'silent'\n"
            "    print(f'element {e}, {says} \u2194')",
        ).splitlines()

    def told() -> list[str]:
        """The same, as the list says it."""
        return [text[: text.index("\u2194") + 1] for text in options.all_text_contents()[:32]]

    unfold = explorer.get_by_text("Add a slider").first
    unfold.press("Enter")
    order = explorer.get_by_role("combobox", name="Order of the elements")
    which = explorer.get_by_label("Sliders set all models; names of")
    options = explorer.locator(".course-elements select[size] option")  # folded, it has no role
    explorer.get_by_role("searchbox", name="Search elements").fill("")
    which.select_option("AE")
    assert order.locator("[value=rate]").count() == 0, "an autoencoder's code costs nothing"
    which.select_option("VAE")
    order.select_option(label="by this face's rate")
    assert told() == costs(0) and costs(0)[-1].endswith("silent \u2194")

    slider(explorer, "face").press("ArrowRight")
    wait_for_state(page, image=1)
    explorer.locator(".course-waiting").first.wait_for(state="detached")
    assert told() == costs(1) != costs(0)
    options.first.evaluate("e => { e.kept = true; }")
    slider(explorer, "element 3").press("PageUp")
    page.evaluate(TWO_FRAMES)
    assert options.first.evaluate("e => e.kept"), "an edit leaves the face, and the list alone"

    draw = explorer.get_by_role("button", name="Draw from N(0, I)")
    draw.click()
    expect(explorer.locator(".course-elements [role=status]")).to_have_text(
        "This code was drawn, and only a face has a rate."
    )
    assert options.nth(7).inner_text().startswith("element 7 \u2194 ")
    explorer.get_by_role("button", name="Back to the face").click()
    page.evaluate(TWO_FRAMES)
    assert told() == costs(1)

    unfold.press("Enter")
    slider(explorer, "face").press("Home")
    wait_for_state(page, image=0)
    page.wait_for_timeout(300)
    assert told() == costs(1), "what nobody sees is not made again"
    unfold.press("Enter")
    expect(options.first).to_have_text(re.compile(f"^{costs(0)[0]}"))
    assert told() == costs(0)
    which.select_option("AE")
    assert order.input_value() == "index"
    unfold.press("Enter")


def test_a_search_that_finds_nothing_says_so(explorer, page):
    explorer.get_by_text("Add a slider").first.press("Enter")
    search = explorer.get_by_role("searchbox", name="Search elements")
    told = explorer.locator(".course-elements [role=status]")
    search.fill("smile")
    assert told.inner_text().startswith("No element is called “smile”. Type a number up to 31, or")
    assert "follows: " in told.inner_text()
    search.press("Enter")
    assert state(page)["elements"] == [3, 11]
    search.fill("17")
    assert told.inner_text() == ""
    search.fill("")
    explorer.get_by_text("Add a slider").first.press("Enter")


def test_keys_stay_in_the_explorer(explorer, page):
    """d, d would delete the notebook's cell, b would add one."""
    cells = page.locator(".jp-CodeCell").count()
    slider(explorer, "element 3").focus()
    for key in "ddbx":
        page.keyboard.press(key)
    page.wait_for_timeout(200)
    assert page.locator(".jp-CodeCell").count() == cells


@pytest.mark.parametrize(("model", "name"), [(0, "AE"), (1, "VAE")])
def test_the_code_shown_makes_the_picture_shown(explorer, page, model, name):
    notebook.in_kernel(page, "explorer.state.directions = {'principal 1': -0.5, 'tilt': 1}")
    slider(explorer, "direction tilt, in standard deviations").wait_for()
    slider(explorer, "element 3").press("PageUp")
    slider(explorer, "element 11").press("PageDown")
    slider(explorer, SHIFT).press("PageUp")
    slider(explorer, SCALE).press("PageUp")
    slider(explorer, NOISE).press("ArrowRight")
    slider(explorer, "towards face").press("End")
    slider(explorer, "step towards that face").press("PageUp")
    explorer.locator(".course-map").first.press("ArrowUp")
    explorer.get_by_label("Sliders set all models; names of").select_option(name)
    explorer.get_by_role("button", name="Draw from q(z|x), this face's cloud (key r)").click()
    page.wait_for_timeout(500)
    explorer.get_by_role("button", name="Copy the code").click()
    code = page.evaluate("() => navigator.clipboard.readText()")
    assert code == explorer.locator("pre").inner_text()
    assert "latent[:, 3], latent[:, 11] = " in code
    run = f"model = {name.lower()}\nwith torch.no_grad():\n    exec({code!r})\n"
    printed = "print(base64.b64encode(edited[0].numpy().tobytes()).decode())"
    made = np.frombuffer(base64.b64decode(notebook.in_kernel(page, run + printed)), np.uint8)
    made = made.reshape(3, 64, 64).transpose(1, 2, 0).astype(np.int16)
    assert np.abs(shown(explorer, model) - made).max() <= 1
    explorer.get_by_label("Sliders set all models; names of").select_option("AE")


def test_a_tour_beside_the_notebook(explorer, page):
    start = explorer.get_by_role("button", name="Tour: small tasks")
    tour = explorer.get_by_role("group", name="Tour", exact=True)
    start.press("Enter")
    assert "Task 1 of 10" in tour.inner_text()
    slider(explorer, "face").press("ArrowRight")
    tour.get_by_text("Task 2 of 10").wait_for()
    panel = page.locator(".jp-NotebookPanel-notebook").bounding_box()
    assert explorer.bounding_box()["height"] < panel["height"]
    slider(explorer, "element 3").press("Escape")
    assert tour.inner_text() == ""
    assert slider(explorer, "element 3").evaluate("e => e === document.activeElement")
    other = page.locator(".course-explorer").nth(1)  # decoded by the kernel, without a map
    other.get_by_role("button", name="Tour: small tasks").click()
    slider(other, "face").press("ArrowRight")
    other.get_by_text("Task 2 of 8").wait_for()
    other.get_by_role("button", name="End the tour (Escape)").click()
    slider(other, "face").press("Home")


def test_two_explorers_do_not_disturb_each_other(explorer, page):
    other = page.locator(".course-explorer").nth(1)
    first, second = shown(explorer), shown(other)
    slider(other, "element 5").press("PageUp")
    for _ in range(100):  # the kernel decodes for it
        page.wait_for_timeout(50)
        if not np.array_equal(shown(other), second):
            break
    assert np.array_equal(shown(explorer), first)
    assert not np.array_equal(shown(other), second)
    slider(explorer, "element 3").press("PageUp")
    page.evaluate(TWO_FRAMES)
    assert not np.array_equal(shown(explorer), first)


def test_the_kernel_decodes_for_what_cannot_come(explorer, page):
    other = page.locator(".course-explorer").nth(1)
    assert "decoded by the kernel" in other.inner_text()
    values = at(slider(other, "element 5"), *np.linspace(0, 1, 200), 0.7)
    slider(other, "element 5").evaluate(DRAG, values)
    page.wait_for_timeout(1000)
    pixels = "print(base64.b64encode(other.seen['smooth'].edited[0].numpy().tobytes()).decode())"
    assert notebook.in_kernel(page, "print(other.state.edits)") == str({5: values[-1]})
    theirs = np.frombuffer(base64.b64decode(notebook.in_kernel(page, pixels)), np.uint8)
    assert np.array_equal(shown(other), theirs.reshape(3, 64, 64).transpose(1, 2, 0))
    change = notebook.in_kernel(page, "print(f\"{other.seen['smooth'].change.changed:g}\")")
    numbers = other.locator(".course-numbers").inner_text()
    assert numbers.startswith(f"{change} of 4096 pixels change")
    assert other.locator(".course-waiting").count() == 0


def test_a_plain_slider_beside_it_moves_it_and_follows_it(explorer, page):
    """One of ipywidgets, linked to the explorer's state, by keyboard in both directions."""
    linked = page.locator(".course-explorer").nth(2)
    linked.scroll_into_view_if_needed()
    linked.locator(".course-waiting").first.wait_for(state="detached")
    cell = page.locator(".jp-CodeCell").filter(has=page.locator(".widget-readout"))
    theirs, readout = cell.locator(".noUi-handle"), cell.locator(".widget-readout")
    before = shown(linked)
    theirs.press("ArrowRight")
    page.wait_for_function("e => e.textContent !== '0.00'", arg=readout.element_handle())
    value = float(readout.inner_text())
    ours = slider(linked, SHIFT)
    for _ in range(100):
        if float(ours.input_value()) == value:
            break
        page.wait_for_timeout(50)
    page.evaluate(TWO_FRAMES)
    assert float(ours.input_value()) == value > 0
    assert not np.array_equal(shown(linked), before)
    shows = "([e, text]) => e.textContent.replace('\u2212', '-') === text"
    for steps in range(1, 6):
        ours.press("ArrowLeft")
        expected = f"{value - 0.1 * steps:.2f}".replace("-0.00", "0.00")
        page.wait_for_function(shows, arg=[readout.element_handle(), expected], timeout=10 * SECOND)
    explorer.scroll_into_view_if_needed()


def test_in_a_narrow_window_its_pictures_stay_in_sight(explorer, page):
    """In JupyterLab, too, whose outputs would else be scrollers of their own."""
    wide = page.viewport_size
    page.set_viewport_size({"width": 820, "height": 700})
    handle = slider(explorer, "element 11")
    page.evaluate("e => e.scrollIntoView({block: 'end'})", handle.element_handle())
    page.evaluate(TWO_FRAMES)
    edited = explorer.locator("section").first.locator("canvas").nth(2).bounding_box()
    scroller = page.locator(".jp-WindowedPanel-outer").bounding_box()
    moved = handle.bounding_box()
    page.set_viewport_size(wide)
    explorer.scroll_into_view_if_needed()
    assert scroller["y"] <= edited["y"] and edited["y"] + edited["height"] <= moved["y"]
    assert moved["y"] + moved["height"] <= scroller["y"] + scroller["height"] + 1


@pytest.mark.parametrize("theme", notebook.THEMES)
def test_anyone_can_use_it(explorer, page, theme):
    notebook.set_theme(page, theme)
    slider(explorer, "element 3").press("PageUp")
    explorer.get_by_text("Add a slider").first.click()
    page.wait_for_timeout(700)
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"latent-explorer-{theme.split()[1].lower()}.png")
    found = Axe().run(page, context=".course-explorer").response["violations"]
    explorer.get_by_text("Add a slider").first.click()
    assert [v["id"] for v in found if v["impact"] in ("serious", "critical")] == []


def test_the_still_follows_and_hides(explorer, page):
    slider(explorer, "element 3").press("End")
    value = float(slider(explorer, "element 3").input_value())
    wait_for_state(page, edits=[[3, value]])
    edits = f"edits {{3: {value}}}"
    outputs = """() => jupyterapp.shell.currentWidget.content.widgets[1].model.outputs.toJSON()"""
    for _ in range(100):
        texts = [output["data"].get("text/plain", "") for output in page.evaluate(outputs)]
        if any(edits in text for text in texts[1:]):
            break
        page.wait_for_timeout(50)
    assert edits in texts[1]
    assert page.locator(".jp-RenderedImage").first.is_hidden()


def test_a_code_far_from_all_others_is_told(explorer, page):
    numbers = explorer.locator(".course-numbers").nth(1)
    assert "a usual code" in numbers.inner_text()
    slider(explorer, SHIFT).press("End")
    page.evaluate(TWO_FRAMES)
    assert "unlike any training code" in numbers.inner_text()
    wait_for_state(page, shift=5)
    code = notebook.in_kernel(
        page,
        "a, z = explorer.atlases['VAE'], explorer.seen['VAE'].code\n"
        "near = torch.cdist(z, a.codes).min().item() / a.usual_distance\n"
        "print(f'{a.density.log_prob(z).item():.0f} {near:.2f}')",
    )
    log_density, near = code.split()
    text = numbers.inner_text().replace("\u2212", "-")
    assert f"nearest training code at {near} of" in text
    assert f"log density {log_density} nats" in text


def test_the_nearest_training_face_is_seen_at_rest(explorer, page):
    slider(explorer, "element 3").press("PageUp")
    page.wait_for_timeout(1500)
    for number, name in enumerate(("AE", "VAE")):
        code = (
            f"a, z = explorer.atlases[{name!r}], explorer.seen[{name!r}].code\n"
            "number = a.numbers[torch.cdist(z, a.codes.half().float()).argmin()]\n"
            "face = transforms.to_image(transform(images[number:number + 1]))\n"
            "print(number, base64.b64encode(face.numpy().tobytes()).decode())"
        )
        face, data = notebook.in_kernel(page, code).split()
        row = explorer.locator("section").nth(number)
        theirs = np.frombuffer(base64.b64decode(data), np.uint8).reshape(3, 64, 64)
        ours = np.array(row.locator(".course-near").evaluate(PIXELS)).reshape(64, 64, 3)
        assert np.array_equal(ours, theirs.transpose(1, 2, 0))
        assert "for a new face (left)." in row.inner_text()
        words = f"training face {face}, whose code is nearest to {name}'s"
        assert row.locator(".course-near").get_attribute("aria-label") == words


def test_ones_own_picture_goes_to_the_kernel(explorer, page):
    """One of the last of these tests: the explorer has one face more from now on."""
    own = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(own).save(file, "PNG")
    explorer.get_by_text("Your own picture").press("Enter")
    explorer.get_by_label("A file:").set_input_files(
        {"name": "me.png", "mimeType": "image/png", "buffer": file.getvalue()}
    )
    wait_for_state(page, image=6)
    page.wait_for_timeout(500)
    explorer.get_by_text("Your own picture").press("Enter")
    assert slider(explorer, "face").input_value() == "6"
    print_seen = (
        "print(base64.b64encode(transforms.to_image(explorer.x[6]).numpy().tobytes()).decode())"
    )
    seen = np.frombuffer(base64.b64decode(notebook.in_kernel(page, print_seen)), np.uint8)
    seen = torch.from_numpy(seen.reshape(3, 64, 64).copy())
    sent = torch.from_numpy(own).permute(2, 0, 1)
    assert torch.equal(seen, to_image(face_transform()(sent[None]))[0])
    assert np.array_equal(shown(explorer, 0, 0), seen.permute(1, 2, 0).numpy())
    assert_as_the_kernel(page, explorer)
    explorer.get_by_role("button", name="Undo").click()
    wait_for_state(page, image=0)


def test_escape_leads_back_to_the_notebook(explorer, page):
    """To the explorer's own cell, where Jupyter's keys work again; first it empties a search."""
    explorer.locator("summary", has_text="Add a slider").click()
    search = explorer.get_by_role("searchbox")
    search.fill("7")
    search.press("Escape")
    assert search.input_value() == "" and search.evaluate("e => e === document.activeElement")
    search.press("Escape")
    page.wait_for_function("() => document.activeElement.classList.contains('jp-Cell')")
    assert explorer.evaluate("e => document.activeElement.contains(e)")
    cell = page.evaluate(ACTIVE)
    page.keyboard.press("ArrowDown")
    page.wait_for_function(f"cell => ({ACTIVE})() === cell + 1", arg=cell)


def test_the_ridge_behind_a_slider_is_where_the_training_faces_lie(explorer, page):
    control = slider(explorer, "element 3")
    path = control.locator("xpath=..").locator(".course-ridge path").get_attribute("d")
    heights = 1 - np.array(re.findall(r"V([\d.]+)H", path), dtype=float)
    ends = [float(control.get_attribute(name)) for name in ("min", "max")]
    ask = "print(json.dumps(explorer.atlases['AE'].codes[:, 3].half().tolist()))"
    counts, _ = np.histogram(json.loads(notebook.in_kernel(page, ask)), 32, ends)
    assert counts.sum() > 200
    assert np.allclose(heights, np.sqrt(counts / counts.max()), atol=1e-3)


def test_closed_it_leaves_nothing(explorer, page):
    """Opened and closed 40 times on a page, neither widgets nor listeners nor nodes add up."""
    tools = page.context.new_cdp_session(page)
    tools.send("Performance.enable")
    notebook.in_kernel(page, "small = {'AE': models.FullyConnectedAutoencoder((3, 64, 64), 2)}")

    def grown(make: str, rounds: int) -> dict:
        """How much more there is after so many rounds than after the first ten."""
        for number in range(rounds + 10):
            if number == 10:
                before = count()
            notebook.in_kernel(page, f"extra = {make}; box.children = [extra]")
            page.wait_for_function("() => document.querySelector('.made-box').childElementCount")
            page.locator(".made-box canvas").first.wait_for()
            notebook.in_kernel(page, "box.children = []; extra.close(); extra.layout.close()")
            page.wait_for_function("() => !document.querySelector('.made-box').childElementCount")
        after = count()
        return {name: after[name] - before[name] for name in before}

    def count() -> dict:
        tools.send("HeapProfiler.collectGarbage")
        metrics = {m["name"]: m["value"] for m in tools.send("Performance.getMetrics")["metrics"]}
        widgets = "print(len(__import__('ipywidgets').widgets.widget._instances))"
        return {
            "widgets": int(notebook.in_kernel(page, widgets)),
            "listeners": metrics["JSEventListeners"],
            "nodes": metrics["Nodes"],
        }

    ours = grown("LatentExplorer(small, images[:2], transform=transform)", 40)
    assert ours["widgets"] == 0
    # One view has some 40 listeners and 150 nodes, 40 of them forty times that. JupyterLab itself
    # keeps a little of every view (of ipywidgets.Valid, 8 nodes; of ours, 2).
    assert ours["listeners"] < 40
    assert ours["nodes"] < 400


def test_a_kernel_restart_is_told(explorer, page):
    """The last of these tests: after it, no kernel knows the explorers."""
    before = shown(explorer)
    page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    explorer.get_by_text("The kernel was restarted or stopped").wait_for(timeout=30 * SECOND)
    slider(explorer, "element 3").press("PageUp")
    page.evaluate(TWO_FRAMES)
    assert not np.array_equal(shown(explorer), before)  # what is here still moves
    slider(explorer, "face").press("End")
    page.evaluate(TWO_FRAMES)
    assert "run this cell again" in explorer.inner_text()
