"""Arrays in files, `.npy`, `.npz` and `.mat`: opened without running anything, or refused."""

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import psutil

from course_lib.datasets.axes import WANTED, Source

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
        _map(path)
        return (lambda: _map(path)), "C"
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


def _map(path: Path) -> np.ndarray:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, SyntaxError, TypeError, OverflowError) as error:
        raise _damaged(path, error) from error
    return array


def _damaged(path: Path, error: Exception) -> ValueError:
    if "object" in str(error).lower() or "pickle" in str(error).lower():
        return ValueError(
            f"'{path}' holds pickled Python objects, which can run code when opened, but {WANTED}, "
            "were expected: where you made it, numpy.save a plain array (numpy.stack of equally "
            "large pictures)."
        )
    return ValueError(
        f"'{path}' is damaged or cut short, where {WANTED}, were expected "
        f"({_one_line(error)}): copy, download or save the file again."
    )


def _from_npz(path: Path, key: str | None) -> np.ndarray:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            sizes = {i.filename.removesuffix(".npy"): i.file_size for i in archive.infolist()}
    except (zipfile.BadZipFile, OSError) as error:
        raise _damaged(path, error) from error
    if any(name.endswith("data.pkl") for name in names):
        raise _refused(path, TORCH[0], TORCH[1].format(path=str(path)))
    if not any(name.endswith(".npy") for name in names):
        raise _refused(path, *PACKED)
    with np.load(path, allow_pickle=False) as arrays:
        try:
            shapes = {name: _shape(arrays, name) for name in arrays.files}
            chosen = _choose(path, shapes, key)
            free = psutil.virtual_memory().available
            if sizes.get(chosen, 0) > free:
                raise MemoryError(f"{sizes[chosen]:,} bytes unpacked, but {free:,} are free")
            return arrays[chosen]
        except MemoryError as error:
            raise ValueError(
                f"'{path}' does not fit into memory ({_one_line(error)}): unpack it, for a .npy "
                "stays on disk, and give the path of that."
            ) from error
        except (zipfile.BadZipFile, zipfile.zlib.error, EOFError, OSError) as error:
            raise _damaged(path, error) from error
        except ValueError as error:
            if str(path) in str(error):
                raise
            raise _damaged(path, error) from error


def _shape(arrays: np.lib.npyio.NpzFile, name: str) -> tuple[int, ...]:
    """The shape of a member, from its header alone."""
    with arrays.zip.open(name if name in arrays.zip.namelist() else f"{name}.npy") as member:
        version = np.lib.format.read_magic(member)
        read = np.lib.format.read_array_header_1_0
        if version != (1, 0):
            read = np.lib.format.read_array_header_2_0
        return read(member)[0]


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

    try:
        numeric = "int uint single double logical"
        shapes = {
            name: shape
            for name, shape, kind in matlab.whosmat(path)
            if kind.rstrip("0123456789") in numeric.split()
        }
        chosen = _choose(path, shapes, key)
        return matlab.loadmat(path, variable_names=[chosen])[chosen]
    except NotImplementedError:
        raise _foreign(path, b"\x89HDF") from None
    except ValueError as error:
        if str(path) in str(error):
            raise
        raise _damaged(path, error) from error
    except (OSError, EOFError, TypeError, MemoryError, KeyError) as error:
        raise _damaged(path, error) from error


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


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")[:200] or type(error).__name__
