"""The explorers that draw: a state and a function behind sliders; and the densities they draw."""

import gc
import math
from functools import partial
from itertools import pairwise
from types import SimpleNamespace

import ipywidgets as w
import pytest
import torch
from ipywidgets.widgets.widget import _instances
from matplotlib.patches import Ellipse
from torch.distributions import Normal, kl_divergence
from traitlets import TraitError

from course_lib import plots, theory
from course_lib.explorers import (
    FigureExplorer,
    Slider,
    clouds,
    clouds_explorer,
    clouds_over_prior,
    interpolation_strip,
    kl_explorer,
    linear_vae_playground,
    one_latent,
    point_and_cloud,
    posterior_explorer,
)
from course_lib.explorers.crossfade import path, strip_figure
from course_lib.explorers.figure_explorer import Numbers
from course_lib.explorers.linear_vae import waterline_figure
from course_lib.explorers.one_latent import GRID, bound
from course_lib.likelihoods import Gaussian
from course_lib.models import FullyConnectedAutoencoder, FullyConnectedVAE
from course_lib.objectives import elbo
from course_lib.transforms import face_transform

SLIDERS = {"height": (-2, 3, 0.5, 0.25), "width": (1, 9, 4, 1, "how wide", True)}


def draw(height, width):
    return plots.curve(
        [0, width], {"line": [0, height]}, "x", "y", alt=f"A line <{width:g}, {height:g}>."
    )


@pytest.fixture
def explorer():
    explorer = FigureExplorer(draw, SLIDERS)
    explorer.sent = []
    explorer._send = lambda message, buffers=None: explorer.sent.append(message)
    yield explorer
    explorer.close()


def move(explorer, **numbers):
    """What the view sends when a hand moves its sliders: all their numbers."""
    explorer.set_state({"_values": {**explorer._values, **numbers}})


def test_plain_widgets_move_it_and_follow_it(explorer):
    beside = w.FloatSlider(min=-2, max=3, step=0.25)
    w.link((explorer.state, "height"), (beside, "value"))  # from the first to the second, at first
    assert beside.value == 0.5
    beside.value = 2
    assert explorer._values["height"] == 2 and explorer.figure.alt == "A line <4, 2>."
    move(explorer, height=-1.5)
    assert beside.value == -1.5
    explorer.state.height = 1
    assert beside.value == 1


def told(explorer, name):
    """What the view has been told of one trait, in order; echoes of its own moves are not news."""
    updates = [message["state"] for message in explorer.sent if message["method"] == "update"]
    return [state[name] for state in updates if name in state]


def double(value):
    return torch.tensor(value, dtype=torch.float64)


# The numbers


def test_numbers_can_be_read_set_and_observed():
    numbers = Numbers({"mu": Slider(-3, 3, 0.5, 0.1), "sigma": Slider(0.1, 2, 1, 0.1)})
    changes = []
    numbers.observe(lambda change: changes.append((change.name, change.new)))
    numbers.mu = -1
    assert (numbers.mu, numbers.sigma) == (-1, 1)
    assert changes == [("mu", -1)]
    assert repr(numbers) == "mu -1, sigma 1"


def test_frames_are_named_for_each_step():
    Numbers({"step": Slider(0, 2, 1, 1, frames=("0", "1", "8"))})
    with pytest.raises(ValueError, match="has 3 steps and 2 frames: name a frame for each"):
        Numbers({"step": Slider(0, 2, 1, 1, frames=("0", "1"))})


def test_two_sets_of_numbers_have_limits_of_their_own():
    one, other = (Numbers({"mu": Slider(0, limit, 1, 0.1)}) for limit in (1, 5))
    other.mu = 4.5
    assert one.mu == 1
    with pytest.raises(ValueError, match="from 0 to 1"):
        one.mu = 4.5


