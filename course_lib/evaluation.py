"""Numbers to set beside pictures and models."""

from itertools import combinations
from typing import NamedTuple

import torch
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
