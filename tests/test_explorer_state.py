"""The explorer's state and what is made of it, without any view."""

import math

import pytest
import torch
from torch import nn

from course_lib import latents, transforms
from course_lib.evaluation import pixel_change
from course_lib.explorers.directions import Direction
from course_lib.explorers.exploration import edit, explore, prior_draw, snapshot
from course_lib.explorers.state import CHOICE, ExplorerState
from course_lib.models import FullyConnectedAutoencoder, FullyConnectedVAE

SHAPE, LATENT = (3, 6, 5), 17
NAMES = ("principal 1", "smile")
TOO_MANY = {"elements": list(range(12)), "directions": [["smile", 1.0]]}
NO_MOVE = (torch.zeros(2, LATENT), (0.0, 0.0))


@pytest.fixture
def state():
    return ExplorerState(image_count=4, latent_dim=LATENT, models=("AE", "VAE"), names=NAMES)


def numbers(rows, seed):
    return torch.randn(rows, LATENT, generator=torch.Generator().manual_seed(seed))


def test_state_edits_forgets_and_resets(state):
    state.image, state.shift = 2, 0.5
    state.edits = {3: 2, 11: 8.0}
    state.edits = {11: 8.0}
    assert (state.edits, state.elements) == ({11: 8.0}, [3, 11])
    state.step, state.target, state.moves = 0.5, 3, {"VAE": (1.0, -2.0)}
    state.directions, state.scale, state.noise, state.noise_seed = {"smile": 2.0}, 2.0, 0.5, 1003
    state.reset()
    assert (state.image, state.shift, state.edits, state.elements) == (2, 0.0, {}, [3, 11])
    assert (state.step, state.target, state.moves) == (0.0, 3, {})
    assert (state.directions, state.scale, state.noise) == ({"smile": 0.0}, 1.0, 0.0)


def test_state_tells_its_observers(state):
    seen = []
    state.observe(lambda change: seen.append((change.name, change.new)), ["edits", "shift"])
    state.edits = {3: 2.0}
    state.shift = 0.5
    assert seen == [("edits", {3: 2.0}), ("shift", 0.5)]


def test_another_spelling_of_a_number_is_no_news(state):
    """A slider of ipywidgets that is linked to it answers each number with its own rounding."""
    state.shift, state.moves = 0.1 + 0.2, {"VAE": (0.1 + 0.2, 0)}
    state.directions = {"smile": 0.1 + 0.2}
    state.edits = {3: 0.1 + 0.2}
    assert (state.shift, state.edits) == (0.3, {3: 0.3})
    assert (state.moves, state.directions) == ({"VAE": (0.3, 0)}, {"smile": 0.3})
    told = []
    state.observe(told.append)
    state.shift = 0.30000000000000004
    state.edits = {3: 0.30000000000000004}
    assert not told