@pytest.mark.parametrize("number", [3.5, -math.inf, math.nan])
def test_impossible_numbers_change_nothing(explorer, number):
    with pytest.raises(ValueError, match=rf"height is {number:g}.* from -2 to 3: choose"):
        explorer.state.height = number
    assert explorer.state.height == explorer._values["height"] == 0.5


@pytest.mark.parametrize(
    "slider", [(0, 1, 2, 0.1), (0, 1, 0.5, 0), (1, 0, 0.5, 0.1), (0, 1, math.nan, 0.1)]
)
def test_impossible_sliders_get_one_clear_sentence(slider):
    with pytest.raises(ValueError, match="slider 'width' starts at"):
        FigureExplorer(draw, {**SLIDERS, "width": slider})


def test_a_logarithm_needs_limits_above_0():
    with pytest.raises(ValueError, match="'width' is logarithmic and starts at 0: let its limits"):
        FigureExplorer(draw, {**SLIDERS, "width": (0, 1, 0.5, 0.1, "", True)})


# The explorer


def test_the_view_is_told_what_it_must_know(explorer):
    height, width = explorer._sliders
    assert height == {
        "name": "height", "label": "height", "min": -2, "max": 3, "step": 0.25, "decimals": 2,
        "log": False, "frames": [],
    }  # fmt: skip
    assert (width["label"], width["decimals"], width["log"]) == ("how wide", 0, True)
    assert explorer._values == {"height": 0.5, "width": 4}
    assert explorer._picture == draw(0.5, 4).png(compression=1)
    assert explorer._alt == "A line <4, 0.5>."


def test_a_hand_moves_the_state_and_the_picture(explorer):
    move(explorer, height=-1.75)
    move(explorer, width=7)
    assert (explorer.state.height, explorer.state.width) == (-1.75, 7)
    assert explorer._picture == draw(-1.75, 7).png(compression=1)
    assert told(explorer, "_alt") == ["A line <4, -1.75>.", "A line <7, -1.75>."]
    assert told(explorer, "_values") == []  # it knows; late news would pull the slider back


def test_the_state_moves_the_view_in_one_message(explorer):
    explorer.state.height = 0.5**0.5  # between two steps
    [message] = explorer.sent
    assert message["state"] == {
        "_values": {"height": 0.5**0.5, "width": 4},
        "_alt": draw(0.5**0.5, 4).alt,
    }
    assert message["buffer_paths"] == [["_picture"]]
    assert explorer._picture == draw(0.5**0.5, 4).png(compression=1)


def test_every_move_draws_once_and_the_last_one_stays(explorer):
    drawn = []
    explorer._draw = lambda **numbers: drawn.append(numbers) or draw(**numbers)
    for width in (5, 9, 2, 3):
        move(explorer, width=width)
    assert drawn == [{"height": 0.5, "width": width} for width in (5, 9, 2, 3)]
    assert explorer._picture == draw(0.5, 3).png(compression=1)


@pytest.mark.parametrize(
    ("number", "error", "words"),
    [
        (3.5, ValueError, "height is 3.5"),
        (math.nan, ValueError, "height is nan"),
        ("3", TraitError, "'height' .* expected a float, not the str '3'"),
    ],
)
def test_an_impossible_number_of_the_view_is_refused_and_put_back(explorer, number, error, words):
    with pytest.raises(error, match=words):
        move(explorer, height=number)
    assert explorer.state.height == 0.5
    assert explorer._values == {"height": 0.5, "width": 4}
    assert told(explorer, "_values")[-1] == {"height": 0.5, "width": 4}
    assert explorer._picture == draw(0.5, 4).png(compression=1)
    move(explorer, height=2)
    assert explorer._picture == draw(2, 4).png(compression=1)


def test_a_name_that_no_slider_has_is_put_back_too(explorer):
    with pytest.raises(TraitError, match="not have a trait named depth"):
        move(explorer, depth=1)
    assert told(explorer, "_values")[-1] == {"height": 0.5, "width": 4}


def stumbling(height, width):
    """A student's draw, with an error at some numbers."""
    return draw(1 / height, width)


