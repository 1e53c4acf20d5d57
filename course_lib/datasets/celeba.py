"""CelebA as it is found on people's disks: unpacked or not, lists as text or as tables."""

import zipfile
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import IO

import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import v2
from tqdm.auto import tqdm

PARTS = ("train", "validation", "test")  # 0, 1 and 2 in the official list
LISTS = ("list_eval_partition.txt", "list_eval_partition.csv")
ARCHIVE = "img_align_celeba.zip"
Photos = dict[str, Callable[[], IO[bytes]]]  # by name, what opens one


def find(folder: Path, opened: ExitStack) -> tuple[dict[str, int], Photos] | None:
    """The official list, and the photographs, wherever below a folder they lie.

    Parameters
    ----------
    folder : path
        With `list_eval_partition` as `.txt` or `.csv`, and the photographs in a folder or in
        `img_align_celeba.zip`. Beside others of the same names the aligned ones count.
    opened : ExitStack
        Closes the archive, once the photographs have been read.

    Returns
    -------
    list and photographs, or None
        None if there is nothing yet.

    Raises
    ------
    FileNotFoundError
        If something is there and something is missing, which is named.
    ValueError
        If the archive is damaged.
    """
    lists = [path for name in LISTS for path in sorted(folder.rglob(name))]
    loose = [path for path in folder.rglob("*.jpg") if not path.name.startswith(".")]
    loose.sort(key=_is_aligned)  # the last of a name stays
    photos: Photos = {path.name: partial(path.open, "rb") for path in loose}
    packed = sorted(folder.rglob(ARCHIVE))
    if packed and not any(map(_is_aligned, loose)):
        archive = opened.enter_context(_archive(packed[0]))
        photos = {
            Path(name).name: partial(archive.open, name)
            for name in archive.namelist()
            if name.endswith(".jpg")
        }
    if not lists and not photos:
        return None
    split = _split(lists[0]) if lists else {}
    missing = [LISTS[0]] * (not lists)
    if not photos:
        missing.append(f"the folder img_align_celeba or {ARCHIVE}")
    elif absent := sorted(split.keys() - photos.keys()):
        missing.append(f"{len(absent):,} photographs ({absent[0]} is the first)")
    if missing:
        raise FileNotFoundError(
            f"'{folder}' holds only a part of CelebA, but all that is needed was expected: put "
            f"there too {' and '.join(missing)}."
        )
    return split, photos


def read(
    found: tuple[dict[str, int], Photos], shrink: v2.Transform, size: int
) -> dict[str, Tensor]:
    """The photographs of each official part, uint8 (n, 3, size, size)."""
    split, photos = found
    made = {}
    for number, part in enumerate(PARTS):
        names = sorted(name for name, where in split.items() if where == number)
        images = torch.empty((len(names), 3, size, size), dtype=torch.uint8)
        for row, name in enumerate(tqdm(names, f"Shrinking CelebA, {part}", leave=False)):
            with photos[name]() as file, Image.open(file) as photo:
                images[row] = shrink(photo.convert("RGB"))
        made[part] = images
    return made


def _is_aligned(path: Path) -> bool:
    return Path(ARCHIVE).stem in path.parts


def _archive(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise ValueError(
            f"'{path}' is damaged or cut short ({error}), but the whole archive was expected: "
            "download or copy it again."
        ) from error


def _split(path: Path) -> dict[str, int]:
    """Photograph and part of each line; a table's first line names its columns."""
    lines = (line.replace(",", " ").split() for line in path.read_text().splitlines())
    return {line[0]: int(line[1]) for line in lines if len(line) == 2 and line[1].isdigit()}
