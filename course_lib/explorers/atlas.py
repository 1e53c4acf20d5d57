"""What the codes of the training pictures say about a code: is it on the map, and where?"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from sklearn.decomposition import PCA
from torch import Tensor, nn
from torch.distributions import LowRankMultivariateNormal

from course_lib.explorers.directions import PRINCIPAL, Direction, of_factors, principal
from course_lib.explorers.probe import Probe, fit_probe
from course_lib.latents import Density, encode, fit_density, fit_gaussian

MOST = 1000  # training pictures whose codes are kept to measure distances to
COMPONENTS = 10  # Gaussians of the fitted density, where there are codes enough for them
DIRECTIONS = 32  # of the one Gaussian, where there are not
CELLS = 48  # of the map, a side
INACTIVE = 0.01  # variance up to which an element counts as unused: evaluation.active_units
GREY_LEVEL = 2 / 255  # of pictures in [-1, 1]


class Atlas(NamedTuple):
    """Made by `chart`; K latent elements, N codes kept.

    Attributes
    ----------
    codes : Tensor
        (N, K), of training pictures.
    numbers : list of int
        Which of the training pictures these are.
    density : Density
        Fitted to the codes of four training pictures in five.
    usual_log_density : tuple of float
        What it gives the middle 90 % of the others' codes, in nats.
    usual_distance : float
        Median distance of the others' codes to the nearest of `codes`.
    collapsed : bool
        All pictures have the same code, or nearly, and the decoder makes the same picture of it,
        within a grey level. The density is then a ball around that code.
    mean, directions : Tensor
        (K,) and (2, K): the middle of the map and its axes, the two principal directions; of a
        code of one element the second is zero. Of a collapsed code, elements 0 and 1.
    share : float
        Of the codes' variance, along these two.
    extent : float
        The map reaches this far from its middle, to either side.
    picture : Tensor
        uint8 (48, 48): how dense the codes lie on the map, 255 at the densest; row 0 is the top.
    activity : Tensor
        (K,), variance of each element over the pictures.
    tracks : list of (str, float)
        For each element the factor that it follows best, and the share of that factor's variance
        that it explains linearly (R²). Empty without factors.
    named : dict from name to Direction
        Directions to move along: "principal 1" and on, and one for each factor.
    probe : Probe, or None
        What reads the factors from a code. None without factors.
    """

    codes: Tensor
    numbers: list[int]
    density: Density
    usual_log_density: tuple[float, float]
    usual_distance: float
    collapsed: bool
    mean: Tensor
    directions: Tensor
    share: float
    extent: float
    picture: Tensor
    activity: Tensor
    tracks: list[tuple[str, float]]
    named: dict[str, Direction]
    probe: Probe | None

    @property
    def spread(self) -> float:
        """The codes' own spread: root mean square of their elements' standard deviations; 1 for a
        collapsed code, which has none."""
        return 1.0 if self.collapsed else self.activity.mean().sqrt().item()


def chart(
    model: nn.Module,
    x: Tensor,
    factors: Mapping[str, Tensor] | None = None,
    seed: int = 0,
    transform: nn.Module | None = None,
) -> Atlas:
    """Draw the map of a model's codes.

    Parameters
    ----------
    model : nn.Module
        With ``encode``, of a posterior the mean counts, and ``decode``.
    x : Tensor
        Training pictures (n, C, H, W), as `transform` takes them, or the model if there is none; a
        thousand or two.
    factors : mapping from name to Tensor, optional
        Numbers (n,) that the pictures were drawn from.
    seed : int
        Of the fits.
    transform : nn.Module, optional
        Done batch by batch: all at once, the pictures would be large.

    Returns
    -------
    Atlas

    Raises
    ------
    ValueError
        If there are fewer than 50 pictures, or not as many factors.
    """
    if len(x) < 50:
        raise ValueError(
            f"A map of {len(x)} training pictures says little: pass 50 or more, a thousand if "
            "there are."
        )
    codes = encode(model, x, transform)
    n, k = codes.shape
    held_out = torch.arange(n) % 5 == 4
    kept, others = codes[~held_out], codes[held_out]
    collapsed = _collapsed(model, codes)
    if collapsed:
        density = _ball(kept)
    elif len(kept) > 2 * COMPONENTS * k:
        density = fit_density(kept, COMPONENTS, seed)
    else:
        density = fit_gaussian(kept, min(DIRECTIONS, k - 1, len(kept) // 4), seed)
    low, high = density.log_prob(others).quantile(torch.tensor([0.05, 0.95]).double()).tolist()
    few = torch.linspace(0, len(kept) - 1, min(MOST, len(kept))).long()
    kept, numbers = kept[few], torch.arange(n)[~held_out][few].tolist()

    mean, axes, deviations, shares = _axes(codes, collapsed, seed)
    directions = torch.eye(2, k, dtype=codes.dtype) if collapsed else axes[:2]
    places = (codes - mean) @ directions.T
    # Not to the furthest code of all: one stray would shrink the map of the others. A collapsed
    # code's map is the prior's: enlarged, a point would look like a world.
    extent = 3.0 if collapsed else 1.2 * places.abs().flatten().quantile(0.995).item() or 1.0
    tracks, named, probe = [], principal(axes, deviations, shares), None
    if factors:
        tracks, probe = _tracks(codes, factors), fit_probe(codes, factors)
        named |= of_factors(codes, factors, probe.r2.tolist())
    return Atlas(
        codes=kept,
        numbers=numbers,
        density=density,
        usual_log_density=(low, high),
        usual_distance=torch.cdist(others, kept).amin(1).median().item(),
        collapsed=collapsed,
        mean=mean,
        directions=directions,
        share=shares[:2].sum().item(),
        extent=extent,
        picture=_picture(places, extent),
        activity=codes.var(0),
        tracks=tracks,
        named=named,
        probe=probe,
    )


def gaussians(density: Density) -> dict[str, Tensor]:
    """A density's Gaussians c as numbers to compute it with elsewhere.

    log p(z) = logsumexp over c of ``constant``[c] - ½ (``round`` ‖d‖² + ``sign`` ‖``rows``[c] d‖²)
    with d = z - ``means``[c]. All float32.
    """
    distribution = density.distribution
    if isinstance(distribution, LowRankMultivariateNormal):
        # By Woodbury's identity; the columns of the factor are orthogonal.
        variance = distribution.cov_diag[0]
        scale = distribution.cov_factor.norm(dim=0)
        shrink = (1 / variance - 1 / (variance + scale**2)).sqrt()
        means = distribution.mean[None]
        rows = (shrink * distribution.cov_factor / scale.clamp(min=1e-300)).T[None]
        spread, sign = 1 / variance, -1.0
        constants = distribution.log_prob(distribution.mean)[None]
    else:
        gaussian, weights = distribution.component_distribution, distribution.mixture_distribution
        means, spread, sign = gaussian.mean, torch.tensor(0.0), 1.0
        eye = torch.eye(means.shape[1], dtype=means.dtype)
        # PyTorch says of a mixture's parts no more than that they are distributions.
        rows = torch.linalg.solve_triangular(gaussian.scale_tril, eye, upper=False)  # ty: ignore[missing-attribute]
        constants = gaussian.log_prob(means) + weights.logits  # ty: ignore[unsupported-operator]
    numbers = {"constant": constants, "means": means, "rows": rows, "round": spread.reshape(1)}
    numbers["sign"] = torch.tensor([sign])
    return {name: number.float().contiguous() for name, number in numbers.items()}


@torch.inference_mode()
def _collapsed(model: nn.Module, codes: Tensor) -> bool:
    variance = codes.var(0).max()
    if variance <= 1e-10 * codes.square().max():  # nothing but rounding
        return True
    # Small codes are not yet the same: a decoder may tell them apart, as an autoencoder's does.
    return bool(
        variance <= INACTIVE
        and model.decode(codes[:100].to(next(model.parameters()))).std(0).mean() < GREY_LEVEL  # ty: ignore[not-callable]
    )


def _ball(codes: Tensor) -> Density:
    """A density for codes that are all but one: fitted in all directions, it would be rounding."""
    codes = codes.double()
    variance = codes.var(0).mean().clamp(min=1e-6)
    axis = torch.zeros(codes.shape[1], 1, dtype=codes.dtype)
    spread = variance.expand(codes.shape[1])
    return Density(LowRankMultivariateNormal(codes.mean(0), axis, spread))


def _axes(codes: Tensor, collapsed: bool, seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The codes' mean (K,), their principal axes (n, K), the standard deviation along each (n,),
    and its share of the variance (n,); zeros where there are none."""
    k = codes.shape[1]
    axes, deviations, shares = codes.new_zeros(PRINCIPAL, k), *codes.new_zeros(2, PRINCIPAL)
    if collapsed:
        return codes.mean(0), axes, deviations, shares
    count = min(PRINCIPAL, k)
    pca = PCA(count, svd_solver="randomized", random_state=seed).fit(codes.numpy())
    axes[:count] = torch.from_numpy(pca.components_)
    deviations[:count] = torch.from_numpy(pca.explained_variance_).sqrt()
    shares[:count] = torch.from_numpy(pca.explained_variance_ratio_)
    return torch.from_numpy(pca.mean_).float(), axes, deviations, shares


