"""Arrays in files, `.npy`, `.npz` and `.mat`: opened without running anything, or refused."""

import math
import subprocess
import sys
import zipfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil

from course_lib.datasets.axes import WANTED, Source
from course_lib.datasets.npy import MappedArray, damaged

# What files that hold no array begin with, what they are, and what to do.
FOREIGN = {
    b"\x89HDF": ("an HDF5 file", "open it with h5py, and numpy.save the array of pictures"),
    b"\x1f\x8b": ("a gzip archive", "unpack it, and give the path of what is inside"),
    b"BZh": ("a bzip2 archive", "unpack it, and give the path of what is inside"),
    b"7z\xbc\xaf": ("a 7z archive", "unpack it, and give the path of what is inside"),
    b"Rar!": ("a rar archive", "unpack it, and give the path of what is inside"),
    b"version https://git-lfs": (
        "a pointer to a file that Git LFS keeps elsewhere",
        "fetch the file itself with git lfs pull",
    ),
    b"<": (
        "a web page, as a download leaves it that asked for a login or was refused",
        "open the address in a browser, and download the file itself",
    ),
    b"\x80": (
        "a pickle, which can run code when it is opened",
        "open it where you trust it, and numpy.save the array",
    ),
}
# Of a number, by MATLAB's names of the kinds that pictures can be made of.
BYTES = {"logical": 1, "single": 4, "double": 8}
BYTES |= {f"{sign}int{8 * n}": n for sign in ("", "u") for n in (1, 2, 4, 8)}
TORCH = "a file of torch.save", "pass what it holds, datasets.load(torch.load({path!r}))"
PACKED = ("a zip archive that holds no array", "unpack it, and give the path of the folder")
TAR = ("a tar archive", "unpack it, and give the path of what is inside")


def open_array(path: Path, key: str | None = None) -> tuple[Source, str]:
    """Open a file of pictures.

    Parameters
    ----------
    path : path
        What it is its first bytes say, not its name.
    key : str, optional
        Which of the arrays in a `.npz` or `.mat`.

    Returns
    -------
    source : callable
        Gives the array: of a `.npy` mapped anew at each call, else the one that was read.
    order : {"C", "F"}
        "F" for what MATLAB wrote, which flattens pictures column by column.

    Raises
    ------
    ValueError
        In one sentence, for what holds no array or not one, pickled objects, a damaged file.
    """
    start = _first_bytes(path)
    if start.startswith(b"\x93NUMPY"):
        return MappedArray(path), "C"
    if start.startswith(b"PK"):
        array = _from_npz(path, key)
    elif start.startswith(b"MATLAB 5.0") or (path.suffix == ".mat" and _is_matlab(path)):
        array = _from_mat(path, key)
        return (lambda: array), "F"
    else:
        raise _foreign(path, start)
    return (lambda: array), "C"


def is_array(path: Path) -> bool:
    """Whether a file may hold an array, by its first bytes or its name."""
    named = path.suffix.lower() in {".npy", ".npz", ".mat"}
    return named or _first_bytes(path)[:2] in {b"\x93N", b"PK"}


def _first_bytes(path: Path) -> bytes:
    with open(path, "rb") as file:
        return file.read(512)


@contextmanager
def _damage_told(path: Path) -> Generator[None]:
    """One sentence for whatever the readers of zip archives, NumPy's and SciPy's raise: what the
    file's bytes lead them to."""
    try:
        yield
    except Exception as error:
        if isinstance(error, ValueError) and str(path) in str(error):  # our own
            raise
        raise damaged(path, error) from error


def _from_npz(path: Path, key: str | None) -> np.ndarray:
    # The file is ours to close: NumPy leaves one open that is no archive.
    with _damage_told(path), path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        names = arrays.zip.namelist()
        if any(name.endswith("data.pkl") for name in names):
            raise _refused(path, TORCH[0], TORCH[1].format(path=str(path)))
        if not any(name.endswith(".npy") for name in names):
            raise _refused(path, *PACKED)
        shapes, sizes = {}, {}
        for name in arrays.files:
            shapes[name], sizes[name] = _header(
                arrays.zip, name if name in names else f"{name}.npy"
            )
        chosen = _choose(path, shapes, key)
        _check_memory(path, sizes[chosen])
        return arrays[chosen]


