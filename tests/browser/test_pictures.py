"""One's own picture, the nearest training face, the map decoded, faces chosen by their pictures:
on the page that needs no kernel, and beside a kernel."""

import io

import numpy as np
import pytest
import torch
from axe_playwright_python.sync_playwright import Axe
from PIL import Image

from course_lib.explorers import decoders, demo
from course_lib.explorers.latent_explorer import LatentExplorer
from course_lib.explorers.live import bundle
from course_lib.models import FullyConnectedVAE
from course_lib.transforms import face_transform
from tests.browser.test_demo_page import decoded
from tests.browser.test_kernel_messages import Kernel
from tests.browser.test_latent_view import PIXELS, SCREENSHOTS, TWO_FRAMES, shown, slider
from tests.conftest import FLAGS

pytestmark = pytest.mark.browser

REST = 900  # ms until the hands are at rest, and what then comes is there
CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
NEAR = ".course-near"
# Five steps, one after the other; then how often the map was drawn.
STEPS = """async input => {
    for (let step = 0; step < 5; step++) {
        input.stepUp();
        input.dispatchEvent(new Event('input', {bubbles: true}));
        await new Promise(done => setTimeout(done, 20));
    }
    input.dispatchEvent(new Event('change', {bubbles: true}));
    return drawn;
}"""


@pytest.fixture(scope="module")
def browser(chromium_path):
    """One that has a camera, of a made picture, and asks nobody whether it may be used."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        flags = [*FLAGS, *CAMERA]
        browser = playwright.chromium.launch(executable_path=chromium_path, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def explorer():
    """Not trained, but with pictures that show every grey level; what travels is float16."""
    images = random_pictures(80)
    torch.manual_seed(0)
    models = {name: FullyConnectedVAE(hidden_dim=23, latent_dim=9) for name in ("AE", "VAE")}
    with torch.no_grad():
        for model in models.values():
            model.encoder[0].weight.copy_((3 * model.encoder[0].weight).half())
            model.encoder[2].weight.copy_(model.encoder[2].weight.half())
            model.decoder[0].weight *= 4
            model.decoder[2].weight.copy_((4 * model.decoder[2].weight).half())
    explorer = LatentExplorer(
        models,
        images[:5],
        transform=face_transform(crop=None),
        elements=(3, 6),
        training=images,
        points=["AE"],
    )
    yield explorer
    explorer.close()


@pytest.fixture
def opened(page, explorer, tmp_path):
    """The page's explorer."""
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    demo.write(tmp_path / "demo", explorer, draws=3)
    page.set_viewport_size({"width": 1366, "height": 768})
    page.goto((tmp_path / "demo" / "index.html").as_uri())
    page.locator(".course-map").nth(1).wait_for()
    yield page.locator(".course-explorer")
    assert errors == []


def random_pictures(n):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (n, 3, 64, 64), dtype=torch.uint8, generator=generator)


def pixels(canvas):
    """What a canvas shows, (64, 64, 3)."""
    return np.array(canvas.evaluate(PIXELS), dtype=np.int16).reshape(64, 64, 3)


def as_image(array) -> np.ndarray:
    return array.permute(1, 2, 0).numpy().astype(np.int16)


def png(array) -> dict:
    """A picture (H, W, 3) as a file to choose."""
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return {"name": "me.png", "mimeType": "image/png", "buffer": file.getvalue()}


def choose_file(element, file):
    element.get_by_text("Your own picture").click()
    element.get_by_label("A file:").set_input_files(file)
    element.page.wait_for_timeout(300)


# One's own picture


def test_a_file_becomes_one_face_more(opened, explorer, page):
    wide = np.random.default_rng(1).integers(0, 256, (64, 100, 3), dtype=np.uint8)
    choose_file(opened, png(wide))
    middle = torch.from_numpy(wide[:, 18:82]).permute(2, 0, 1)
    assert explorer.add(middle.contiguous()) == 5
    assert slider(opened, "face").input_value() == "5"
    assert np.array_equal(shown(opened, 0, 0), as_image(middle))
    for number, name in enumerate(("AE", "VAE")):
        theirs = decoded(explorer, name)
        assert theirs.std() > 20
        assert np.abs(shown(opened, number) - theirs).max() <= 1
    opened.get_by_role("button", name="Draw from q(z|x), this face's cloud (key r)").click()
    page.evaluate(TWO_FRAMES)
    assert np.abs(shown(opened, 1) - decoded(explorer, "VAE", sample=1)).max() <= 1
    assert "explorer.x[5:6]" in opened.locator("pre").inner_text()
    assert opened.get_by_text("nothing leaves this machine").is_visible()
    opened.get_by_role("button", name="Undo").click()
    opened.get_by_role("button", name="Undo").click()
    assert slider(opened, "face").input_value() == "0"


