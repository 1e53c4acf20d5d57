"""Pictures of a folder of `.npy` files, which stay on disk until they are looked at."""

import os
from dataclasses import dataclass, replace
from itertools import pairwise
from math import prod
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from course_lib.datasets import array_files, arrays, photographs
from course_lib.datasets.axes import WANTED
from course_lib.datasets.npy import MappedImages


class ShardedImages(MappedImages):
    """The pictures of several files, one after the other, as `MappedImages` has those of one.

    They are gathered by number, file by file, so an order that mixes all files costs no memory and
    leaves no picture nearer to another than chance has it. They are read, not mapped: pages of a
    file never count as this process's, and a file that is cut short meanwhile is an error.

    Parameters
    ----------
    paths : list of path
        Files of uint8, (N, H, W, 3), (N, H, W, 1) or (N, H, W); N may differ.
    rows : Tensor of int64, shape (n,), optional
        Which of all pictures, in which order; by default all.

    Raises
    ------
    ValueError
        If a file holds other pictures than the first, or numbers of another kind, or is, when
        indexed, no longer the one that it was.
    """

    def __init__(self, paths: list[Path], rows: Tensor | None = None):
        self.path, self.files = paths[0].parent, [_opened(path, paths[0]) for path in paths]
        self._ends = torch.tensor([file.shape[0] for file in self.files]).cumsum(0)
        self.rows = torch.arange(int(self._ends[-1])) if rows is None else rows
        height, width, *channels = self.files[0].shape[1:]
        self.shape = torch.Size([len(self.rows), *(channels or [1]), height, width])

    def at(self, rows: Tensor) -> "ShardedImages":
        """Others of the same files' pictures."""
        return ShardedImages([file.path for file in self.files], rows)

    def identity(self) -> tuple:
        """As `MappedImages` has it, of all files."""
        return *(file.state for file in self.files), self.rows

    def __getitem__(self, index: int | slice | Tensor) -> Tensor:
        rows = self.rows[index.cpu() if isinstance(index, Tensor) else index]
        flat, order = rows.reshape(-1).sort()
        _, channels, height, width = self.shape
        read = np.empty((len(flat), height, width, channels), np.uint8)
        file = torch.searchsorted(self._ends, flat, right=True)
        start = 0
        for number, count in zip(
            *(x.tolist() for x in file.unique(return_counts=True)), strict=True
        ):
            first = int(self._ends[number]) - self.files[number].shape[0]
            part = slice(start, start := start + count)
            self.files[number].read(flat[part].numpy() - first, read[part])
        images = torch.empty((len(flat), *self.shape[1:]), dtype=self.dtype)
        images[order] = torch.from_numpy(read).movedim(-1, 1)
        return images.reshape(*rows.shape, *self.shape[1:])

    def __repr__(self) -> str:
        return f"ShardedImages({self.path.name!r}, {len(self.files)} files, {tuple(self.shape)})"


@dataclass(frozen=True)
class _Shard:
    """A `.npy` of pictures: where they begin, and what the file was when that was found out."""

    path: Path
    shape: tuple[int, ...]
    offset: int
    state: tuple[int, int]

    def read(self, rows: np.ndarray, into: np.ndarray) -> None:
        """Fill an array with pictures, whose numbers come in order; neighbours at one go."""
        size = prod(self.shape[1:])
        breaks = np.flatnonzero(np.diff(rows) != 1) + 1
        with self.path.open("rb", buffering=0) as file:
            if _state(os.fstat(file.fileno())) != self.state:
                raise ValueError(
                    f"'{self.path}' has changed since it was opened, so that its pictures may lie "
                    "elsewhere in it: load it again."
                )
            for start, stop in pairwise((0, *breaks.tolist(), len(rows))):
                file.seek(self.offset + int(rows[start]) * size)
                wanted = into[start:stop].reshape(-1).data
                while wanted:
                    if not (count := file.readinto(wanted)):
                        raise ValueError(f"'{self.path}' was cut short: load it again.")
                    wanted = wanted[count:]


def _opened(path: Path, first: Path) -> _Shard:
    """A file that can stand beside the first one."""
    (array, _), (expected, _) = (array_files.open_array(one) for one in (path, first))
    stored, model = array(), expected()
    if not isinstance(stored, np.memmap):
        raise ValueError(
            f"'{path}' is called .npy, but is another kind of file, which cannot be read in parts: "
            "numpy.save its array, move it elsewhere, or load it alone."
        )
    colours = stored.shape[3:] in ((), (1,), (3,))
    if stored.dtype != np.uint8 or stored.ndim not in (3, 4) or not colours:
        raise ValueError(
            f"'{path}' holds {stored.dtype} of shape {stored.shape}, but in a folder of .npy files "
            f"{WANTED}, of uint8 were expected: convert it, move it elsewhere, or load it alone."
        )
    if stored.shape[1:] != model.shape[1:]:
        raise ValueError(
            f"'{path}' holds pictures of {stored.shape[1:]}, but '{first.name}' beside it of "
            f"{model.shape[1:]}, and all of a folder have to be alike: move one of them elsewhere."
        )
    if not stored.flags.c_contiguous:
        raise ValueError(
            f"'{path}' was saved in Fortran's order, where a picture's numbers lie far apart: save "
            "numpy.ascontiguousarray of it."
        )
    return _Shard(path, stored.shape, stored.offset, _state(path.stat()))


def _state(file: os.stat_result) -> tuple[int, int]:
    return file.st_size, file.st_mtime_ns


def find(place: Path) -> list[Path]:
    """The `.npy` files of a folder or a pattern, in order; none where there are pictures too."""
    found = [] if place.is_file() else photographs.find(place)
    if any(file.suffix.lower() in photographs.SUFFIXES for file in found):
        return []
    return [file for file in found if file.suffix.lower() == ".npy"]


def open_shards(paths: list[Path], size: int | None) -> tuple[ShardedImages, str]:
    """The pictures of files, and words for what they were taken for.

    Parameters
    ----------
    paths : list of path
    size : int, optional
        The most pixels that a picture may have across.

    Raises
    ------
    ValueError
        If they would have to be changed to be the pictures that `load` gives.
    """
    images = ShardedImages(paths)
    source, order = array_files.open_array(paths[0])
    meaning = arrays.understand(source, f"'{paths[0]}'", order=order)
    height, width = images.shape[2:]
    if meaning.notes or meaning.shape[1:3] != (height, width):
        raise ValueError(
            f"'{paths[0]}' holds {meaning}, but several .npy files are read as they are: save them "
            f"as {WANTED}, uint8 from 0 to 255, or load each alone."
        )
    if arrays.is_large(height, width, size):
        raise ValueError(
            f"'{images.path}' holds pictures of {height}×{width} in {len(paths)} .npy files, which "
            f"stay as they are, but at most {size}×{size} was expected: say size=None to take them "
            "so, or save smaller ones."
        )
    words = str(replace(meaning, shape=(len(images), *meaning.shape[1:])))
    return images, f"{words}, in {len(paths)} files" if len(paths) > 1 else words
