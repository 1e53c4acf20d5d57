"""A `.npy` file that stays on disk until it is looked at, and may not change meanwhile."""

from pathlib import Path
from tokenize import TokenError

import numpy as np

from course_lib.datasets.axes import WANTED

# What NumPy raises for what a file's first bytes lead it to.
UNREADABLE = (
    ValueError, EOFError, SyntaxError, TokenError, TypeError, OverflowError, RecursionError,
    MemoryError,
)  # fmt: skip


class MappedArray:
    """The array in a `.npy`; each call maps the file anew, so that the pages that were read do not
    pile up in the process.

    Parameters
    ----------
    path : path

    Raises
    ------
    ValueError
        In one sentence: if the file holds no array, or more than one, is damaged, or, at a call, is
        no longer the one that was opened. To read it all the same would give other pictures, or end
        the process.
    """

    def __init__(self, path: Path):
        self.path = path
        self.opened = self.state
        self()

    @property
    def state(self) -> tuple[int, int]:
        """The file's size and when it was last changed, which stand for its content."""
        file = self.path.stat()
        return file.st_size, file.st_mtime_ns

    def __call__(self) -> np.memmap:
        """Map the file, if it is still the one that was opened."""
        if self.state != self.opened:
            raise ValueError(
                f"'{self.path}' has changed since it was opened, so that what was found out about "
                "its pictures no longer holds: load it again."
            )
        try:
            array = np.load(self.path, mmap_mode="r", allow_pickle=False)
        except UNREADABLE as error:
            raise damaged(self.path, error) from error
        size, _ = self.opened
        if (more := size - array.offset - array.nbytes) > 0:
            raise damaged(
                self.path, ValueError(f"it is {more:,} bytes longer than its header says")
            )
        return array


def damaged(path: Path, error: Exception) -> ValueError:
    """What to say of a file whose array cannot be read, and why."""
    if "object" in str(error).lower():
        return ValueError(
            f"'{path}' holds pickled Python objects, which can run code when opened, but {WANTED}, "
            "were expected: where you made it, numpy.save a plain array (numpy.stack of equally "
            "large pictures)."
        )
    return ValueError(
        f"'{path}' is damaged or cut short, where {WANTED}, were expected "
        f"({one_line(error)}): copy, download or save the file again."
    )


def one_line(error: Exception) -> str:
    """An error's words, short and without a full stop."""
    return " ".join(str(error).split()).rstrip(".")[:200] or type(error).__name__
