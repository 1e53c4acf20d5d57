"""The GAN: what it can do, what a seed fixes, and where its losses must start."""

from math import log
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from course_lib import gan
from course_lib.gan import GAN
from course_lib.models import ConvolutionalVAE, FullyConnectedVAE

torch.set_num_threads(1)

SHAPE = (3, 16, 24)
RAW = nn.Identity()


def built(seed=0):
    torch.manual_seed(seed)
    return GAN(FullyConnectedVAE(SHAPE, 13, 6).decoder, SHAPE, channels=4)


def data(n=40, value=None):
    generator = torch.Generator().manual_seed(1)
    pictures = torch.rand(n, *SHAPE, generator=generator) * 2 - 1
    return SimpleNamespace(train=pictures if value is None else torch.full_like(pictures, value))


def trained(model, data, **settings):
    settings = {"steps": 3, "batch_size": 8, "transform": RAW, "progress": False} | settings
    return gan.fit(model, data, **settings)


@pytest.mark.parametrize(
    "decoder", [FullyConnectedVAE(SHAPE, 13, 6), ConvolutionalVAE(SHAPE, 2, 6)]
)
def test_it_draws_with_a_vaes_decoder(decoder):
    model = GAN(decoder.decoder, SHAPE, channels=4)
    assert model.latent_dim == 6
    z = torch.randn(5, 6)
    assert torch.equal(model.decode(z), decoder.decode(z))
    drawn = model.sample(5, torch.Generator().manual_seed(3))
    assert drawn.shape == (5, *SHAPE)
    assert torch.equal(drawn, model.sample(5, torch.Generator().manual_seed(3)))
    assert model.discriminator(drawn).shape == (5, 1)


def test_a_seed_fixes_the_training_and_leaves_the_callers_numbers_alone():
    first, second, other = built(), built(), built()
    torch.manual_seed(5)
    before = torch.get_rng_state()
    history = trained(first, data())
    assert torch.equal(before, torch.get_rng_state())
    assert trained(second, data()) == history != trained(other, data(), seed=1)
    assert len(history["discriminator"]) == len(history["generator"]) == 3
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_discriminator_that_knows_nothing_loses_what_theory_says():
    """At belief 0 everywhere: -log ½ for real, the same for fake, and -log ½ for the generator."""
    model = built()
    for parameter in model.discriminator[-1].parameters():
        nn.init.zeros_(parameter)
    history = trained(model, data(), steps=1, lr=1e-12)
    assert history["discriminator"] == pytest.approx([2 * log(2)])
    assert history["generator"] == pytest.approx([log(2)])


def test_the_discriminator_learns_to_tell_and_the_generator_to_follow():
    """All data is white; the generator starts at grey."""
    model, white = built(), data(value=0.9)
    assert model.sample(64).mean().abs() < 0.1
    trained(model, white, steps=1, lr=0.01)
    early = model.discriminator(white.train) - model.discriminator(model.sample(40))
    assert early.mean() > 0
    trained(model, white, steps=150, lr=0.01)
    assert model.sample(64).mean() > 0.7


def test_the_penalty_flattens_the_discriminator_at_real_pictures():
    def slope(penalty):
        model, real = built(), data().train
        trained(model, data(), steps=60, lr=0.01, penalty=penalty)
        real.requires_grad_(True)
        (gradient,) = torch.autograd.grad(model.discriminator(real).sum(), real)
        return gradient.square().flatten(1).sum(1).mean().item()

    assert slope(penalty=30.0) < slope(penalty=0.0) / 3


def test_a_loss_that_is_no_number_stops_the_training():
    with pytest.raises(FloatingPointError, match="not finite at step 0: lower lr"):
        trained(built(), data(value=float("nan")))


def test_an_infinite_loss_stops_the_training():
    model = built()
    nn.init.constant_(model.discriminator[-1].bias, -float("inf"))  # nothing can be real
    with pytest.raises(FloatingPointError, match="not finite at step 0: lower lr"):
        trained(model, data())
