"""One front door to all pictures: by name, from files of many kinds, or from memory."""

import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from course_lib import sources
from course_lib.datasets import array_files, arrays, axes, photographs, stored
from course_lib.datasets.sets import LOADERS
from course_lib.datasets.splits import Splits, parted, split, split_by_person
from course_lib.datasets.stored import StoredImages
from course_lib.files import data_folder, load_or_make
from course_lib.training.fingerprint import fingerprint

SIZE = 64  # your own pictures that are larger become squares of so many pixels
IN_MEMORY_BYTES = 2**30  # your own files up to this size become tensors, larger ones stay on disk
VERSION = 2  # of how files are read: another makes another cache


def load(
    source: Any,
    *,
    seed: int = 0,
    root: str | os.PathLike | None = None,
    size: int | None = SIZE,
    key: str | None = None,
    shape: tuple[int, ...] | None = None,
    by_person: bool = False,
) -> Splits:
    """Load a data set by name, or your own pictures from wherever they are.

    Parameters
    ----------
    source : str, path, array, tensor or list
        ``"faces"``, ``"orl"``, ``"digits"``, ``"lfw"``, ``"celeba"``, ``"mnist"``,
        ``"fashion-mnist"`` (``data/README.md`` describes them). Or your own: a folder of picture
        files, however deep, or a pattern such as ``"faces/*.jpg"``; a `.npy`, `.npz` or `.mat`; an
        array or tensor; a list of arrays, of PIL pictures or of paths. What it was taken for is
        printed. A `.npy` of uint8, (N, H, W, 3) or (N, H, W), above 1 GiB stays on disk, and so
        does a folder of several, which are one set.
    seed : int
        Decides which picture goes where. ``"faces"`` and ``"celeba"`` have fixed splits,
        ``"mnist"`` and ``"fashion-mnist"`` a fixed test set.
    root : path, optional
        Folder for generated, downloaded and converted files; `files.data_folder` by default.
    size : int or None
        Your own pictures above so many pixels become squares of that, the middle of each, once and
        for all. None leaves them as they are.
    key : str, optional
        Which array of a `.npz` or `.mat`, where there are several.
    shape : (H, W) or (H, W, 3), optional
        Of one picture, where yours are flattened and not square.
    by_person : bool
        A folder has a subfolder for each person: nobody in the test set is seen in training.

    Returns
    -------
    Splits
        Faces are (n, 3, 64, 64). ``"orl"`` and ``"lfw"`` are split by person: nobody in the test
        set was seen in training. Pictures without an official split go 80 : 10 : 10.

    Raises
    ------
    FileNotFoundError
        No such file or name, a package that is not installed, or a download that failed.
    ValueError, TypeError
        What holds no pictures, or could mean more than one thing.
    """
    if isinstance(source, Splits):
        return source
    root = Path(root) if root is not None else data_folder()
    if isinstance(source, str | os.PathLike):
        found = sources.find(source)
        if isinstance(found, str):
            return LOADERS[found](seed, root)
    else:
        found = source
    images, person, words = _taken(found, root, size, key, shape)
    if len(images) < 3:
        raise ValueError(_too_few(found, len(images), words))
    if by_person:
        if person is None:
            raise ValueError(
                f"{_name(found)} has no subfolders, but by_person=True expects one for each "
                "person: put each person's pictures into a folder, or leave by_person out."
            )
        parts = split_by_person(person, seed)
    else:
        parts = split(len(images), seed)
    print(_told(found, words))
    return parted(images, parts)


