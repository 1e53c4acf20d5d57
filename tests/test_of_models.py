import math

import pytest
import torch
from torch import nn
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from course_lib.evaluation import (
    active_units,
    aggregate_posterior,
    factor_recovery,
    importance_sampling,
    nll,
    reconstruction_error,
    refined_posterior,
)
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


def test_the_refined_posterior_of_the_linear_gaussian_model_is_the_exact_one():
    """One code is enough then, although the encoder has no correlations and is off."""
    model, x = LinearGaussian(), points()
    exact = refined_posterior(model, x, widen=1)
    torch.testing.assert_close(nll(model, x, k=1, proposal=exact), -model.log_p(x))
    for widen, relation in ((1.1, 1.21), (2, 4)):
        wide = refined_posterior(model, x, widen=widen)
        torch.testing.assert_close(wide.covariance_matrix, relation * exact.covariance_matrix)
        torch.testing.assert_close(wide.mean, exact.mean)


def test_the_effective_sample_size_counts_equal_weights_and_finds_a_single_heavy_one():
    model, x = LinearGaussian(), points()
    exact, off = refined_posterior(model, x, widen=1), model.encode(x)
    equal = importance_sampling(model, x, k=50, proposal=exact).effective
    torch.testing.assert_close(equal, torch.full_like(equal, 50))
    own = importance_sampling(model, x, k=50, proposal=off).effective
    far = importance_sampling(model, x, k=50, proposal=Normal(off.mean + 4, off.stddev)).effective
    assert (far < own).all() and (far < 5).all() and (far >= 1 - 1e-9).all()


def test_the_refined_posterior_of_a_network_is_at_a_maximum_and_a_better_proposal():
    torch.manual_seed(0)
    model = FullyConnectedVAE((1, 5, 7), 13, 3, Gaussian(0.02))
    with torch.no_grad():
        model.decoder[2].weight.mul_(5)
    x = model.sample(60)  # in two parts
    refined = refined_posterior(model, x, steps=12)
    z = refined.mean.requires_grad_()
    joint = Normal(0, 1).log_prob(z).sum() + model.likelihood.log_prob(x, model.decode(z)).sum()
    (slope,) = torch.autograd.grad(joint, z)
    assert slope.norm(dim=1).median() < 1e-2
    found, own = (importance_sampling(model, x, 200, proposal=q) for q in (refined, None))
    assert found.effective.median() > 50 > 10 > own.effective.median()
    assert found.nll.mean() < own.nll.mean()


def test_a_refined_posterior_needs_a_variance():
    with pytest.raises(TypeError, match="FullyConnectedAutoencoder.*sigma2"):
        refined_posterior(FullyConnectedAutoencoder((1, 5, 7), 13), torch.rand(2, 1, 5, 7))


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


# --- where all codes lie together


def test_aggregate_posterior_has_the_moments_of_its_samples():
    model, x = LinearGaussian(), points(50)
    found = aggregate_posterior(model, x)
    torch.manual_seed(0)
    z = model.encode(x).sample((20_000,)).flatten(0, 1)  # a million codes
    # Standard errors are about 1e-3.
    torch.testing.assert_close(found.mean, z.mean(0), atol=5e-3, rtol=0)
    torch.testing.assert_close(found.covariance, torch.cov(z.T), atol=1e-2, rtol=0)
    gaussian = MultivariateNormal(found.mean, found.covariance)
    prior = MultivariateNormal(torch.zeros(2).double(), torch.eye(2).double())
    assert found.kl_to_prior == pytest.approx(kl_divergence(gaussian, prior).item(), rel=1e-9)


def test_a_linear_model_with_its_own_data_and_posterior_has_no_prior_mismatch():
    model = LinearGaussian()
    posterior = torch.eye(2).double() + model.w.T @ model.w / model.sigma2
    # Correlated, so not what encode gives: whiten W by rotating the latent axes.
    _, axes = torch.linalg.eigh(posterior)
    model.w = model.w @ axes
    precision = torch.eye(2).double() + model.w.T @ model.w / model.sigma2
    variance = 1 / precision.diagonal()
    model.encode = lambda x: Normal(
        (x - model.b) @ model.w * variance / model.sigma2, variance.sqrt().expand(len(x), 2)
    )
    torch.manual_seed(1)
    x = model.decode(torch.randn(200_000, 2).double())
    x = x + model.sigma2**0.5 * torch.randn_like(x)
    # What is left is the sampling error of 5 moments: about 5 / (2 · 200,000).
    assert aggregate_posterior(model, x).kl_to_prior < 1e-4


def test_reconstruction_error_is_each_pictures_mse_at_the_posterior_mean():
    torch.manual_seed(0)
    for build in (FullyConnectedAutoencoder, FullyConnectedVAE):
        model = build((3, 5, 7), latent_dim=11).train()
        x = torch.rand(501, 3, 5, 7) * 2 - 1  # more than go through at a time
        expected = [((model(p[None]) - p) ** 2).mean() for p in x]
        torch.testing.assert_close(reconstruction_error(model, x), torch.stack(expected).detach())
        assert model.training


# --- what codes and scores tell


def test_factors_that_are_linear_in_the_code_are_read_and_others_not():
    generator = torch.Generator().manual_seed(0)
    codes = torch.randn(700, 5, generator=generator)
    other = torch.randn(700, generator=generator)
    factors = torch.stack([codes @ torch.arange(5.0) + 3, codes[:, 1] + other, other], dim=1)
    found = factor_recovery(codes[:500], factors[:500], codes[500:], factors[500:])
    # Half of the second factor's variance is in the code; 200 examples tell R² to about 0.1.
    torch.testing.assert_close(found, torch.tensor([1, 0.5, 0]).double(), atol=0.15, rtol=0)
    assert found[0] > 0.999

    design = torch.cat([codes, torch.ones(700, 1)], dim=1).double()
    weights = torch.linalg.lstsq(design[:500], factors[:500].double()).solution
    truth = factors[500:].double()
    missed = (design[500:] @ weights - truth).square().sum(0)
    torch.testing.assert_close(found, 1 - missed / ((truth - truth.mean(0)) ** 2).sum(0))


def recovery(*shapes, fill=0.0):
    return factor_recovery(*(torch.full(shape, fill) for shape in shapes))


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: recovery((9, 2), (8, 3), (5, 2), (5, 3)), "as many codes as"),
        (lambda: recovery((9, 2), (9, 3), (5, 4), (5, 3)), "from one model"),
        (lambda: recovery((9, 2), (9, 3), (5, 2), (5, 4)), r"\(5, 4\), but expects"),
        (lambda: recovery((9, 2), (9, 3), (1, 2), (1, 3)), "two pictures or more"),
        (lambda: recovery((9, 2), (9, 3), (5, 2), (5, 3), fill=math.nan), "recovery got NaN"),
        (
            lambda: aggregate_posterior(FullyConnectedVAE((1, 5, 7)), torch.zeros(0, 1, 5, 7)),
            "got no pictures",
        ),
    ],
)
def test_what_cannot_be_measured_is_named(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
