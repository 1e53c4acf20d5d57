"""Draw new codes from a density fitted to those there are: it stands in for the prior of a model
that has none."""

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from torch import Tensor
from torch.distributions import (
    Categorical,
    LowRankMultivariateNormal,
    MixtureSameFamily,
    MultivariateNormal,
)

from course_lib.latents.codes import check_batch
from course_lib.training.runtime import own_random_numbers
from course_lib.training.threads import one_thread


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
        check_batch(z)
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
    check_batch(codes)
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
    check_batch(codes)
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
