"""Where generated and downloaded files live, and how they are written whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4


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
