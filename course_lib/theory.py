"""Closed forms to hold a trained model against: what the best linear model can do, before training.

Everything follows from the eigenvalues λ₁ ≥ λ₂ ≥ … of the data's covariance and one picture: fill
water to a level θ over them. An axis with λ > θ stands out: it gets a latent variable, and an error
θ stays on it. An axis with λ ≤ θ is drowned: no latent variable (collapse), and all of λ is error.

Results are float64; rates and likelihoods are in nats per example; "expected" means averaged over
the data. Inputs are tensors, arrays or lists; a value that is not finite, a negative eigenvalue, a
latent_dim outside 1 … d, or a beta, sigma2 or distortion ≤ 0 raises ValueError.
"""

import math
from numbers import Integral
from typing import NamedTuple

import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torch.distributions import LowRankMultivariateNormal


class PCA(NamedTuple):
    """Principal components of d values; see `pca`."""

    mean: Tensor  #: (d,)
    eigenvalues: Tensor  #: (d,) descending
    axes: Tensor  #: (min(n, d), d), rows of length 1


class LinearVAE(NamedTuple):
    """A linear VAE at its optimum, in nats where it says no other unit; see `linear_vae`."""

    active_units: int  #: number of latents with λᵢ > βσ²
    squared_norms: Tensor  #: (k,) ‖wᵢ‖² of the decoder's columns
    posterior_variances: Tensor  #: (k,) of q(zᵢ|x); 1 where collapsed
    sigma2: Tensor  #: () as given, or the best
    squared_error: Tensor  #: () expected ‖x − decode(z)‖², summed over the d values, z sampled
    distortion: Tensor  #: () expected −log p(x|z)
    rate: Tensor  #: () expected KL(q(z|x) ‖ p(z))
    elbo: Tensor  #: () −distortion − rate
    beta_elbo: Tensor  #: () −distortion − β·rate: what training maximises


class RateDistortion(NamedTuple):
    """The curve of what no code can beat; see `rate_distortion`."""

    rate: Tensor  #: (…) R(D)
    water_level: Tensor  #: (…) θ; the curve's slope is dR/dD = −1/(2θ)


def pca(x: ArrayLike) -> PCA:
    """Principal components of x (n, …), pictures flattened to d values; time ~ n·d·min(n, d).

    The covariance is divided by n, not n − 1: it is the one in the likelihood of these n examples,
    so all else here holds exactly on the training set. There are always d eigenvalues, since d
    enters the likelihood; those that n examples cannot have are exactly 0. The largest entry of
    each axis is positive, so that the same data gives the same signs.
    """
    x = _finite("x", x)
    if x.ndim < 2 or len(x) < 2 or x[0].numel() == 0:
        raise ValueError(f"x is {tuple(x.shape)}, but PCA needs two or more examples as rows.")
    x = x.flatten(1)
    n, d = x.shape
    mean = x.mean(0)
    # Of A = QR, the small R has the same singular values and axes, and Q need not be kept.
    _, singular, axes = torch.linalg.svd(torch.linalg.qr(x - mean, mode="r").R, full_matrices=False)
    # Rounding leaves 1e-16 where there is no variance at all; a logarithm would make much of that.
    singular[singular <= singular[0] * max(n, d) * torch.finfo(x.dtype).eps] = 0
    eigenvalues = torch.nn.functional.pad(singular**2 / n, (0, d - len(singular)))
    axes = axes * axes.gather(1, axes.abs().argmax(1, keepdim=True)).sign()
    return PCA(mean, eigenvalues, axes)


def linear_gaussian_log_prob(
    x: ArrayLike, weight: ArrayLike, bias: ArrayLike, sigma2: float | Tensor
) -> Tensor:
    """Exact log p(x) of x = Wz + b + ε, ε ~ N(0, σ²I): the log density of N(b, WWᵀ + σ²I).

    What a VAE can only bound: with a linear decoder, z integrates out (Tipping & Bishop 1999,
    *Probabilistic principal component analysis*, section 3.1). The (d, d) covariance is never
    built, and gradients reach every argument.

    Parameters
    ----------
    x, bias, sigma2 : (…, d), (d,), one number
    weight : (d, k)
        W, as ``nn.Linear(k, d).weight`` stores it.

    Returns
    -------
    Tensor
        (…), one number per example.
    """
    x, weight, bias = _finite("x", x), _finite("weight", weight), _finite("bias", bias)
    if weight.ndim != 2 or x.shape[-1:] != weight.shape[:1] or bias.shape != weight.shape[:1]:
        raise ValueError(
            f"x {tuple(x.shape)}, weight {tuple(weight.shape)} and bias {tuple(bias.shape)} do not "
            "fit together: expected (…, d), (d, k) and (d,)."
        )
    noise = _positive("sigma2", sigma2, like=x).expand_as(bias)
    return LowRankMultivariateNormal(bias, weight, noise).log_prob(x)


