"""Pictures in a `.npy` file: check the file, then read from it without loading it whole."""

import difflib
import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

WANTED = "a .npy of uint8 pictures, shape (N, H, W, 3) or (N, H, W)"

# First bytes of what people pass by mistake, and what to do about it.
OTHER_FORMATS = {
    b"\x89PNG": ("a PNG picture", "stack your pictures with numpy.stack and numpy.save the result"),
    b"\xff\xd8\xff": ("a JPEG picture", "stack your pictures with numpy.stack and numpy.save it"),
    b"PK\x03\x04": ("a .npz or zip archive", "save its one array with numpy.save"),
    b"\x80": ("a pickle", "load it where you trust it and numpy.save the array"),
}


class MappedImages:
    """Pictures that stay on disk until they are indexed.

    Behaves like a uint8 tensor of shape (n, C, H, W) under ``len`` and indexing with an integer,
    a slice or an index tensor; what comes out is an ordinary tensor. Every read opens the memory
    map anew and lets it go, so the pages that were read do not pile up in the process.

    Parameters
    ----------
    path : path
        A file that `check` accepts.
    rows : Tensor of int64, shape (n,)
        Which pictures of the file, in which order. This index is all that is held in memory.
    """

    dtype = torch.uint8
    _ROWS_PER_READ = 1024  # 12 MiB of 64 x 64 colour pictures

    def __init__(self, path: Path, rows: Tensor):
        self.path, self.rows = path, rows
        _, height, width, *channels = np.load(path, mmap_mode="r", allow_pickle=False).shape
        self.shape = torch.Size([len(rows), *(channels or [1]), height, width])

    def __len__(self) -> int:
        return len(self.rows)

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


def check(path: Path) -> np.memmap:
    """Open a file of pictures, or say in one sentence why it cannot be used.

    Parameters
    ----------
    path : path
        A `.npy` file. It is memory-mapped and never unpickled.

    Returns
    -------
    numpy.memmap of uint8, shape (N, H, W, 3) or (N, H, W)
        Read-only.

    Raises
    ------
    FileNotFoundError
        No such file; close names in the same folder are suggested.
    ValueError
        A folder, another format, a damaged or truncated file, pickled objects, the wrong shape,
        fewer than 3 pictures, NaNs.
    TypeError
        Numbers that are not uint8; the message has the line that converts them.
    """
    if path.is_dir():
        inside = ", ".join(sorted(p.name for p in path.glob("*.npy"))[:5]) or "no .npy file"
        raise ValueError(
            f"'{path}' is a folder (it holds {inside}), but {WANTED}, was expected: "
            "give the path of one file."
        )
    if not path.exists():
        raise FileNotFoundError(_missing(path))
    shape, dtype, offset = _header(path)
    if dtype.hasobject:
        raise ValueError(
            f"'{path}' holds pickled Python objects, which can run code when opened, but {WANTED}, "
            "was expected: where you made it, numpy.save a plain array (numpy.stack of equally "
            "large pictures)."
        )
    expected, found = offset + math.prod(shape) * dtype.itemsize, path.stat().st_size
    if found < expected:
        raise ValueError(
            f"'{path}' is truncated: {found:,} bytes were found, but {expected:,} were expected "
            f"from its header (shape {shape}, dtype {dtype}): copy or save the file again."
        )
    _check_shape(path, shape)
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    if dtype != np.uint8:
        raise _wrong_dtype(path, array)
    return array


