"""The latent explorer's view beside a kernel that answers when the test says so, late or never."""

import base64

import pytest
import torch

from course_lib.explorers.latent_explorer import LatentExplorer
from course_lib.explorers.live import bundle, style
from course_lib.models import FullyConnectedAutoencoder, FullyConnectedVAE
from tests.browser.test_latent_view import TWO_FRAMES, shown, slider

pytestmark = pytest.mark.browser

REST = 700  # ms until screen readers have been told
WAITING = "The kernel is busy: this picture comes when it is free"
GONE = "Not decoded"  # and there is no kernel to wait for
# What anywidget gives a view, on a page without Jupyter.
PAGE = """traits => {
    const heard = {};
    window.sent = [];
    window.tell = (event, ...news) => (heard[event] ?? []).forEach(f => f(...news));
    window.hear = (content, texts) => tell('msg:custom', content, texts.map(
        text => new DataView(Uint8Array.from(atob(text), c => c.charCodeAt(0)).buffer)));
    const model = {
        get: name => traits[name],
        set: (name, value) => { traits[name] = value; },
        save_changes: () => sent.push({choice: traits._choice}),
        send: content => sent.push(content),
        on: (event, f) => (heard[event] ??= []).push(f),
    };
    render({model, el: document.body.appendChild(document.createElement('main'))});
}"""


class Smoothed(FullyConnectedVAE):
    """A decoder that stays in the kernel."""

    def decode(self, z):
        return torch.nn.functional.avg_pool2d(super().decode(z), 3, 1, 1)


def images(n):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (n, 3, 64, 64), dtype=torch.uint8, generator=generator)


def build(model):
    with torch.no_grad():  # not trained, but with pictures that show every grey level
        for layer in model.decoder:
            if isinstance(layer, torch.nn.Linear):
                layer.weight *= 6
    elements = (min(5, model.latent_dim - 1),)
    return LatentExplorer(
        model,
        images(60)[:3],
        elements=elements,
        training=images(60),
        factors={"smile": torch.linspace(0, 1, 60)},
    )


class Kernel:
    """An explorer in this process, and the view of it on a page."""

    def __init__(self, explorer, page):
        self.explorer, self.page, self.news = explorer, page, []
        explorer.send = lambda content, buffers=(): self.news.append((content, buffers))
        page.add_style_tag(content=style())
        script = bundle("latent_explorer").replace("export default", "window.view =")
        page.add_script_tag(content=script)
        page.evaluate(PAGE, {name: getattr(explorer, name) for name in ("_setup", "_choice")})

    def take(self) -> list[dict]:
        """What the view has sent since the last time."""
        return self.page.evaluate("() => sent.splice(0)")

    def hear(self, *kinds):
        """Hear what the view sent, and answer with these kinds of messages only."""
        for content in self.take():
            if "choice" in content:
                self.explorer.set_state({"_choice": content["choice"]})
            elif content["kind"] == "want":
                self.explorer.answer(content)
        for content, buffers in self.news:
            if content["kind"] in kinds:
                self.tell(content, buffers)
        self.news.clear()
        self.page.evaluate(TWO_FRAMES)

    def tell(self, content, buffers=()):
        texts = [base64.b64encode(buffer).decode() for buffer in buffers]
        self.page.evaluate("([content, texts]) => hear(content, texts)", [content, texts])


@pytest.fixture
def open_view(page):
    made = []

    def open_view(model=None):
        torch.manual_seed(0)
        explorer = build(model or Smoothed(hidden_dim=23, latent_dim=9))
        made.append(explorer)
        kernel = Kernel(explorer, page)
        kernel.hear("have", "picture")
        return kernel, page.locator(".course-explorer")

    yield open_view
    for explorer in made:
        explorer.close()


def numbers(element):
    return element.locator(".course-numbers").inner_text()


def expected(explorer):
    change = explorer.seen["model"].change
    return f"{change.changed:g} of 4096 pixels change by more than 40 grey levels"


def assert_done(element, explorer, image):
    """Pictures, numbers, and what is announced, are the kernel's of its state."""
    element.page.wait_for_timeout(REST)
    theirs = explorer.seen["model"].edited[0].permute(1, 2, 0).numpy()
    assert abs(shown(element) - theirs).max() <= 1
    assert numbers(element).startswith(expected(explorer))
    changed = f"{explorer.seen['model'].change.changed:g} pixels change; "
    said = element.locator(".course-hidden[role=status]").text_content()
    assert f"model: {changed}" in said and "nats" not in said
    assert element.locator(".course-waiting").count() == 0
    assert element.get_by_role("img", name=f"edited of image {image}, model").count() == 1


