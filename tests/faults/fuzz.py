"""Damaged and hostile files at every door: one sentence, or what NumPy and Pillow read too; never a
crash, never all the memory, never code that is run.

Run ``python tests/faults/fuzz.py [--times 50]``: so many hundred files for each door
(fewer of MATLAB's).
"""

import io
import json
import os
import pickle
import random
import resource
import sys
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import kills
import nbformat
import numpy as np
import scipy.io
import torch
import trials
from PIL import Image

from course_lib import datasets, files, models, runs, training
from course_lib.authoring import execute
from course_lib.lessons import record
from course_lib.objectives import elbo
from course_lib.runs import scoring

BATCH = 100  # files that one fork reads
MEMORY = 2**29  # bytes that a fork may take more than it has
STORED = np.random.default_rng(0).integers(0, 256, (12, 9, 8, 3), np.uint8)
Door = Callable[[Path, bytes], str | None]  # reads a file, says what is wrong with what it gave


def mutated(content: bytes, chance) -> bytes:
    """A few bits, bytes or pieces changed, most often near the start, where headers are."""
    made = bytearray(content)
    for _ in range(chance.choice([1, 1, 1, 2, 4, 16])):
        end = chance.choice([min(128, len(made)), min(1024, len(made)), len(made)])
        place = chance.randrange(end) if end else 0
        length = chance.randrange(1, 9)
        match chance.randrange(8):
            case 0 | 1 | 2 if made:
                made[place] ^= 1 << chance.randrange(8)
            case 3 if made:
                made[place] = chance.choice([0, 1, 127, 128, 255, *b"0123456789-.eE{}[](),:'\""])
            case 4:
                made[place:place] = bytes(chance.randrange(256) for _ in range(length))
            case 5:
                del made[place : place + length]
            case 6:
                other = chance.randrange(len(made) + 1)
                made[place : place + length] = made[other : other + length]
            case 7:
                del made[chance.randrange(len(made) + 1) :]
    return bytes(made)


def little_memory() -> None:
    """Let this process take some, and no more; the address space is what Linux can limit."""
    if (statm := Path("/proc/self/statm")).exists():
        size = int(statm.read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, resource.RLIM_INFINITY))


def fuzzed(name: str, content: bytes, door: Door, batch: int = BATCH) -> trials.Fault:
    """A fault: so many files like one that is whole, each read through a door, in a fork that may
    take little memory."""

    def fault(chance, folder: Path) -> str | None:
        seeds, path = [chance.random() for _ in range(batch)], folder / name

        def work() -> None:
            little_memory()
            warnings.simplefilter("ignore")
            for seed in seeds:
                made = mutated(content, random.Random(seed))
                if made == content:
                    continue
                path.write_bytes(made)
                try:
                    wrong = door(path, made)
                except (ValueError, OSError, TypeError, FloatingPointError) as error:
                    told = str(error)
                    wrong = None if told.endswith(".") and "\n" not in told else repr(error)
                except BaseException as error:
                    wrong = repr(error)
                if wrong:
                    print(f"{wrong[:200]} (of {made[:100]!r}…)", file=sys.stderr)
                    sys.exit(2)

        ended = trials.forked(work)
        return None if ended.status == 0 else f"exit {ended.status}: {ended.told[-500:]}"

    fault.size = batch
    return fault


def written(save: Callable[[io.BytesIO], object]) -> bytes:
    buffer = io.BytesIO()
    save(buffer)
    return buffer.getvalue()


def array(read: Callable[[Path], np.ndarray]) -> Door:
    """Pictures in an array: as NumPy reads them, where they are uint8 and in the usual order."""

    def door(path: Path, made: bytes) -> str | None:
        found = datasets.pictures(path).movedim(1, -1).numpy()
        stored = read(path)
        usual = stored.dtype == np.uint8 and stored.ndim == 4 and stored.shape[-1] in (1, 3)
        if usual and stored.shape == found.shape and not np.array_equal(stored, found):
            return "other pixels than NumPy reads"
        return None

    return door