def pictures(source: Any, *, size: int | None = None) -> Tensor | StoredImages:
    """Pictures of any kind as tensors of uint8: what an explorer takes.

    Parameters
    ----------
    source : str, path, array, tensor, list, PIL picture or Splits
        As `load` takes it; here one picture will do, too. Of `Splits` the test set counts.
    size : int, optional
        As `load` takes it; by default pictures of equal sizes stay as large as they are.

    Returns
    -------
    Tensor or StoredImages
        uint8 (N, C, H, W); a tensor that is such already is handed back as it is.

    Raises
    ------
    FileNotFoundError, ValueError, TypeError
        As `load`.
    """
    if isinstance(source, Splits):
        source = source.test
    if isinstance(source, StoredImages):
        return source
    if isinstance(source, Tensor) and source.dtype == torch.uint8 and _is_set(source.shape):
        return source
    if isinstance(source, str | os.PathLike):
        source = sources.find(source)
        if isinstance(source, str):
            return load(source).test
    images, _, words = _taken(source, data_folder(), size, None, None)
    print(_told(source, words))
    return images


def _taken(source: Any, root: Path, size, key, shape) -> tuple:
    """Pictures, who is on each if that is known, and words for what they were taken for."""
    if isinstance(source, Path):
        return _from_path(source, root, size, key, shape)
    if isinstance(source, Image.Image):
        source = [source]
    if isinstance(source, list | tuple) and source:
        source = _listed(source)
    if isinstance(source, Tensor):
        source = source.detach().cpu()
        source = (source.float() if source.dtype == torch.bfloat16 else source).numpy()
    if isinstance(source, np.ndarray):
        return _from_array(lambda: source, size, shape)
    if isinstance(source, list):
        found = photographs.read(source, "The list", size)
        return found.images, None, found.notes
    raise TypeError(
        f"load got a {type(source).__name__}, but the name of a data set, a path, an array, a "
        "tensor or a list of pictures was expected: pass the pictures themselves."
    )


def _listed(items: Sequence) -> np.ndarray | list:
    """Arrays and tensors put together, PIL pictures and paths left alone."""
    if all(isinstance(item, str | os.PathLike) for item in items):
        return [Path(sources.find(item)) for item in items]
    if all(isinstance(item, Image.Image) for item in items):
        return list(items)
    try:
        return np.stack([np.asarray(item) for item in items])
    except (ValueError, TypeError, RuntimeError):
        kinds = sorted({str(getattr(i, "shape", type(i).__name__)) for i in items})[:3]
        raise ValueError(
            f"The list holds {', '.join(kinds)}, but equally large arrays, PIL pictures or paths "
            "were expected: make PIL pictures of them with PIL.Image.fromarray, which load shrinks."
        ) from None


def _from_array(source: axes.Source, size, shape) -> tuple:
    meaning = arrays.understand(source, "The array", shape)
    images = arrays.convert(source, meaning, size)
    return images, None, _and_shrunk(meaning, images)


def _and_shrunk(meaning: axes.Meaning, images: Tensor) -> str:
    if meaning.shape[1:3] == tuple(images.shape[2:]):
        return str(meaning)
    return f"{meaning}; their central squares were shrunk to {images.shape[2]}×{images.shape[3]}"


def _from_path(path: Path, root: Path, size, key, shape) -> tuple:
    """What a file, a folder or a pattern holds. All but a plain `.npy` is kept as it was read."""
    if path.is_file() and array_files.is_array(path):
        return _from_array_file(path, root, size, key, shape)
    if found := stored.find(path):
        images, words = stored.open_files(found, size)
        in_memory = images.shape.numel() <= IN_MEMORY_BYTES
        return images[:] if in_memory else images, None, words
    files, others = _picture_files(path)
    if path.is_file():
        found = photographs.read(files, _name(path), size)
        return found.images, None, found.notes

    def make() -> dict[str, Tensor]:
        found = photographs.read(files, _name(path), size)
        read = [files[row] for row in found.rows]
        made = {
            "images": found.images,
            "words": torch.tensor(list((found.notes + others).encode())),
        }
        if path.is_dir() and all(file.parent != path for file in read):
            made["person"] = photographs.people(read, path)
        return made

    cached = _kept(*_cache(path, root, files, size), make)
    words = bytes(cached["words"].tolist()).decode()
    return cached["images"], cached.get("person"), words