def _picture(places: Tensor, extent: float) -> Tensor:
    limits = [[-extent, extent]] * 2
    counts, *_ = np.histogram2d(places[:, 1], places[:, 0], bins=CELLS, range=limits)
    image = torch.from_numpy(counts).float()[None, None].flip(2)  # up is more
    # A cell is a fiftieth of the map: smoothed over a few, single codes become a density.
    kernel = torch.exp(-(torch.linspace(-2, 2, 9, dtype=torch.float32) ** 2) / 2)
    kernel = kernel[:, None] * kernel / kernel.sum() ** 2
    image = torch.nn.functional.conv2d(image, kernel[None, None], padding=4)[0, 0]
    # The root shows thin places too.
    return (255 * (image / image.max()).sqrt()).round().to(torch.uint8)


def _tracks(codes: Tensor, factors: Mapping[str, Tensor]) -> list[tuple[str, float]]:
    for name, values in factors.items():
        if values.shape != codes.shape[:1]:
            raise ValueError(
                f"The factor {name!r} has shape {tuple(values.shape)}, but one number for each of "
                f"{len(codes)} training pictures is expected."
            )
    values = torch.stack(list(factors.values()), dim=1)
    z, f = (v - v.mean(0) for v in (codes.double(), values.double()))
    # An element or factor that never changes follows nothing.
    scale = z.norm(dim=0)[:, None] * f.norm(dim=0)
    r2 = torch.where(scale > 1e-12, (z.T @ f / scale.clamp(min=1e-12)) ** 2, 0)
    best = r2.max(dim=1)
    names = list(factors)
    return [(names[i], v) for i, v in zip(best.indices.tolist(), best.values.tolist(), strict=True)]
