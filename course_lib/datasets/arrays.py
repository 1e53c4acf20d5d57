"""What an array of pictures means: which axis is which, and what its numbers stand for."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import compress

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as F

WANTED = "pictures of shape (N, H, W, 3) or (N, H, W)"
CHANNELS = {1: "grey", 3: "colour", 4: "colour"}  # the fourth is opacity
CLEARLY = 0.7  # how much smoother pictures must be for an unusual order of the axes
LOOKED_AT = 64  # pictures that say whether all need to be looked at
PIECE = 2**25  # bytes that are converted at a time
FULL_SCALES = (255, 1023, 4095, 65535)  # the largest level of cameras' 8, 10, 12 and 16 bits
DARK = 31  # a level that something exceeds in all pictures but very dark ones
AROUND = 0.05  # how far beyond its range a resized picture may reach, as a share of it

Source = Callable[[], np.ndarray]  # opens the array, anew where it is mapped from a file


@dataclass(frozen=True)
class Meaning:
    """How to read an array as pictures.

    Attributes
    ----------
    shape : (N, H, W, C)
    view : callable
        From the array to a view of that shape.
    levels : callable
        From numbers as they are stored to grey levels, uint8.
    notes : tuple of str
        What was not as `load` wants it, and what it was taken for.
    """

    shape: tuple[int, int, int, int]
    view: Callable[[np.ndarray], np.ndarray]
    levels: Callable[[np.ndarray], np.ndarray] = np.asarray
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        n, height, width, channels = self.shape
        found = f"{n:,} {CHANNELS[channels]} picture{'s' * (n != 1)} of {height}×{width}"
        return "; ".join([found, *self.notes])

    def but(self, *notes: str, **changes) -> "Meaning":
        """The same with another note, and changes."""
        return replace(self, notes=(*self.notes, *notes), **changes)


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
    found = list(_readings(array.shape, shape, order))
    roughness = [_roughness(reading.view(array)) for reading in found]
    if array.ndim == 2 and shape is None:  # nearly any size can be cut into squares
        kept = [
            rough < CLEARLY or "rows" in str(one)
            for one, rough in zip(found, roughness, strict=True)
        ]
        found, roughness = list(compress(found, kept)), list(compress(roughness, kept))
    if not found:
        raise ValueError(_unreadable(name, array.shape, shape))
    best = int(np.argmin(roughness))
    meaning = found[best if roughness[best] < CLEARLY * roughness[0] else 0]
    if meaning.shape[-1] == 4:
        meaning = meaning.but("what is transparent became white")
    return _with_levels(meaning, source, name)


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
    made = None
    for rows, part in _pieces(source, meaning):
        levels = meaning.levels(part)
        if channels == 4:
            levels = _on_white(levels)
        images = torch.from_numpy(np.array(levels, order="C")).movedim(-1, 1)
        if is_large(height, width, size):
            side = min(height, width)
            images = F.resize(F.center_crop(images, [side, side]), [min(side, size)] * 2)
        if made is None:
            made = torch.empty((n, *images.shape[1:]), dtype=torch.uint8)
        made[rows] = images
    return made


def is_large(height: int, width: int, size: int | None) -> bool:
    """Whether pictures are shrunk."""
    return size is not None and max(height, width) > size


# ------------------------------------------------------------------------------ order of the axes


def _readings(dims: tuple, shape: tuple | None, order: str) -> Iterator[Meaning]:
    """All ways to read an array of these sizes, the usual ones first."""

    def reading(axes: tuple, *notes: str) -> Meaning:
        """Of axes in the order pictures, rows, columns and channels; None where there is one."""

        def view(array: np.ndarray) -> np.ndarray:
            there = array.transpose([axis for axis in axes if axis is not None])
            new = tuple(number for number, axis in enumerate(axes) if axis is None)
            return np.expand_dims(there, new)

        return Meaning(tuple(1 if a is None else dims[a] for a in axes), view, notes=notes)

    last, first = "pictures came last", "channels came first"
    match dims:
        case (_, _):
            yield from _flat(dims, shape, order)
            if shape is None and min(dims) >= 8:
                yield reading((None, 0, 1, None))
        case (_, _, 1 | 3 | 4):
            yield reading((None, 0, 1, 2))
        case (1 | 3, _, _):
            yield reading((None, 1, 2, 0), first)
        case (_, _, _):
            yield reading((0, 1, 2, None))
            yield reading((2, 0, 1, None), last)
        case (a, b, c, d):
            if d in CHANNELS:
                yield reading((0, 1, 2, 3))
            if b in CHANNELS:
                yield reading((0, 2, 3, 1), first)
            if c in CHANNELS:
                yield reading((3, 0, 1, 2), last)
            if a in CHANNELS:
                yield reading((3, 1, 2, 0), first, last)
            if d in CHANNELS:
                yield reading((2, 0, 1, 3), "pictures were the third axis")


def _flat(dims: tuple, shape: tuple | None, order: str) -> Iterator[Meaning]:
    """Ways to read rows or columns of pixels."""
    for kind, count, pixels in (("rows", *dims), ("columns", *dims[::-1])):
        for stored, axes, how in _unravelled(pixels, shape, order):

            def view(array: np.ndarray, kind=kind, stored=stored, axes=axes) -> np.ndarray:
                if kind == "columns":
                    return array.reshape(*stored, -1).transpose(3, *axes)
                return array.reshape(-1, *stored).transpose(0, *(axis + 1 for axis in axes))

            sizes = (count, *(stored[axis] for axis in axes))
            yield Meaning(sizes, view, notes=(f"they came as {kind} of numbers, {how}",))


def _unravelled(pixels: int, shape: tuple | None, order: str) -> Iterator[tuple]:
    """Sizes that so many numbers of a picture may be stored in, where rows, columns and channels
    are among them, and words for it."""
    if shape is None:
        sides = {channels: math.isqrt(pixels // channels) for channels in (1, 3)}
        sizes = [(s, s, c) for c, s in sides.items() if s > 1 and s * s * c == pixels]
    else:
        height, width = shape[1:] if len(shape) == 3 and shape[0] in (1, 3) else shape[:2]
        sizes = [(height, width, c) for c in (1, 3) if height * width * c == pixels]
    for height, width, channels in sizes:
        by_row = (height, width, channels), (0, 1, 2), "pixel after pixel"
        by_plane = (channels, height, width), (1, 2, 0), "channel after channel"
        if order == "F":
            yield (channels, width, height), (2, 1, 0), "column after column"
        elif channels == 1:
            yield (*by_row[:2], "row after row")
        else:
            planes_first = shape is not None and shape[0] == channels
            yield from (by_plane, by_row) if planes_first else (by_row, by_plane)


def _roughness(view: np.ndarray) -> float:
    """How much neighbouring rows or columns differ, as a share of how much distant ones do: near 0
    for pictures, near 1 for what is in no order; 1 too where there is nothing to compare."""
    at = [np.unique(np.linspace(0, n - 1, 12).astype(int)) for n in view.shape]
    found = []
    for axis in (1, 2):
        n = view.shape[axis]
        if n < 8:
            return 1.0
        here = np.arange(n - 1) if n < 32 else np.unique(np.linspace(0, n - 2, 31).astype(int))

        def lines(places: np.ndarray, axis=axis) -> np.ndarray:
            return view[np.ix_(*at[:axis], places, *at[axis + 1 :])].astype(np.float64)

        near = np.abs(lines(here + 1) - lines(here)).mean()
        far = np.abs(lines((here + n // 2) % n) - lines(here)).mean()
        found.append(near / far if near > 0 and far > 0 else 1.0)
    return max(found)


def _unreadable(name: str, dims: tuple, shape: tuple | None) -> str:
    problem = f"{name} has shape {dims}, but {WANTED}, were expected"
    if shape is not None:
        return f"{problem}: shape={shape} fits neither its rows nor its columns, so correct it."
    if len(dims) == 2:
        return (
            f"{problem}: for flattened pictures say what shape one has, shape=(H, W), or "
            "shape=(H, W, 3) for colours."
        )
    if len(dims) > 4:
        return (
            f"{problem}: put the first axes together with images.reshape(-1, *images.shape[-3:])."
        )
    if len(dims) == 4:
        return f"{problem}: leave one channel with images[..., 0], or make three of them."
    return f"{problem}: pass at least 3 pictures, put together with numpy.stack."


# ------------------------------------------------------------------------------------ grey levels


def _with_levels(meaning: Meaning, source: Source, name: str) -> Meaning:
    """The meaning with that of its numbers, which are all looked at unless a few tell enough."""
    stored = source().dtype
    if stored == np.uint8:
        n = meaning.shape[0]
        some = meaning.view(source())[np.unique(np.linspace(0, n - 1, LOOKED_AT).astype(int))]
        if some.max() > DARK and (some != some[:1]).any():
            return meaning
    low, high, all_equal = _extent(meaning, source, name)
    if low == high == 0:
        raise ValueError(
            f"{name} is all black, every number 0, but pictures were expected: check the code that "
            "made it."
        )
    if all_equal and meaning.shape[0] > 1:
        raise ValueError(
            f"{name} holds the same picture {meaning.shape[0]:,} times, but different ones were "
            "expected: check the code that made it."
        )
    if stored.kind == "b":
        return meaning.but(
            "false and true became black and white", levels=lambda x: x * np.uint8(255)
        )
    scale, note = _scale(low, high, stored, name)
    if scale is None:
        dark = f"they are very dark, nothing above {high:g} of 255"
        return meaning.but(dark) if high <= DARK else meaning
    lowest, step = scale

    def levels(x: np.ndarray) -> np.ndarray:
        exact = (x.astype(np.float64) - lowest) * (255 / step)
        return exact.round().clip(0, 255).astype(np.uint8)

    return meaning.but(note, levels=levels)


def _extent(meaning: Meaning, source: Source, name: str) -> tuple[float, float, bool]:
    """The smallest and the largest number, and whether all pictures are equal."""
    low, high, all_equal, first = math.inf, -math.inf, True, None
    for rows, part in _pieces(source, meaning):
        first = part[:1].copy() if first is None else first
        all_equal = all_equal and bool((part == first).all())
        part_low, part_high = float(part.min()), float(part.max())
        if not math.isfinite(part_low) or not math.isfinite(part_high):
            kind = "NaN (not a number)" if math.isnan(part_low) else "infinity"
            raise ValueError(
                f"{name} holds {part.dtype} with {kind}, first in the pictures from {rows.start} "
                "on, but finite numbers were expected: find them with numpy.isfinite(images), and "
                "repair or drop those pictures."
            )
        low, high = min(low, part_low), max(high, part_high)
    return low, high, all_equal


def _scale(
    low: float, high: float, dtype: np.dtype, name: str
) -> tuple[tuple[float, float] | None, str | None]:
    """Which number is black and how far white is above it, with words for it; None where the
    numbers are grey levels already."""
    whole = dtype.kind in "iu"
    if whole and low >= 0 and high <= 1:
        note = "they hold only 0 and 1, taken for black and white"
        if dtype == np.uint8:
            note += " (were they floats once, save those, for astype('uint8') cut their greys off)"
        return (0, 1), note
    if whole and low >= 0 and high > 255 and high <= FULL_SCALES[-1]:
        full = next(full for full in FULL_SCALES if high <= full)
        return (0, full), f"{dtype} from 0 to {full} became 0 to 255"
    if whole and low >= 0 and high <= 255:
        return ((0, 255), f"{dtype} became uint8") if dtype != np.uint8 else (None, None)
    if whole and low == -1 and high == 1:
        return (-1, 2), f"{dtype} from -1 to 1 became 0 to 255"
    if dtype == np.int8:
        return (-128, 255), "int8 from -128 to 127 became 0 to 255"
    if not whole:
        black, white = _range(low, high)
        if white:
            beyond = low < black or high > white
            seen = f"{dtype} from {low:.3g} to {high:.3g}, clipped to {black}…{white}"
            note = seen if beyond else f"{dtype} from {black} to {white}"
            return (black, white - black), f"{note}, became 0 to 255"
    raise ValueError(
        f"{name} holds {dtype} from {low:g} to {high:g}, but numbers from 0 to 255, 0 to 1 or -1 "
        "to 1 were expected: scale them to 0…1, by (images - images.min()) / (images.max() - "
        "images.min()) if nothing better is known."
    )


def _range(low: float, high: float) -> tuple[int, int]:
    """Black and white of floats; 0 and 0 where they could be this or that."""
    if low >= -AROUND and 1 / 64 < high <= 1 + AROUND:
        return 0, 1
    if -1 - 2 * AROUND <= low < -0.6 and high <= 1 + 2 * AROUND:
        return -1, 1
    if low >= -255 * AROUND and 32 < high <= 255 * (1 + AROUND):
        return 0, 255
    return 0, 0


def _on_white(levels: np.ndarray) -> np.ndarray:
    """Four channels to three: transparent parts show white paper."""
    opacity = levels[..., 3:].astype(np.float32) / 255
    return (levels[..., :3] * opacity + 255 * (1 - opacity)).round().astype(np.uint8)


def _pieces(source: Source, meaning: Meaning) -> Iterator[tuple[slice, np.ndarray]]:
    """The pictures in parts that fit into memory; each is read anew, so that the pages of a file
    do not pile up in the process."""
    n = meaning.shape[0]
    step = max(1, PIECE // (8 * math.prod(meaning.shape[1:])))
    for start in range(0, n, step):
        rows = slice(start, min(n, start + step))
        yield rows, meaning.view(source())[rows]
