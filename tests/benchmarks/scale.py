"""Do memory and time per picture stay the same from 10,000 pictures to 1,000,000?

    python tests/benchmarks/scale.py [folder]

It makes small random pictures on the spot (3 × 16 × 16, so that a million are 768 MB), once in one
`.npy` and once in eight uneven ones, and draws 1,000 batches of 128 in the order of an epoch of
`training.fit`, each time in a fresh process, three times in turn. The pictures stay on disk
whatever their size. Then `fit` trains notebook 08's small VAE on a million of them, in as many
epochs as that takes. Columns: by how many MB the process's own memory (RssAnon) and its peak with
pages of files (VmHWM) grew while drawing, the median; the fewest microseconds that a picture took
to be drawn, and to be trained on, drawing included (from the pictures a second that `fit` notes for
each epoch).

Why a reader of our own: pictures of equal size lie in a `.npy` at known places, so that any order
is an index, and mixing a million costs 8 bytes for each and no buffer. WebDataset, litdata and
Hugging Face's `datasets` want them converted to a format of their own, and the streams among them
mix within a buffer, which is the way where files are far away and have to be read in order.
`torch.utils.data` brings workers that decode pictures one by one, where here nothing is decoded: a
batch is one gather.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from memory import memory

from course_lib import training
from course_lib.datasets.stored import StoredImages, find
from course_lib.models import FullyConnectedVAE
from course_lib.objectives import elbo
from course_lib.training.loop import _batches

COUNTS = (10_000, 100_000, 1_000_000)
SHARES = (1, 2, 3, 4, 5, 8, 13, 28)  # of the pictures, in 64ths
PICTURE = (16, 16, 3)
BATCHES, BATCH_SIZE, ROUNDS = 1_000, 128, 3
TRAINED = COUNTS[-1]  # pictures


def write(folder: Path, n: int) -> None:
    """``whole/0.npy``, and ``parts`` of it."""
    images = np.random.default_rng(0).integers(0, 256, (n, *PICTURE), np.uint8)
    ends = np.cumsum(SHARES)[:-1] * n // sum(SHARES)
    for name, parts in (("whole", [images]), ("parts", np.split(images, ends))):
        (folder / name).mkdir()
        for number, part in enumerate(parts):
            np.save(folder / name / f"{number}.npy", part)


def measure(folder: Path) -> dict[str, float]:
    """Draw batches in an epoch's order, and the next's where it ends."""
    before = memory()
    images = StoredImages(find(folder))
    seconds, epoch, left = 0.0, 0, BATCHES
    while left:
        for chosen in _batches(len(images), BATCH_SIZE, 0, epoch)[:left]:
            start = time.perf_counter()
            images[chosen]
            seconds += (time.perf_counter() - start) / len(chosen) / BATCHES
            left -= 1
        epoch += 1
    grown = {name: value - before[name] for name, value in memory().items()}
    return {
        "own": grown["anonymous"],
        "peak": grown["peak"],
        "us": 1e6 * seconds,
        "trained": trained(images),
    }


def trained(images: StoredImages) -> float:
    """Microseconds of training for a picture."""
    data = SimpleNamespace(train=images, validation=images[:BATCH_SIZE])
    network = partial(FullyConnectedVAE, tuple(images.shape[1:]), 256, 32)
    settings = {"batch_size": BATCH_SIZE, "device": "cpu", "progress": False}
    state = training.fit(network, elbo, data, epochs=max(TRAINED // len(images), 1), **settings)
    return statistics.mean(1e6 / speed for speed in state.history["images_per_second"])


def main(folder: str | None) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        places = []
        for n in COUNTS:
            place = Path(temporary) / str(n)
            place.mkdir()
            write(place, n)
            places += [(n, place / name) for name in ("whole", "parts")]
        found = {place: [] for place in places}
        for _ in range(ROUNDS):
            for n, place in places:
                command = [sys.executable, __file__, "--measure", str(place)]
                told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                found[n, place].append(json.loads(told))
    print("| pictures | files | own memory, MB | peak, MB | µs to draw one | µs to train on one |")
    print("| --- | --- | --- | --- | --- | --- |")
    for (n, place), rounds in found.items():
        own, peak = (statistics.median(one[name] for one in rounds) for name in ("own", "peak"))
        drawn, learnt = (min(one[name] for one in rounds) for name in ("us", "trained"))
        files = 1 if place.name == "whole" else len(SHARES)
        print(f"| {n:,} | {files} | {own:.0f} | {peak:.0f} | {drawn:.1f} | {learnt:.1f} |")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        torch.set_num_threads(1)
        print(json.dumps(measure(Path(sys.argv[2]))))
    else:
        main(*sys.argv[1:2] or [None])