def _missing(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f"There is no folder '{folder}' to hold '{path.name}': correct the path."
    names = sorted(p.name for p in folder.iterdir())
    close = difflib.get_close_matches(path.name, names, n=3)
    hint = "did you mean " + " or ".join(map(repr, close)) if close else "correct the path"
    return f"There is no file '{path}', but {WANTED}, was expected: {hint}."


def _header(path: Path) -> tuple[tuple[int, ...], np.dtype, int]:
    """Shape, dtype and offset of the data, from the file's first bytes."""
    with open(path, "rb") as file:
        start = file.read(8)
        for magic, (what, fix) in OTHER_FORMATS.items():
            if start.startswith(magic):
                raise ValueError(f"'{path}' is {what}, but {WANTED}, was expected: {fix}.")
        if not start.startswith(b"\x93NUMPY"):
            what = f"starts with the bytes {start!r}" if start else "is empty (0 bytes)"
            raise ValueError(
                f"'{path}' {what}, so it is no .npy file, but {WANTED}, was expected: "
                "make one with numpy.save."
            )
        file.seek(0)
        try:
            version = np.lib.format.read_magic(file)
            read = {
                (1, 0): np.lib.format.read_array_header_1_0,
                (2, 0): np.lib.format.read_array_header_2_0,
            }[version]  # 3.0 is for field names outside ASCII only
            shape, _, dtype = read(file)
        except (ValueError, KeyError, TypeError, SyntaxError) as error:
            raise ValueError(
                f"'{path}' starts like a .npy file, but its header cannot be read, where {WANTED}, "
                "was expected: copy or save the file again."
            ) from error
        return shape, dtype, file.tell()


def _check_shape(path: Path, shape: tuple[int, ...]) -> None:
    problem = f"'{path}' has shape {shape}, but (N, H, W, 3) or (N, H, W) was expected: "
    if 0 in shape:
        raise ValueError(
            f"'{path}' holds zero pixels (shape {shape}), but at least 3 pictures were expected: "
            "check the code that saved it."
        )
    match shape:
        case (_, 3, _, width) if width != 3:
            fix = "channels come first, so save numpy.moveaxis(images, 1, -1)"
        case (_, 1, _, width) if width != 3:
            fix = "save images[:, 0]"
        case (_, _, _, 4):
            fix = "for transparency (RGBA) save images[..., :3]"
        case (_, _, _, 1):
            fix = "save images[..., 0]"
        case (_, _, 3 | 4):
            fix = "this looks like one picture; save numpy.stack of at least 3 pictures"
        case (_, pixels) if pixels % 3 == 0 and math.isqrt(pixels // 3) ** 2 == pixels // 3:
            side = math.isqrt(pixels // 3)
            fix = f"for flattened colour pictures save images.reshape(-1, {side}, {side}, 3)"
        case (_, _, _, 3) | (_, _, _):
            fix = ""
        case _:
            fix = "reshape the array before saving it"
    if fix:
        raise ValueError(f"{problem}{fix}.")
    if shape[0] < 3:
        found = "1 picture" if shape[0] == 1 else "2 pictures"
        raise ValueError(
            f"'{path}' holds {found}, but at least 3 were expected (one each to train, validate "
            "and test): add pictures."
        )


def _wrong_dtype(path: Path, array: np.ndarray) -> Exception:
    """The error for numbers that are not uint8, with the line that converts these numbers."""
    found = f"'{path}' holds {array.dtype}"
    if array.dtype.kind not in "biuf":
        return TypeError(f"{found}, but uint8 was expected: save the pictures' pixels as uint8.")
    if array.dtype.kind == "b":
        return TypeError(
            f"{found}, but uint8 from 0 to 255 was expected: save 255 * images.astype('uint8')."
        )
    low, high = math.inf, -math.inf
    for start in range(0, len(array), 256):  # in parts, as the file may exceed the memory
        part = array[start : start + 256]
        part_low, part_high = float(part.min()), float(part.max())
        if math.isnan(part_low):
            return ValueError(
                f"{found} with NaN (not a number), first in the pictures from {start} on, but "
                "uint8 was expected: find them with numpy.isnan(images), repair or drop those "
                "pictures, then convert the rest to uint8."
            )
        low, high = min(low, part_low), max(high, part_high)
    if low >= 0 and high <= 1 and array.dtype.kind == "f":
        fix = "save (255 * images).round().astype('uint8')"
    elif low >= 0 and high <= 255:
        fix = "save images.round().astype('uint8')"
    elif low >= -1 and high <= 1:
        fix = "save (127.5 * (images + 1)).round().astype('uint8')"
    else:
        fix = "scale them to 0 … 255, then save images.round().astype('uint8')"
    return TypeError(
        f"{found} from {low:g} to {high:g}, but uint8 from 0 to 255 was expected: {fix}."
    )
