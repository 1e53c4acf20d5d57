"""Where files live, how they are written whole or not at all, by one program at a time, and how
tensors that took long to make are kept."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING
from uuid import uuid4

from filelock import FileLock, Timeout
from safetensors import SafetensorError, safe_open

if TYPE_CHECKING:  # whoever only writes notebooks does not wait for PyTorch
    from torch import Tensor


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


def check_writable(folder: Path) -> None:
    """Refuse a folder that nothing can be written to, before much has been computed.

    Nothing is left there: a folder that is missing is not made, but the one that it would be made
    in is tried.

    Parameters
    ----------
    folder : Path

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
            f"Nothing can be written to '{folder}' ({error.strerror or error}): choose another "
            "folder; that of data sets and models is set by the variable COURSE_DATA."
        ) from error


@contextmanager
def written_beside(path: Path) -> Iterator[Path]:
    """Write a file beside its place and rename it once it is whole.

    Whoever reads `path` finds the old file or the new one, never half of one. Two processes may
    write at once; whichever is last stays.

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
    beside = path.with_name(f".{path.name}.{uuid4().hex}.part")
    try:
        beside.touch()
        usual_mode = beside.stat().st_mode
        yield beside
        beside.chmod(usual_mode)  # safetensors would let nobody but the owner read the file
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
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


def load_or_make(
    path: Path, made_by: str, make: Callable[[], "dict[str, Tensor]"]
) -> "dict[str, Tensor]":
    """Tensors from a safetensors file, made first where it is missing or not as it should be.

    A file that is cut short, no safetensors file or of another recipe is noticed, by its size and
    its header. Its numbers are taken on trust: to check them all would read the whole file at
    every load. Of two programs that want it at once, one makes it and the other waits.

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
        Mapped from the file: a page is read when it is first looked at. Writing to them changes
        a private copy and never the file.

    Raises
    ------
    OSError
        If they cannot be written, in one sentence. Nothing half-written stays.
    """
    if (tensors := _read(path, made_by)) is not None:
        return tensors
    from safetensors.torch import save_file

    check_writable(path.parent)
    with one_at_a_time(path):
        if (tensors := _read(path, made_by)) is not None:  # made meanwhile
            return tensors
        tensors = make()
        with written_beside(path) as beside:
            try:
                save_file(tensors, beside, {"made_by": made_by})
            except SafetensorError as error:  # of a full disk, for example
                raise OSError(
                    f"{path} could not be written ({error}): make room, or set the variable "
                    "COURSE_DATA to a folder elsewhere."
                ) from error
    return _read(path, made_by) or tensors


def _read(path: Path, made_by: str) -> "dict[str, Tensor] | None":
    """The tensors, or None where the file is missing, cut short, foreign or of another recipe."""
    try:
        with safe_open(path, framework="pt") as file:  # it compares the header and the file's size
            if (file.metadata() or {}).get("made_by") != made_by:
                return None
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError):
        return None
