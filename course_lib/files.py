"""Where files live, how they are written whole or not at all, by one program at a time, and how
tensors that took long to make are kept."""

import os
import platform
import re
import shutil
import sys
import time
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING
from uuid import uuid4

import psutil
from filelock import FileLock, Timeout
from safetensors import SafetensorError, safe_open

if TYPE_CHECKING:  # whoever only writes notebooks does not wait for PyTorch
    from torch import Tensor

HOST = re.sub(r"\W", "_", platform.node())[:40]  # process ids count on one computer
PART = re.compile(r"\.(\w*)-(\d+)-[0-9a-f]{8}\.part")
DAY = 86_400  # seconds
ELSEWHERE = "choose another folder; that of data sets and models is set by the variable COURSE_DATA"
_under_way: set[Path] = set()


def data_folder() -> Path:
    """The folder for data sets and trained models.

    Returns
    -------
    Path
        ``$COURSE_DATA`` where that is set, else ``data/`` beside ``course_lib/``. It need not
        exist yet.
    """
    chosen = os.environ.get("COURSE_DATA")
    return Path(chosen) if chosen else Path(__file__).resolve().parent.parent / "data"


def check_writable(folder: Path, mend: str = ELSEWHERE) -> None:
    """Refuse a folder that nothing can be written to, before much has been computed.

    Nothing is left there: a folder that is missing is not made, but the one that it would be made
    in is tried.

    Parameters
    ----------
    folder : Path
    mend : str
        What to do where nothing can be.

    Raises
    ------
    OSError
        In one sentence.
    """
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    try:
        with TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise type(error)(
            f"Nothing can be written to '{folder}' ({error.strerror or error}): {mend}."
        ) from error


def check_place(path: Path) -> None:
    """Refuse a place that no file can be written to, before much has been computed.

    Parameters
    ----------
    path : Path
        Of a file to make or replace.

    Raises
    ------
    OSError
        In one sentence.
    """
    check_writable(path.parent)
    try:
        is_folder = path.is_dir()
    except OSError as error:  # a name that is too long, for example
        raise type(error)(
            f"'{path}' can be no file ({error.strerror or error}): choose another name."
        ) from error
    if is_folder:
        raise IsADirectoryError(
            f"'{path}' is a folder, but a file would be written there: choose another name."
        )


@contextmanager
def written_beside(path: Path) -> Generator[Path]:
    """Write a file beside its place and rename it once it is whole.

    Whoever reads `path` finds the old file or the new one, never half of one, even after a power
    cut. Two processes may write at once; whichever is last stays. What a process that was killed
    meanwhile left behind is cleared by the next one that writes to the folder.

    Parameters
    ----------
    path : Path
        The file to make or replace. Its folder is made if need be.

    Yields
    ------
    Path
        An empty file to write to instead. It is gone if the block raises.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    clear_parts(path.parent)
    # A folder, so that what safetensors writes beside the file is cleared with it.
    part = path.parent / f".{HOST}-{os.getpid()}-{uuid4().hex[:8]}.part"
    _under_way.add(part)
    try:
        part.mkdir()
        beside = part / path.name
        beside.touch()
        usual_mode = beside.stat().st_mode
        yield beside
        beside.chmod(usual_mode)  # safetensors would let nobody but the owner read the file
        _reach_the_disk(beside, os.O_RDWR)
        os.replace(beside, path)
        with suppress(OSError):  # Windows opens no folders
            _reach_the_disk(path.parent, os.O_RDONLY)
    finally:
        shutil.rmtree(part, ignore_errors=True)
        _under_way.discard(part)


def write(path: Path, content: str | bytes) -> None:
    """Make or replace a file, whole or not at all: bytes, or text in UTF-8 as it stands."""
    with written_beside(path) as beside:
        beside.write_bytes(content if isinstance(content, bytes) else content.encode())


def _reach_the_disk(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def clear_parts(folder: Path) -> None:
    """Delete what `written_beside` left in a folder when its process was killed.

    Parameters
    ----------
    folder : Path
        Where processes write that still run on this computer, or wrote on another one within a
        day, their parts stay.
    """
    for part in folder.glob(".*.part"):
        if (found := PART.fullmatch(part.name)) is None or part in _under_way:
            continue
        host, process = found[1], int(found[2])
        with suppress(OSError):  # another one clears it too
            if host != HOST:
                dead = time.time() - part.stat().st_mtime > DAY
            else:  # ours too: in a container, many have the same number
                dead = process == os.getpid() or not psutil.pid_exists(process)
            if dead:
                shutil.rmtree(part, ignore_errors=True)


@contextmanager
def one_at_a_time(path: Path) -> Generator[None]:
    """Let one program at a time make a file. Others say so and wait, then run the block too: they
    look first whether the file is there by now.

    The system lets go of the lock when its holder ends, however it ends.

    Parameters
    ----------
    path : Path
        The file. Its folder is made if need be.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.lock")
    lock = FileLock(beside, poll_interval=0.2)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        print(f"Another program is making {path.name}: waiting for it.", file=sys.stderr)
        lock.acquire()
    try:
        yield
    finally:
        with suppress(OSError):  # Windows removes it when it lets go, and not before
            beside.unlink()
        lock.release()


