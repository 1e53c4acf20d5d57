"""Tensors that took long to make, kept in a file and memory-mapped when they are needed again."""

from collections.abc import Callable
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from course_lib.paths import written_beside


def load_or_make(
    path: Path, made_by: str, make: Callable[[], dict[str, Tensor]]
) -> dict[str, Tensor]:
    """Tensors from a safetensors file, made first where it is missing or not as it should be.

    A file that is cut short, no safetensors file or of another recipe is noticed, by its size and
    its header. Its numbers are taken on trust: to check them all would read the whole file at
    every load. Two processes may do this at once.

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
    """
    if (tensors := _read(path, made_by)) is not None:
        return tensors
    tensors = make()
    with written_beside(path) as beside:
        save_file(tensors, beside, {"made_by": made_by})
    return _read(path, made_by) or tensors


def _read(path: Path, made_by: str) -> dict[str, Tensor] | None:
    """The tensors, or None where the file is missing, cut short, foreign or of another recipe."""
    try:
        with safe_open(path, framework="pt") as file:  # it compares the header and the file's size
            if (file.metadata() or {}).get("made_by") != made_by:
                return None
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError):
        return None