def assert_waiting(element, image, why=WAITING):
    """No numbers but why, and pictures that are said to be of this image."""
    element.page.wait_for_timeout(REST)
    assert numbers(element).startswith(why)
    assert f"model: {why}" in element.locator(".course-hidden[role=status]").text_content()
    assert element.locator("canvas.course-waiting").count() == 4
    assert element.get_by_role("img", name=f"edited of image {image}, model").count() == 1


def test_a_picture_counts_for_its_face_only(open_view):
    kernel, element = open_view()
    slider(element, "element 5").press("PageUp")
    kernel.hear("have", "picture")
    assert_done(element, kernel.explorer, image=0)
    slider(element, "face").press("End")
    assert_waiting(element, image=0)
    kernel.hear("have")  # the new face is here, its edited picture is not
    assert_waiting(element, image=0)
    slider(element, "element 5").press("PageUp")
    kernel.hear("have", "picture")
    assert_done(element, kernel.explorer, image=2)


def test_a_late_picture_is_shown_without_numbers(open_view):
    kernel, element = open_view()
    slider(element, "element 5").press("PageUp")
    assert_waiting(element, image=0)
    early = [content for content in kernel.take() if "choice" in content]
    slider(element, "element 5").press("PageUp")
    for content in early:
        kernel.explorer.set_state({"_choice": content["choice"]})
    before, value = shown(element), slider(element, "element 5").input_value()
    for content, buffers in kernel.news:
        kernel.tell(content, buffers)
    kernel.news.clear()
    assert_waiting(element, image=0)
    theirs = kernel.explorer.seen["model"].edited[0].permute(1, 2, 0).numpy()
    assert (shown(element) == theirs).all() and (shown(element) != before).any()
    assert slider(element, "element 5").input_value() == value  # stays in the hand
    kernel.hear("picture")
    assert_done(element, kernel.explorer, image=0)


@pytest.mark.parametrize("travels", [False, True])
def test_without_a_kernel_no_other_faces_numbers_are_shown(open_view, travels):
    kernel, element = open_view(FullyConnectedVAE(hidden_dim=23, latent_dim=9) if travels else None)
    assert_done(element, kernel.explorer, image=0)
    assert element.locator(".course-reads").is_visible()
    kernel.page.evaluate("() => tell('comm_live_update')")
    slider(element, "face").press("End")
    assert_waiting(element, image=0, why=GONE)
    assert element.locator(".course-reads").is_hidden()  # it would be read from the other's code
    assert "run this cell again" in element.get_by_role("alert").inner_text()
    slider(element, "face").press("Home")
    assert_done(element, kernel.explorer, image=0)


def test_an_error_of_the_kernel_is_said_and_the_view_asks_again(open_view):
    kernel, element = open_view()
    slider(element, "face").press("ArrowRight")
    kinds = [content["kind"] for content in kernel.take() if "kind" in content]
    assert [kind for kind in kinds if kind != "rest"] == ["want"]  # a slow machine rests in between
    kernel.tell({"kind": "error", "text": "RuntimeError: no memory left"})
    alert = element.locator("[role=alert]")
    assert alert.inner_text() == "The kernel could not answer. RuntimeError: no memory left"
    kernel.page.evaluate(TWO_FRAMES)
    assert [content for content in kernel.take() if content.get("kind") == "want"] == []
    slider(element, "face").press("End")
    kernel.hear("have", "picture")
    assert alert.text_content() == ""
    assert_done(element, kernel.explorer, image=2)


def test_a_collapsed_model_is_said_to_be(open_view):
    model = FullyConnectedVAE(hidden_dim=23, latent_dim=1)
    torch.nn.init.zeros_(model.encoder[2].weight)
    _, element = open_view(model)
    assert "collapsed: all pictures have the same code, one point of the map" in numbers(element)
    assert element.locator(".course-map").count() == 1


