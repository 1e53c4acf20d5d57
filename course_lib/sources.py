"""Which data are meant by a name or a path, told before anything heavy is imported."""

import difflib
import glob
import os
from pathlib import Path

SETS = ("faces", "orl", "digits", "lfw", "celeba", "mnist", "fashion-mnist")


def find(name_or_path: str | os.PathLike) -> str | Path:
    """The name of a data set, or the path of something that is there.

    Parameters
    ----------
    name_or_path : str or path
        A path may be a pattern, ``"faces/*.jpg"``. Quotes and spaces round it are dropped, as a
        file manager's "copy as path" leaves them.

    Returns
    -------
    str or Path
        One of `SETS`, or a path with ``~`` written out.

    Raises
    ------
    FileNotFoundError
        If there is nothing of that name, or no name; close names are suggested.
    ValueError
        If it is neither a file nor a folder: a pipe might never end.
    """
    text = os.fspath(name_or_path)
    if not text.strip(" \"'"):
        raise FileNotFoundError(
            f"The name or path is empty, but a path or one of {', '.join(SETS)} was expected: give "
            "one, or '.' for the folder that you are in."
        )
    if text in SETS and isinstance(name_or_path, str):
        return text
    path = Path(text).expanduser()
    if not _is_there(path):
        text = text.strip().strip("\"'").strip()
        if text in SETS:
            return text
        path = Path(text).expanduser()
    if not _is_there(path):
        raise FileNotFoundError(_missing(path))
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise ValueError(
            f"'{path}' is a pipe or a device, but a file or a folder was expected: write what "
            "comes from it to a file, and give that."
        )
    return path


def _is_there(path: Path) -> bool:
    return path.exists() or (
        glob.has_magic(str(path)) and next(glob.iglob(str(path), recursive=True), None) is not None
    )


def _missing(path: Path) -> str:
    if path.parent == Path() and not path.suffix and not glob.has_magic(path.name):
        there = [p.name for p in Path().iterdir() if not p.name.startswith(".")]
        return (
            f"There is no data set, file or folder {path.name!r}, but a path or one of "
            f"{', '.join(SETS)} was expected: {_meant(path.name, [*SETS, *there])}."
        )
    if glob.has_magic(str(path)):
        return f"No file fits '{path}': correct the pattern; ** stands for folders however deep."
    if not path.parent.is_dir():
        return f"There is no folder '{path.parent}' to hold '{path.name}': correct the path."
    there = sorted(p.name for p in path.parent.iterdir())
    return (
        f"There is no file or folder '{path}', but pictures were expected: "
        f"{_meant(path.name, there)}."
    )


def _meant(name: str, names: list[str]) -> str:
    lower = {one.lower(): one for one in reversed(names)}
    close = difflib.get_close_matches(name.lower(), lower, n=3)
    found = " or ".join(repr(lower[one]) for one in close)
    return f"did you mean {found}" if found else "correct the name or the path"