@pytest.fixture
def stumbler(explorer):
    explorer._draw = stumbling
    explorer.state.height = 2
    explorer.sent.clear()
    return explorer


def assert_in_line(explorer, before):
    """At height 0, with the error and the picture before it."""
    assert (explorer.state.height, explorer._values["height"]) == (0, 0)
    assert explorer._message == (
        "At height 0, width 4, draw raised ZeroDivisionError: float division by zero. The picture "
        "is the last one that it drew."
    )
    assert explorer._picture == before
    assert explorer.still().alt == explorer._alt == "A line <4, 0.5>."


def test_a_draw_that_raises_leaves_its_last_picture_and_its_error(stumbler):
    before = stumbler._picture
    with pytest.raises(ZeroDivisionError):  # to the kernel, which shows where
        move(stumbler, height=0)
    assert_in_line(stumbler, before)
    assert len(told(stumbler, "_message")) == 1
    move(stumbler, height=1)
    assert (stumbler._message, stumbler._alt) == ("", "A line <4, 1>.")


def test_a_draw_that_raises_from_python_too(stumbler):
    before = stumbler._picture
    with pytest.raises(ZeroDivisionError):
        stumbler.state.height = 0
    assert_in_line(stumbler, before)
    assert told(stumbler, "_values") == [{"height": 0, "width": 4}]
    stumbler._draw = lambda **numbers: "no figure"
    with pytest.raises(TypeError, match="draw returned a str"):
        stumbler.state.width = 5
    assert stumbler._message.startswith("At height 0, width 5, draw raised TypeError")
    stumbler._draw = draw
    stumbler.state.height = 1
    assert (stumbler._message, stumbler._alt) == ("", "A line <5, 1>.")


def test_a_figure_that_cannot_be_drawn_leaves_the_last(stumbler):
    def misspelt(height, width):
        figure = draw(height, width)
        figure.axes[0].set_title(r"$\no{such}$")  # noticed only when the PNG is made
        return figure

    stumbler._draw, before = misspelt, stumbler.figure
    with pytest.raises(ValueError, match=r"\\no\{such\}"):
        stumbler.state.height = 1
    assert "draw raised ValueError" in stumbler._message
    assert stumbler.figure is before


def test_two_explorers_do_not_disturb_each_other(explorer):
    other = FigureExplorer(draw, SLIDERS)
    other.state.width = 8
    assert explorer.state.width == explorer._values["width"] == 4
    other.close()


def test_only_a_figure_with_a_description_can_be_shown():
    with pytest.raises(TypeError, match="draw returned a dict"):
        FigureExplorer(lambda **numbers: numbers, SLIDERS)


def test_a_saved_notebook_keeps_a_picture_that_follows(explorer, monkeypatch):
    shown, updates = [], []

    def display(thing, **options):
        shown.append((thing, options))
        return SimpleNamespace(update=updates.append)

    monkeypatch.setattr("course_lib.explorers.live.display", display)
    explorer._ipython_display_()
    (live, raw), (still, kept) = shown
    assert (raw, kept) == ({"metadata": {}, "raw": True}, {"display_id": True})
    assert "application/vnd.jupyter.widget-view+json" in live
    assert live["text/plain"] == repr(explorer) == (
        "FigureExplorer: height 0.5, width 4"
    )  # fmt: skip
    assert still.alt == "A line <4, 0.5>."

    move(explorer, height=1.25)
    assert updates == []
    explorer._handle_custom_msg({"kind": "rest"}, [])
    assert [figure.alt for figure in updates] == ["A line <4, 1.25>."]
    assert updates[0].png(compression=1) == explorer._picture


def test_an_unknown_message_is_refused(explorer):
    with pytest.raises(ValueError, match="dance.*FigureExplorer has not"):
        explorer.answer({"kind": "dance"})