def picture(path: Path, made: bytes) -> str | None:
    found = datasets.pictures(path)[0].movedim(0, -1).numpy()
    with Image.open(path) as image:
        plain = image.mode in ("RGB", "L") and not image.getexif()
        same = np.array_equal(np.asarray(image.convert("RGB")), found)
    return "other pixels than Pillow reads" if plain and not same else None


def checkpoint(path: Path, made: bytes) -> str | None:
    """No change may pass."""
    training.load(path, trials.build)
    return "a changed file was accepted"


def weights(path: Path, made: bytes) -> str | None:
    """Files of others have no checksum: what fits is taken."""
    models.load_weights(path, trials.build())
    return None


def kept_data(path: Path, made: bytes) -> str | None:
    """Whatever was changed, they are made anew, and kept so."""
    for new in (torch.ones(2), torch.zeros(2)):
        found = files.load_or_make(path, "recipe", lambda new=new: {"images": new})
        if found.keys() != {"images"} or not torch.equal(found["images"], torch.ones(2)):
            return f"changed pictures {found}"
    return None


def run_settings(path: Path, made: bytes) -> str | None:
    (path.parent / "state.safetensors").write_bytes(FINISHED["state.safetensors"])
    run = runs.open(path.parent)
    return None if run.history["epoch"] == [1, 2, 3, 4] else "another run"


def progress(path: Path, made: bytes) -> str | None:
    os.environ["COURSE_PROGRESS"] = str(path)
    found = record.read()
    fits = all(isinstance(found[kind], dict) for kind in ("predictions", "exercises"))
    return None if fits else f"progress {found}"


def notebook(path: Path, made: bytes) -> str | None:
    execute.read(path)
    return None


def labels(path: Path, made: bytes) -> str | None:
    found = scoring._labels(path, 12)
    return None if set(found.tolist()) == {0, 1} else f"labels {found}"


def pictured(kind: str) -> bytes:
    return written(lambda file: Image.fromarray(STORED[0]).save(file, kind))


def finished() -> dict[str, bytes]:
    """The files of a run of the command."""
    folder = kills.GIVEN / "finished"
    ended = trials.forked(lambda: kills.command(folder))
    assert ended.status == 0, ended.told
    return {path.name: path.read_bytes() for path in (folder / "run").iterdir()}


def state() -> bytes:
    """A run that has not come to its end, with all that it takes to go on."""
    path = kills.GIVEN / "state.safetensors"
    settings = {"transform": trials.WHOLE, "device": "cpu", "progress": False}
    training.fit(trials.build, elbo, trials.pictures(), epochs=1, checkpoint=path, **settings)
    return path.read_bytes()


def kept() -> bytes:
    """A data set as the course keeps it, once it was made."""
    path = kills.GIVEN / "kept.safetensors"
    files.load_or_make(path, "recipe", lambda: {"images": torch.from_numpy(STORED)})
    return path.read_bytes()


FINISHED, STATE = finished(), state()
PROGRESS = {"predictions": {"q": {"answer": 1.5}}, "exercises": {"e": {"solved": True}}}


def edited(chance, folder: Path) -> str | None:
    """Settings, history or step of a kept run, with another number in it."""
    header = 8 + int.from_bytes(STATE[:8], "little")
    digits = [place for place in range(8, header) if STATE[place] in b"0123456789"]
    made = bytearray(STATE)
    place = chance.choice(digits)
    made[place] = chance.choice([sign for sign in b"0123456789" if sign != made[place]])
    path = folder / "state.safetensors"
    path.write_bytes(made)
    try:
        training.load(path, trials.build)
    except training.Mismatch as error:
        return None if trials.sentence(str(error)) else str(error)
    return f"accepted with another {bytes(made[place - 20 : place + 5])}"


