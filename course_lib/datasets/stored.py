"""Pictures that stay on disk, in one `.npy` file or many, until they are looked at."""

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


class StoredImages:
    """Pictures that stay on disk until they are indexed.

    Behaves like a uint8 tensor of shape (n, C, H, W) under ``len`` and indexing with an integer,
    a slice or an index tensor; what comes out is an ordinary tensor. The pictures of several files
    are one set, one file after the other. They are gathered by number, so an order that mixes all
    of them costs no memory and leaves no picture nearer to another than chance has it. They are
    read, not mapped: of a million small ones that takes half the time, pages of a file never count
    as this process's, and a file that is cut short meanwhile is an error.

    Parameters
    ----------
    paths : list of path
        Files `.npy` of uint8, (N, H, W, 3), (N, H, W, 1) or (N, H, W); N may differ.
    rows : Tensor of int64, shape (n,), optional
        Which of all pictures, in which order; by default all. This index is all that is held in
        memory.

    Raises
    ------
    ValueError
        If a file holds no such pictures, others than the first, or is, when indexed, no longer the
        one that it was.
    """

    dtype, device = torch.uint8, torch.device("cpu")
    _ROWS_PER_READ = 1024  # 12 MiB of 64 x 64 colour pictures

    def __init__(self, paths: list[Path], rows: Tensor | None = None):
        self.files = [_opened(path, paths[0]) for path in paths]
        self._ends = torch.tensor([file.shape[0] for file in self.files]).cumsum(0)
        self.rows = torch.arange(int(self._ends[-1])) if rows is None else rows
        height, width, *channels = self.files[0].shape[1:]
        self.shape = torch.Size([len(self.rows), *(channels or [1]), height, width])

    def __len__(self) -> int:
        return len(self.rows)

    def at(self, rows: Tensor) -> "StoredImages":
        """Others of the same files' pictures."""
        return StoredImages([file.path for file in self.files], rows)

    def identity(self) -> tuple:
        """What a run's `fingerprint` takes for these pictures. To read them all could take longer
        than to train, so a file's size and time of change stand for its content."""
        return *(file.state for file in self.files), self.rows

    def __getitem__(self, index: int | slice | Tensor) -> Tensor:
        rows = self.rows[index.cpu() if isinstance(index, Tensor) else index]
        flat = rows.reshape(-1)
        images = torch.empty((len(flat), *self.shape[1:]), dtype=self.dtype)
        pieces = (whole.split(self._ROWS_PER_READ) for whole in (flat, images))
        for wanted, into in zip(*pieces, strict=True):
            in_order, order = wanted.sort()
            into[order] = self._read(in_order)
        return images.reshape(*rows.shape, *self.shape[1:])

    def _read(self, rows: Tensor) -> Tensor:
        """Pictures whose numbers come in order, file by file."""
        _, channels, height, width = self.shape
        read = np.empty((len(rows), height, width, channels), np.uint8)
        files, counts = torch.searchsorted(self._ends, rows, right=True).unique(return_counts=True)
        start = 0
        for number, count in zip(files.tolist(), counts.tolist(), strict=True):
            first = int(self._ends[number]) - self.files[number].shape[0]
            part = slice(start, start := start + count)
            self.files[number].read(rows[part].numpy() - first, read[part])
        return torch.from_numpy(read).movedim(-1, 1)

    def __repr__(self) -> str:
        first, *others = self.files
        name = first.path.parent.name if others else first.path.name
        return f"StoredImages({name!r}, shape={tuple(self.shape)})"


@dataclass(frozen=True)
class _File:
    """A `.npy` of pictures: where they begin, and what the file was when that was found out."""

    path: Path
    shape: tuple[int, ...]
    offset: int
    state: tuple[int, int]

    def read(self, rows: np.ndarray, into: np.ndarray) -> None:
        """Fill an array with pictures, whose numbers come in order; neighbours at one go."""
        size, places = prod(self.shape[1:]), rows.tolist()
        breaks = np.flatnonzero(np.diff(rows) != 1) + 1
        whole = into.reshape(-1).data
        with self.path.open("rb", buffering=0) as file:
            if _state(os.fstat(file.fileno())) != self.state:
                raise ValueError(
                    f"'{self.path}' has changed since it was opened, so that its pictures may lie "
                    "elsewhere in it: load it again."
                )
            for start, stop in pairwise((0, *breaks.tolist(), len(rows))):
                file.seek(self.offset + places[start] * size)
                wanted = whole[start * size : stop * size]
                while wanted:
                    if not (count := file.readinto(wanted)):
                        raise ValueError(f"'{self.path}' was cut short: load it again.")
                    wanted = wanted[count:]


def _opened(path: Path, first: Path) -> _File:
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
    return _File(path, stored.shape, stored.offset, _state(path.stat()))


def _state(file: os.stat_result) -> tuple[int, int]:
    return file.st_size, file.st_mtime_ns


def find(place: Path) -> list[Path]:
    """The `.npy` files of a folder or a pattern, in order; none where there are pictures too."""
    found = [] if place.is_file() else photographs.find(place)
    if any(file.suffix.lower() in photographs.SUFFIXES for file in found):
        return []
    return [file for file in found if file.suffix.lower() == ".npy"]


def open_files(paths: list[Path], size: int | None) -> tuple[StoredImages, str]:
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
    images = StoredImages(paths)
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
            f"'{paths[0].parent}' holds pictures of {height}×{width} in {len(paths)} .npy files, "
            f"which stay as they are, but at most {size}×{size} was expected: say size=None to "
            "take them so, or save smaller ones."
        )
    words = str(replace(meaning, shape=(len(images), *meaning.shape[1:])))
    return images, f"{words}, in {len(paths)} files" if len(paths) > 1 else words
