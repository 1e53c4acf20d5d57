"""Picture files, opened by Pillow: found, turned upright, shrunk once."""

import glob
import struct
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor
from tqdm.auto import tqdm

from course_lib.datasets.arrays import is_large
from course_lib.datasets.levels import DARK
from course_lib.transforms import square

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "PPM")  # others are guesses
SUFFIXES = set(".jpg .jpeg .png .webp .bmp .tif .tiff .gif .pgm .ppm .pbm .pnm".split())
ORIENTATION = 0x0112  # the number of EXIF's note of how a camera was held
UNREADABLE = (  # what Pillow raises for what a file's bytes lead it to
    UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError, TypeError, LookupError,
    AttributeError, ArithmeticError, RuntimeError, struct.error, MemoryError,
    Image.DecompressionBombError, Image.DecompressionBombWarning,
)  # fmt: skip


@dataclass
class Photographs:
    """Pictures that were read, and what was done to them.

    Attributes
    ----------
    images : Tensor
        uint8 (n, 3, H, W).
    rows : list of int
        Which of the files, or of the pictures in memory, these are.
    notes : str
    """

    images: Tensor
    rows: list[int]
    notes: str


def find(place: Path) -> list[Path]:
    """The files in a folder, however deep, or those that a pattern with ``*`` names, in order."""
    if place.is_dir():
        found = place.rglob("*")
    else:
        found = map(Path, glob.iglob(str(place), recursive=True))
    hidden = ("__MACOSX", "Thumbs.db", "desktop.ini")
    return sorted(
        path
        for path in found
        if path.is_file()
        and not any(p.startswith(".") or p in hidden for p in path.relative_to(_base(place)).parts)
    )


def is_picture(path: Path) -> bool:
    """Whether a file is named as a picture, or Pillow knows what it begins with."""
    if path.suffix.lower() in SUFFIXES:
        return True
    try:
        with Image.open(path, formats=FORMATS):
            return True
    except UNREADABLE:
        return False


def read(pictures: Sequence[Path | Image.Image], name: str, size: int | None) -> Photographs:
    """Open pictures one by one and make them equally large.

    Parameters
    ----------
    pictures : sequence of paths or PIL pictures
        What cannot be opened is left out, and told.
    name : str
        What to call them in a message.
    size : int, optional
        Their central squares become so large. Pictures that are equally large, and no larger than
        that, stay as they are.

    Raises
    ------
    ValueError
        If none can be opened, or without `size` they are not equally large.
    """
    sizes, skipped = {}, {}
    for number, one in enumerate(pictures):
        try:
            sizes[number] = _size(one)
        except UNREADABLE as error:
            skipped[number] = error
    if not sizes:
        raise _none(name, skipped)
    different = sorted(set(sizes.values()))
    if size is None and len(different) > 1:
        (width, height), (w, h) = different[0], different[-1]
        raise ValueError(
            f"{name} holds pictures of different sizes, {height}×{width} to {h}×{w}, but "
            "without a size equal ones are expected: with datasets.load(…, size=64), or "
            "datasets.pictures(…, size=64), all become squares of that."
        )
    side = size if len(different) > 1 or is_large(*different[0], size) else None  # of squares
    width, height = different[0] if side is None else (side, side)
    images = torch.empty((len(sizes), 3, height, width), dtype=torch.uint8)
    rows, turned = [], 0
    for number in tqdm(list(sizes), desc="Reading pictures", unit="picture", leave=False):
        try:
            pixels, was_turned = _read(pictures[number], side)
        except UNREADABLE as error:
            skipped[number] = error
            continue
        images[len(rows)] = torch.from_numpy(pixels).movedim(-1, 0)
        rows.append(number)
        turned += was_turned
    if not rows:
        raise _none(name, skipped)
    images = images[: len(rows)]
    if len(rows) > 1 and all(torch.equal(image, images[0]) for image in images):
        raise ValueError(
            f"{name} holds the same picture {len(rows):,} times, but different ones were expected: "
            "check how they were saved."
        )
    notes = [f"{len(rows):,} picture{'s' * (len(rows) != 1)} of {height}×{width}"]
    if side is not None:
        smaller = sum(min(sizes[row]) < side for row in rows)
        notes.append("the central squares of " + _range(different))
        notes += [f"enlarged {smaller}"] * bool(smaller)
    notes += [f"turned {turned}"] * bool(turned)
    if (highest := int(images.max())) <= DARK:
        masks = " (of masks of 0 and 1 pass an array)" if highest == 1 else ""
        notes.append(f"very dark, nothing above {highest} of 255{masks}")
    if skipped:
        names = [_name(pictures[number]) for number in sorted(skipped)]
        more = ", …" * (len(names) > 3)
        notes.append(f"skipped {len(names)} that cannot be opened: {', '.join(names[:3])}{more}")
    return Photographs(images, rows, ", ".join(notes))


def people(files: Iterable[Path], folder: Path) -> Tensor:
    """A number for each file, the same within a subfolder: where each person has one."""
    named = [path.relative_to(folder).parts[0] for path in files]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(named))}
    return torch.tensor([numbers[name] for name in named])


def _base(place: Path) -> Path:
    """The part of a path that was written out, without stars."""
    parts = place.parts
    stars = [number for number, part in enumerate(parts) if glob.has_magic(part)]
    return Path(*parts[: stars[0]]) if stars and not place.is_dir() else place


def _none(name: str, skipped: dict[int, Exception]) -> ValueError:
    reason = " ".join(str(next(iter(skipped.values()), "it is empty")).split())
    return ValueError(
        f"{name} holds no picture that can be opened ({reason[:200]}), but .jpg, .png or others "
        "were expected: correct the path, or save them again."
    )


def _size(one: Path | Image.Image) -> tuple[int, int]:
    """Width and height, upright."""
    with _opened(one) as image:
        width, height = image.size
        sideways = image.getexif().get(ORIENTATION, 1) in (5, 6, 7, 8)
        return (height, width) if sideways else (width, height)


def _read(one: Path | Image.Image, size: int | None):
    with _opened(one) as image:
        turned = image.getexif().get(ORIENTATION, 1) in range(2, 9)
        return square(image, size), turned


def _opened(one: Path | Image.Image) -> Image.Image:
    with warnings.catch_warnings():
        # So many pixels that it may be meant to fill the memory: skipped, as what is broken.
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        return one.copy() if isinstance(one, Image.Image) else Image.open(one, formats=FORMATS)


def _name(one: Path | Image.Image) -> str:
    return one.name if isinstance(one, Path) else "a picture in memory"


def _range(sizes: list[tuple[int, int]]) -> str:
    (width, height), (w, h) = sizes[0], sizes[-1]
    return f"{height}×{width}" + (f" to {h}×{w}" if len(sizes) > 1 else "")
