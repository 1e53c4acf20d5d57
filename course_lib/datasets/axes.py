"""Which axis of an array is which: all ways to read it as pictures, and how smooth each is."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

WANTED = "pictures of shape (N, H, W, 3) or (N, H, W)"
CHANNELS = {1: "grey", 3: "colour", 4: "colour"}  # the fourth is opacity
PIECE = 2**25  # bytes that are converted at a time

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

    def pieces(self, source: Source) -> Iterator[tuple[slice, np.ndarray]]:
        """The pictures in parts that fit into memory; each is read anew, so that the pages of a
        file do not pile up in the process."""
        n, *of_one = self.shape
        step = max(1, PIECE // (8 * math.prod(of_one)))
        for start in range(0, n, step):
            rows = slice(start, min(n, start + step))
            yield rows, self.view(source())[rows]


def readings(dims: tuple, shape: tuple | None, order: str) -> Iterator[Meaning]:
    """All ways to read an array of these sizes, the usual ones first."""

    def reading(axes: tuple, *notes: str) -> Meaning:
        """Of axes in the order pictures, rows, columns and channels; None where there is one."""

        def view(array: np.ndarray) -> np.ndarray:
            there = array.transpose([axis for axis in axes if axis is not None])
            new = tuple(number for number, axis in enumerate(axes) if axis is None)
            return np.expand_dims(there, new)

        n, height, width, channels = (1 if axis is None else dims[axis] for axis in axes)
        return Meaning((n, height, width, channels), view, notes=notes)

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
        first = len(shape) == 3 and shape[0] in (1, 3)
        height, width = shape[1:] if first else shape[:2]
        said = shape[:1] if first else shape[2:] or (1, 3)
        sizes = [(height, width, c) for c in (1, 3) if c in said and height * width * c == pixels]
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


def roughness(source: Source, meaning: Meaning) -> float:
    """How much neighbouring rows or columns differ, as a share of how much distant ones do: near 0
    for pictures, near 1 for what is in no order; 1 too where there is nothing to compare."""
    at = [np.unique(np.linspace(0, n - 1, 9).astype(int)) for n in meaning.shape]
    found = []
    for axis in (1, 2):
        n = meaning.shape[axis]
        if n < 8:
            return 1.0
        here = np.unique(np.linspace(0, n - 2, 17).astype(int))

        def lines(places: np.ndarray, axis=axis) -> np.ndarray:
            view = meaning.view(source())  # opened anew, as `pieces` does
            return view[np.ix_(*at[:axis], places, *at[axis + 1 :])].astype(np.float64)

        near = np.abs(lines(here + 1) - lines(here)).mean()
        far = np.abs(lines((here + n // 2) % n) - lines(here)).mean()
        found.append(near / far if far > 0 else 1.0)
    return max(found)


def unreadable(name: str, dims: tuple, shape: tuple | None) -> str:
    """Why an array of this shape cannot be pictures, and what to do."""
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