def test_what_changed_is_said_in_words(page):
    page.add_script_tag(content=bundle("edits"))
    explorer = build(FullyConnectedVAE((3, 64, 64), 7, 9))
    start, state = explorer.state.choice, explorer.state
    explorer.close()
    state.directions, state.scale, state.shift = {"smile": -1.5, "principal 1": 0.0}, 2.0, 0.5
    state.noise = 0.25
    said = ["Moved along smile by -1.5.", "All elements times 2.", "All elements shifted by 0.5."]
    said.append("Noise 0.25, number 1000.")
    ask = "([before, after]) => changes(before, after)"
    moved = state.choice
    assert page.evaluate(ask, [start, moved]) == said
    state.noise_seed, state.directions = 1001, {}
    said = ["No longer moved along smile.", "Noise 0.25, number 1001."]
    assert page.evaluate(ask, [moved, state.choice]) == said
    state.moves = {"model": (-0.984582, 0.5)}
    said.append("model's code moved by \u22120.98, 0.50 on its map.")
    assert page.evaluate(ask, [moved, state.choice]) == said
    assert "model's code no longer moved on its map." in page.evaluate(ask, [state.choice, moved])
    sliders = "([before, after]) => sliderChanges(before, after)"
    said = [
        "No slider of direction smile any more.",
        "No slider of direction principal 1 any more.",
    ]
    assert page.evaluate(sliders, [moved, state.choice]) == said
    assert page.evaluate(sliders, [state.choice, moved])[0] == "A slider of direction smile."
    back = page.evaluate("choice => ({...choice, ...untouched(choice)})", moved)
    state.choice = moved
    state.reset()
    assert back == state.choice, "Reset is the same in both"


# The Python that it offers

CHOICES = [
    {"edits": [[3, 2.0], [5, 8.0]]},
    {"image": 1, "target": 2, "step": 0.25, "moves": {"model": [0.5, -1.0]}, "shift": -0.5},
    {"origin": "prior", "draw": 4, "target": 1, "step": 0.5, "edits": [[0, -1.5]]},
    {"origin": "density", "draw": 2, "shift": 0.25, "edits": [[8, 3.0]]},
    {"directions": [["smile", -1.5], ["principal 2", 0.0]], "scale": 2.0, "edits": [[8, 3.0]]},
    {"noise": 0.75, "noise_seed": 1003, "shift": -0.5, "scale": -0.5, "step": 0.5},
]


@pytest.mark.parametrize("kind", [FullyConnectedAutoencoder, FullyConnectedVAE])
def test_the_python_offered_makes_the_picture(page, kind):
    """Pasted where there is nothing but an explorer; with gradients and without."""
    torch.manual_seed(0)
    explorer = build(kind(latent_dim=9))
    page.add_script_tag(content=bundle("edits"))
    start = explorer.state.choice
    for choice in CHOICES:
        elements = [element for element, _ in choice.get("edits", [])]
        explorer.state.choice = start | choice | {"elements": elements}
        text = page.evaluate("choice => python(choice, 'model')", explorer.state.choice)
        before, theirs = explorer.x.clone(), explorer.seen["model"].edited.int()
        for gradients in (True, False):
            with torch.set_grad_enabled(gradients):
                assert (pasted(text, explorer) - theirs).abs().max() <= 1, text
        torch.set_default_dtype(torch.float64)  # as notebook 04 does
        try:
            edited = pasted(text, explorer)
        finally:
            torch.set_default_dtype(torch.float32)
        assert (edited - theirs).abs().max() <= 1, text
        assert torch.equal(explorer.x, before)
        assert torch.equal(explorer.seen["model"].edited, theirs)  # it wrote into a copy
    explorer.close()


def pasted(text: str, explorer: LatentExplorer) -> torch.Tensor:
    """What the code makes in a cell of its own."""
    names = {"explorer": explorer}
    exec(text, names)
    return names["edited"].int()


def test_the_python_is_of_the_model_that_is_asked_for(page):
    torch.manual_seed(0)
    ours = 'the "VAE", ours'
    pair = {"AE": FullyConnectedAutoencoder(latent_dim=9), ours: FullyConnectedVAE(latent_dim=9)}
    explorer = LatentExplorer(pair, images(60)[:3], training=images(60))
    page.add_script_tag(content=bundle("edits"))
    explorer.state.moves, explorer.state.sample = {ours: (3.0, -2.0)}, 5
    explorer.state.noise = 0.5
    ask = "([choice, name, posterior]) => python(choice, name, posterior)"
    for name, posterior in [("AE", False), (ours, True)]:
        text = page.evaluate(ask, [explorer.state.choice, name, posterior])
        theirs = explorer.seen[name].edited.int()
        assert (pasted(text, explorer) - theirs).abs().max() <= 1, text
    explorer.close()
