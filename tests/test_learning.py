"""Copies taken while a network trains, and the explorer that plays them."""

from functools import partial
from types import SimpleNamespace

import pytest
import torch
from matplotlib.patches import Ellipse
from torch.distributions import Normal, kl_divergence

from course_lib import training
from course_lib.explorers import Snapshots, learning_explorer
from course_lib.explorers.exploration import prior_draw
from course_lib.explorers.learning import FACES, STEPS
from course_lib.models import FullyConnectedAutoencoder, FullyConnectedVAE
from course_lib.objectives import WarmUp, elbo
from course_lib.transforms import face_transform

SHAPE = (3, 6, 5)
build = partial(FullyConnectedVAE, SHAPE, 11, 4)
whole = face_transform(crop=None, size=SHAPE[1:])
generator = torch.Generator().manual_seed(2)
pictures = torch.randint(256, (40, *SHAPE), dtype=torch.uint8, generator=generator)
x = whole(pictures[:9])


def fit(objective, epochs=2):
    """Five steps an epoch."""
    data = SimpleNamespace(train=pictures, validation=pictures[:8])
    settings = {"batch_size": 8, "transform": whole, "device": "cpu", "progress": False}
    return training.fit(build, objective, data, epochs=epochs, lr=0.01, **settings)


def same(a, b):
    return all(torch.equal(v, b.state_dict()[name]) for name, v in a.state_dict().items())


@pytest.fixture(scope="module")
def runs():
    """Two runs of ten steps, copied after some."""
    watched = {
        "VAE": Snapshots(elbo, (0, 1, 5)),
        "β = 9": Snapshots(partial(elbo, beta=9), (0, 1, 5)),
    }
    for objective in watched.values():
        fit(objective)
    return {name: objective.models for name, objective in watched.items()}


def test_sixteen_steps_on_a_logarithmic_scale():
    assert len(STEPS) == 16
    assert STEPS[:6] == (0, 1, 2, 3, 4, 6) and STEPS[-1] == 181


@pytest.mark.parametrize("objective", [elbo, WarmUp(7)])
def test_a_watched_run_is_the_same_bit_for_bit(objective):
    watched = Snapshots(objective, (0, 5, 9))
    plain, seen = fit(objective), fit(watched)
    assert same(plain.model, seen.model)
    for name in plain.history.keys() - {"images_per_second"}:
        assert plain.history[name] == seen.history[name]
    assert sorted(watched.models) == [0, 5, 9]


def test_copies_are_the_network_after_so_many_steps(runs):
    assert same(runs["VAE"][5], fit(elbo, epochs=1).model)
    torch.manual_seed(0)  # as fit seeds the weights
    assert same(runs["VAE"][0], build())
    assert same(runs["VAE"][0], runs["β = 9"][0])
    assert not same(runs["VAE"][1], runs["VAE"][5])
    for model in runs["VAE"].values():
        assert not model.training
        assert not any(p.requires_grad for p in model.parameters())


def test_the_explorer_tells_distortion_and_rate_of_each_copy(runs):
    explorer = learning_explorer(runs, x)
    noise = torch.cat([prior_draw(draw, 4) for draw in range(len(x))])
    for place, step in enumerate((0, 1, 5)):
        explorer.state.snapshot = place
        assert f"After {step} step" in explorer._alt
        for name, models in runs.items():
            q = models[step].encode(x)
            rate = kl_divergence(q, Normal(0, 1)).sum(1).mean()
            error = (models[step].decode(q.mean + q.stddev * noise) - x).square().mean()
            told = f"{name}: distortion (MSE) {error:.4f}, rate {rate:.2f} nats"
            assert told in explorer._alt
            assert told in [text.get_text() for text in explorer.figure.texts]
    assert explorer._sliders[0]["frames"] == ["0", "1", "5"]
    explorer.close()


def test_a_move_draws_nothing(runs, monkeypatch):
    explorer = learning_explorer(runs, x, start=2)
    assert explorer.state.snapshot == 2
    monkeypatch.setattr(type(explorer.figure), "savefig", None)
    before = explorer._picture
    explorer.state.snapshot = 0
    assert explorer._picture != before
    explorer.state.snapshot = 2
    assert explorer._picture == before
    explorer.close()


def test_the_map_has_the_same_axes_at_every_step(runs):
    """Distances on it are those of the codes along two directions, the widest of all copies'."""
    explorer = learning_explorer({"VAE": runs["VAE"]}, x)
    models = list(runs["VAE"].values())
    codes = torch.cat([model.encode(x).mean for model in models])
    places = []
    for place in range(3):
        explorer.state.snapshot = place
        [axes] = explorer.figure.axes
        dots = next(line for line in axes.lines if len(line.get_xdata()) == len(x))
        places.append(torch.as_tensor(dots.get_xydata(), dtype=torch.float32))
    found = torch.cat(places)
    values = torch.linalg.eigvalsh(codes.T @ codes).flip(0)[:2]
    torch.testing.assert_close(found.T @ found, values.diag(), atol=1e-4, rtol=1e-3)
    explorer.close()


def test_of_a_collapsed_network_every_cloud_is_the_prior():
    model = build()
    with torch.no_grad():
        for weight in model.encoder.parameters():
            weight.zero_()
    explorer = learning_explorer({"mse + kl": {0: model}}, x)
    [axes] = explorer.figure.axes
    clouds = [patch for patch in axes.patches if type(patch) is Ellipse]
    assert len(clouds) == FACES
    for cloud in clouds:
        assert cloud.get_center() == (0, 0)
        assert cloud.get_width() == cloud.get_height() == pytest.approx(4)
    assert "rate 0.00 nats" in explorer._alt
    explorer.close()


@pytest.mark.parametrize("latent_dim", [1, 2])
def test_codes_of_one_or_two_elements_have_a_map(latent_dim):
    model = FullyConnectedVAE(SHAPE, 5, latent_dim)
    learning_explorer({"VAE": {0: model}}, x[:2]).close()


def test_what_cannot_be_played_is_refused(runs):
    for wrong in ({}, {"VAE": {}}, {"VAE": runs["VAE"], "other": {0: runs["VAE"][0]}}):
        with pytest.raises(ValueError, match="after the same numbers of steps: pass"):
            learning_explorer(wrong, x)
    with pytest.raises(TypeError, match="no distribution of codes"):
        learning_explorer({"AE": {0: FullyConnectedAutoencoder(SHAPE, 4)}}, x)
    with pytest.raises(ValueError, match="starts at 9, between 0 and 2"):
        learning_explorer(runs, x, start=9)
