from functools import partial

import pytest
import torch
from torch import nn
from torch.distributions import Normal

from course_lib import theory, training
from course_lib.likelihoods import Gaussian, LearnedGaussian
from course_lib.models import (
    ConvolutionalVAE,
    FullyConnectedAutoencoder,
    FullyConnectedVAE,
    LinearAutoencoder,
    LinearVAE,
    code,
)
from course_lib.objectives import elbo


class Homework(nn.Module):
    """The homework's own words, for its checkpoints."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(12288, 1024), nn.ReLU())
        self.decoder = nn.Sequential(nn.Linear(1024, 12288), nn.Tanh())

    def forward(self, x):
        latent = self.encoder(x.view(x.size(0), -1))
        return self.decoder(latent).view(-1, 3, 64, 64)


def test_a_homework_checkpoint_loads_strictly_and_gives_the_same_pictures():
    torch.manual_seed(0)
    theirs, ours = Homework(), FullyConnectedAutoencoder()
    ours.load_state_dict(theirs.state_dict(), strict=True)
    x = torch.rand(2, 3, 64, 64) * 2 - 1
    assert torch.equal(ours(x), theirs(x))
    assert sum(p.numel() for p in ours.parameters()) == 25_179_136
    assert ours.encode(x[:1]).shape == torch.Size([1, 1024])


def test_the_same_seed_gives_the_homeworks_weights():
    torch.manual_seed(3)
    theirs = Homework().state_dict()
    torch.manual_seed(3)
    ours = FullyConnectedAutoencoder().state_dict()
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_more_layers_are_mirrored():
    model = FullyConnectedAutoencoder((1, 5, 7), 2, (13, 11), relu_code=False)
    shapes = {name: tuple(p.shape) for name, p in model.named_parameters() if "weight" in name}
    assert shapes == {
        "encoder.0.weight": (13, 35),
        "encoder.2.weight": (11, 13),
        "encoder.4.weight": (2, 11),
        "decoder.0.weight": (11, 2),
        "decoder.2.weight": (13, 11),
        "decoder.4.weight": (35, 13),
    }
    between = [type(layer) for layer in (*model.encoder[1::2], *model.decoder[1::2])]
    assert between == [nn.ReLU] * 4 + [nn.Tanh]
    assert FullyConnectedAutoencoder((1, 5, 7), 2, (13,)).encode(torch.randn(9, 1, 5, 7)).min() >= 0


@pytest.mark.parametrize("build", [FullyConnectedAutoencoder, LinearAutoencoder])
def test_shapes(build):
    model = build(image_shape=(3, 5, 7), latent_dim=11)
    x = torch.rand(2, 3, 5, 7)
    assert model.encode(x).shape == (2, 11)
    assert model.decode(model.encode(x)).shape == (2, 3, 5, 7)
    assert torch.equal(model(x), model.decode(model.encode(x)))


def test_codes_are_not_negative_and_pictures_are_in_range():
    model = FullyConnectedAutoencoder((1, 5, 7), 13)
    x = 9 * torch.randn(17, 1, 5, 7)
    assert model.encode(x).min() >= 0
    assert model.decode(99 * torch.randn(17, 13)).abs().max() <= 1


def test_the_linear_autoencoder_is_affine():
    model = LinearAutoencoder((1, 5, 7), 3)
    a, b = torch.randn(2, 1, 5, 7), torch.randn(2, 1, 5, 7)
    torch.testing.assert_close(model((a + b) / 2), (model(a) + model(b)) / 2)


@pytest.mark.parametrize(
    "model", [FullyConnectedAutoencoder((3, 5, 7), 11), FullyConnectedVAE((3, 5, 7), 13, 11)]
)
def test_wrong_shapes_are_named(model):
    with pytest.raises(ValueError, match=r"\(2, 3, 7, 5\).*3, 5, 7"):
        model.encode(torch.rand(2, 3, 7, 5))
    with pytest.raises(ValueError, match=r"\(2, 12\).*11"):
        model.decode(torch.rand(2, 12))


def test_vae_shapes():
    model = FullyConnectedVAE(image_shape=(3, 5, 7), hidden_dim=13, latent_dim=11)
    x = torch.rand(2, 3, 5, 7)
    q = model.encode(x)
    assert isinstance(q, Normal)
    assert q.mean.shape == q.stddev.shape == (2, 11)
    assert model.decode(q.sample()).shape == (2, 3, 5, 7)
    assert torch.equal(model(x), model.decode(q.mean)), "reconstructions carry no noise"
    assert model.sample(17).shape == (17, 3, 5, 7)


def test_vae_has_the_homeworks_sizes():
    with torch.device("meta"):
        model = FullyConnectedVAE(likelihood=Gaussian(0.1))
    shapes = {name: tuple(p.shape) for name, p in model.named_parameters()}
    assert {name: shape for name, shape in shapes.items() if "weight" in name} == {
        "encoder.0.weight": (1024, 12288),
        "encoder.2.weight": (128, 1024),
        "decoder.0.weight": (1024, 64),
        "decoder.2.weight": (12288, 1024),
    }
    assert [type(layer) for layer in model.decoder] == [nn.Linear, nn.ReLU, nn.Linear, nn.Tanh]


def test_the_second_half_of_the_encoder_is_the_log_variance():
    """Not log σ: e² and not e is the variance of a 2."""
    model = FullyConnectedVAE((1, 2, 3), 5, 4)
    with torch.no_grad():
        model.encoder[2].weight.zero_()
        model.encoder[2].bias.copy_(torch.tensor([5.0, 6, 7, 8, 2, 0, -2, 1]))
    q = model.encode(torch.rand(3, 1, 2, 3))
    torch.testing.assert_close(q.mean[1], torch.tensor([5.0, 6, 7, 8]))
    torch.testing.assert_close(q.variance[1], torch.tensor([2.0, 0, -2, 1]).exp())


def test_samples_are_decoded_draws_from_the_prior_and_repeat():
    model = FullyConnectedVAE((1, 2, 3), 5, 4)
    pictures = model.sample(7, torch.Generator().manual_seed(3))
    z = torch.randn(7, 4, generator=torch.Generator().manual_seed(3))
    assert torch.equal(pictures, model.decode(z))
    assert not pictures.requires_grad


def test_precision_follows_the_pictures():
    model = FullyConnectedVAE((1, 2, 3), 5, 4).double()
    x = torch.rand(7, 1, 2, 3)
    assert model.encode(x.double()).mean.dtype == model.sample(2).dtype == torch.float64
    with torch.autocast("cpu", torch.bfloat16):
        assert model.float().encode(x).stddev.dtype == torch.float32


def test_the_likelihood_is_part_of_the_model():
    fixed = FullyConnectedVAE((1, 2, 3), 5, 4, Gaussian(0.3))
    learned = FullyConnectedVAE((1, 2, 3), 5, 4, LearnedGaussian(0.3))
    assert "likelihood.sigma2" in fixed.state_dict()
    assert "likelihood.log_sigma2" in dict(learned.named_parameters())


def test_models_of_one_factory_share_no_likelihood():
    build = partial(FullyConnectedVAE, (1, 2, 3), 5, 4, LearnedGaussian(0.3))
    first, second = build(), build()
    with torch.no_grad():
        first.likelihood.log_sigma2.fill_(0)
    assert second.likelihood.sigma2.item() == pytest.approx(0.3)


def test_code_is_one_per_picture_for_either_kind_of_model():
    x = torch.rand(2, 1, 5, 7)
    ae, vae = FullyConnectedAutoencoder((1, 5, 7), 11), FullyConnectedVAE((1, 5, 7), 13, 11)
    assert torch.equal(code(ae, x), ae.encode(x))
    assert torch.equal(code(vae, x), vae.encode(x).mean)


# --- without a bend, and with convolutions


def test_a_linear_vae_has_one_spread_for_all_pictures():
    model = LinearVAE((3, 5, 7), 11)
    with torch.no_grad():
        model.log_variance.copy_(torch.linspace(-3, 1, 11))
    x = 9 * torch.rand(2, 3, 5, 7)
    q = model.encode(x)
    assert q.mean.shape == (2, 11)
    torch.testing.assert_close(q.variance, torch.linspace(-3, 1, 11).exp().expand(2, 11))
    assert not torch.equal(q.mean[0], q.mean[1])
    assert model(x).shape == model.sample(2).shape == (2, 3, 5, 7)
    assert model(x).abs().max() > 1, "no tanh: its pictures are not bounded"


@pytest.mark.parametrize("beta", [1.0, 2.5])
def test_a_linear_vae_with_the_closed_forms_weights_scores_the_closed_form(beta):
    """On data with exactly the covariance that the theory is told: ± one step along each axis,
    so that the expectation over the data is a mean over eight. Two axes are drowned."""
    spectrum = torch.tensor([5.0, 3.0, 0.4, 0.1], dtype=torch.float64)
    axes = torch.linalg.qr(torch.randn(4, 4, dtype=torch.float64, generator=seed(0))).Q
    mean = torch.tensor([0.3, -0.2, 0.1, 0.5], dtype=torch.float64)
    steps = (4 * spectrum).sqrt()[:, None] * axes.T
    pictures = (mean + torch.cat([steps, -steps])).reshape(8, 1, 2, 2)

    expected = theory.linear_vae(spectrum, 3, beta, sigma2=0.5)
    model = LinearVAE((1, 2, 2), 3, Gaussian(0.5)).double()
    norms, variances = expected.squared_norms, expected.posterior_variances
    # The posterior's mean of a code is wᵀ(x − μ) / λ: probabilistic PCA's, at β times the noise.
    read = norms.sqrt() / spectrum[:3]
    with torch.no_grad():
        model.decoder[0].weight.copy_(axes[:, :3] * norms.sqrt())
        model.decoder[0].bias.copy_(mean)
        model.encoder[0].weight.copy_(read[:, None] * axes[:, :3].T)
        model.encoder[0].bias.copy_(-read * (axes[:, :3].T @ mean))
        model.log_variance.copy_(variances.log())
    assert expected.active_units == 2

    encode = model.encode
    model.encode = lambda x: SigmaPoints(encode(x).mean, encode(x).stddev)
    objective = partial(elbo, beta=beta, samples=6)
    found = training.evaluate(model, objective, pictures, transform=nn.Identity())
    assert found["distortion"] == pytest.approx(expected.distortion.item(), abs=1e-9)
    assert found["rate"] == pytest.approx(expected.rate.item(), abs=1e-9)
    assert found["loss"] == pytest.approx(-expected.beta_elbo.item(), abs=1e-9)


class SigmaPoints(Normal):
    """A normal of three elements whose six samples lie √3 σ from the mean, two along each axis:
    means of quadratics come out exact."""

    def rsample(self, sample_shape):
        assert sample_shape == (6,)
        steps = 3**0.5 * torch.cat([torch.eye(3), -torch.eye(3)]).to(self.mean)
        return self.mean + self.stddev * steps[:, None]


@pytest.mark.parametrize("size", [(16, 24), (32, 32), (64, 64)])
def test_a_convolutional_vae_is_a_vae(size):
    model = ConvolutionalVAE((3, *size), channels=4, latent_dim=11)
    x = torch.rand(2, 3, *size) * 2 - 1
    q = model.encode(x)
    assert isinstance(q, Normal)
    assert q.mean.shape == q.stddev.shape == (2, 11)
    assert torch.equal(model(x), model.decode(q.mean))
    assert model.sample(5).shape == (5, 3, *size)
    assert torch.equal(model.sample(5, seed(3)), model.sample(5, seed(3)))
    assert model.decode(99 * torch.randn(5, 11)).abs().max() <= 1
    with pytest.raises(ValueError, match=r"\(2, 12\).*11"):
        model.decode(torch.rand(2, 12))


def test_a_convolution_sees_the_same_thing_everywhere():
    """A picture moved by eight pixels gives the last convolution's answer moved by one."""
    model = ConvolutionalVAE((1, 64, 64), channels=4, latent_dim=3)
    x = torch.zeros(1, 1, 64, 64)
    x[..., 24:32, 24:40] = torch.rand(8, 16, generator=seed(0))
    features = model.encoder[:-2]
    here, moved = features(x.flatten(1)), features(x.roll((8, -8), (2, 3)).flatten(1))
    # Up to the picture's edge, where the padding is seen.
    torch.testing.assert_close(moved[..., 2:7, 1:6], here[..., 1:6, 2:7])
    assert (here[..., 1:6, 2:7].std((2, 3)) > 0).any()