class Canary:
    """Runs something when it is unpickled."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@trials.at_most(1)
def pickles(chance, folder: Path) -> str | None:
    """Files that would run something when they are opened as their makers meant it."""
    sung, canary = folder / "sung", Canary(folder / "sung")
    objects = np.array([canary], dtype=object)
    files = {
        "a.pkl": pickle.dumps(canary, protocol=2),
        "a.npy": written(lambda file: np.save(file, objects, allow_pickle=True)),
        "a.npz": written(lambda file: np.savez(file, images=objects)),
        "a.pt": written(lambda file: torch.save({"a": canary}, file)),
        "b.pt": written(
            lambda file: torch.save(canary, file, _use_new_zipfile_serialization=False)
        ),
    }
    for name, content in files.items():
        path = folder / name
        path.write_bytes(content)
        for door in (datasets.load, lambda path: models.load_weights(path, trials.build())):
            try:
                door(path)
            except ValueError as error:
                if "\n" in str(error):
                    return repr(error)
            else:
                return f"{name} was read"
            if sung.exists():
                return f"{name} was run"
    return None


def _npy(shape: str) -> bytes:
    """The beginning of a file."""
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header


def _npz(start: bytes, zeros: int = 0) -> bytes:
    """An archive of one array, of so many zeros."""
    packed = io.BytesIO()
    with (
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("images.npy", "w", force_zip64=True) as member,
    ):
        member.write(start)
        for _ in range(zeros // 2**24):
            member.write(bytes(2**24))
    return packed.getvalue()


@trials.slow
@trials.at_most(1)
def bombs(chance, folder: Path) -> str | None:
    """Small files that promise terabytes, or unpack to gigabytes."""
    terabytes, more = _npy("(100000000, 64, 64, 3)"), _npy(f"({MEMORY // 4096}, 64, 64)")
    files = {"a.npy": terabytes, "a.npz": _npz(terabytes), "b.npz": _npz(more, MEMORY)}

    def chunk(kind: bytes, content: bytes) -> bytes:
        length, sum_ = len(content), zlib.crc32(kind + content)
        return length.to_bytes(4, "big") + kind + content + sum_.to_bytes(4, "big")

    wide = (60_000).to_bytes(4, "big") * 2 + b"\x08\x02\0\0\0"
    parts = {b"IHDR": wide, b"IDAT": zlib.compress(bytes(2**24), 9), b"IEND": b""}
    files["a.png"] = b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts.items())
    for name, content in files.items():

        def read(path=folder / name, content=content) -> None:
            little_memory()
            path.write_bytes(content)
            try:
                datasets.load(path)
            except (ValueError, OSError) as error:
                sys.exit(f"refused: {error}")

        ended = trials.forked(read)
        if not ended.told.startswith("refused: ") or not trials.sentence(ended.told):
            return f"{name}: exit {ended.status}: {ended.told[-300:]}"
    return None


SEEDS = {
    "pictures.npy": (written(lambda file: np.save(file, STORED)), array(np.load)),
    "pictures.npz": (
        written(lambda file: np.savez_compressed(file, images=STORED)),
        array(lambda path: np.load(path)["images"]),
    ),
    "pictures.mat": (
        written(lambda file: scipy.io.savemat(file, {"images": STORED})),
        array(lambda path: scipy.io.loadmat(path)["images"]),
        BATCH // 20,  # a process for each
    ),
    **{
        f"picture.{kind.lower()}": (pictured(kind), picture)
        for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")
    },
    "state.safetensors": (STATE, checkpoint),
    "kept.safetensors": (kept(), kept_data),
    "run.json": (FINISHED["run.json"], run_settings),
    "weights.safetensors": (STATE, weights),
    "weights.pt": (
        written(lambda file: torch.save(trials.build().state_dict(), file)),
        weights,
    ),
    "progress.json": (json.dumps(PROGRESS).encode(), progress),
    "labels.csv": (b"ID,label\n" + b"\n".join(b"%d,%d" % (i, i % 2) for i in range(12)), labels),
    "labels.npy": (written(lambda file: np.save(file, np.arange(12) % 2)), labels),
    "lesson.ipynb": (
        nbformat.writes(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")])).encode(),
        notebook,
    ),
}
FAULTS = {f"damaged {name}": fuzzed(name, *seed) for name, seed in SEEDS.items()}
FAULTS |= {
    "another number in a kept run": edited,
    "files that would run code": pickles,
    "terabytes promised, or packed": bombs,
}

if __name__ == "__main__":
    trials.main(FAULTS)
