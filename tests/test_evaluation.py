import math

import pytest
import torch
from torch import nn
from torch.distributions import MultivariateNormal, Normal

from course_lib.evaluation import active_units, nll, pixel_change
from course_lib.likelihoods import Gaussian
from course_lib.models import FullyConnectedAutoencoder, FullyConnectedVAE


class LinearGaussian(nn.Module):
    """x = W z + b + noise, with a posterior that is a little wrong: mean, width, and shape (it
    has no correlations). Everything about it is known exactly."""

    def __init__(self, sigma2=0.7):
        super().__init__()
        self.w = torch.tensor([[1.0, 0.3], [-0.5, 0.8], [0.2, -0.6]], dtype=torch.float64)
        self.b = torch.tensor([0.1, -0.2, 0.3], dtype=torch.float64)
        self.likelihood = Gaussian(sigma2).double()
        self.sigma2 = sigma2

    def decode(self, z):
        return z @ self.w.T + self.b

    def encode(self, x):
        precision = torch.eye(2, dtype=torch.float64) + self.w.T @ self.w / self.sigma2
        covariance = precision.inverse()
        mean = (x - self.b) @ self.w @ covariance / self.sigma2
        return Normal(mean + 0.15, 1.2 * covariance.diagonal().sqrt().expand_as(mean))

    def log_p(self, x):
        noise = self.sigma2 * torch.eye(3, dtype=torch.float64)
        return MultivariateNormal(self.b, self.w @ self.w.T + noise).log_prob(x)


def points(n=5):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(n, 3, dtype=torch.float64, generator=generator)


def test_pixel_change_counts_pixels_not_channels():
    before = torch.full((2, 3, 5, 7), 100, dtype=torch.uint8)
    after = before.clone()
    after[0, :, 1, 2] = 141  # one pixel, three channels, 41 levels
    after[1, 0, 3, 4] = 140  # 40 is not more than 40
    result = pixel_change(before, after)
    assert result.changed == 0.5
    assert result.mean_absolute == pytest.approx((3 * 41 + 40) / (2 * 3 * 5 * 7))


def test_channel_correlation_tells_grey_points_from_coloured_ones():
    generator = torch.Generator().manual_seed(0)
    noise = torch.randint(0, 100, (4, 3, 32, 33), generator=generator, dtype=torch.uint8)
    before = torch.full_like(noise, 100)
    assert abs(pixel_change(before, before + noise).channel_correlation) < 0.05
    grey = before + noise[:, :1]
    assert pixel_change(before, grey).channel_correlation == pytest.approx(1)
    assert math.isnan(pixel_change(before, before).channel_correlation)


def test_pixel_change_refuses_floats_and_other_shapes():
    images = torch.zeros(2, 3, 5, 7, dtype=torch.uint8)
    with pytest.raises(ValueError, match="to_image"):
        pixel_change(images, images.float())
    with pytest.raises(ValueError, match="one shape"):
        pixel_change(images, images[:1])


def test_nll_of_the_linear_gaussian_model_is_the_exact_one_within_its_error():
    model, x, k = LinearGaussian(), points(), 20_000
    q = model.encode(x)
    z = q.sample((4000,))  # the relative variance of the weights, for the error to expect
    joint = Normal(0, 1).log_prob(z).sum(-1) + model.likelihood.log_prob(x, model.decode(z))
    weights = (joint - q.log_prob(z).sum(-1) - model.log_p(x)).exp()
    error = weights.std(0) / math.sqrt(k)
    assert (error < 0.02).all(), "the test must be sharp"
    assert ((nll(model, x, k=k) + model.log_p(x)).abs() < 4 * error).all()


def test_nll_with_the_exact_posterior_is_exact_with_one_code():
    """All weights are equal then. One latent element, whose posterior needs no correlations."""
    model = LinearGaussian()
    model.w = model.w[:, :1]
    x = points()
    variance = 1 / (1 + model.w.square().sum() / model.sigma2)
    mean = (x - model.b) @ model.w * variance / model.sigma2
    model.encode = lambda x: Normal(mean, variance.sqrt().expand_as(mean))
    torch.testing.assert_close(nll(model, x, k=1), -model.log_p(x))


def test_nll_does_not_depend_on_chunk_or_batch():
    torch.manual_seed(0)
    model, x = FullyConnectedVAE((1, 5, 7), 13, 3), torch.rand(11, 1, 5, 7) * 2 - 1
    whole = nll(model, x, k=50)
    assert whole.shape == (11,)
    for chunk in (1, 30, 100_000):
        torch.testing.assert_close(nll(model, x, k=50, chunk=chunk), whole)
    parts = [nll(model, part, k=50) for part in x.split(4)]
    torch.testing.assert_close(torch.cat(parts), whole)
    assert not torch.equal(nll(model, x, k=50, seed=1), whole)


def test_nll_leaves_model_and_random_numbers_as_they_were():
    model, x = FullyConnectedVAE((1, 5, 7), 13, 3), torch.rand(11, 1, 5, 7)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    nll(model, x, k=2)
    assert torch.equal(torch.rand(3), expected)
    assert model.training
    assert model.likelihood.sigma2 == 1, "scoring must not move the running variance"


def test_nll_survives_pictures_of_no_probability():
    """exp(-50000) is zero: only log-sum-exp gets through."""
    result = nll(LinearGaussian(), 300 + points(), k=10)
    assert result.isfinite().all()
    assert (result > 10_000).all()


def test_nll_says_what_it_cannot_do():
    x = torch.rand(2, 1, 5, 7)
    with pytest.raises(ValueError, match="k=0 and chunk=3"):
        nll(FullyConnectedVAE((1, 5, 7), 13, 3), x, k=0, chunk=3)
    with pytest.raises(TypeError, match="FullyConnectedAutoencoder has no distribution"):
        nll(FullyConnectedAutoencoder((1, 5, 7), 13), x)


def test_active_units_are_those_whose_mean_moves_with_the_picture():
    model = FullyConnectedVAE((1, 2, 3), 6, 4)
    scales = torch.tensor([1.0, 0.12, 0.05, 0.0])  # variances of the means: 1, 0.0144, 0.0025, 0
    with torch.no_grad():
        model.encoder[0].weight.copy_(torch.eye(6))
        model.encoder[0].bias.fill_(100.0)  # far from the ReLU's bend
        model.encoder[2].weight.zero_()
        model.encoder[2].weight[:4, :4] = torch.diag(scales)
        model.encoder[2].weight[7] = 5  # a variance that moves makes no active unit
        model.encoder[2].bias.zero_()
    x = torch.randn(2000, 1, 2, 3, generator=torch.Generator().manual_seed(0))
    assert active_units(model, x).tolist() == [True, True, False, False]
    assert active_units(model, x, threshold=0.001).tolist() == [True, True, True, False]
    with pytest.raises(ValueError, match="1 picture"):
        active_units(model, x[:1])