@contextmanager
def one_alone(folder: Path) -> Generator[None]:
    """Let one program at a time write to a folder; any other is refused.

    Parameters
    ----------
    folder : Path
        It is made if need be, and if nothing was put into it, it is gone again afterwards.

    Raises
    ------
    BlockingIOError
        In one sentence.
    """
    new = [place for place in (folder, *folder.parents) if not place.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    beside = folder / ".lock"
    lock = FileLock(beside)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise BlockingIOError(
            f"Another program is writing to '{folder}': wait for its end, or choose another folder."
        ) from None
    try:
        yield
    finally:
        with suppress(OSError):
            beside.unlink()
        lock.release()
        with suppress(OSError):  # the first that is not empty
            for place in new:
                place.rmdir()


def load_or_make(
    path: Path, made_by: str, make: Callable[[], "dict[str, Tensor]"]
) -> "dict[str, Tensor]":
    """Tensors from a safetensors file, made first where it is missing or not as it should be.

    A file that is cut short, damaged in any bit, or of another recipe is noticed and replaced: it
    is read once as a whole, piece by piece, and compared with its checksum (150 MB take a tenth of
    a second). Of two programs that want it at once, one makes it and the other waits.

    Parameters
    ----------
    path : path
        The file. Its folder is made where there is none.
    made_by : str
        The recipe. A file that another recipe made is replaced.
    make : callable
        Makes the tensors, by name.

    Returns
    -------
    dict of Tensor
        Mapped from the file: a page counts as this process's when it is first looked at. Writing
        to them changes a private copy and never the file.

    Raises
    ------
    OSError
        If nothing can be written to the folder, in one sentence, before they are made. Where the
        disk is full afterwards they are handed back as they were made, with a warning.
    """
    if (tensors := _read(path, made_by)) is not None:
        return tensors
    from course_lib import checksum

    check_place(path)
    with one_at_a_time(path):
        if (tensors := _read(path, made_by)) is not None:  # made meanwhile
            return tensors
        tensors = make()
        try:
            with written_beside(path) as beside:
                checksum.save_file(tensors, beside, {"made_by": made_by})
        except (OSError, SafetensorError) as error:  # the second kind is of a full disk, too
            warnings.warn(
                f"{path} could not be written ({error}), and will be made anew the next time: make "
                "room, or set the variable COURSE_DATA to a folder elsewhere.",
                stacklevel=2,
            )
            return tensors
    return _read(path, made_by) or tensors


def _read(path: Path, made_by: str) -> "dict[str, Tensor] | None":
    """The tensors, or None where the file is missing, damaged, foreign or of another recipe."""
    from course_lib import checksum

    try:
        with safe_open(path, framework="pt") as file:
            if (file.metadata() or {}).get("made_by") != made_by or checksum.misfit(path):
                return None
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError):
        return None