def linear_vae(
    eigenvalues: ArrayLike,
    latent_dim: int,
    beta: float | Tensor = 1.0,
    sigma2: float | Tensor | None = None,
) -> LinearVAE:
    """The optimum of a linear β-VAE: decoder N(Wz + μ, σ²I), encoder N(V(x − μ), diag(v)).

    For β = 1 this is probabilistic PCA (Tipping & Bishop 1999), and the ELBO equals log p(x) (Lucas
    et al. 2019, *Don't Blame the ELBO!*, section 4). For any β, the best q for a given W reaches

        E_q[log p(x|z)] − β KL = β log ∫ p(z) p(x|z)^(1/β) dz = β log N(x; μ, WWᵀ + θI) + const(σ²)

    with θ = βσ²: a β-VAE is a VAE that believes in β times the noise, and θ is the water level.
    Along the i-th principal axis ‖wᵢ‖² = max(0, λᵢ − θ). An active latent has posterior variance
    θ/λᵢ, costs ½ log(λᵢ/θ), and leaves a squared error θ; its posterior mean has variance 1 − θ/λᵢ.

    Parameters
    ----------
    eigenvalues : (d,)
        Of the covariance, in any order.
    latent_dim : int
        k. Only the k largest eigenvalues can get a latent.
    beta : float
        Weight of the rate.
    sigma2 : float, optional
        Without it σ² is learned too, and the best is squared_error / d.

    Raises
    ------
    ValueError
        Also if σ² is to be learned and the discarded eigenvalues are all 0: it then shrinks to 0
        without end.
    """
    spectrum = _spectrum(eigenvalues, latent_dim)
    beta = _positive("beta", beta, like=spectrum)
    if sigma2 is None:
        sigma2 = _best_sigma2(spectrum, latent_dim, beta)
    sigma2 = _positive("sigma2", sigma2, like=spectrum)
    level = beta * sigma2
    kept, discarded = spectrum[:latent_dim], spectrum[latent_dim:]
    variances = level / kept.clamp(min=level)
    squared_error = kept.clamp(max=level).sum() + discarded.sum()
    distortion = 0.5 * (len(spectrum) * (2 * math.pi * sigma2).log() + squared_error / sigma2)
    rate = -0.5 * variances.log().sum()
    return LinearVAE(
        active_units=int((kept > level).sum()),
        squared_norms=(kept - level).clamp(min=0),
        posterior_variances=variances,
        sigma2=sigma2,
        squared_error=squared_error,
        distortion=distortion,
        rate=rate,
        elbo=-distortion - rate,
        beta_elbo=-distortion - beta * rate,
    )


def rate_distortion(eigenvalues: ArrayLike, distortion: ArrayLike) -> RateDistortion:
    """R(D) of a Gaussian source: fewer nats cannot give a squared error of D.

    Reverse water-filling: D = Σ min(λᵢ, θ), R = Σ max(0, ½ log(λᵢ/θ)) (Cover & Thomas 2006,
    *Elements of Information Theory*, theorem 10.3.3). A linear VAE lies on the curve at θ = βσ²;
    above it only if it runs out of latents, that is, if a discarded axis has λ > θ.

    Parameters
    ----------
    eigenvalues : (d,)
        Of the covariance, in any order.
    distortion : (…)
        Expected squared error D, summed over the d values; from Σλᵢ on the rate is 0.
    """
    spectrum = _spectrum(eigenvalues)
    distortion = _finite("distortion", distortion).to(spectrum.device)
    if not (distortion > 0).all():
        raise ValueError(f"distortion contains {distortion.min():g}, but R(D) needs D > 0.")
    # D(θ) is the least over a of aθ + Σ_{i>a} λᵢ, so θ(D) is the greatest of the lines' inverses.
    axes = torch.arange(1, len(spectrum) + 1, device=spectrum.device)
    level = ((distortion[..., None] - _variance_left(spectrum)[1:]) / axes).amax(-1)
    rate = 0.5 * (spectrum / level[..., None]).clamp(min=1).log().sum(-1)
    return RateDistortion(rate, level)


def _best_sigma2(spectrum: Tensor, latent_dim: int, beta: Tensor) -> Tensor:
    # The β-ELBO's derivative is 0 where dσ² = squared error, which is the least over a = 0 … k of
    # aβσ² + Σ_{i>a} λᵢ: lines again, and the first to cross dσ² has the right number of actives.
    d = len(spectrum)
    active = torch.arange(latent_dim + 1, device=spectrum.device)
    slope = d - active * beta
    crosses = slope > 1e-12 * d
    sigma2 = (_variance_left(spectrum)[: latent_dim + 1][crosses] / slope[crosses]).min()
    if sigma2 <= 0:
        raise ValueError(
            f"{latent_dim} latents explain all the variance, so a learned sigma2 shrinks to 0: "
            "use a smaller latent_dim, or fix sigma2."
        )
    return sigma2


def _variance_left(spectrum: Tensor) -> Tensor:
    """(d + 1,): what the eigenvalues after the first 0, 1, …, d sum to."""
    return torch.cat([spectrum.flip(0).cumsum(0).flip(0), spectrum.new_zeros(1)])


def _spectrum(eigenvalues: ArrayLike, latent_dim: int = 1) -> Tensor:
    spectrum = _finite("eigenvalues", eigenvalues)
    d = spectrum.numel()
    if spectrum.shape != (d,) or d == 0:
        raise ValueError(
            f"eigenvalues is {tuple(spectrum.shape)}, expected one number per axis: pass those of "
            "theory.pca(x)."
        )
    if spectrum.min() < -1e-6 * spectrum.abs().max():  # anything less is rounding, as of eigvalsh
        raise ValueError(
            f"eigenvalues contains {spectrum.min():g}, but no variance is negative: pass "
            "those of a covariance."
        )
    if not isinstance(latent_dim, Integral) or not 1 <= latent_dim <= d:
        raise ValueError(f"latent_dim is {latent_dim!r}, expected an integer from 1 to d = {d}.")
    return spectrum.clamp(min=0).sort(descending=True).values


def _positive(name: str, value: float | Tensor, like: Tensor) -> Tensor:
    value = _finite(name, value).to(like.device)
    if value.ndim or not value > 0:
        raise ValueError(f"{name} is {value.tolist()}, expected one number greater than 0.")
    return value


def _finite(name: str, value: ArrayLike) -> Tensor:
    value = torch.as_tensor(value, dtype=torch.float64)
    if not value.isfinite().all():
        raise ValueError(f"{name} contains NaN or infinity: find where that comes from first.")
    return value