def test_a_choice_goes_out_and_comes_back(state):
    state.image, state.origin, state.draw, state.target, state.step = 1, "prior", 5, 2, 0.25
    state.moves, state.shift, state.edits = {"AE": (0.5, -1)}, -0.5, {3: 2.0, 11: 8.0}
    state.elements = [*state.elements, 7]
    state.directions, state.scale = {"smile": 1.5, "principal 1": 0.0}, 2.0
    state.noise, state.noise_seed = 0.5, 1003
    choice = state.choice
    assert choice == {
        "image": 1,
        "origin": "prior",
        "draw": 5,
        "sample": 0,
        "target": 2,
        "step": 0.25,
        "moves": {"AE": [0.5, -1.0]},
        "directions": [["smile", 1.5], ["principal 1", 0.0]],
        "scale": 2.0,
        "shift": -0.5,
        "noise": 0.5,
        "noise_seed": 1003,
        "edits": [[3, 2.0], [11, 8.0]],
        "elements": [3, 11, 7],
    }
    assert tuple(choice) == CHOICE
    other = ExplorerState(4, LATENT, ("AE", "VAE"), names=NAMES)
    other.choice = choice
    assert other.choice == choice
    assert repr(other) == (
        "prior 5, 0.25 of the way to image 2, moves {'AE': (0.5, -1.0)}, along {'smile': 1.5}, "
        "scale 2, shift -0.5, noise 0.5 (seed 1003), edits {3: 2.0, 11: 8.0}"
    )


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda state: setattr(state, "image", 4), "no image 4: choose one from 0 to 3"),
        (lambda state: setattr(state, "target", -1), "no image -1"),
        (lambda state: setattr(state, "draw", -1), "no draw -1"),
        (lambda state: setattr(state, "draw", 2**64), "no draw 18446744073709551616"),
        (lambda state: setattr(state, "sample", 2**32), "no draw 4294967296: choose one from 0"),
        (lambda state: setattr(state, "noise_seed", -1), "no draw -1"),
        (lambda state: setattr(state, "shift", 1e39), r"shift is 1e\+39, but .* to 1,000,000 is"),
        (lambda state: setattr(state, "scale", -2e6), "scale is -2000000.0"),
        (lambda state: setattr(state, "noise", 1e30), r"noise is 1e\+30"),
        (lambda state: setattr(state, "edits", {3: 1e39}), r"element 3 is 1e\+39"),
        (lambda state: setattr(state, "step", 1.5), "1.5 leads off the line"),
        (lambda state: setattr(state, "step", math.nan), "nan leads off the line"),
        (lambda state: setattr(state, "moves", {"GAN": (1, 2)}), "one of AE, VAE"),
        (lambda state: setattr(state, "moves", {"AE": (1, 2, 3)}), "two numbers"),
        (lambda state: setattr(state, "moves", {"AE": (1, math.inf)}), "move of AE is inf"),
        (lambda state: setattr(state, "shift", math.nan), "The shift is nan"),
        (lambda state: setattr(state, "scale", math.inf), "The scale is inf"),
        (lambda state: setattr(state, "noise", -0.5), "noise is -0.5, but .* 0 or more"),
        (lambda state: setattr(state, "noise", math.nan), "noise is nan"),
        (lambda state: setattr(state, "directions", {"frown": 1.0}), "one of principal 1, smile"),
        (lambda state: setattr(state, "directions", {"smile": math.nan}), "along smile is nan"),
        (
            lambda state: setattr(state, "edits", {LATENT: 1.0}),
            "no element 17: choose one from 0 to 16",
        ),
        (lambda state: setattr(state, "edits", {3: math.inf}), "element 3 is inf"),
        (lambda state: setattr(state, "elements", [-1]), "no element -1"),
        (lambda state: setattr(state, "edits", dict.fromkeys(range(13), 1.0)), "at most 12"),
        (
            lambda state: setattr(state, "choice", {**state.choice, **TOO_MANY}),
            "13 elements and directions were chosen, but at most 12",
        ),
        (
            lambda state: setattr(state, "choice", {**state.choice, "shift": 2.0, "target": 9}),
            "no image 9",
        ),
        (
            lambda state: setattr(state, "choice", {**state.choice, "zoom": 2}),
            "names .*, elements, zoom, but exactly image, .*, elements are expected",
        ),
        (
            lambda state: setattr(state, "choice", {"image": 1, "shift": 2.0}),
            "names image, shift, but exactly image, origin",
        ),
        (lambda state: setattr(state, "choice", {}), "names nothing, but exactly image, origin"),
    ],
)
def test_impossible_choices_change_nothing(state, change, sentence):
    state.edits = {5: 1.0}
    before = state.choice
    with pytest.raises(ValueError, match=sentence):
        change(state)
    assert state.choice == before


def test_without_a_density_none_can_be_drawn_from():
    state = ExplorerState(4, LATENT, origins=("image", "prior"))
    with pytest.raises(ValueError, match="training=faces.train"):
        state.origin = "density"
    assert state.origin == "image"


def test_without_a_map_nothing_moves_on_it():
    state = ExplorerState(4, LATENT)
    with pytest.raises(ValueError, match="no map to move on: .*training=faces.train"):
        state.moves = {"AE": (1, 2)}
    assert state.moves == {}
    state.choice = {**state.choice, "shift": 1.0}  # that has no moves either
    assert state.shift == 1


def test_without_a_map_there_are_no_directions():
    state = ExplorerState(4, LATENT)
    with pytest.raises(ValueError, match="no directions to move along: .*training=faces.train"):
        state.directions = {"smile": 1.0}
    assert state.directions == {}