def test_close_leaves_nothing_behind():
    gc.collect()  # of what earlier tests left
    before, figure = set(_instances), plots.AltFigure(figsize=(1, 1), alt="Nothing.")
    for _ in range(100):
        explorer = FigureExplorer(lambda **numbers: figure, SLIDERS)
        explorer.state.width = 5
        explorer.close()
        explorer.close()
    assert set(_instances) == before
    shown = explorer._values
    explorer.state.width = 9  # stays usable, and tells nobody
    assert explorer._values == shown


# What it draws: one latent element


@pytest.mark.parametrize("mu", [-3, 0.4, 3])
@pytest.mark.parametrize("sigma", [0.05, 0.8, 3])
def test_the_grid_integrates_as_closed_forms_do(mu, sigma):
    x, noise = 1.7, 0.6
    found = bound(mu, sigma, x, noise=noise)
    log_2_pi = math.log(2 * math.pi)
    misfit = ((x - mu) ** 2 + sigma**2) / noise**2
    assert found.distortion == pytest.approx((log_2_pi + misfit) / 2 + math.log(noise), abs=1e-9)
    q, prior = Normal(double(mu), sigma), Normal(double(0), 1)
    assert found.rate == pytest.approx(kl_divergence(q, prior).item(), abs=1e-9)
    log_p = -(log_2_pi + math.log(1 + noise**2) + x**2 / (1 + noise**2)) / 2
    assert found.log_p == pytest.approx(log_p, abs=1e-9)
    variance = noise**2 / (1 + noise**2)
    posterior = Normal(double(x / (1 + noise**2)), math.sqrt(variance))
    torch.testing.assert_close(found.posterior, posterior.log_prob(GRID).exp())
    assert found.gap == pytest.approx(kl_divergence(q, posterior).item(), abs=1e-8)


def test_the_designs_bound():
    found = bound(0.4, 0.8, 1.5)
    assert found.elbo == pytest.approx(-1.967082, abs=5e-7)
    assert found.log_p == pytest.approx(-1.828012, abs=5e-7)
    assert bound(0.75, 0.5**0.5, 1.5).gap == pytest.approx(0, abs=1e-12)


def test_the_grid_agrees_with_the_objective_where_no_closed_form_does():
    """A decoder that bends, and so a posterior with two humps."""
    found = bound(0.9, 0.3, 1.5, torch.square, noise=0.5)
    model = SimpleNamespace(
        encode=lambda x: Normal(torch.full_like(x, 0.9), torch.full_like(x, 0.3)),
        decode=torch.square,
        likelihood=Gaussian(0.25).double(),
    )
    torch.manual_seed(0)
    terms = elbo(model, torch.full((200_000, 1), 1.5, dtype=torch.float64))
    error = terms.loss.std().item() / math.sqrt(200_000)
    assert -found.elbo == pytest.approx(terms.loss.mean().item(), abs=4 * error)
    assert found.rate == pytest.approx(terms.rate[0].item(), abs=1e-9)
    posterior = found.posterior
    assert (posterior.sum() * (GRID[1] - GRID[0])).item() == pytest.approx(1)
    torch.testing.assert_close(posterior, posterior.flip(0))
    peaks = (posterior[1:-1] > posterior[:-2]) & (posterior[1:-1] > posterior[2:])
    assert peaks.sum() == 2


@pytest.mark.parametrize(("sigma", "noise"), [(0, 1), (0.5, -1), (math.nan, 1)])
def test_a_standard_deviation_is_positive(sigma, noise):
    with pytest.raises(ValueError, match=f"sigma={sigma} and noise={noise}"):
        bound(0, sigma, 1.5, noise=noise)