def test_a_photograph_is_turned_upright_and_made_small(opened, page):
    """Its quarters, as the camera held it and as its EXIF says it is."""
    colours = [[(255, 0, 0), (0, 255, 0)], [(0, 0, 255), (255, 255, 255)]]
    upright = np.kron(np.array(colours, np.uint8), np.ones((300, 300, 1), np.uint8))
    exif, file = Image.Exif(), io.BytesIO()
    exif[0x0112] = 6  # turn it clockwise by a quarter to see it
    held = Image.fromarray(upright).rotate(90)
    held.save(file, "JPEG", quality=95, exif=exif)
    buffer = {"name": "me.jpg", "mimeType": "image/jpeg", "buffer": file.getvalue()}
    choose_file(opened, buffer)
    original = shown(opened, 0, 0)
    for y, row in enumerate(colours):
        for x, colour in enumerate(row):
            quarter = original[32 * y + 4 : 32 * y + 28, 32 * x + 4 : 32 * x + 28]
            assert np.abs(quarter - np.array(colour)).max() <= 4


def test_what_is_no_picture_is_refused_in_a_sentence(opened, page, tmp_path):
    told = opened.locator(".course-fold [role=status]")
    text = {"name": "me.txt", "mimeType": "text/plain", "buffer": b"no picture"}
    choose_file(opened, text)
    assert told.inner_text().startswith("“me.txt” is no picture that this browser can read:")
    large = tmp_path / "large.png"
    with large.open("wb") as file:
        file.truncate(60_000_000)
    opened.get_by_label("A file:").set_input_files(large)
    page.wait_for_timeout(200)
    assert told.inner_text() == (
        "The file has 60 MB, and at most 50 are read: choose a smaller one."
    )
    assert slider(opened, "face").get_attribute("max") == "4"
    opened.get_by_label("A file:").set_input_files(png(np.zeros((64, 64, 3), np.uint8)))
    page.wait_for_timeout(300)
    assert told.text_content() == ""
    assert slider(opened, "face").input_value() == "5"


def test_the_camera_takes_a_picture_and_is_let_go(opened, page):
    opened.get_by_text("Your own picture").click()
    before = shown(opened, 0, 0)
    page.evaluate("""() => {
        const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        navigator.mediaDevices.getUserMedia = async what => (window.stream = await ask(what));
    }""")
    live = "() => window.stream.getTracks().filter(track => track.readyState === 'live').length"
    opened.get_by_role("button", name="Use the camera").press("Enter")
    take = opened.get_by_role("button", name="Take the picture")
    take.wait_for()
    assert page.evaluate(live) == 1
    take.press("Enter")
    page.wait_for_timeout(500)
    assert page.evaluate(live) == 0 and not take.is_visible()
    assert slider(opened, "face").input_value() == "5"
    assert not np.array_equal(shown(opened, 0, 0), before)
    assert shown(opened, 0, 0).std() > 10, "the made picture has colours"

    opened.get_by_role("button", name="Use the camera").click()
    take.wait_for()
    opened.get_by_text("Your own picture").click()  # folded, it is let go too
    page.wait_for_timeout(100)
    assert page.evaluate(live) == 0


def test_a_camera_that_may_not_be_used(opened, page):
    opened.get_by_text("Your own picture").click()
    page.evaluate("""() => { navigator.mediaDevices.getUserMedia =
        async () => { throw new DOMException('denied', 'NotAllowedError'); } }""")
    opened.get_by_role("button", name="Use the camera").click()
    told = opened.locator(".course-fold [role=status]")
    assert told.inner_text().startswith("There is no camera, or the browser may not use it: allow")
    assert not opened.get_by_role("button", name="Take the picture").is_visible()


def test_a_browser_encodes_as_torch_does(page):
    torch.manual_seed(0)
    shape, size = (3, 8, 6), 7
    model = FullyConnectedVAE(shape, 33, size)
    weights = {
        f"encoder/{key}": tensor.float().flatten().tolist()
        for key, tensor in decoders.weights(model, torch.float16, "encoder").items()
    }
    picture = torch.randint(256, shape, dtype=torch.uint8)
    page.add_script_tag(content=bundle("decoder"))
    found = page.evaluate(
        """([layers, weights, pixels, size]) => {
            const {code, spread} = encode(
                layers, key => Float32Array.from(weights[key]), Uint8Array.from(pixels), size);
            return [Array.from(code), Array.from(spread)];
        }""",
        [decoders.layers(model, "encoder"), weights, picture.flatten().tolist(), size],
    )
    code, spread = map(torch.tensor, found)
    theirs = model.encode(face_transform(crop=None, size=shape[1:])(picture[None]))
    assert torch.allclose(code, theirs.mean[0], atol=2e-3)
    assert torch.allclose(spread, theirs.stddev[0], atol=2e-3)
    assert theirs.mean.std() > 0.1