def test_a_state_needs_something_to_choose_from():
    with pytest.raises(ValueError, match="0 images and 17"):
        ExplorerState(0, LATENT)


# What is done to a code


def test_edits_are_made_in_their_order(state):
    code, target, directions = numbers(1, 0), numbers(1, 1), numbers(2, 2)
    smile = numbers(1, 3)
    state.step, state.shift, state.edits = 0.25, 0.5, {3: 2.0, 11: 8.0}
    state.directions, state.scale, state.noise = {"principal 1": 0.0, "smile": 0.5}, 3.0, 0.2
    expected = 0.75 * code + 0.25 * target + 1.5 * directions[0] - 2 * directions[1] + 0.5 * smile
    expected = latents.jitter(3 * expected + 0.5, 0.2 * 7.0, seed=state.noise_seed)
    expected[:, [3, 11]] = torch.tensor([2.0, 8.0])
    along = {"smile": Direction(smile[0], 1.0, "")}
    edited = edit(code, target, state, (directions, (1.5, -2.0)), along, unit=7.0)
    assert torch.allclose(edited, expected, atol=1e-5)


def test_the_noise_is_no_draw_from_the_prior(state):
    noise = latents.jitter(torch.zeros(1, LATENT), 1.0, state.noise_seed)
    assert not any(torch.equal(noise, prior_draw(draw, LATENT)) for draw in range(100))


def test_an_untouched_state_changes_nothing(state):
    code = numbers(1, 0)
    assert torch.equal(edit(code, numbers(1, 1), state, NO_MOVE), code)


def test_at_the_end_of_the_step_stands_the_target(state):
    state.step, target = 1.0, numbers(1, 1)
    assert torch.allclose(edit(numbers(1, 0), target, state, NO_MOVE), target)


def test_explore_decodes_before_and_after(state):
    torch.manual_seed(1)
    model = FullyConnectedAutoencoder(SHAPE, LATENT)
    code, edited = numbers(1, 0), latents.shift(numbers(1, 0), 0.5)
    seen = explore(model, code, edited)
    assert torch.equal(seen.code, edited)
    assert torch.equal(seen.reconstruction, transforms.to_image(model.decode(code)))
    assert torch.equal(seen.edited, transforms.to_image(model.decode(edited)))
    assert seen.change == pixel_change(seen.reconstruction, seen.edited, threshold=40)
    assert seen.change.mean_absolute > 0
    same = explore(model, code, code)
    assert (same.difference == 128).all()
    assert same.change.changed == 0


def test_draws_from_the_prior_are_numbered():
    assert torch.equal(prior_draw(3, LATENT), prior_draw(3, LATENT))
    assert not torch.equal(prior_draw(3, LATENT), prior_draw(4, LATENT))
    draws = torch.cat([prior_draw(i, LATENT) for i in range(300)])
    assert draws.mean().abs() < 0.05  # five standard errors are 0.07
    assert draws.std().item() == pytest.approx(1, abs=0.05)


def test_draws_do_not_follow_the_default_type():
    expected = prior_draw(3, LATENT)
    torch.set_default_dtype(torch.float64)
    try:
        assert torch.equal(prior_draw(3, LATENT), expected)  # the type too
    finally:
        torch.set_default_dtype(torch.float32)


def test_a_snapshot_stays_what_it_was():
    torch.manual_seed(1)
    model = FullyConnectedVAE(SHAPE, 13, LATENT)
    model.last = model.encode(torch.zeros(1, *SHAPE)).mean  # on a graph, as students keep it
    code, before = numbers(1, 0), model.decode(numbers(1, 0))
    copy = snapshot(model)
    with torch.no_grad():
        model.decoder[2].weight += 1
    assert torch.equal(copy.decode(code), before) and not copy.decode(code).requires_grad
    assert torch.equal(copy.last, model.last)
    assert model.training and not copy.training
    assert model.decode(code).requires_grad


def test_a_model_of_any_kind_is_decoded(state):
    class Doubling(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.tensor(2.0))

        def decode(self, z):
            return (self.scale * z[:, :15]).clamp(-1, 1).reshape(1, 3, 1, 5)

    code = torch.full((1, LATENT), 0.25)
    assert (explore(Doubling(), code, code).edited == 191).all()  # 1.5 × 127.5, rounded to even
