"""Numbers to set beside models."""

from collections.abc import Callable
from math import log
from typing import NamedTuple

import torch
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score
from torch import Tensor, nn
from torch.distributions import MultivariateNormal, Normal

from course_lib.models import code
from course_lib.objectives import log_likelihood, posterior
from course_lib.training.runtime import evaluating, own_random_numbers
from course_lib.training.threads import multiply_adds, threads_worth

BATCH = 500  # pictures that go through a network at a time


class ImportanceEstimate(NamedTuple):
    """What importance sampling says of each picture; see `importance_sampling`."""

    nll: Tensor  #: (B,): -log p(x), in nats
    effective: Tensor  #: (B,): effective sample size, (Σ w)² / Σ w², from 1 to k


def importance_sampling(
    model: nn.Module,
    x: Tensor,
    k: int = 1000,
    *,
    proposal: Normal | MultivariateNormal | None = None,
    log_prior: Callable[[Tensor], Tensor] | None = None,
    chunk: int = 1024,
    seed: int = 0,
) -> ImportanceEstimate:
    """Estimate -log p(x) of each picture: the mean weight p(x, z) / q(z) of k codes drawn from q.

    The bound of `objectives.iwae` at a large k (Burda et al. 2016 report k = 5000). It is too
    high by about half the relative variance of the weights over k, and nears the truth as k grows.
    Where a handful of codes has all the weight, which an effective sample size near 1 shows, it is
    still far from there: take a better proposal (`refined_posterior`) before a larger k.

    Parameters
    ----------
    model : nn.Module
        With ``encode``, ``decode`` and ``likelihood``.
    x : Tensor
        (B, C, H, W), as the model takes them.
    k : int
        Codes drawn for each picture.
    proposal : Normal or MultivariateNormal, optional
        q, over codes (B, K); the model's own posterior by default.
    log_prior : callable, optional
        From codes (S, B, K) to log p(z), (S, B), or to the logarithm of an estimate of p(z)
        that is right on average; N(0, I) by default.
    chunk : int
        Pictures decoded at a time, which is what takes memory. The result is the same for any.
    seed : int
        Of the noise. All pictures are given the same noise, so that a picture's figure does not
        depend on the batch it comes in; the errors of several are therefore not independent.

    Returns
    -------
    ImportanceEstimate

    Raises
    ------
    TypeError
        If the model has no posterior or no likelihood.
    ValueError
        If `k` or `chunk` is below 1.
    """
    if k < 1 or chunk < 1:
        raise ValueError(f"There are k={k} and chunk={chunk}, but both must be 1 or more.")
    work = chunk * _decoding(model, x)
    with evaluating(model), own_random_numbers(seed), threads_worth(work):
        q = proposal or posterior(model, x)
        matrix = isinstance(q, MultivariateNormal)
        # Once looked at, a lazy_property is a tensor.
        scale: Tensor = q.scale_tril if matrix else q.stddev.diag_embed()  # ty: ignore[invalid-assignment]
        noise = torch.randn(k, scale.shape[-1], generator=torch.Generator().manual_seed(seed))
        standard = Normal(scale.new_zeros(()), scale.new_ones(()), validate_args=False)
        log_volume = scale.diagonal(dim1=1, dim2=2).log().sum(1)
        # Filled, not collected: small results between large ones that are freed again would keep
        # the memory in pieces, of which none is large enough for the next.
        log_weights = scale.new_empty(k, len(x))
        for chosen in torch.arange(k).split(max(1, chunk // len(x))):
            part = noise[chosen].to(scale)
            z = q.mean + torch.einsum("bij,sj->sbi", scale, part)
            log_q = standard.log_prob(part).sum(1, keepdim=True) - log_volume
            prior = log_prior(z) if log_prior else standard.log_prob(z).sum(-1)
            log_weights[chosen] = log_likelihood(model, x, z) + prior - log_q
    total = log_weights.logsumexp(0)
    return ImportanceEstimate(log(k) - total, (2 * total - (2 * log_weights).logsumexp(0)).exp())


def _decoding(model: nn.Module, x: Tensor) -> int:
    """Multiply-adds that one code takes to be decoded."""
    with evaluating(model):
        z = posterior(model, x[:1]).mean
        return multiply_adds(model, lambda: model.decode(z))  # ty: ignore[not-callable]


def nll(model: nn.Module, x: Tensor, k: int = 1000, **settings) -> Tensor:
    """Estimate -log p(x) of each picture, (B,) in nats, by `importance_sampling`."""
    return importance_sampling(model, x, k, **settings).nll


def refined_posterior(
    model: nn.Module, x: Tensor, steps: int = 5, widen: float = 1.1
) -> MultivariateNormal:
    """A Gaussian at the top of the true posterior p(z|x), as wide as that is there, correlations
    included: what `importance_sampling` had better draw from than the encoder's guess.

    Laplace's approximation. Steps of Gauss and Newton climb from the encoder's mean to the top;
    a step that leads down is shortened, and left out if that does not help.

    Parameters
    ----------
    model : nn.Module
        With a `likelihoods.Gaussian`.
    x : Tensor
        (B, C, H, W), as the model takes them.
    steps : int
    widen : float
        All standard deviations are that much larger, since weights of codes in the tails grow
        without bound if the proposal is narrower than the posterior.

    Returns
    -------
    MultivariateNormal
        Over codes (B, K).

    Raises
    ------
    TypeError
        If the model has no posterior, or no σ².
    """
    if not hasattr(getattr(model, "likelihood", None), "sigma2"):
        raise TypeError(
            f"refined_posterior got a {type(model).__name__}, but needs a model with a Gaussian "
            "likelihood, one that has a sigma2."
        )
    with evaluating(model):
        at_once, elements = 50, posterior(model, x[:1]).mean.shape[1]  # jacobians are large
        with threads_worth(at_once * elements * _decoding(model, x)):
            parts = [_laplace(model, part, steps) for part in x.split(at_once)]
    mean, precision = (torch.cat(both) for both in zip(*parts, strict=True))
    # In float64, and by its lower half: rounding leaves JᵀJ not quite symmetric, and near singular.
    covariance = widen**2 * torch.cholesky_inverse(torch.linalg.cholesky(precision.double()))
    return MultivariateNormal(mean, scale_tril=torch.linalg.cholesky(covariance).to(mean))


def _laplace(model: nn.Module, x: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """Where p(z|x) is highest, (B, K), and the curvature of -log p(z|x) there, (B, K, K)."""
    sigma2 = model.likelihood.sigma2  # ty: ignore[missing-union-attribute] (PyTorch: any Module)

    def log_joint(z: Tensor) -> Tensor:
        """(S, B), of codes (S, B, K), up to a constant."""
        return log_likelihood(model, x, z) - z.square().sum(-1) / 2

    def curvature(z: Tensor) -> tuple[Tensor, Tensor]:
        # Slopes from small steps: a proposal need not be exact, and PyTorch's forward mode loads
        # its compiler, 240 MB.
        width, each = 1e-3, torch.eye(z.shape[1]).to(z)
        moved = model.decode((z[:, None] + width * each).flatten(0, 1))  # ty: ignore[not-callable]
        moved = moved.unflatten(0, (len(z), -1)) - model.decode(z)[:, None]  # ty: ignore[not-callable]
        jacobian = moved.flatten(2).mT / width
        return jacobian, jacobian.mT @ jacobian / sigma2 + each

    z = posterior(model, x).mean
    for _ in range(steps):
        jacobian, precision = curvature(z)
        residual = (x - model.decode(z)).flatten(1) / sigma2  # ty: ignore[not-callable]
        uphill = torch.einsum("bdk,bd->bk", jacobian, residual) - z
        step = torch.linalg.solve(precision, uphill)
        tried = z + z.new_tensor([1, 1 / 2, 1 / 4, 0])[:, None, None] * step
        z = tried[log_joint(tried).argmax(0), torch.arange(len(z))]
    return z, curvature(z)[1]


def active_units(model: nn.Module, x: Tensor, threshold: float = 0.01) -> Tensor:
    """Which latent elements tell pictures apart: the variance of the code over the pictures is
    above a threshold (Burda et al. 2016, section 5.2).

    Parameters
    ----------
    model : nn.Module
        With ``encode``; of a posterior, the mean counts.
    x : Tensor
        (N, C, H, W), as the model takes them; some hundreds.
    threshold : float

    Returns
    -------
    Tensor
        bool (K,); their number is its ``.sum()``.

    Raises
    ------
    ValueError
        If there are fewer than two pictures.
    """
    if len(x) < 2:
        raise ValueError(
            f"active_units got {len(x)} picture(s), but a variance needs several: pass some "
            "hundreds."
        )
    with evaluating(model):
        return code(model, x).var(0) > threshold


class AggregatePosterior(NamedTuple):
    """Moments of q(z) = mean of q(z|x) over the data; see `aggregate_posterior`."""

    mean: Tensor
    covariance: Tensor
    kl_to_prior: float


def aggregate_posterior(model: nn.Module, x: Tensor) -> AggregatePosterior:
    """Where the codes of all pictures lie together: what the decoder was trained on.

    A prior sample is one of these codes only as far as q(z) and p(z) = N(0, I) agree. The mean
    rate is the information that a code has about its picture plus KL(q(z) ‖ p(z)) (Hoffman and
    Johnson 2016, *ELBO surgery*).

    Parameters
    ----------
    model : nn.Module
        With a Normal from ``encode``.
    x : Tensor
        (N, C, H, W), as the model takes them; many more than K.

    Returns
    -------
    AggregatePosterior
        ``mean`` (K,) and ``covariance`` (K, K): exact, the clouds' own variances counted in;
        ``kl_to_prior``: the divergence to N(0, I), in nats, of the Gaussian with these moments.
        KL(q(z) ‖ p(z)) is at least that: of all densities with the same moments, the Gaussian
        has the largest entropy.

    Raises
    ------
    TypeError
        If the model has no posterior.
    ValueError
        If there are no pictures.
    """
    if len(x) == 0:
        raise ValueError(
            "aggregate_posterior got no pictures: pass many more than there are latent elements."
        )
    with evaluating(model):
        parts = [posterior(model, part) for part in x.split(BATCH)]
    means = torch.cat([q.mean for q in parts]).double()
    variances = torch.cat([q.variance for q in parts]).double()
    covariance = torch.cov(means.T, correction=0).reshape(means.shape[1], -1)
    covariance = covariance + variances.mean(0).diag()
    mean = means.mean(0)
    kl = 0.5 * (covariance.trace() + mean.square().sum() - len(mean) - covariance.logdet())
    return AggregatePosterior(mean, covariance, kl.item())


def reconstruction_error(model: nn.Module, x: Tensor) -> Tensor:
    """Mean squared error of each picture's reconstruction, without noise on its code.

    Parameters
    ----------
    model : nn.Module
        ``model(x)`` is the reconstruction.
    x : Tensor
        (N, C, H, W), as the model takes them.

    Returns
    -------
    Tensor
        (N,), averaged over the picture's numbers; in squared units of `x`.
    """
    with evaluating(model):
        return torch.cat(
            [(model(part) - part).square().flatten(1).mean(1) for part in x.split(BATCH)]
        )


def factor_recovery(
    codes: Tensor, factors: Tensor, test_codes: Tensor, test_factors: Tensor
) -> Tensor:
    """How well each known factor can be read from the code by a straight line.

    A linear probe (Alain and Bengio 2017): least squares on the first pair, R² on the second.

    Parameters
    ----------
    codes, factors : Tensor
        (N, K) and (N, F): what the probe is fitted to; N well above K.
    test_codes, test_factors : Tensor
        (M, K) and (M, F): what it is judged by; M of at least 2.

    Returns
    -------
    Tensor
        (F,): 1 is perfect, 0 no better than the mean, below 0 worse.

    Raises
    ------
    ValueError
        If the shapes do not fit, or NaN or infinity is among the numbers.
    """
    given = (codes, factors, test_codes, test_factors)
    if (
        any(t.ndim != 2 for t in given)
        or (len(codes), len(test_codes)) != (len(factors), len(test_factors))
        or (codes.shape[1], factors.shape[1]) != (test_codes.shape[1], test_factors.shape[1])
        or min(len(codes), len(test_codes)) < 2
    ):
        raise ValueError(
            f"factor_recovery got {', '.join(str(tuple(t.shape)) for t in given)}, but expects "
            "(N, K), (N, F), (M, K), (M, F) of two pictures or more: pass as many codes as rows of "
            "factors, all from one model."
        )
    if not all(t.isfinite().all() for t in given):
        raise ValueError("factor_recovery got NaN or infinity: look at what produced the codes.")
    x, y, test_x, test_y = (t.detach().cpu().double().numpy() for t in given)
    probe = LinearRegression().fit(x, y)
    return torch.from_numpy(r2_score(test_y, probe.predict(test_x), multioutput="raw_values"))
