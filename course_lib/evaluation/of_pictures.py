"""Numbers about pictures and sets of pictures: how they differ, how sharp they are."""

from itertools import combinations
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


class PixelChange(NamedTuple):
    """How an edit changed pictures; see `pixel_change`."""

    changed: float
    mean_absolute: float
    channel_correlation: float


def pixel_change(before: Tensor, after: Tensor, threshold: int = 40) -> PixelChange:
    """Measure what an edit did to pictures.

    Parameters
    ----------
    before, after : Tensor
        uint8 (N, C, H, W).
    threshold : int
        Grey levels.

    Returns
    -------
    PixelChange
        ``changed``: pixels per picture in which any channel moved by more than `threshold`;
        ``mean_absolute``: mean size of the change, in grey levels; ``channel_correlation``: mean
        correlation of the change between pairs of colour channels, over all pixels: near 1 where
        an edit makes grey points, near 0 where it makes points of any colour, NaN where some
        channel does not change at all or there is but one.

    Raises
    ------
    ValueError
        If the two are not uint8 pictures of one shape.
    """
    if (
        before.shape != after.shape
        or before.ndim != 4
        or {before.dtype, after.dtype} != {torch.uint8}
    ):
        raise ValueError(
            f"pixel_change got {before.dtype} {tuple(before.shape)} and {after.dtype} "
            f"{tuple(after.shape)}, but expects two uint8 batches (N, C, H, W) of one shape: use "
            "transforms.to_image on both."
        )
    change = after.double() - before.double()
    changed = (change.abs() > threshold).any(dim=1).sum().item() / len(change)
    channels = change.transpose(0, 1).flatten(1)
    if len(channels) > 1 and (channels.std(1) > 0).all():
        matrix = torch.corrcoef(channels)
        pairs = [matrix[a, b] for a, b in combinations(range(len(channels)), 2)]
        correlation = torch.stack(pairs).mean().item()
    else:
        correlation = float("nan")
    return PixelChange(changed, change.abs().mean().item(), correlation)


def distance_to_nearest(pictures: Tensor, others: Tensor) -> Tensor:
    """How far each picture is from the one of the others that is most like it.

    Parameters
    ----------
    pictures, others : Tensor
        Float (n, C, H, W) and (m, C, H, W) in [-1, 1].

    Returns
    -------
    Tensor
        (n,): root mean square over a picture's numbers, in grey levels. Say how you average over
        pictures: their mean is below their root mean square.

    Raises
    ------
    ValueError
        If the pictures have different shapes, or there are none to compare with.
    """
    if pictures.shape[1:] != others.shape[1:] or len(others) == 0:
        raise ValueError(
            f"distance_to_nearest got {tuple(pictures.shape)} and {tuple(others.shape)}, but "
            "expects (n, C, H, W) and (m, C, H, W) with one picture or more to compare with: use "
            "one transform for both."
        )
    pictures, others = pictures.detach().flatten(1), others.detach().flatten(1)
    nearest = torch.cdist(pictures, others).argmin(1)  # which is sure, how far is not: it rounds
    return 127.5 * (pictures - others[nearest]).square().mean(1).sqrt()


class Sharpness(NamedTuple):
    """Two measures of sharpness for each of n pictures; see `sharpness`."""

    laplacian: Tensor
    spectral: Tensor


