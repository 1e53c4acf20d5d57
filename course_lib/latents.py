"""Edit latent codes by hand, or draw new ones from a density fitted to those there are.

Every function returns a new tensor and leaves its input alone. A fitted density stands in for the
prior of a model that has none.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from torch import Tensor, nn
from torch.distributions import (
    Categorical,
    LowRankMultivariateNormal,
    MixtureSameFamily,
    MultivariateNormal,
)

from course_lib.models import code
from course_lib.training.runtime import own_random_numbers
from course_lib.training.threads import one_thread
from course_lib.transforms import Pictures

BATCH = 500  # pictures that are encoded at a time


@torch.no_grad()
def encode(model: nn.Module, images: Pictures, transform: nn.Module | None = None) -> Tensor:
    """The codes of a whole set of pictures, in batches; of a posterior, the means.

    Parameters
    ----------
    model : nn.Module
        With ``encode``.
    images : Tensor
        (N, C, H, W), as `transform` takes them, or the model if there is none.
    transform : nn.Module, optional
        Done to each batch; the whole set would fill the memory.

    Returns
    -------
    Tensor
        (N, K) float32, on the CPU.
    """
    weight, codes = next(model.parameters()), []
    for part in torch.arange(len(images)).split(BATCH):
        x = images[part] if transform is None else transform(images[part])
        codes.append(code(model, x.to(weight)).float().cpu())
    return torch.cat(codes)


def shift(z: Tensor, amount: float) -> Tensor:
    """Add the same amount to every latent element (the homework's first edit).

    Parameters
    ----------
    z : Tensor
        Codes (B, K).
    amount : float

    Returns
    -------
    Tensor
        (B, K).

    Raises
    ------
    ValueError
        If `z` is not (B, K), or NaN or infinity is among the numbers.
    """
    check_codes(z)
    _check_number(amount, "The amount")
    return z + amount


def scale(z: Tensor, factor: float, elements: Sequence[int] | None = None) -> Tensor:
    """Multiply latent elements by a factor: all of them, or chosen ones (``z[0] = 2*z[0]``).

    Towards zero, that is, or away from it; to shrink codes towards their mean instead,
    ``mean + scale(z - mean, 0.5)``.

    Parameters
    ----------
    z : Tensor
        Codes (B, K).
    factor : float
    elements : sequence of int, optional
        All by default.

    Returns
    -------
    Tensor
        (B, K).

    Raises
    ------
    IndexError
        If there is no such element.
    ValueError
        If `z` is not (B, K), or NaN or infinity is among the numbers.
    """
    check_codes(z)
    _check_number(factor, "The factor")
    if elements is None:
        return factor * z
    for element in elements:
        _check_element(element, z.shape[1])
    scaled = z.clone()
    scaled[:, list(elements)] *= factor
    return scaled


def jitter(z: Tensor, amount: float, seed: int = 0) -> Tensor:
    """Add noise to every latent element, a draw from N(0, amount²) for each.

    Parameters
    ----------
    z : Tensor
        Codes (B, K).
    amount : float
        Standard deviation of the noise.
    seed : int
        The same seed draws the same.

    Returns
    -------
    Tensor
        (B, K).

    Raises
    ------
    ValueError
        If `z` is not (B, K), `amount` is negative, or NaN or infinity is among the numbers.
    """
    check_codes(z)
    _check_number(amount, "The amount")
    if amount < 0:
        raise ValueError(
            f"The amount is {amount}, but a standard deviation of 0 or more is expected."
        )
    generator = torch.Generator().manual_seed(seed)
    return z + amount * torch.randn(z.shape, dtype=torch.float32, generator=generator).to(z)


def set_elements(z: Tensor, values: Mapping[int, float]) -> Tensor:
    """Set chosen latent elements of every code (the homework's second edit).

    Parameters
    ----------
    z : Tensor
        Codes (B, K).
    values : mapping from element to value
        For example ``{3: 2.0, 1000: 8.0}``. Elements count from 0 to K - 1.

    Returns
    -------
    Tensor
        (B, K).

    Raises
    ------
    IndexError
        If there is no such element.
    ValueError
        If `z` is not (B, K), or NaN or infinity is among the numbers.
    """
    check_codes(z)
    edited = z.clone()
    for element, value in values.items():
        _check_element(element, z.shape[1])
        _check_number(value, f"The value for element {element}")
        edited[:, element] = value
    return edited


def interpolate(start: Tensor, end: Tensor, steps: int) -> Tensor:
    """Codes on the straight line between two codes.

    Parameters
    ----------
    start, end : Tensor
        One code each, (1, K).
    steps : int
        Number of codes, both ends counted; at least 2.

    Returns
    -------
    Tensor
        (steps, K); the first is `start`, the last is `end`.

    Raises
    ------
    ValueError
        If a shape is wrong, NaN or infinity is among the numbers, or `steps` is below 2.
    """
    check_codes(start, one=True)
    check_codes(end, one=True)
    if start.shape != end.shape:
        raise ValueError(
            f"The codes have {start.shape[1]} and {end.shape[1]} elements, but a line needs both "
            "ends in one latent space: encode both faces with the same model."
        )
    if steps < 2:
        raise ValueError(f"interpolate got steps={steps}, but a line has two ends: use 2 or more.")
    return torch.lerp(start, end, torch.linspace(0, 1, steps).to(start)[:, None])


def move(z: Tensor, directions: Tensor, amounts: Sequence[float]) -> Tensor:
    """Move every code along given directions.

    Parameters
    ----------
    z : Tensor
        Codes (B, K).
    directions : Tensor
        (D, K), for example principal axes of many codes.
    amounts : D numbers
        How far along each, in units of its length.

    Returns
    -------
    Tensor
        (B, K).

    Raises
    ------
    ValueError
        If a shape is wrong, or NaN or infinity is among the numbers.
    """
    check_codes(z)
    if directions.shape != (len(amounts), z.shape[1]):
        raise ValueError(
            f"move got {len(amounts)} amounts and directions of shape {tuple(directions.shape)}, "
            f"but expects one amount for each row of ({len(amounts)}, {z.shape[1]})."
        )
    for amount in amounts:
        _check_number(amount, "An amount")
    return z + torch.as_tensor(amounts).to(z) @ directions.to(z)


class Density:
    """A density over latent codes, to sample from and to ask. Made by `fit_density` or
    `fit_gaussian`."""

    def __init__(self, distribution: MixtureSameFamily | LowRankMultivariateNormal):
        self.distribution = distribution

    def sample(self, n: int, seed: int = 0) -> Tensor:
        """Draw `n` codes, (n, K) float32; the same seed draws the same."""
        with own_random_numbers(seed):
            return self.distribution.sample((n,)).float()

    def log_prob(self, z: Tensor) -> Tensor:
        """Log density of codes (n, K), in nats, as (n,) float64: how far "on the map" they are."""
        check_codes(z)
        (k,) = self.distribution.event_shape
        if z.shape[1] != k:
            raise ValueError(
                f"The code has {z.shape[1]} elements, but the density was fitted to codes of {k}: "
                "encode with the same model."
            )
        return self.distribution.log_prob(z.detach().cpu().double())


@one_thread()
def fit_density(codes: Tensor, components: int = 10, seed: int = 0) -> Density:
    """Fit a mixture of Gaussians to codes, so that one can generate from any autoencoder.

    No network is trained for this (ex-post density estimation; Ghosh et al. 2020, *From
    Variational to Deterministic Autoencoders*, section 4, who use 10 components too).

    Parameters
    ----------
    codes : Tensor
        (N, K), of the training pictures.
    components : int
        Gaussians, each with a full covariance: codes lie in curved sheets, not in balls.
    seed : int
        Where the fit starts (scikit-learn's k-means).

    Returns
    -------
    Density

    Raises
    ------
    ValueError
        If `codes` is not (N, K), holds NaN, or is too small: a full covariance needs more than K
        codes in each component.
    """
    check_codes(codes)
    n, k = codes.shape
    if components < 1 or n <= components * k:
        raise ValueError(
            f"{components} Gaussians over {k} latent elements need more than {components * k} "
            f"codes, but got {n}: pass more codes, or components={max(1, (n - 1) // k)}."
        )
    codes = codes.detach().cpu().double()
    fitted = GaussianMixture(
        components, reg_covar=max(_floor(codes), 1e-12), max_iter=500, random_state=seed
    ).fit(codes.numpy())
    gaussians = MultivariateNormal(
        torch.from_numpy(fitted.means_), torch.from_numpy(fitted.covariances_)
    )
    return Density(MixtureSameFamily(Categorical(torch.from_numpy(fitted.weights_)), gaussians))


@one_thread()
def fit_gaussian(codes: Tensor, directions: int = 32, seed: int = 0) -> Density:
    """Fit one Gaussian to codes of many elements: probabilistic PCA, by scikit-learn.

    For where `fit_density` has too few codes. The covariance is full in the principal directions
    and the same in all others (Tipping & Bishop 1999, *Probabilistic principal component
    analysis*).

    Parameters
    ----------
    codes : Tensor
        (N, K), of the training pictures.
    directions : int
        Fewer than N and K.
    seed : int
        Of the randomised decomposition.

    Returns
    -------
    Density

    Raises
    ------
    ValueError
        If `codes` is not (N, K), holds NaN, is too small, or all codes are the same.
    """
    check_codes(codes)
    n, k = codes.shape
    if not 1 <= directions < min(n, k):
        raise ValueError(
            f"fit_gaussian got directions={directions} for {n} codes of {k} elements: choose from "
            f"1 to {min(n, k) - 1}."
        )
    codes = codes.detach().cpu().double()
    pca = PCA(directions, svd_solver="randomized", random_state=seed).fit(codes.numpy())
    variance = max(pca.noise_variance_, _floor(codes))
    if variance == 0:
        raise ValueError(
            f"All {n} codes are the same, so no other has a density: the model has collapsed, or "
            "was not trained."
        )
    scale = np.sqrt(np.clip(pca.explained_variance_ - variance, 0, None))
    distribution = LowRankMultivariateNormal(
        torch.from_numpy(pca.mean_),
        torch.from_numpy(pca.components_.T * scale),
        torch.full((k,), variance, dtype=torch.float64),
    )
    return Density(distribution)


def _floor(codes: Tensor) -> float:
    """A variance that keeps covariances invertible in directions that the codes do not use, and is
    far below those that they do use."""
    return 1e-4 * codes.var(0).mean().item()


def check_codes(z: Tensor, one: bool = False) -> None:
    """Refuse what is not a batch of codes (B, K), or not a single one, with a ValueError."""
    expected = "(1, K)" if one else "(B, K)"
    if z.ndim != 2 or (one and len(z) != 1):
        raise ValueError(
            f"The code has shape {tuple(z.shape)}, but {expected} is expected: "
            + (
                "pass a single one, z[:1]."
                if one and z.ndim == 2
                else "try z[None] or z.flatten(1)."
            )
        )
    if not z.isfinite().all():
        raise ValueError("The code holds NaN or infinity: look at what produced it before editing.")


def _check_element(element: int, latent_dim: int) -> None:
    if not 0 <= element < latent_dim:
        raise IndexError(
            f"There is no element {element}: this code has {latent_dim}, so choose one from 0 to "
            f"{latent_dim - 1}."
        )


def _check_number(value: float, name: str) -> None:
    if not torch.isfinite(torch.as_tensor(value)).all():
        raise ValueError(f"{name} is {value}, but a finite number is expected.")
