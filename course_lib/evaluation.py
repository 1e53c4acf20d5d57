"""Numbers to set beside pictures and models."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations
from math import log
from typing import NamedTuple

import torch
from torch import Tensor, nn

from course_lib.models import code
from course_lib.objectives import log_likelihood, log_ratio, posterior


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


def nll(model: nn.Module, x: Tensor, k: int = 1000, *, chunk: int = 1024, seed: int = 0) -> Tensor:
    """Estimate -log p(x) of each picture by importance sampling from the posterior.

    The bound of `objectives.iwae` at a large k (Burda et al. 2016 report k = 5000). It is too
    high by about half the relative variance of the weights over k, and nears the truth as k grows.

    Parameters
    ----------
    model : nn.Module
        With ``encode``, ``decode`` and ``likelihood``.
    x : Tensor
        (B, C, H, W), as the model takes them.
    k : int
        Codes drawn for each picture.
    chunk : int
        Pictures decoded at a time, which is what takes memory. The result is the same for any.
    seed : int
        Of the noise. All pictures are given the same noise, so that a picture's figure does not
        depend on the batch it comes in; the errors of several are therefore not independent.

    Returns
    -------
    Tensor
        (B,), in nats.

    Raises
    ------
    TypeError
        If the model has no posterior or no likelihood.
    ValueError
        If `k` or `chunk` is below 1.
    """
    if k < 1 or chunk < 1:
        raise ValueError(f"nll got k={k} and chunk={chunk}, but both must be 1 or more.")
    with _evaluating(model):
        q = posterior(model, x)
        noise = torch.randn(k, 1, q.mean.shape[1], generator=torch.Generator().manual_seed(seed))
        sums = []
        for part in noise.split(max(1, chunk // len(x))):
            z = q.mean + q.stddev * part.to(q.mean)
            log_weights = log_likelihood(model, x, z) - log_ratio(q, z).sum(-1)
            sums.append(log_weights.logsumexp(0))
    return log(k) - torch.stack(sums).logsumexp(0)


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
    with _evaluating(model):
        return code(model, x).var(0) > threshold


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode and no gradients; the model is given back as it was."""
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(was_training)