@pytest.mark.parametrize(("mu", "sigma", "kl"), [(2, 1, 2.0), (0, 0.5, 0.318), (-0.4, 0.8, 0.123)])
def test_the_kl_figure_gives_the_number(mu, sigma, kl):
    figure = one_latent.kl_figure(mu, sigma)
    assert f"q(z) = N({mu:.2f}, {sigma:.2f}²)" in figure.alt
    assert f"KL(q ‖ prior) = {kl:.3f} nats: {mu**2 / 2:.3f} for its place" in figure.alt
    assert f"{kl:.3f} nats" in figure.axes[0].get_title()
    line = figure.axes[0].lines[0]
    assert line.get_ydata().max() == pytest.approx(1 / (sigma * math.sqrt(2 * math.pi)))
    assert figure.axes[0].get_ylim()[1] > line.get_ydata().max()


def test_the_posterior_figure_gives_the_numbers_and_draws_the_posterior():
    figure = one_latent.posterior_figure(0.4, 0.8, 1.5)
    for number in ("-1.9671", "-1.8280", "0.1391", "1.8439", "0.1231"):
        assert number in figure.alt
    q, posterior, prior = (line.get_ydata() for line in figure.axes[0].lines)
    z = torch.as_tensor(figure.axes[0].lines[0].get_xdata())
    for drawn, normal in ((q, (0.4, 0.8)), (posterior, (0.75, 0.5**0.5)), (prior, (0.0, 1.0))):
        expected = Normal(*map(double, normal)).log_prob(z).exp()
        torch.testing.assert_close(torch.as_tensor(drawn), expected)
    assert len({line.get_linestyle() for line in figure.axes[0].lines}) == 3


def test_the_courses_explorers_move_q():
    bent = partial(posterior_explorer, decode=torch.square, noise=0.5)
    for build, expected in (
        (kl_explorer, one_latent.kl_figure(1.0, 0.6)),
        (posterior_explorer, one_latent.posterior_figure(1.0, 0.6, 1.5)),
        (bent, one_latent.posterior_figure(1.0, 0.6, 1.5, torch.square, 0.5)),
    ):
        explorer = build(mu=0.0)
        explorer.state.mu = 1.0
        move(explorer, sigma=0.6)
        assert explorer.figure.alt == explorer._alt == expected.alt
        assert explorer._picture == expected.png(compression=1)
        explorer.close()


# What it draws: a walk between two faces, and a linear VAE


SHAPE = (3, 6, 5)


def test_a_walk_decodes_one_picture_per_model_and_move():
    torch.manual_seed(0)
    models = {"AE": FullyConnectedAutoencoder(SHAPE, 17), "VAE": FullyConnectedVAE(SHAPE, 11, 7)}
    a, b = torch.randint(256, (2, 1, *SHAPE), dtype=torch.uint8)
    transform = face_transform(crop=None, size=SHAPE[1:])
    batches = []
    for model in models.values():
        decode = model.decode
        model.decode = lambda z, decode=decode: batches.append(z) or decode(z)
    explorer = interpolation_strip(models, a, b, transform, steps=4, t=0.25)
    assert explorer.state.t == 0.25
    assert "4 pictures decoded" in explorer._alt and "t = 0.25" in explorer._alt

    batches.clear()
    move(explorer, t=0.75)
    assert [len(z) for z in batches] == [1, 1]
    first, last = (models["VAE"].encode(transform(face)).mean for face in (a, b))
    torch.testing.assert_close(batches[1], 0.25 * first + 0.75 * last)
    ways = [path(name, model, a, b, transform, 4) for name, model in models.items()]
    assert explorer._picture == strip_figure(ways, 0.75).png(compression=1)
    with pytest.raises(ValueError, match="from 0 to 1"):
        explorer.state.t = 1.5
    explorer.close()


def test_a_walk_is_of_the_model_as_it_was():
    torch.manual_seed(0)
    model = FullyConnectedVAE(SHAPE, 11, 7)
    a, b = torch.randint(256, (2, 1, *SHAPE), dtype=torch.uint8)
    explorer = interpolation_strip(model, a, b, face_transform(crop=None, size=SHAPE[1:]))
    before = explorer._picture
    with torch.no_grad():
        model.decoder[2].bias += 1
    move(explorer, t=0.75)
    move(explorer, t=0.5)
    assert explorer._picture == before
    explorer.close()