def sharpness(pictures: Tensor) -> Sharpness:
    """Measure how sharp pictures are. Beware: noise counts as sharp, by both measures.

    Parameters
    ----------
    pictures : Tensor
        Float (n, C, H, W) in [-1, 1], at least 3 × 3; colours are averaged first.

    Returns
    -------
    Sharpness
        ``laplacian`` (n,): variance of the discrete Laplacian over the picture's inner pixels, in
        squared units of the pixels (Pech-Pacheco et al. 2000); ``spectral`` (n,): the share of
        the picture's power, its mean left out and its rim faded by a Hann window, that lies above
        half the Nyquist frequency along its rows or its columns; 0 for an even picture.

    Raises
    ------
    ValueError
        If these are no such pictures.
    """
    if pictures.ndim != 4 or not pictures.is_floating_point() or min(pictures.shape[2:]) < 3:
        raise ValueError(
            f"sharpness got {pictures.dtype} {tuple(pictures.shape)}, but expects float pictures "
            "(n, C, H, W) of 3 × 3 or more: pass what the transform or the network gives."
        )
    grey = pictures.detach().double().mean(1, keepdim=True)
    kernel = grey.new_tensor([[0, 1, 0], [1, -4, 1], [0, 1, 0]])[None, None]
    laplacian = F.conv2d(grey, kernel).flatten(1).var(1, correction=0)

    height, width = grey.shape[2:]
    window = torch.outer(*(torch.hann_window(size, dtype=grey.dtype) for size in (height, width)))
    window = window.to(grey.device)
    mean = (grey * window).sum((2, 3), keepdim=True) / window.sum()
    power = torch.fft.fft2((grey - mean) * window).abs().square()[:, 0]
    frequencies = [torch.fft.fftfreq(size, device=grey.device).abs() for size in (height, width)]
    high = torch.maximum(frequencies[0][:, None], frequencies[1][None]) > 0.25  # Nyquist is 0.5
    total = power.sum((1, 2))
    even = total <= 1e-20 * window.numel() ** 2  # nothing but rounding
    spectral = torch.where(even, 0, (power * high).sum((1, 2)) / total.masked_fill(even, 1))
    return Sharpness(laplacian, spectral)


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """Squared Fréchet distance between two sets of features, each taken as a Gaussian.

    ‖μ_a − μ_b‖² + tr(A + B − 2 (A^½ B A^½)^½) with the sets' means and covariances (Dowson and
    Landau 1982). With Inception's features this is the FID (Heusel et al. 2017). The course does
    not use those: the network would have to be downloaded, and it was trained on photographs of
    things. `features` has two kinds that can be made here. With a network connection, the
    packages torchmetrics (``FrechetInceptionDistance``) or clean-fid compute the published one.

    Parameters
    ----------
    a, b : Tensor
        (n, F) and (m, F), of at least two examples each. The distance has a bias that shrinks as
        n and m grow: compare only figures of equal numbers of examples.

    Returns
    -------
    float
        In squared units of the features; 0 for equal means and covariances.

    Raises
    ------
    ValueError
        If the shapes do not fit, or NaN or infinity is among the features.
    """
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) < 2:
        raise ValueError(
            f"frechet_distance got {tuple(a.shape)} and {tuple(b.shape)}, but expects (n, F) and "
            "(m, F) of two examples or more: pass features of pictures, see evaluation.features."
        )
    a, b = a.detach().cpu().double(), b.detach().cpu().double()
    if not (a.isfinite().all() and b.isfinite().all()):
        raise ValueError(
            "frechet_distance got NaN or infinity: find out which picture gives such features."
        )
    first, second = torch.cov(a.T), torch.cov(b.T)
    first, second = (m.reshape(a.shape[1], a.shape[1]) for m in (first, second))  # F may be 1
    values, axes = torch.linalg.eigh(first)
    root = axes * values.clamp(min=0).sqrt() @ axes.T
    shared = torch.linalg.eigvalsh(root @ second @ root).clamp(min=0).sqrt().sum()
    between = (a.mean(0) - b.mean(0)).square().sum()
    return max(0.0, (between + first.trace() + second.trace() - 2 * shared).item())


def nearest_neighbour_accuracy(real: Tensor, generated: Tensor) -> float:
    """Can one tell generated from real by the nearest neighbour? The two-sample test of Lopez-Paz
    and Oquab (2017), with one neighbour, as Xu et al. (2018) recommend it.

    Each picture is taken for what its nearest neighbour is, among all the others of both sets.
    Unlike a Fréchet distance it looks at no mean and no covariance.

    Parameters
    ----------
    real, generated : Tensor
        Pictures (n, …) or features of them, equally many.

    Returns
    -------
    float
        0.5 if the two are alike, 1 if they lie apart. Below 0.5, generated pictures lie *on* real
        ones: copies of them.

    Raises
    ------
    ValueError
        If the shapes differ, there are fewer than two of each, or NaN or infinity is among them.
    """
    if real.shape != generated.shape or len(real) < 2:
        raise ValueError(
            f"nearest_neighbour_accuracy got {tuple(real.shape)} and {tuple(generated.shape)}, but "
            "expects two sets of one shape, of two or more: with more of one kind, most neighbours "
            "are of that kind."
        )
    both = torch.cat([real, generated]).detach().flatten(1).double()
    if not both.isfinite().all():
        raise ValueError("NaN or infinity is among the pictures: look at what produced them.")
    distances = torch.cdist(both, both).fill_diagonal_(torch.inf)
    made = torch.arange(len(both)) >= len(real)
    return (made[distances.argmin(1)] == made).double().mean().item()