def test_a_convolutional_vae_doubles_its_channels():
    model = ConvolutionalVAE((1, 16, 24), channels=5, latent_dim=3, likelihood=Gaussian(0.3))
    shapes = {name: tuple(p.shape) for name, p in model.named_parameters() if "weight" in name}
    assert list(shapes.values()) == [
        (5, 1, 4, 4), (10, 5, 4, 4), (20, 10, 4, 4), (6, 20 * 2 * 3),
        (20 * 2 * 3, 3), (10, 20, 3, 3), (5, 10, 3, 3), (1, 5, 3, 3),
    ]  # fmt: skip
    assert model.likelihood.sigma2.item() == pytest.approx(0.3)


@pytest.mark.parametrize("shape", [(3, 20, 16), (3, 16, 20)])
def test_what_cannot_be_halved_three_times_is_refused(shape):
    with pytest.raises(ValueError, match=f"{shape[1]}×{shape[2]}.*multiples of 8"):
        ConvolutionalVAE(shape)


def seed(number):
    return torch.Generator().manual_seed(number)


@pytest.mark.parametrize("log_variance", [-79.0, -100.0, -1e4, float("-inf")])
def test_a_variance_of_next_to_nothing_has_a_finite_loss_and_gradient(log_variance):
    for kind in (partial(FullyConnectedVAE, (1, 2, 3), 5), partial(LinearVAE, (1, 2, 3))):
        model = kind(4, likelihood=Gaussian(0.3))
        with torch.no_grad():
            if isinstance(model, LinearVAE):
                model.log_variance.fill_(log_variance)
            else:
                model.encoder[-1].bias[4:] = log_variance
        for kl in ("analytic", "monte-carlo"):
            loss = elbo(model, torch.rand(7, 1, 2, 3), kl=kl).loss
            loss.sum().backward()
            assert loss.isfinite().all()
            assert all(w.grad.isfinite().all() for w in model.parameters()), kl