# The nearest training face


def nearest(explorer, name) -> int:
    """Which of the kept codes, as Python has it."""
    distances = torch.cdist(explorer.seen[name].code, explorer.atlases[name].codes.half().float())
    return distances.argmin().item()


def test_without_a_kernel_the_nearest_code_is_decoded(opened, explorer, page):
    handle = slider(opened, "element 3")
    handle.press("PageUp")
    page.wait_for_timeout(REST)
    explorer.state.edits = {3: float(handle.input_value())}
    for number, name in enumerate(("AE", "VAE")):
        code = explorer.atlases[name].codes.half().float()[nearest(explorer, name)]
        theirs = explorer.models[name].decode(code[None])[0]
        near = opened.locator(NEAR).nth(number)
        words = f"the training code nearest to {name}'s, decoded"
        assert near.get_attribute("aria-label") == words
        assert (
            "for a new face (left, decoded)." in opened.locator("section").nth(number).inner_text()
        )
        ours = pixels(near)
        assert np.abs(ours - as_image((theirs + 1) * 127.5)).max() <= 1.5


def test_a_kernel_shows_the_training_picture_at_rest(page, explorer):
    training = random_pictures(80)
    kernel = Kernel(explorer, page)
    kernel.hear("have", "picture")
    element = page.locator(".course-explorer")
    slider(element, "element 3").press("PageUp")
    assert not any("training" in str(message) for message in kernel.take()), "not while it moves"
    page.wait_for_timeout(REST)
    kernel.hear("have")
    explorer.state.edits = {3: float(slider(element, "element 3").input_value())}
    numbers = [explorer.atlases[name].numbers[nearest(explorer, name)] for name in ("AE", "VAE")]
    page.evaluate(TWO_FRAMES)
    for place, number in enumerate(numbers):
        near = element.locator(NEAR).nth(place)
        assert np.array_equal(pixels(near), as_image(training[number]))
        assert near.get_attribute("aria-label").startswith(f"training face {number}, whose code is")
        assert "for a new face (left)." in element.locator("section").nth(place).inner_text()
    page.wait_for_timeout(REST)
    assert [m for m in kernel.take() if m.get("kind") == "rest"] == [], "it was told already"
    element.get_by_role("button", name=f"Edit training face {numbers[1]}, whose").last.press(
        "Enter"
    )
    assert kernel.take() == [{"kind": "take", "number": numbers[1]}]


# The map, decoded


def lattice(element):
    return element.get_by_role("listbox", name="Places on VAE's map")


def test_the_map_decoded_shows_what_a_step_leads_to(opened, explorer, page):
    slider(opened, "element 6").press("PageUp")
    edits = [[6, float(slider(opened, "element 6").input_value())]]
    opened.get_by_text("The map, decoded").click()
    page.wait_for_timeout(1500)
    place = lattice(opened).get_by_role("option").nth(8)  # second row, second column
    before = pixels(place)
    place.click()
    page.wait_for_timeout(REST)
    here = shown(opened, 1)
    assert np.array_equal(here, before)
    code = opened.locator("pre").inner_text()
    [move] = [line for line in code.splitlines() if line.startswith("latent = move(")]
    move = [float(number) for number in move.partition("[")[2].rstrip("])").split(",")]
    assert np.abs(here - decoded(explorer, "VAE", edits=edits, moves={"VAE": move})).max() <= 1


@pytest.mark.parametrize("scaled", [False, True])
def test_the_map_decoded_by_keyboard(opened, explorer, page, scaled):
    if scaled:  # with the code, a walk on the map is scaled
        slider(opened, "scale all: times every latent element").press("PageUp")
    opened.get_by_text("The map, decoded").press("Enter")
    page.wait_for_timeout(1500)
    grid = lattice(opened)
    start = grid.locator("[aria-selected=true]")
    assert start.count() == 1
    grid.press("Home")
    for key in ("ArrowRight", "ArrowDown"):
        grid.press(key)
    active = grid.get_attribute("aria-activedescendant")
    assert grid.get_by_role("option").nth(8).get_attribute("id") == active
    grid.press("Enter")
    page.wait_for_timeout(REST)
    assert grid.get_by_role("option").nth(8).get_attribute("aria-selected") == "true"
    extent = explorer.atlases["VAE"].extent
    words = opened.locator(".course-map").nth(1).get_attribute("aria-label")
    x, y = words.partition("The code is at ")[2].partition(", the unedited")[0].split(", ")
    assert float(x) == pytest.approx(-4 / 7 * extent, rel=0.01)
    assert float(y) == pytest.approx(4 / 7 * extent, rel=0.01)


