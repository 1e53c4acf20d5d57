"""Pictures of a `.npy` file that stay on disk until they are looked at."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor


class MappedImages:
    """Pictures that stay on disk until they are indexed.

    Behaves like a uint8 tensor of shape (n, C, H, W) under ``len`` and indexing with an integer,
    a slice or an index tensor; what comes out is an ordinary tensor. Every read opens the memory
    map anew and lets it go, so the pages that were read do not pile up in the process.

    Parameters
    ----------
    path : path
        A `.npy` of uint8, shape (N, H, W, 3), (N, H, W, 1) or (N, H, W).
    rows : Tensor of int64, shape (n,)
        Which pictures of the file, in which order. This index is all that is held in memory.
    """

    dtype, device = torch.uint8, torch.device("cpu")
    _ROWS_PER_READ = 1024  # 12 MiB of 64 x 64 colour pictures

    def __init__(self, path: Path, rows: Tensor):
        self.path, self.rows = path, rows
        _, height, width, *channels = np.load(path, mmap_mode="r", allow_pickle=False).shape
        self.shape = torch.Size([len(rows), *(channels or [1]), height, width])

    def __len__(self) -> int:
        return len(self.rows)

    def at(self, rows: Tensor) -> "MappedImages":
        """Others of the same file's pictures."""
        return MappedImages(self.path, rows)

    def identity(self) -> tuple:
        """What a run's `fingerprint` takes for these pictures. To read them all could take longer
        than to train, so the file's size and time of change stand for its content."""
        file = self.path.stat()
        return file.st_size, file.st_mtime_ns, self.rows

    def __getitem__(self, index: int | slice | Tensor) -> Tensor:
        if isinstance(index, Tensor):
            index = index.cpu()
        rows = self.rows[index]
        flat = rows.reshape(-1).numpy()
        images = torch.empty((len(flat), *self.shape[1:]), dtype=self.dtype)
        channels_last = images.movedim(1, -1).numpy()  # shares memory with `images`
        for start in range(0, len(flat), self._ROWS_PER_READ):
            part = slice(start, start + self._ROWS_PER_READ)
            stored = np.load(self.path, mmap_mode="r", allow_pickle=False)
            channels_last[part] = stored[flat[part]].reshape(-1, *channels_last.shape[1:])
        return images.reshape(*rows.shape, *self.shape[1:])

    def __repr__(self) -> str:
        return f"MappedImages({self.path.name!r}, shape={tuple(self.shape)})"