def _header(archive: zipfile.ZipFile, name: str) -> tuple[tuple[int, ...], int]:
    """The shape of a member and its size in bytes, both as its header says."""
    with archive.open(name) as member:
        version = np.lib.format.read_magic(member)
        read = np.lib.format.read_array_header_1_0
        if version != (1, 0):
            read = np.lib.format.read_array_header_2_0
        shape, _, dtype = read(member)
    size = math.prod(shape) * dtype.itemsize
    if size > archive.getinfo(name).file_size and not dtype.hasobject:
        raise ValueError(f"{name} is shorter than its header says")
    return shape, size


def _check_memory(path: Path, size: int) -> None:
    if size > (free := psutil.virtual_memory().available):
        raise ValueError(
            f"'{path}' does not fit into memory ({size:,} bytes unpacked, but {free:,} are free): "
            "unpack it and numpy.save the array, for a .npy stays on disk, and give its path."
        )


def _is_matlab(path: Path) -> bool:
    from scipy.io import matlab

    try:
        matlab.whosmat(path)
    except NotImplementedError:  # version 7.3, which is HDF5
        raise _foreign(path, b"\x89HDF") from None
    except Exception:  # SciPy's readers raise what their bytes lead them to
        return False
    return True


def _from_mat(path: Path, key: str | None) -> np.ndarray:
    from scipy.io import matlab

    with _damage_told(path):
        try:
            found = {name: (shape, kind) for name, shape, kind in matlab.whosmat(path)}
            shapes = {name: shape for name, (shape, kind) in found.items() if kind in BYTES}
            chosen = _choose(path, shapes, key)
            shape, kind = found[chosen]
            _check_memory(path, math.prod(shape) * BYTES[kind])
            _check_matlab(path, chosen)
            return matlab.loadmat(path, variable_names=[chosen])[chosen]
        except NotImplementedError:
            raise _foreign(path, b"\x89HDF") from None


def _check_matlab(path: Path, name: str) -> None:
    """Read an array in a process of its own first: SciPy's reader ends its process where an array's
    kind of numbers is damaged."""
    read = "import scipy.io, sys; scipy.io.loadmat(sys.argv[1], variable_names=[sys.argv[2]])"
    tried = subprocess.run([sys.executable, "-c", read, path, name], stderr=subprocess.DEVNULL)
    if tried.returncode < 0 or tried.returncode > 255:  # by a signal; or Windows' way to say so
        raise ValueError(f"SciPy cannot read {name}")


def _choose(path: Path, shapes: Mapping[str, tuple[int, ...]], key: str | None) -> str:
    """The array that is asked for, or the only one that can hold pictures."""
    listed = ", ".join(f"{name} {tuple(shape)}" for name, shape in shapes.items()) or "nothing"
    if key is not None:
        if key not in shapes:
            raise ValueError(
                f"'{path}' holds {listed}, but key={key!r} was asked for: name one that is there."
            )
        return key
    # Beside pictures there often lie labels: numbers in a row.
    large = [name for name, shape in shapes.items() if sum(n > 1 for n in shape) > 1]
    large = large or list(shapes)
    if len(large) != 1:
        raise ValueError(
            f"'{path}' holds {listed}, but one array of {WANTED}, was expected: say which, with "
            "key='NAME'."
        )
    return large[0]


def _foreign(path: Path, start: bytes) -> ValueError:
    if start[257:262] == b"ustar":
        return _refused(path, *TAR)
    for magic, said in FOREIGN.items():
        if start.lstrip().startswith(magic) if magic == b"<" else start.startswith(magic):
            return _refused(path, *said)
    what = f"starts with the bytes {start[:8]!r}" if start else "is empty (0 bytes)"
    return ValueError(
        f"'{path}' {what}, but pictures, or a .npy, .npz or .mat of {WANTED}, were expected: "
        "correct the path, or make one with numpy.save."
    )


def _refused(path: Path, what: str, fix: str) -> ValueError:
    return ValueError(f"'{path}' is {what}, but {WANTED}, were expected: {fix}.")
