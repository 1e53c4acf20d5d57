"""The latent explorer as its view sees it: what it is told, asks for, and sends back."""

import base64
import gc
import io
import json

import ipywidgets as w
import numpy as np
import pytest
import safetensors.torch
import torch
from ipywidgets.widgets.widget import _instances
from PIL import Image
from torch import nn

from course_lib import latents, transforms
from course_lib.explorers import decoders
from course_lib.explorers.exploration import prior_draw
from course_lib.explorers.latent_explorer import LatentExplorer
from course_lib.models import FullyConnectedAutoencoder, FullyConnectedVAE
from course_lib.models import code as encoded

SHAPE, HIDDEN, LATENT = (3, 6, 5), 13, 17
transform = transforms.face_transform(crop=None, size=SHAPE[1:])
WANT = {"kind": "want", "models": True, "columns": [], "bases": []}


class Convolutional(FullyConnectedVAE):
    """A decoder that cannot go to the browser."""

    def __init__(self):
        super().__init__(SHAPE, HIDDEN, LATENT)
        self.smooth = nn.Conv2d(3, 3, 1)

    def decode(self, z):
        return self.smooth(super().decode(z)).tanh()


def pictures(n, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(256, (n, *SHAPE), dtype=torch.uint8, generator=generator)


@pytest.fixture
def images():
    return pictures(4, seed=4)


@pytest.fixture
def models():
    torch.manual_seed(1)
    return {
        "AE": FullyConnectedAutoencoder(SHAPE, LATENT + 3),
        "VAE": FullyConnectedVAE(SHAPE, HIDDEN, LATENT),
    }


@pytest.fixture
def make(models, images):
    made = []

    def make(models=models, images=images, **options):
        explorer = LatentExplorer(models, images, transform=transform, **options)
        explorer.sent = []
        explorer.send = lambda content, buffers=(): explorer.sent.append((content, buffers))
        made.append(explorer)
        return explorer

    yield make
    for explorer in made:
        explorer.close()


def ask(explorer, **request):
    """What the view asks, as it asks it; the tensors and facts that it gets."""
    explorer.sent.clear()
    explorer._handle_custom_msg({**WANT, **request}, [])
    content, [file] = explorer.sent[0]
    return safetensors.torch.load(file), content["facts"]


# The state and the view


def test_the_view_is_told_what_it_must_know(make, models):
    explorer = make(elements=(3, 11))
    assert explorer._setup["models"] == ["AE", "VAE"]
    assert explorer._setup["elements"] == LATENT  # of the smaller latent space
    assert explorer._setup["images"] == 4
    assert explorer._setup["shape"] == list(SHAPE)
    assert explorer._setup["origins"] == ["image", "prior"]
    assert explorer._choice == explorer.state.choice
    assert explorer._choice["elements"] == [3, 11]


def test_a_slider_reaches_where_codes_are_and_a_spread_beyond(make, models, images):
    with torch.no_grad():
        models["VAE"].encoder[2].bias[3] = 20.5
    training = pictures(80, seed=5)
    explorer = make({"VAE": models["VAE"]}, training=training)
    codes = torch.cat([explorer.atlases["VAE"].codes, models["VAE"].encode(transform(images)).mean])
    spread = max(codes.std(0).max(), models["VAE"].encode(transform(images)).stddev.max())
    low, high, step = torch.tensor(explorer._setup["values"]).T
    assert ((low <= codes.amin(0) - 0.9 * spread) & (codes.amin(0) - 1.2 * spread <= low)).all()
    assert ((codes.amax(0) + 0.9 * spread <= high) & (high <= codes.amax(0) + 1.2 * spread)).all()
    assert low[3] > 15 and high[3] < 25, "an element's own range"
    assert step.unique().tolist() == pytest.approx([0.01]), "narrow ranges have small steps"
    assert len(low) == LATENT


def test_a_slider_of_a_code_without_negatives_begins_at_zero(make, models, images):
    with torch.no_grad():
        models["AE"].encoder[0].bias[0] = 123.5
        models["AE"].encoder[0].bias[1] = -1e3  # never on
    (low, high, step), off, *others = make({"AE": models["AE"]})._setup["values"]
    codes = models["AE"].encode(transform(images))
    assert low == 0 and codes[:, 0].max() < high < codes[:, 0].max() + 2 and step == 0.1
    assert off[0] == 0 < off[1] <= 2, "an element that is off can be put on"
    assert all(low == 0 for low, *_ in others)
    both = make()._setup["values"]
    assert all(low < 0 for low, *_ in both), "where one model's codes are negative, they can be set"


def test_a_slider_has_a_range_where_there_is_one_code_only(make, models, images):
    (low, high, _), *_ = make({"AE": models["AE"]}, images[:1])._setup["values"]
    assert low == 0 and high >= 1


def test_the_state_moves_the_view_and_the_view_the_state(make):
    explorer = make()
    explorer.state.image, explorer.state.edits = 2, {3: 2.0}
    assert explorer._choice == explorer.state.choice
    by_hand = {**explorer._choice, "shift": -0.7, "edits": [[3, 9.3], [5, 1]], "elements": [3, 5]}
    explorer.set_state({"_choice": by_hand})
    assert (explorer.state.shift, explorer.state.edits) == (-0.7, {3: 9.3, 5: 1.0})


def test_an_impossible_choice_of_the_view_is_put_back(make):
    explorer = make()
    good = explorer.state.choice
    explorer.set_state({"_choice": {**good, "image": 4}})
    assert explorer._choice == explorer.state.choice == good
    assert "no image 4" in explorer._message
    explorer.state.image = 1
    assert explorer._message == ""


@pytest.mark.parametrize(
    "foreign",
    [
        {"models": None},
        {"edits": 5},
        {"edits": [[float("inf"), 1]]},
        {"moves": {"AE": None}},
        {"directions": [[None]]},
        {"shift": "much"},
        {"shift": 10**400},
        {"elements": {}},
        {"image": None},
    ],
)
def test_whatever_else_a_view_may_send_is_put_back(make, foreign):
    explorer = make()
    good = explorer.state.choice
    explorer.set_state({"_choice": good | foreign})
    assert explorer._choice == explorer.state.choice == good
    assert explorer._message and "\n" not in explorer._message
    explorer.set_state({"_choice": good | {"image": 1}})
    assert explorer.state.image == 1 and explorer._message == ""


def test_the_largest_numbers_can_still_be_decoded(make):
    explorer = make()
    explorer.state.shift = explorer.state.scale = explorer.state.noise = 1e6
    explorer.state.noise_seed = 2**32 - 1
    for origin in ("image", "prior"):
        explorer.state.origin, explorer.state.draw = origin, 2**32 - 1
        assert all(one.edited.isfinite().all() for one in explorer.seen.values())


def test_without_densities_there_is_nothing_to_draw_from(make, images):
    explorer = make(training=pictures(60, seed=5), densities=False)
    assert explorer.state.origins == tuple(explorer._setup["origins"]) == ("image",)
    assert explorer.atlases, "the map stays"
    with pytest.raises(ValueError, match="no prior to draw from.*nor densities=False"):
        explorer.state.origin = "prior"


def test_plain_widgets_move_the_explorer_and_follow_it(make):
    explorer = make()
    slider, face = w.FloatSlider(min=-1, max=1, step=0.05), w.Dropdown(options=range(4))
    w.link((slider, "value"), (explorer.state, "shift"))
    w.link((face, "value"), (explorer.state, "image"))
    slider.value, face.value = 0.5, 2
    assert (explorer._choice["shift"], explorer._choice["image"]) == (0.5, 2)
    assert explorer.seen["AE"].change.changed > 0
    explorer.set_state({"_choice": {**explorer._choice, "shift": -0.25, "image": 3}})
    assert (slider.value, face.value) == (-0.25, 3)
    explorer.state.reset()
    assert slider.value == 0


def test_what_a_student_draws_beside_the_explorer_follows_it(make):
    explorer, drawn = make(), []
    slider = w.FloatSlider(min=-1, max=1)
    w.link((slider, "value"), (explorer.state, "shift"))
    beside = w.interactive_output(
        lambda shift: drawn.append(explorer.seen["AE"].change.changed), {"shift": slider}
    )
    box = w.VBox([slider, explorer, beside])
    explorer.set_state({"_choice": {**explorer._choice, "shift": 0.9}})
    assert drawn[0] == 0 < drawn[-1]
    box.close()


def test_what_is_seen_is_the_edit_of_each_models_own_code(make, models, images):
    explorer = make()
    explorer.state.image, explorer.state.target, explorer.state.step = 1, 3, 0.5
    explorer.state.shift, explorer.state.edits = 0.5, {3: 2.0, 11: 8.0}
    x = transform(images)
    means = {"AE": models["AE"].encode(x), "VAE": models["VAE"].encode(x).mean}
    for name, codes in means.items():
        code = latents.shift((codes[1:2] + codes[3:4]) / 2, 0.5)
        code = latents.set_elements(code, {3: 2.0, 11: 8.0})
        seen = explorer.seen[name]
        assert torch.allclose(seen.code, code, atol=1e-6)
        assert torch.equal(seen.edited, transforms.to_image(models[name].decode(seen.code)))
        assert torch.equal(seen.reconstruction, transforms.to_image(models[name](x[1:2])))
    with pytest.raises(ValueError, match="from 0 to 16"):
        explorer.state.edits = {LATENT: 1.0}


def test_without_a_map_no_model_moves_on_it(make):
    explorer = make()
    with pytest.raises(ValueError, match="no map to move on: .*training=faces.train"):
        explorer.state.moves = {"VAE": (1.0, -2.0)}
    assert explorer.seen["VAE"].change.changed == 0


def test_more_training_does_not_reach_an_open_explorer(make, models):
    explorer = make(training=pictures(80, seed=5))
    explorer.state.edits = {3: 2.0}
    before, told = explorer.seen, ask(explorer, columns=[3], bases=[["image", 0]])
    with torch.no_grad():
        for parameter in (p for model in models.values() for p in model.parameters()):
            parameter.add_(0.1)
    explorer.state.image = 1
    explorer.state.image = 0
    for name, seen in before.items():
        assert torch.equal(explorer.seen[name].edited, seen.edited)
    tensors, facts = ask(explorer, columns=[3], bases=[["image", 0]])
    assert facts == told[1]
    assert all(torch.equal(tensor, told[0][name]) for name, tensor in tensors.items())


def test_draws_are_decoded_in_place_of_a_face(make):
    explorer = make(training=pictures(80, seed=5))
    explorer.state.origin, explorer.state.draw = "prior", 7
    assert torch.equal(explorer.seen["VAE"].code, prior_draw(7, LATENT))
    explorer.state.origin = "density"
    drawn = explorer.atlases["VAE"].density.sample(1, seed=7)
    assert torch.equal(explorer.seen["VAE"].code, drawn)


def test_a_move_on_a_models_map_moves_that_model(make):
    explorer = make(training=pictures(80, seed=5))
    before = explorer.seen
    explorer.state.moves = {"VAE": (1.0, -2.0)}
    directions = explorer.atlases["VAE"].directions
    moved = before["VAE"].code + directions[0] - 2 * directions[1]
    assert torch.allclose(explorer.seen["VAE"].code, moved, atol=1e-6)
    assert torch.equal(explorer.seen["AE"].code, before["AE"].code)


def test_a_direction_moves_every_model_along_its_own(make):
    training, factors = pictures(80, seed=5), {"smile": torch.linspace(0, 1, 80)}
    explorer = make(training=training, factors=factors)
    before = explorer.seen
    assert explorer.state.names == (*(f"principal {n}" for n in (1, 2, 3, 4)), "smile")
    explorer.state.directions = {"smile": -1.5, "principal 2": 0.0}
    for name, atlas in explorer.atlases.items():
        moved = before[name].code - 1.5 * atlas.named["smile"].vector
        assert torch.allclose(explorer.seen[name].code, moved, atol=1e-6)
        assert explorer.seen[name].change.mean_absolute > 0
    with pytest.raises(ValueError, match="no direction 'frown'"):
        explorer.state.directions = {"frown": 1.0}


def test_noise_is_as_large_as_each_models_codes_vary(make, models):
    explorer = make(training=pictures(80, seed=5))
    before = explorer.seen
    explorer.state.scale, explorer.state.noise = 2.0, 0.5
    for name, atlas in explorer.atlases.items():
        assert explorer.units[name] == atlas.activity.mean().sqrt()
        noisy = latents.jitter(2 * before[name].code, 0.5 * explorer.units[name], seed=1000)
        assert torch.allclose(explorer.seen[name].code, noisy, atol=1e-6)
    assert make().units == {"AE": 1.0, "VAE": 1.0}, "unknown without training pictures"


# What the view asks for


def test_the_view_gets_the_decoders(make, models):
    tensors, facts = ask(make())
    assert [fact["layers"] for fact in facts] == [["tanh"], ["relu", "linear", "tanh"]]
    assert [fact["atlas"] for fact in facts] == [None, None]
    weight = models["VAE"].decoder[2].weight
    assert torch.equal(tensors["1/2/weight"], weight.T)
    assert torch.equal(tensors["1/2/bias"], models["VAE"].decoder[2].bias)
    everywhere = models["AE"].decoder[0].weight.sum(1)
    assert torch.allclose(tensors["0/all"][0], everywhere, atol=1e-5)
    assert torch.equal(tensors["1/zero"][0], models["VAE"].decoder[0].bias)
    assert tensors["1/unit"].tolist() == [1]


def test_the_view_gets_what_a_face_and_a_slider_need(make, models, images):
    explorer = make()
    explorer.state.image = 2
    tensors, facts = ask(explorer, models=False, columns=[3, 11], bases=[["image", 2]])
    assert facts is None
    assert torch.equal(tensors["original/2"], images[2])
    for number, (name, model) in enumerate(models.items()):
        code = tensors[f"{number}/base/image/2/code"]
        assert torch.equal(code, explorer.seen[name].code)
        assert torch.allclose(code, encoded(model, transform(images[2:3])), atol=1e-6)
        torch.testing.assert_close(
            tensors[f"{number}/base/image/2/first"], decoders.first(model, code)
        )
        assert torch.equal(tensors[f"{number}/column/11"], model.decoder[0].weight[:, 11])
    drawn, _ = ask(explorer, models=False, bases=[["prior", 5]])
    assert torch.equal(drawn["1/base/prior/5/code"], prior_draw(5, LATENT))
    assert not any(name.startswith("original") for name in drawn)


def test_the_view_gets_the_map(make):
    factors = torch.rand(80, 16, generator=torch.Generator().manual_seed(0))
    explorer = make(training=pictures(80, seed=5), factors=factors)
    tensors, facts = ask(explorer)
    atlas = explorer.atlases["VAE"]
    assert torch.equal(tensors["1/atlas/picture"], atlas.picture)
    assert torch.equal(tensors["1/plane"], decoders.along(explorer.models["VAE"], atlas.directions))
    assert facts[1]["atlas"]["activity"] == atlas.activity.tolist()
    assert facts[0]["atlas"]["tracks"] == explorer.atlases["AE"].tracks[:LATENT]
    assert [name for name, _ in facts[1]["atlas"]["directions"]] == list(atlas.named)
    assert facts[1]["atlas"]["directions"][-1][1] == atlas.named["background"].words
    assert tensors["1/unit"].item() == pytest.approx(atlas.spread)
    way, _ = ask(explorer, models=False, columns=["tilt"])
    vector = atlas.named["tilt"].vector[None]
    assert torch.equal(way["1/direction/tilt"], vector)
    assert torch.equal(
        way["1/direction/tilt/first"], decoders.along(explorer.models["VAE"], vector)
    )
    assert {"1/density/means", "1/density/rows", "1/atlas/codes"} <= tensors.keys()
    assert explorer._setup["origins"] == ["image", "prior", "density"]


def test_the_kernel_decodes_what_the_browser_cannot(make, images):
    torch.manual_seed(2)
    model = Convolutional()
    explorer = make({"conv": model, "VAE": FullyConnectedVAE(SHAPE, HIDDEN, LATENT)})
    tensors, facts = ask(explorer, bases=[["image", 0]], columns=[3])
    assert facts[0]["layers"] is None and "0/zero" not in tensors
    seen = explorer.seen["conv"]
    assert torch.equal(tensors["0/base/image/0/picture"], seen.reconstruction)
    assert "0/column/3" not in tensors and "1/column/3" in tensors
    assert explorer.sent[1][1] == [seen.edited.numpy().tobytes()]

    explorer.sent.clear()
    explorer.set_state({"_choice": {**explorer._choice, "shift": 2.0}})
    [(content, [pixels])] = explorer.sent  # one picture for one move
    assert content["model"] == 0
    assert pixels == explorer.seen["conv"].edited.numpy().tobytes() != seen.edited.numpy().tobytes()


def test_a_training_picture_can_be_taken_to_edit(make):
    training = pictures(80, seed=5)
    explorer = make(training=training)
    images = len(explorer.x)
    explorer.state.shift, explorer.state.moves = 0.5, {"VAE": (1.0, -2.0)}
    explorer.answer({"kind": "take", "number": 61})
    assert torch.equal(explorer.x[images], transform(training[61:62])[0])
    assert (explorer.state.image, explorer.state.shift, explorer.state.moves) == (images, 0, {})
    assert explorer.seen["AE"].change.changed == 0
    explorer.state.image, explorer.state.scale = 0, 2.0
    explorer.answer({"kind": "take", "number": 61})
    assert (explorer.state.image, explorer.state.scale) == (images, 1)
    assert len(explorer.x) == images + 1, "it was there already"


def test_an_unknown_message_is_refused(make):
    explorer = make()
    with pytest.raises(ValueError, match="dance.*LatentExplorer has not"):
        explorer.answer({**WANT, "kind": "dance"})
    assert explorer.sent == []


def test_a_browser_gets_no_number_that_it_cannot_read(make):
    """As in notebook 04, which computes in float64; tensors.js knows these three."""
    torch.set_default_dtype(torch.float64)
    try:
        torch.manual_seed(0)
        models = {
            "AE": FullyConnectedAutoencoder(SHAPE, LATENT).float(),
            "VAE": FullyConnectedVAE(SHAPE, HIDDEN, LATENT),
            "conv": Convolutional().float(),
        }
        explorer = make(models, training=pictures(80, seed=5))
        bases = [["image", 1], ["prior", 5], ["density", 2]]
        tensors, _ = ask(explorer, columns=[3, "principal 1"], bases=bases)
        explorer.state.origin = "prior"
        assert all(seen.edited.dtype == torch.uint8 for seen in explorer.seen.values())
    finally:
        torch.set_default_dtype(torch.float32)
    wrong = {
        name: tensor.dtype
        for name, tensor in tensors.items()
        if tensor.dtype not in {torch.float32, torch.float16, torch.uint8}
    }
    assert wrong == {}
    assert torch.equal(tensors["0/base/prior/5/code"], prior_draw(5, LATENT))


@pytest.mark.parametrize(
    ("message", "error"),
    [({**WANT, "bases": [["image", 99]]}, IndexError), ({"kind": "dance"}, ValueError)],
)
def test_an_error_of_the_kernel_is_told_to_the_view(make, message, error):
    explorer = make()
    with pytest.raises(error) as raised:
        explorer._on_message(explorer, message, [])
    [(content, buffers)] = explorer.sent
    text = f"{type(raised.value).__name__}: {raised.value}"
    assert (content, buffers) == ({"kind": "error", "text": text}, ())
    assert ask(explorer, bases=[["image", 1]])[1]  # and the next is answered


def test_an_error_while_the_kernel_decodes_is_told_too(make):
    torch.manual_seed(2)
    explorer = make(Convolutional())

    def fail(z):
        raise RuntimeError("no memory left")

    explorer.models["model"].decode = fail
    with pytest.raises(RuntimeError, match="no memory left"):
        explorer.set_state({"_choice": {**explorer._choice, "shift": 2.0}})
    [(content, _)] = explorer.sent
    assert content == {"kind": "error", "text": "RuntimeError: no memory left"}


# One's own picture


def test_ones_own_picture_is_one_more_and_shown(make, models, images):
    explorer = make()
    explorer.state.choice |= {"origin": "prior", "sample": 3, "edits": [[3, 2.0]], "elements": [3]}
    own = pictures(1, seed=9)[0]
    assert explorer.add(own) == 4
    assert explorer._setup["images"] == explorer.state.image_count == len(explorer.x) == 5
    assert torch.equal(transforms.to_image(explorer.x[4]), own)
    assert torch.equal(explorer.x[:4], transform(images))
    state = explorer.state
    assert (state.image, state.origin, state.sample, state.edits) == (4, "image", 0, {3: 2.0})
    assert explorer._choice == state.choice
    tensors, _ = ask(explorer, models=False, bases=[["image", 4], ["posterior", 4, 2]])
    posterior = models["VAE"].encode(transform(own[None]))
    assert torch.allclose(tensors["1/base/image/4/code"], posterior.mean, atol=1e-6)
    assert torch.allclose(tensors["1/base/image/4/spread"], posterior.stddev, atol=1e-6)
    drawn = posterior.mean + posterior.stddev * prior_draw(2, LATENT)
    assert torch.allclose(tensors["1/base/posterior/4/2/code"], drawn, atol=1e-6)
    code = latents.set_elements(models["AE"].encode(transform(own[None])), {3: 2.0})
    assert torch.allclose(explorer.seen["AE"].code, code, atol=1e-6)
    assert explorer.still().alt
    explorer.state.target = 4
    with pytest.raises(ValueError, match="from 0 to 4"):
        explorer.state.image = 5


def test_the_view_brings_a_picture(make):
    explorer = make()
    own = pictures(1, seed=9)[0]
    explorer._handle_custom_msg({"kind": "add"}, [memoryview(own.numpy().tobytes())])
    assert explorer.state.image == 4
    assert torch.equal(transforms.to_image(explorer.x[4]), own)
    with pytest.raises(ValueError, match=r"shape \(7,\)"):
        explorer._on_message(explorer, {"kind": "add"}, [b"1234567"])
    assert "shape (3, 6, 5) is expected" in explorer.sent[-1][0]["text"]
    assert explorer.state.image_count == 5


@pytest.mark.parametrize(
    "wrong",
    [
        torch.zeros(3, 6, 5),
        torch.zeros(3, 5, 6, dtype=torch.uint8),
        np.arange(90, dtype=np.uint8).reshape(3, 5, 6),
        "me.png",
    ],
)
def test_a_picture_of_another_kind_is_refused(make, wrong):
    explorer = make()
    before = explorer.state.choice
    with pytest.raises(ValueError, match=r"but a uint8 Tensor of shape \(3, 6, 5\) is"):
        explorer.add(wrong)
    assert (explorer.state.choice, len(explorer.x), explorer._setup["images"]) == (before, 4, 4)


def test_ones_own_picture_is_transformed_as_the_others_are(models):
    """It comes as large as the images, and the transform cuts out what the models see."""
    crop = transforms.face_transform(crop=(2, 0, 3, 8), size=SHAPE[1:])
    large = torch.randint(256, (3, 3, 9, 8), dtype=torch.uint8)
    explorer = LatentExplorer(models, large[:2], transform=crop)
    assert explorer._setup["image_shape"] == [3, 9, 8]
    explorer.add(large[2])
    assert torch.equal(explorer.x, crop(large))
    explorer.close()


# Pictures beside the others


def test_the_view_gets_the_training_picture_whose_code_is_near(make, models):
    training = pictures(80, seed=5)
    explorer = make(training=training)
    tensors, facts = ask(explorer, pictures=[["original", 2], ["training", 17]])
    assert torch.equal(tensors["training/17"], training[17])
    assert torch.equal(tensors["original/2"], pictures(4, seed=4)[2])
    for fact, (name, model) in zip(facts, models.items(), strict=True):
        numbers = fact["atlas"]["numbers"]
        codes = encoded(model, transform(training[numbers]))
        assert torch.allclose(codes, explorer.atlases[name].codes, atol=1e-6)


# Models that use one element, or none


def collapsed(latent_dim=LATENT):
    """A VAE that ignores its input, as a posterior collapse leaves it."""
    model = FullyConnectedVAE(SHAPE, HIDDEN, latent_dim)
    nn.init.zeros_(model.encoder[2].weight)
    return model


@pytest.mark.parametrize("latent_dim", [1, 2])
def test_few_elements_have_a_map(make, latent_dim):
    torch.manual_seed(0)
    explorer = make(FullyConnectedVAE(SHAPE, HIDDEN, latent_dim), training=pictures(80, seed=5))
    explorer.state.moves = {"model": (1.0, 2.0)}
    explorer.state.origin = "density"
    assert explorer.still().alt
    tensors, facts = ask(explorer, bases=[["density", 0]])
    assert tensors["0/atlas/directions"].shape == (2, latent_dim)
    json.dumps(facts, allow_nan=False)  # a browser reads no NaN


@pytest.mark.parametrize("latent_dim", [1, LATENT])
def test_a_collapsed_model_is_shown_and_said_to_be(make, latent_dim):
    torch.manual_seed(0)
    models = {"dead": collapsed(latent_dim), "alive": FullyConnectedAutoencoder(SHAPE, LATENT)}
    explorer = make(models, training=pictures(80, seed=5), factors=torch.rand(80, 16))
    for origin in ("image", "prior", "density"):
        explorer.state.origin = origin
        _, facts = ask(explorer, bases=[[origin, 0]])
        assert [fact["atlas"]["collapsed"] for fact in facts] == [True, False]
        json.dumps(facts, allow_nan=False)
    for said in (repr(explorer), explorer.still().alt):
        assert "Collapsed, one code for all pictures: dead" in said
        assert "alive" not in said.partition("Collapsed")[2].partition(". ")[0]


# The still


def test_a_saved_notebook_keeps_a_picture_that_follows(make, monkeypatch):
    shown, updates = [], []

    class Handle:
        def update(self, figure):
            updates.append(figure.alt)

    def display(thing, **options):
        shown.append((thing, options))
        return Handle()

    monkeypatch.setattr("course_lib.explorers.live.display", display)
    explorer = make()
    explorer._ipython_display_()
    (live, raw), (still, kept) = shown
    assert raw == {"metadata": {}, "raw": True}
    assert live["text/plain"].startswith("LatentExplorer of AE, VAE: image 0, shift 0")
    assert "application/vnd.jupyter.widget-view+json" in live
    assert kept == {"display_id": True}
    assert "image 0, shift 0, edits {}" in still.alt

    explorer.set_state({"_choice": {**explorer._choice, "edits": [[3, 2]], "elements": [3]}})
    assert updates == []
    explorer._handle_custom_msg({"kind": "rest"}, [])
    assert "edits {3: 2.0}" in updates[0]
    explorer.state.origin = "prior"
    assert "original" not in explorer.still().alt


def test_the_still_shows_what_is_seen(make, models):
    explorer = make({"AE": models["AE"]})
    explorer.state.edits = {3: 9.0}
    picture = Image.open(io.BytesIO(explorer.still().png())).convert("RGB")
    colours = {tuple(c) for c in np.asarray(picture).reshape(-1, 3)}
    edited = explorer.seen["AE"].edited[0].flatten(1).T.tolist()
    assert {tuple(c) for c in edited} <= colours
    data, _ = explorer.still()._repr_mimebundle_()
    assert base64.b64decode(data["image/png"]) == explorer.still().png()


# Its life


def test_grey_pictures_and_a_single_one(images, make):
    torch.manual_seed(0)
    explorer = make(FullyConnectedAutoencoder((1, *SHAPE[1:]), LATENT), images[:1, :1])
    explorer.state.edits = {0: 4.0}
    assert explorer.seen["model"].edited.shape == (1, 1, *SHAPE[1:])
    assert explorer.still().alt


def test_close_leaves_nothing_behind(models, images):
    gc.collect()  # of what earlier tests left
    before = set(_instances)
    for _ in range(100):
        explorer = LatentExplorer(models, images, transform=transform)
        explorer.state.elements = [0, 5]
        explorer.close()
        explorer.close()
    assert set(_instances) == before
    shown = explorer._choice
    explorer.state.edits = {0: 9.0}  # stays usable, and tells nobody
    assert explorer._choice == shown


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (lambda images: LatentExplorer({}, images), ValueError, "no models"),
        (lambda images: LatentExplorer(nn.Linear(2, 3), images), TypeError, "is a Linear"),
    ],
)
def test_wrong_models_get_one_clear_sentence(images, call, error, sentence):
    with pytest.raises(error, match=sentence):
        call(images)


