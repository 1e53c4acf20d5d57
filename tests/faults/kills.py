"""Stopped at random moments: what was whole stays whole, the next start works and clears up, and
what it ends with has the same bits as if nothing had been.

Run ``python tests/faults/kills.py [--times 50]``.
"""

import json
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import trials
from PIL import Image
from safetensors import safe_open

from course_lib import __main__, checksum, datasets, training
from course_lib.datasets import sets
from course_lib.models import FullyConnectedAutoencoder
from course_lib.runs import results
from course_lib.training import checkpoints
from course_lib.training.fingerprint import fingerprint

sets.FACES = (60, 6, 6)  # drawn in tenths of a second
results.COLUMNS = 2  # sheets of few pictures
OPTIONS = "--hidden-dim 9 --latent-dim 4 --batch-size 16 --device cpu --epochs 4 --resume".split()
_given = tempfile.TemporaryDirectory(prefix="faults-")
GIVEN = Path(_given.name)  # pictures that nobody touches


def give() -> None:
    """Write the pictures that the command and the folder's conversion start from."""
    random = np.random.default_rng(1)
    np.save(GIVEN / "pictures.npy", random.integers(0, 256, (70, 6, 5, 3), np.uint8))
    (GIVEN / "photographs").mkdir()
    for number in range(40):
        pixels = random.integers(0, 256, (80 + number, 90, 3), np.uint8)
        Image.fromarray(pixels).save(GIVEN / "photographs" / f"{number}.png")


def whole(folder: Path) -> str | None:
    """Which of the files that are there is not; files on their way may be anything."""
    for path in folder.rglob("*.safetensors"):
        if any(part.endswith(".part") for part in path.parts):
            continue
        if checkpoints.is_ours(path) and checksum.misfit(path):
            return f"{path.name} {checksum.misfit(path)}"
        with safe_open(path, framework="pt") as file:
            list(file.keys())
    for path in folder.rglob("*.json"):
        if not any(part.endswith(".part") for part in path.parts):
            json.loads(path.read_text())
    return None


def seen(folder: Path, look: Callable[[Path], object]) -> tuple[object, list[str]]:
    """What is looked at in a folder, and the names of all files in it."""
    return look(folder), sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def stopped(
    work: Callable[[Path], object], look: Callable[[Path], object], by: int = signal.SIGKILL
) -> trials.Fault:
    """A fault: some work in a folder is stopped at a random moment and begun again. What is looked
    at in the end, and the names of all files, are to be as where nobody stops it."""
    known = []

    def fault(chance, folder: Path) -> str | None:
        if not known:
            with tempfile.TemporaryDirectory() as other:
                started = time.perf_counter()
                first = trials.forked(lambda: work(Path(other)))
                known[:] = [time.perf_counter() - started, seen(Path(other), look)]
                assert first.status == 0, first.told
        seconds, expected = known
        after = chance.uniform(0, 1.1 * seconds)
        first = trials.forked(lambda: work(folder), after=after, by=by)
        if first.status not in (0, -by, trials.STOPPED):
            return f"when stopped it exits with {first.status}: {first.told[-300:]}"
        if first.status == trials.STOPPED and not trials.sentence(first.told):
            return f"when stopped it says: {first.told[-300:]}"
        if broken := whole(folder):
            return broken
        again = trials.forked(lambda: work(folder))
        if again.status:
            return f"the next start fails: {again.told[-300:]}"
        found = seen(folder, look)
        if found[1] != expected[1]:
            return f"files: {sorted(set(found[1]) ^ set(expected[1]))}"
        return None if found == expected else "another result"

    return fault


def command(folder: Path) -> None:
    data = str(GIVEN / "pictures.npy")
    sys.argv = ["", "train", "--data", data, "--folder", str(folder / "run"), *OPTIONS]
    __main__.main()


def commanded(folder: Path) -> tuple:
    with safe_open(folder / "run" / "state.safetensors", framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in sorted(file.keys())}
    return fingerprint(tensors), (folder / "run" / "figures.json").read_text()


def save(folder: Path) -> None:
    """Ten states, one after another, in one file of 10 MB."""
    torch.manual_seed(0)
    model = FullyConnectedAutoencoder((3, 32, 32), 128)
    state = training.State(model, checkpoints.adam(model, 1e-3), {"lr": 1e-3})
    model(torch.zeros(1, 3, 32, 32)).sum().backward()
    state.optimizer.step()
    for state.step in range(1, 11):
        training.save(state, folder / "state.safetensors")


def saved(folder: Path) -> str:
    with safe_open(folder / "state.safetensors", framework="pt") as file:
        return fingerprint({name: file.get_tensor(name) for name in sorted(file.keys())})


def draw(folder: Path) -> datasets.Splits:
    return datasets.load("faces", root=folder)


def convert(folder: Path) -> datasets.Splits:
    return datasets.load(GIVEN / "photographs", root=folder, size=32)


def images(load: Callable[[Path], datasets.Splits]) -> Callable[[Path], str]:
    def look(folder: Path) -> str:
        splits = load(folder)
        return fingerprint(splits.train, splits.validation, splits.test)

    return look


give()
trained = stopped(trials.train, lambda folder: trials.content(trials.train(folder)))
FAULTS = {
    "SIGKILL while training": trained,
    "SIGKILL of the command train": stopped(command, commanded),
    "SIGKILL while saving": stopped(save, saved),
    "SIGKILL while drawing the faces": stopped(draw, images(draw)),
    "SIGKILL while converting a folder": stopped(convert, images(convert)),
    "Ctrl-C of the command train": trials.slow(stopped(command, commanded, signal.SIGINT)),
    "SIGTERM of the command train": trials.slow(stopped(command, commanded, signal.SIGTERM)),
}

if __name__ == "__main__":
    trials.main(FAULTS)
