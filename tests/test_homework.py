"""The homework's sample networks and loss: as its own code has them, and each fault mended."""

from functools import partial
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course_lib import evaluation, homework, latents, training
from course_lib.likelihoods import Gaussian
from course_lib.models import FullyConnectedAutoencoder
from course_lib.objectives import elbo
from course_lib.transforms import face_transform
from tests import homework_sample as sample

torch.set_num_threads(1)


@pytest.fixture
def x():
    return 2 * torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0)) - 1


def parameters(model):
    return sum(p.numel() for p in model.parameters())


def test_the_fully_connected_sample(x):
    torch.manual_seed(0)
    theirs, ours = sample.fcn_autoencoder(), homework.fcn()
    assert parameters(ours) == 3_176_419
    ours.load_state_dict(theirs.state_dict(), strict=True)
    assert torch.equal(ours(x).flatten(1), theirs(x.flatten(1)))
    assert ours.encode(x).shape == (3, 3) and ours.encode(x).min() < 0
    assert isinstance(ours, FullyConnectedAutoencoder), "one class with the seed's"


def test_the_convolutional_sample(x):
    torch.manual_seed(0)
    theirs, ours = sample.conv_autoencoder(), homework.cnn()
    ours.load_state_dict(theirs.state_dict(), strict=True)
    assert torch.equal(ours(x), theirs(x))
    assert torch.equal(ours.encode(x), theirs.encoder(x).flatten(1))
    assert ours.code_shape == (48, 8, 8) and ours.encode(x).shape == (3, 3072)


def test_the_vae_sample(x):
    torch.manual_seed(0)
    theirs, ours = sample.VAE(), homework.HomeworkVAE()
    assert parameters(ours) == 65_835
    found = ours.load_state_dict(theirs.state_dict(), strict=False)
    assert not found.unexpected_keys
    assert {name.partition(".")[0] for name in found.missing_keys} == {"likelihood"}
    means, log_variances = theirs.encode(x)
    q = ours.encode(x)
    assert torch.equal(q.mean, means.flatten(1))
    torch.testing.assert_close(q.variance, log_variances.flatten(1).exp())
    assert torch.equal(ours(x), theirs.decode(means))
    assert ours.sample(5).shape == (5, 3, 64, 64)


def test_the_same_seed_gives_the_samples_weights():
    for theirs, ours in (
        (sample.fcn_autoencoder, homework.fcn),
        (sample.conv_autoencoder, homework.cnn),
        (sample.VAE, homework.HomeworkVAE),
    ):
        torch.manual_seed(3)
        expected = theirs().state_dict()
        torch.manual_seed(3)
        found = ours().state_dict()
        assert all(torch.equal(found[name], weights) for name, weights in expected.items())


def test_no_posterior_is_narrower_than_the_prior_until_the_heads_are_mended(x):
    torch.manual_seed(0)
    q, mended = (homework.HomeworkVAE(relu_heads=on).encode(x) for on in (True, False))
    assert q.mean.min() == 0 and q.stddev.min() == 1
    assert mended.mean.min() < 0 and mended.stddev.min() < 1


def test_the_loss_is_the_samples(x):
    torch.manual_seed(0)
    ours, theirs = homework.HomeworkVAE(), sample.VAE()
    theirs.load_state_dict(ours.state_dict(), strict=False)
    torch.manual_seed(7)
    terms = homework.sample_loss(ours, x)
    torch.manual_seed(7)
    q = ours.encode(x)
    decoded = ours.decode(q.rsample())
    _, means, log_variances = theirs(x)
    expected = sample.loss_vae(decoded, x, means, log_variances, nn.MSELoss())
    torch.testing.assert_close(terms.loss.mean(), expected)
    torch.testing.assert_close(terms.distortion.mean(), F.mse_loss(decoded, x))
    assert all(term.shape == (3,) for term in terms)


@pytest.mark.parametrize(
    ("settings", "beta"),
    [
        ({}, 3 * 12288 / 2),
        ({"kl": "mean over batch"}, 12288 / 2),
        ({"error": "sum over pixels"}, 3 / 2),
        ({"kl": "mean over batch", "error": "sum over pixels"}, 1 / 2),
    ],
)
def test_it_is_an_elbo_with_another_beta(x, settings, beta):
    """At σ² = 1, up to a constant and a factor; for three pictures of 12,288 numbers."""
    torch.manual_seed(0)
    model = homework.HomeworkVAE(likelihood=Gaussian(1.0))
    gradients = []
    factor = 1 / 2 if "error" in settings else 12288 / 2
    for objective, weight in (
        (partial(homework.sample_loss, **settings), factor),
        (partial(elbo, beta=beta), 1),
    ):
        model.zero_grad()
        torch.manual_seed(7)
        (weight * objective(model, x).loss.mean()).backward()
        gradients.append(torch.cat([p.grad.flatten() for p in model.parameters()]))
    torch.testing.assert_close(*gradients, rtol=1e-3, atol=1e-3 * gradients[1].abs().max().item())


def test_unknown_settings_are_refused(x):
    with pytest.raises(ValueError, match="kl='mean'.*mean over batch"):
        homework.sample_loss(homework.HomeworkVAE(), x, kl="mean")
    with pytest.raises(TypeError, match="no distribution of codes"):
        homework.sample_loss(homework.fcn(), x)
    for build in (homework.cnn, homework.HomeworkVAE):
        with pytest.raises(ValueError, match=r"20×16.*multiples of 8"):
            build((3, 20, 16))


def test_it_collapses_in_training_and_the_courses_words_see_it():
    generator = torch.Generator().manual_seed(1)
    brightness = torch.randint(20, 230, (120, 3, 1, 1), generator=generator)
    noise = torch.randint(0, 20, (120, 3, 16, 24), generator=generator)
    images = (brightness + noise).to(torch.uint8)
    whole = face_transform(None, (16, 24))
    data = SimpleNamespace(train=images[:100], validation=images[100:])
    settings = {"epochs": 10, "batch_size": 50, "device": "cpu", "progress": False}
    shape = (3, 16, 24)
    rates, active = [], []
    for network, objective in (
        (partial(homework.HomeworkVAE, shape), homework.sample_loss),
        (partial(homework.HomeworkVAE, shape, relu_heads=False), elbo),
    ):
        state = training.fit(network, objective, data, transform=whole, lr=3e-3, **settings)
        rates.append(state.history["validation_rate"][-1])
        active.append(int(evaluation.active_units(state.model, whole(images)).sum()))
        assert latents.encode(state.model, images, whole).shape == (120, 48 * 2 * 3)
    assert rates[0] < 1e-3 and active[0] == 0
    assert rates[1] > 1 and active[1] > 0