def test_wrong_images_elements_and_factors_get_one_clear_sentence(models, images):
    with pytest.raises(ValueError, match="0 images"):
        LatentExplorer(models, images[:0], transform=transform)
    with pytest.raises(ValueError, match="no element 17"):
        LatentExplorer(models, images, transform=transform, elements=(17,))
    with pytest.raises(ValueError, match="pass training=faces.train too"):
        LatentExplorer(models, images, transform=transform, factors=torch.zeros(4, 16))
    with pytest.raises(ValueError, match=r"factors has shape \(3, 5\), but \(N, 16\) is expected"):
        LatentExplorer(
            models, images, transform=transform, training=images, factors=torch.ones(3, 5)
        )


def test_a_draw_from_the_posterior_is_its_mean_plus_so_many_spreads(make, models, images):
    explorer = make(models)
    explorer.state.image = 2
    before = explorer.seen
    explorer.state.sample = 4
    after = explorer.seen
    q = models["VAE"].encode(transform(images[2:3]))
    drawn = (q.mean + q.stddev * prior_draw(4, LATENT)).detach()
    torch.testing.assert_close(after["VAE"].code, drawn)
    assert torch.equal(after["AE"].code, before["AE"].code), "a point has nothing to draw from"
    assert torch.equal(after["VAE"].reconstruction, before["VAE"].reconstruction)
    assert "draw 4 from its posterior" in repr(explorer)
    explorer.state.reset()
    assert explorer.state.sample == 0


