"""Less than usual to write to: what was there stays, one sentence says so, and what was computed is
used where it can be.

Run ``python tests/faults/disk.py [--times 50]``. As root, small disks are mounted.
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import kills
import numpy as np
import trials

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Path]:
    """A disk of so many bytes, rounded up to a page."""
    place = folder / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
    if os.getuid() or subprocess.run(mount, capture_output=True).returncode:
        raise trials.Skipped("only root may mount a small disk")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def no_file_above(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def _goes_on(folder: Path, starved) -> str | None:
    """A run that was starved says one sentence, and ends well when there is room."""
    if starved.status not in (0, 1) or (starved.status and not trials.sentence(starved.told)):
        return f"exit {starved.status}: {starved.told[-300:]}"
    if broken := kills.whole(folder):
        return broken
    if parts := [path.name for path in folder.rglob("*.part")]:
        return f"left behind: {parts}"
    again = trials.forked(lambda: kills.command(folder))
    return f"then: {again.told[-300:]}" if again.status else None


def full_disk(chance, folder: Path) -> str | None:
    """A disk that fills up somewhere in a run of the command, and has room later."""
    with small_disk(folder, chance.randrange(1, 30) * 4096) as place:
        starved = trials.forked(lambda: kills.command(place))
        subprocess.run(["mount", "-o", "remount,size=9m", str(place)], check=True)
        return _goes_on(place, starved)


def large_files(chance, folder: Path) -> str | None:
    size = chance.randrange(100_000)

    def starved() -> None:
        no_file_above(size)
        kills.command(folder)

    return _goes_on(folder, trials.forked(starved))


def faces_on_a_full_disk(chance, folder: Path) -> str | None:
    """They are used, though they cannot be kept."""
    with small_disk(folder, chance.randrange(1, 200) * 4096) as place:

        def starved() -> None:
            if kills.images(kills.draw)(place) != faces():
                sys.exit("other faces.")

        found = trials.forked(starved)
        if found.status:
            return found.told[-300:]
        more = {path.name for path in place.iterdir()} - {"faces.safetensors"}
        return f"left behind: {more}" if more else None


_faces: list[str] = []


def faces() -> str:
    """What the faces are where there is room."""
    if not _faces:
        with tempfile.TemporaryDirectory() as folder:
            _faces.append(kills.images(kills.draw)(Path(folder)))
    return _faces[0]


def read_only(chance, folder: Path) -> str | None:
    """The command says so before it trains; one's own pictures are read all the same."""
    with nothing_to_write_to(folder) as place:
        command = trials.forked(lambda: kills.command(place))
        read = trials.forked(lambda: kills.convert(place))
    if command.status != 1 or not command.told.startswith("Error: Nothing can be written to"):
        return f"exit {command.status}: {command.told[-300:]}"
    return read.told[-300:] if read.status else None


@contextmanager
def nothing_to_write_to(folder: Path) -> Iterator[Path]:
    """A folder that is only to be read, for root a whole disk."""
    if os.getuid():
        folder.chmod(0o555)
        yield folder
        folder.chmod(0o755)
        return
    with small_disk(folder, 2**20) as place:
        subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
        yield place


@trials.slow
@trials.at_most(1)
def read_only_course(chance, folder: Path) -> str | None:
    """A first notebook runs where its folder is only to be read, and copies are refused there."""
    with small_disk(folder, 2**26) as place:
        course(place)
        subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
        environment = os.environ | {"PYTHONPATH": str(place), "COURSE_DATA": str(folder / "data")}
        told = []
        for words in (
            ["jupyter", "execute", "notebooks/00_start_here.ipynb"],
            ["course_lib", "copies"],
        ):
            command = [sys.executable, "-m", *words]
            run = subprocess.run(
                command, cwd=place, env=environment, capture_output=True, text=True
            )
            told.append((run.returncode, run.stderr))
    (executed, error), (copied, refusal) = told
    if executed:
        return f"notebook 00: {error[-300:]}"
    return None if copied == 1 and trials.sentence(refusal) else f"copies, {copied}: {refusal}"


def course(place: Path) -> None:
    """The course as a student finds it."""
    for part in ("course_lib", "notebooks"):
        shutil.copytree(ROOT / part, place / part, ignore=shutil.ignore_patterns("mine", "__py*"))


def fresh(shell: str = "true", startup: str = "", **environment: str) -> trials.Fault:
    """The command in a process of its own, with a data file whose name is not ASCII; a line of
    Python may run before it."""

    @trials.slow
    @trials.at_most(2)
    def fault(chance, folder: Path) -> str | None:
        data = folder / "Gesichter σ² ü.npy"
        np.save(data, np.load(kills.GIVEN / "pictures.npy"))
        words = ["-m", "course_lib", "train", "--data", data, "--folder", folder / "Läufe/σ"]
        (folder / "sitecustomize.py").write_text(startup)
        run = subprocess.run(
            ["sh", "-c", f'{shell}; exec "$@"', "sh", sys.executable, *words, *kills.OPTIONS],
            env=os.environ | {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"} | environment,
            capture_output=True,
        )
        done = (folder / "Läufe" / "σ" / "figures.json").is_file()
        told = run.stderr.decode(errors="replace")[-300:]
        return None if run.returncode == 0 and done else f"exit {run.returncode}: {told}"

    return fault


FAULTS = {
    "disk full during the command train": full_disk,
    "disk full when the faces are drawn": faces_on_a_full_disk,
    "no file may be larger": large_files,
    "a folder that is only to be read": read_only,
    "a course that is only to be read": read_only_course,
    "no home": fresh(HOME="/nonexistent"),
    "no folder for temporary files": fresh(
        startup="import tempfile; tempfile._candidate_tempdir_list = list"
    ),
    "C locale, names outside ASCII": fresh(LC_ALL="C", PYTHONCOERCECLOCALE="0", PYTHONUTF8="0"),
    "32 file descriptors": fresh("ulimit -n 32"),
}

if __name__ == "__main__":
    trials.main(FAULTS)