def _from_array_file(path: Path, root: Path, size, key, shape) -> tuple:
    source, order = array_files.open_array(path, key)
    meaning = arrays.understand(source, _name(path), shape, order)
    array, large = source(), arrays.is_large(*meaning.shape[1:3], size)
    as_it_is = array.shape[:3] == meaning.shape[:3] and meaning.shape[3] != 4
    if isinstance(array, np.memmap) and as_it_is and not (meaning.notes or large):
        if array.nbytes <= IN_MEMORY_BYTES:
            return arrays.convert(source, meaning, size), None, str(meaning)
        if array.flags.c_contiguous:
            return StoredImages([path]), None, str(meaning)

    def make() -> dict[str, Tensor]:
        return {"images": arrays.convert(source, meaning, size)}

    images = _kept(*_cache(path, root, [path], size, key, shape), make)["images"]
    return images, None, _and_shrunk(meaning, images)


def _kept(place: Path, recipe: str, make: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
    """Tensors as `load_or_make` has them; where they cannot be kept, as they are made."""
    try:
        return load_or_make(place, recipe, make)
    except OSError as error:  # a folder that is only to be read
        warnings.warn(f"The pictures are read anew each time, for: {error}", stacklevel=2)
        return make()


def _cache(path: Path, root: Path, files: list[Path], *settings) -> tuple[Path, str]:
    """Where pictures are kept that took work to read, and what they were made of: when the files
    change, what was kept is replaced."""
    stats = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    stem = "".join(sign if sign.isalnum() else "_" for sign in path.stem)
    name = f"{stem}-{fingerprint(str(path.absolute()), settings)}.safetensors"
    return root / "own" / name, fingerprint(VERSION, stats)


def _picture_files(path: Path) -> tuple[list[Path], str]:
    """The picture files of a folder, a pattern or a path, and words for those that are none."""
    if path.is_file():
        if not photographs.is_picture(path):
            array_files.open_array(path)  # which says what it is
        return [path], ""
    found = photographs.find(path)
    files = [file for file in found if photographs.is_picture(file)]
    if not files:
        held = [file for file in found if array_files.is_array(file)] or found
        inside = ", ".join(file.name for file in held[:5]) or "nothing"
        kind = "is a folder without pictures" if path.is_dir() else "stands for no pictures"
        raise ValueError(
            f"{_name(path)} {kind} ({inside}), but picture files, or a .npy, .npz or "
            ".mat, were expected: give the path of one file, or of the folder with the pictures."
        )
    taken = set(files)
    others = [file.name for file in found if file not in taken]
    if not others:
        return files, ""
    more = ", …" * (len(others) > 3)
    none = "is no picture" if len(others) == 1 else "are no pictures"
    return files, f", skipped {len(others)} that {none}: {', '.join(others[:3])}{more}"


def _name(source: Any) -> str:
    if isinstance(source, Path):
        return f"'{source}'"
    return "The list" if isinstance(source, list | tuple) else "The array"


def _is_set(shape: Sequence[int]) -> bool:
    return len(shape) == 4 and shape[1] in (1, 3)


def _told(source: Any, words: str) -> str:
    return f"'{source.name}': {words}." if isinstance(source, Path) else f"Taken for {words}."


def _too_few(source: Any, count: int, words: str) -> str:
    held = (
        f"{_name(source)} holds {words}, but at least 3 pictures are needed, one each to train, "
        "validate and test"
    )
    if isinstance(source, Path) and source.is_file():
        use = (
            f"; transforms.picture({str(source)!r}) makes of one what a model or an explorer takes"
        )
    else:
        use = "; datasets.pictures takes fewer, to look at in an explorer"
    if count == 1 and "channels came first" in words:
        use += "; if these are three grey pictures, pass images[:, None]"
    return f"{held}: add pictures{use}."