def test_a_walk_of_one_model_and_of_none():
    face = torch.zeros(1, *SHAPE, dtype=torch.uint8)
    transform = face_transform(crop=None, size=SHAPE[1:])
    explorer = interpolation_strip(FullyConnectedAutoencoder(SHAPE, 17), face, face, transform)
    assert "9 pictures decoded" in explorer._alt and "a row for model" in explorer._alt
    explorer.close()
    with pytest.raises(ValueError, match="no models: pass one"):
        interpolation_strip({}, face, face, transform)


@pytest.fixture(scope="module")
def pca():
    generator = torch.Generator().manual_seed(0)
    return theory.pca(torch.randn(20, *SHAPE, generator=generator) / 4)


def test_a_linear_vae_starts_at_its_best_variance_and_moves(pca):
    observed = {"ours": (4.0, 12.5)}
    explorer = linear_vae_playground(pca, SHAPE, latent_dim=7, observed=observed)
    best = theory.linear_vae(pca.eigenvalues, 7).sigma2.item()
    assert explorer.state.trait_values() == {"latent_dim": 7, "beta": 1, "sigma2": best}
    expected = waterline_figure(pca, SHAPE, 7, 1, best, observed=observed)
    assert explorer._alt == expected.alt and "ours" in expected.alt
    water, handle = expected.axes[0], explorer._handle  # dragged where it is drawn
    assert water.get_position().bounds == pytest.approx(handle["box"])
    assert water.get_ylim() == pytest.approx((handle["low"], handle["high"]))
    assert (handle["slider"], handle["divisor"]) == ("sigma2", "beta")

    move(explorer, latent_dim=11, beta=6144, sigma2=0.2)
    assert explorer._alt == waterline_figure(pca, SHAPE, 11, 6144, 0.2, observed=observed).alt
    explorer.state.latent_dim = 4.4  # a number may be set that no slider stands on
    assert "A linear VAE with 4 latents" in explorer._alt
    with pytest.raises(ValueError, match="from 1 to 19"):  # of 20 pictures
        explorer.state.latent_dim = 20
    assert [s["log"] for s in explorer._sliders] == [False, True, True]
    explorer.close()


@pytest.mark.parametrize("sigma2", [1e-6, 30])
def test_a_linear_vae_may_start_anywhere(pca, sigma2):
    explorer = linear_vae_playground(pca, SHAPE, latent_dim=5, beta=2, sigma2=sigma2)
    assert (explorer.state.sigma2, explorer.state.beta) == (sigma2, 2)
    explorer.close()
    with pytest.raises(ValueError, match="slider 'latent_dim' starts at 50, between 1 and 19"):
        linear_vae_playground(pca, SHAPE, latent_dim=50, sigma2=sigma2)


# What it draws: clouds of codes


@pytest.fixture
def small_vae():
    torch.manual_seed(0)
    return FullyConnectedVAE(SHAPE, 11, 1, Gaussian(1.0)), torch.rand(4, *SHAPE) * 2 - 1


@pytest.mark.parametrize(
    ("codes", "sigma", "share"),
    [
        ([0.0], 0.5, 0.6827),
        ([0.0, 0.1], 1.0, 0.9594),
        ([-9.0], 0.1, 0.0),
        ([1.0, -1.0], 0.5, 0.9545),
    ],
)
def test_the_share_of_the_prior_in_a_cloud(codes, sigma, share):
    assert clouds.coverage(torch.tensor(codes), sigma) == pytest.approx(share, abs=1e-3)


def test_wide_clouds_are_rebuilt_worse(small_vae):
    vae, x = small_vae
    errors = [clouds.draws_error(vae, x, sigma) for sigma in (1e-6, 1.0, 5.0)]
    assert errors[0] == pytest.approx((vae(x) - x).square().mean().item(), rel=1e-4)
    assert errors == sorted(errors)