def test_the_view_gets_spreads_and_draws_of_models_that_have_a_posterior(make, models, images):
    explorer, vae = make(models), models["VAE"]
    assert explorer._setup["posteriors"] == [False, True]
    bases = [["image", 1], ["posterior", 1, 3]]
    _, tensors = explorer.parts({"models": False, "columns": [], "bases": bases})
    assert "1/base/image/1/spread" in tensors and "0/base/image/1/spread" not in tensors
    assert not [name for name in tensors if name.startswith("0/base/posterior")]
    spread = vae.encode(transform(images[1:2])).stddev
    torch.testing.assert_close(tensors["1/base/image/1/spread"], spread.detach())
    first = vae.decoder[0](tensors["1/base/posterior/1/3/code"]).detach()
    torch.testing.assert_close(tensors["1/base/posterior/1/3/first"], first)


def test_what_only_a_map_has_is_refused_without_one(make, models):
    explorer = make(models)
    for wanted in ({"columns": ["blond"]}, {"bases": [["density", 0]]}):
        with pytest.raises(ValueError, match="no map of the codes: pass training pictures"):
            explorer.parts({"models": False, "columns": [], "bases": []} | wanted)


def test_a_model_trained_without_noise_has_no_cloud(make, models):
    both = {"VAE": models["VAE"], "trained as an AE": models["VAE"]}
    explorer = make(both, points=["trained as an AE"])
    assert explorer._setup["posteriors"] == [True, False]
    with pytest.raises(ValueError, match="points names AE, but the models are VAE"):
        make({"VAE": models["VAE"]}, points=["AE"])
