"""Pictures of a folder of `.npy` files, which stay on disk until they are looked at."""

from dataclasses import replace
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
    leaves no picture nearer to another than chance has it. Readers of streams (WebDataset,
    Hugging Face's ``IterableDataset``, litdata) shuffle within a buffer and ask for the files in a
    format of their own; theirs is the way where files are far away and reading has to be in order.

    Parameters
    ----------
    paths : list of path
        Files of uint8, (N, H, W, 3), (N, H, W, 1) or (N, H, W); N may differ.
    rows : Tensor of int64, shape (n,), optional
        Which of all pictures, in which order; by default all.

    Raises
    ------
    ValueError
        If a file holds other pictures than the first, or numbers of another kind.
    """

    def __init__(self, paths: list[Path], rows: Tensor | None = None):
        self.path, self.paths = paths[0].parent, paths
        counts = [_shape(path, paths[0])[0] for path in paths]
        numbers = torch.arange(max(counts), dtype=torch.int32)  # shared by all files
        self._files = [
            MappedImages(path, numbers[:n]) for path, n in zip(paths, counts, strict=True)
        ]
        self._ends = torch.tensor(counts).cumsum(0)
        self.rows = torch.arange(sum(counts)) if rows is None else rows
        self.shape = torch.Size([len(self.rows), *self._files[0].shape[1:]])

    def at(self, rows: Tensor) -> "ShardedImages":
        """Others of the same files' pictures."""
        return ShardedImages(self.paths, rows)

    def identity(self) -> tuple:
        """As `MappedImages` has it, of all files."""
        return *(file.identity()[:-1] for file in self._files), self.rows

    def __getitem__(self, index: int | slice | Tensor) -> Tensor:
        rows = self.rows[index.cpu() if isinstance(index, Tensor) else index]
        flat, order = rows.reshape(-1).sort()
        images = torch.empty((len(flat), *self.shape[1:]), dtype=self.dtype)
        file = torch.searchsorted(self._ends, flat, right=True)
        numbers, counts = file.unique_consecutive(return_counts=True)
        places = zip(flat.split(counts.tolist()), order.split(counts.tolist()), strict=True)
        for number, (there, here) in zip(numbers.tolist(), places, strict=True):
            first = int(self._ends[number]) - len(self._files[number])
            images[here] = self._files[number][there - first]
        return images.reshape(*rows.shape, *self.shape[1:])

    def __repr__(self) -> str:
        return f"ShardedImages({self.path.name!r}, {len(self.paths)} files, {tuple(self.shape)})"


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


def _shape(path: Path, first: Path) -> tuple[int, ...]:
    """A file's (N, H, W) or (N, H, W, C), where it can stand beside the first one."""
    (array, _), (expected, _) = (array_files.open_array(one) for one in (path, first))
    stored, model = array(), expected()
    if (
        stored.dtype != np.uint8
        or stored.ndim not in (3, 4)
        or stored.shape[3:] not in ((), (1,), (3,))
    ):
        raise ValueError(
            f"'{path}' holds {stored.dtype} of shape {stored.shape}, but in a folder of .npy files "
            f"{WANTED}, of uint8 were expected: convert it, move it elsewhere, or load it alone."
        )
    if stored.shape[1:] != model.shape[1:]:
        raise ValueError(
            f"'{path}' holds pictures of {stored.shape[1:]}, but '{first.name}' beside it of "
            f"{model.shape[1:]}, and all of a folder have to be alike: move one of them elsewhere."
        )
    return stored.shape