def test_clouds_follow_the_sliders_in_either_precision(small_vae):
    vae, x = small_vae
    explorer = clouds_explorer(vae, x, sigma=0.1, face=2)
    torch.set_default_dtype(torch.float64)  # as notebook 04 does later on
    try:
        move(explorer, sigma=0.5, face=3)
    finally:
        torch.set_default_dtype(torch.float32)
    share = clouds.coverage(vae.encode(x).mean[:, 0], 0.5)
    for words in ("4 bumps of the width σ = 0.50", "cloud of face 3", f"{share:.0%} of its draws"):
        assert words in explorer._alt
    explorer.close()


def test_the_drawing_of_point_and_cloud_says_where_they_are(small_vae):
    vae, x = small_vae
    torch.manual_seed(1)
    ae = FullyConnectedVAE(SHAPE, 11, 1)
    figure = point_and_cloud(ae, vae, x, face=1)
    q = vae.encode(x)
    assert f"point {ae.encode(x).mean[1].item():.2f}" in figure.alt
    assert f"N({q.mean[1].item():.2f}, {q.stddev[1].item():.2f}²)" in figure.alt
    assert "3 other faces" in figure.alt and len(figure.axes) == 8
    lines = [axes for axes in figure.axes if axes.axison]
    for axes, codes in zip(lines, (ae.encode(x).mean, q.mean), strict=True):
        assert ", ".join(f"{code:z.1f}" for code in codes[:, 0]) in figure.alt
        places = {text.get_text(): text.get_position()[0] for text in axes.texts}
        assert {"0", "2", "3"} == places.keys() - {"three draws", ""}
        near = [places[number] - codes[int(number), 0].item() for number in "023"]
        assert all(-1e-6 < off < 1 for off in near)
        apart = sorted(places[number] for number in "023")
        assert min(b - a for a, b in pairwise(apart)) > 0.2
    assert len({axes.get_xlim() for axes in lines}) == 1  # or far out and near look alike


def outline(ellipse):
    """Points on it, (9, 2): of a Bézier curve's vertices every third is on the curve."""
    path = ellipse.get_patch_transform().transform_path(ellipse.get_path())
    return torch.as_tensor(path.vertices[:25:3], dtype=torch.float32)


def test_clouds_over_the_prior_are_ellipses_of_two_standard_deviations(small_vae):
    _, x = small_vae
    torch.manual_seed(2)
    vae = FullyConnectedVAE(SHAPE, 11, 5)
    figure = clouds_over_prior({"VAE": vae, "VAE, σ² = 1": vae}, x, (1, 3))
    q = vae.encode(x)
    spread = q.stddev[:, [1, 3]].mean(0)
    assert "4 faces in elements 1 and 3" in figure.alt
    assert f"VAE: clouds {spread[0]:.3f} and {spread[1]:.3f} wide" in figure.alt
    names = [axes.get_title().partition("\n")[0] for axes in figure.axes]
    assert names == ["VAE", "VAE, σ² = 1"]
    edges = [patch for patch in figure.axes[0].patches if type(patch) is Ellipse]
    for edge, mean, sd in zip(edges, q.mean[:, [1, 3]], q.stddev[:, [1, 3]], strict=True):
        away = (outline(edge) - mean) / sd
        torch.testing.assert_close(away.norm(dim=1), torch.full((9,), 2.0), atol=1e-3, rtol=0)


def test_a_cloud_may_lie_askew():
    covariance, mean = torch.tensor([[2.0, 0.9], [0.9, 1.0]]), torch.tensor([0.3, -1.0])
    axes = plots.AltFigure(alt="A cloud.").subplots()
    clouds.draw_cloud(axes, mean, covariance, "red")
    away = outline(axes.patches[0]) - mean
    distance = (away @ covariance.inverse() * away).sum(1).sqrt()
    torch.testing.assert_close(distance, torch.full_like(distance, 2.0), atol=1e-3, rtol=0)
