"""Does the memory in use grow with the size of your own `.npy`?

Run ``python tests/benchmarks/memory.py [folder]``. It writes files of random pictures (the
largest has 6 GB) into a temporary folder, loads each in a fresh process with `datasets.load`,
gathers 200 random batches of 128, prints by how much the process grew, and deletes the files.

The figures, in MB above what Python and its libraries already took:

peak
    highest resident memory, file pages counted (VmHWM; elsewhere than on Linux, ru_maxrss).
anonymous
    memory of the process's own at the end. It cannot be given back while in use.
mapped file
    pages of files at the end that the process maps (RssFile). The system may drop them at will.

For a file that stays on disk what remains is the index: 8 bytes for a picture of 12,288.
Beside these, the system keeps what was read in its page cache, as it does for every file. That
belongs to no process, and it goes as soon as somebody needs the memory.
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from course_lib import datasets

GIGABYTES = (0.6, 1.2, 6.0)  # the first is read into memory, the others stay on disk
BATCHES, BATCH_SIZE = 200, 128
PICTURE = (64, 64, 3)


def write(path: Path, gigabytes: float) -> None:
    """Fill a file with random pictures, 60 MB at a time."""
    n = round(gigabytes * 1e9 / np.prod(PICTURE))
    images = np.lib.format.open_memmap(path, "w+", np.uint8, (n, *PICTURE))
    random = np.random.default_rng(0)
    for start in range(0, n, 5000):
        part = images[start : start + 5000]
        part[:] = random.integers(0, 256, part.shape, np.uint8)
    images.flush()


def memory() -> dict[str, float]:
    """This process's memory in MB: peak, anonymous, mapped file."""
    status = Path("/proc/self/status")
    if not status.exists():
        unit = 1e6 if sys.platform == "darwin" else 1e3  # bytes on macOS
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
        return {"peak": peak, "anonymous": float("nan"), "mapped file": float("nan")}
    fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
    names = {"peak": "VmHWM", "anonymous": "RssAnon", "mapped file": "RssFile"}
    return {name: int(fields[field].split()[0]) * 1024 / 1e6 for name, field in names.items()}


def measure(path: Path) -> None:
    """Load, gather, and print one row of the table."""
    torch.ones(10_000)[torch.randint(10_000, (BATCH_SIZE,))].sum()  # start the libraries' threads
    before, start = memory(), time.perf_counter()
    train = datasets.load(path).train
    loaded = time.perf_counter()
    random = torch.Generator().manual_seed(0)
    for _ in range(BATCHES):
        batch = train[torch.randint(len(train), (BATCH_SIZE,), generator=random)]
        assert batch.shape == (BATCH_SIZE, 3, 64, 64)
    speed = BATCHES * BATCH_SIZE / (time.perf_counter() - loaded)
    growth = "".join(f"{value - before[name]:>12,.0f}" for name, value in memory().items())
    print(f"{type(train).__name__:>13}{growth}{loaded - start:>9.2f}{speed:>14,.0f}", flush=True)


def main(folder: str | None) -> None:
    columns = ("peak", "anonymous", "mapped file")
    print(f"{'file, MB':>9}{'train is':>13}" + "".join(f"{name:>12}" for name in columns), end="")
    print(f"{'load, s':>9}{'pictures/s':>14}")
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        for gigabytes in GIGABYTES:
            path = Path(temporary) / "images.npy"
            write(path, gigabytes)
            print(f"{path.stat().st_size / 1e6:>9,.0f}", end="", flush=True)
            subprocess.run([sys.executable, __file__, "--measure", str(path)], check=True)
            path.unlink()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        measure(Path(sys.argv[2]))
    else:
        main(*sys.argv[1:2] or [None])
