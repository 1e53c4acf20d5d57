"""What an array of pictures means, found out and then done: any order of axes, any range."""

from itertools import compress

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as F

from course_lib.datasets.axes import WANTED, Meaning, Source, readings, roughness, unreadable
from course_lib.datasets.levels import on_white, with_levels

CLEARLY = 0.7  # how much smoother pictures must be for an unusual order of the axes


def understand(
    source: Source, name: str, shape: tuple[int, ...] | None = None, order: str = "C"
) -> Meaning:
    """Find out what an array holds.

    Where its shape can be read in several ways, the one counts in which neighbouring pixels are
    alike; the usual one, unless another is clearly better.

    Parameters
    ----------
    source : callable
        Gives the array: of any kind of real numbers, any order of axes, or flattened rows.
    name : str
        What to call it in a message.
    shape : (H, W), (H, W, 3) or (3, H, W), optional
        Of one picture, where they are flattened and not square.
    order : {"C", "F"}
        Whether flattened pictures are written row by row or, as MATLAB does, column by column.

    Returns
    -------
    Meaning

    Raises
    ------
    ValueError
        If no pictures can be meant, or more than one thing; the message has what to do.
    """
    array = source()
    if array.size == 0:
        raise ValueError(
            f"{name} holds zero pixels (shape {array.shape}), but {WANTED}, were expected: check "
            "the code that made it."
        )
    if array.dtype.kind not in "biuf":
        raise ValueError(
            f"{name} holds {array.dtype}, but {WANTED}, of numbers were expected: pass the "
            "pictures' pixels as uint8."
        )
    found = list(readings(array.shape, shape, order))
    rough = [roughness(source, reading) for reading in found]
    if array.ndim == 2 and shape is None:  # nearly any size can be cut into squares
        kept = [r < CLEARLY or "rows" in str(one) for one, r in zip(found, rough, strict=True)]
        found, rough = list(compress(found, kept)), list(compress(rough, kept))
    if not found:
        raise ValueError(unreadable(name, array.shape, shape))
    best = int(np.argmin(rough))
    meaning = found[best if rough[best] < CLEARLY * rough[0] else 0]
    meaning = with_levels(meaning, source, name)
    if meaning.shape[-1] == 4 and any(
        (meaning.levels(part[..., 3]) < 255).any() for _, part in meaning.pieces(source)
    ):
        meaning = meaning.but("what is transparent became white")
    return meaning


def convert(source: Source, meaning: Meaning, size: int | None) -> Tensor:
    """Pictures as `load` gives them, uint8 (N, C, H, W), made in pieces.

    Parameters
    ----------
    source : callable
        As `understand` takes it.
    meaning : Meaning
    size : int, optional
        Larger pictures become squares of so many pixels: the middle of each, shrunk.
    """
    n, height, width, channels = meaning.shape
    kept = (height, width)
    if size is not None and is_large(height, width, size):
        kept = (min(height, width, size),) * 2
    made = torch.empty((n, min(channels, 3), *kept), dtype=torch.uint8)
    for rows, part in meaning.pieces(source):
        levels = meaning.levels(part)
        if channels == 4:
            levels = on_white(levels)
        images = torch.from_numpy(np.array(levels, order="C")).movedim(-1, 1)
        if kept != (height, width):
            images = F.resize(F.center_crop(images, [min(height, width)] * 2), list(kept))
        made[rows] = images
    return made


def is_large(height: int, width: int, size: int | None) -> bool:
    """Whether pictures are shrunk."""
    return size is not None and max(height, width) > size
