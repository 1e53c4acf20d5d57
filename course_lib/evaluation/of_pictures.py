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
    _check("pixel_change", before, after)
    channels = before.shape[1]
    changed, moved = 0, 0.0
    sums, products = torch.zeros(channels).double(), torch.zeros(channels, channels).double()
    for old, new in zip(before.split(50), after.split(50), strict=True):  # doubles are large
        change = new.double() - old.double()
        size = change.abs()
        changed += (size > threshold).any(dim=1).sum().item()
        moved += size.sum().item()
        by_channel = change.transpose(0, 1).flatten(1)
        sums += by_channel.sum(1).cpu()
        products += (by_channel @ by_channel.T).cpu()
    # All sums are of whole numbers, and exact: a channel that does not vary has the variance 0.
    count = before.numel() // channels
    covariance = products * count - sums.outer(sums)
    spread = covariance.diagonal().sqrt()
    matrix = covariance / spread.outer(spread)
    pairs = [matrix[a, b] for a, b in combinations(range(channels), 2)]
    correlation = torch.stack(pairs).mean().item() if pairs else float("nan")
    return PixelChange(changed / len(before), moved / before.numel(), correlation)


def changed_squares(before: Tensor, after: Tensor, size: int = 8, threshold: int = 40) -> Tensor:
    """Count the squares of a picture in which an edit can be seen: how widely it reaches.

    Parameters
    ----------
    before, after : Tensor
        uint8 (N, C, H, W).
    size : int
        Side of a square in pixels; H and W are multiples of it.
    threshold : int
        Grey levels by which some channel of some pixel of a square has to move.

    Returns
    -------
    Tensor
        (N,), from 0 to H · W / size².

    Raises
    ------
    ValueError
        If the two are not uint8 pictures of one shape, or squares do not fill them.
    """
    _check("changed_squares", before, after)
    change = after.float() - before.float()
    if change.shape[2] % size or change.shape[3] % size:
        raise ValueError(
            f"Pictures of {change.shape[2]} × {change.shape[3]} are not filled by squares of "
            f"{size} × {size}: take a size that divides both."
        )
    most = F.max_pool2d(change.abs().amax(1, keepdim=True), size)
    return (most > threshold).sum((1, 2, 3))


def _check(function: str, before: Tensor, after: Tensor) -> None:
    if (
        before.shape != after.shape
        or before.ndim != 4
        or {before.dtype, after.dtype} != {torch.uint8}
    ):
        raise ValueError(
            f"{function} got {before.dtype} {tuple(before.shape)} and {after.dtype} "
            f"{tuple(after.shape)}, but expects two uint8 batches (N, C, H, W) of one shape: use "
            "transforms.to_image on both."
        )


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


def two_sample_accuracy(a: Tensor, b: Tensor) -> float:
    """How often the nearest neighbour tells which of two sets an example is from.

    Each example is given the set of the one nearest to it, itself left out (a classifier
    two-sample test; Lopez-Paz and Oquab 2017, *Revisiting Classifier Two-Sample Tests*). It looks
    at single examples, and not at means and covariances only, as `frechet_distance` does.

    Parameters
    ----------
    a, b : Tensor
        (n, …) each, for example features of drawn and of real pictures, or the pictures.

    Returns
    -------
    float
        0.5 if the sets cannot be told apart, 1 if each example lies among its own. Below 0.5
        the sets repeat one another: some of `b` are copies of `a`.

    Raises
    ------
    ValueError
        If the sets are not of one shape, or NaN or infinity is among the features.
    """
    if a.shape != b.shape or a.ndim < 2 or len(a) < 2:
        raise ValueError(
            f"two_sample_accuracy got {tuple(a.shape)} and {tuple(b.shape)}, but expects (n, …) "
            "twice: pass as many examples of each kind, two or more."
        )
    both = torch.cat([a, b]).detach().flatten(1).cpu().double()
    if not both.isfinite().all():
        raise ValueError(
            "two_sample_accuracy got NaN or infinity: find out which picture gives such features."
        )
    nearest = torch.cdist(both, both).fill_diagonal_(torch.inf).argmin(1)
    first = torch.arange(len(both)) < len(a)
    return (first[nearest] == first).double().mean().item()