def test_the_map_is_decoded_only_while_it_is_open_and_at_rest(opened, page):
    page.evaluate("""() => {
        window.drawn = 0;
        const put = CanvasRenderingContext2D.prototype.putImageData;
        CanvasRenderingContext2D.prototype.putImageData = function (...all) {
            if (this.canvas.closest('.course-lattices')) window.drawn++;
            return put.apply(this, all);
        };
    }""")
    slider(opened, "element 3").press("PageUp")
    page.wait_for_timeout(REST)
    assert page.evaluate("drawn") == 0
    opened.get_by_text("The map, decoded").click()
    page.wait_for_function("() => drawn >= 2 * 49")
    page.wait_for_timeout(300)
    assert page.evaluate("drawn") == 2 * 49
    # By the page itself: on a busy machine the hand would rest between two keys.
    assert slider(opened, "element 3").evaluate(STEPS) == 2 * 49
    page.wait_for_function("() => drawn >= 4 * 49")
    page.wait_for_timeout(300)
    assert page.evaluate("drawn") == 4 * 49


# Faces by their pictures


def test_faces_are_chosen_by_their_pictures(opened, explorer, page):
    opened.get_by_text("Faces by picture").click()
    page.wait_for_timeout(200)
    faces = opened.get_by_role("listbox", name="Faces")
    options = faces.get_by_role("option")
    assert options.count() == 5
    assert np.array_equal(pixels(options.nth(3)), as_image(random_pictures(5)[3]))
    options.nth(3).click()
    page.evaluate(TWO_FRAMES)
    assert slider(opened, "face").input_value() == "3"
    assert options.nth(3).get_attribute("aria-selected") == "true"
    faces.press("ArrowLeft")
    faces.press("Enter")
    page.evaluate(TWO_FRAMES)
    assert slider(opened, "face").input_value() == "2"
    opened.get_by_label("Choose by picture").select_option("towards which face")
    faces.press("End")
    faces.press(" ")
    page.evaluate(TWO_FRAMES)
    assert slider(opened, "towards face").input_value() == "4"
    assert slider(opened, "face").input_value() == "2"


def test_the_face_to_step_towards_is_seen(opened, page):
    target = opened.locator(".course-target")
    for number in (1, 2):
        assert np.array_equal(pixels(target), as_image(random_pictures(5)[number]))
        assert target.get_attribute("aria-label").startswith(f"face {number},")
        slider(opened, "towards face").press("ArrowRight")
        page.evaluate(TWO_FRAMES)


# All of it


def test_a_map_by_touch(browser, explorer, tmp_path):
    demo.write(tmp_path, explorer, draws=3)
    context = browser.new_context(viewport={"width": 1366, "height": 768}, has_touch=True)
    page = context.new_page()
    page.goto((tmp_path / "index.html").as_uri())
    there = page.locator(".course-map").nth(1)
    there.wait_for()
    box, tools = there.bounding_box(), context.new_cdp_session(page)
    before = shown(page.locator(".course-explorer"), 1)

    def touch(kind, *point):
        x, y = (box["x"] + point[0], box["y"] + point[1]) if point else (0, 0)
        points = [{"x": x, "y": y}] if point else []
        tools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", 40, 40)
    for step in range(1, 9):
        touch("touchMove", 40 - 4 * step, 40 - 4 * step)
    touch("touchEnd")
    page.wait_for_timeout(REST)
    words = there.get_attribute("aria-label")
    x, y = words.partition("The code is at ")[2].partition(", the unedited")[0].split(", ")
    extent = explorer.atlases["VAE"].extent
    expected = 1 - 2 * 8 / box["width"]
    assert float(x) == pytest.approx(-expected * extent, rel=0.03)
    assert float(y) == pytest.approx(expected * extent, rel=0.03)
    assert not np.array_equal(shown(page.locator(".course-explorer"), 1), before)
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_anyone_can_use_all_of_it(opened, page, scheme):
    page.emulate_media(color_scheme=scheme)
    for name in ("Faces by picture", "Your own picture", "The map, decoded"):
        opened.get_by_text(name).press("Enter")
    page.wait_for_timeout(1500)
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"pictures-{scheme}.png", full_page=True)
    found = Axe().run(page).response["violations"]
    assert [v["id"] for v in found if v["impact"] in ("serious", "critical")] == []
    small = opened.evaluate("""e => Array.from(e.querySelectorAll(
        'summary, button, select, input, [role=option]')).filter(e => e.checkVisibility())
        .filter(e => e.getBoundingClientRect().height < 23.5).map(e => e.outerHTML)""")
    assert small == []


def test_a_projector_shows_it_whole(opened, page):
    page.set_viewport_size({"width": 1280, "height": 720})
    page.evaluate(TWO_FRAMES)
    box = opened.bounding_box()
    assert box["y"] + box["height"] <= 720
