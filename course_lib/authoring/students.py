"""Students' own copies of the notebooks: nothing answered in them, and never overwritten."""

import hashlib
import json
import os
from pathlib import Path
from typing import NamedTuple

import nbformat
from nbformat import NotebookNode

from course_lib.authoring.execute import clean, read
from course_lib.authoring.links import from_one_below
from course_lib.files import check_writable, written_beside

FOLDER = "mine"  # beside the originals


class Copies(NamedTuple):
    """What `copies` found and did."""

    new: list[Path]  #: copies that were not there
    outdated: list[Path]  #: copies whose original has changed since; they were left as they are


def copies(originals: Path) -> Copies:
    """Give the student a copy of each notebook of which there is none.

    Parameters
    ----------
    originals : Path
        The folder with the notebooks; the copies are in a folder `FOLDER` inside it.

    Returns
    -------
    Copies

    Raises
    ------
    FileNotFoundError
        If there are no notebooks in the folder.
    OSError
        If nothing can be written there.
    """
    found = Copies([], [])
    for original in _notebooks(originals):
        copy, notebook = _copy_of(original), for_students(original)
        if not copy.exists():
            _write(notebook, copy)
            found.new.append(copy)
        elif _made_from(copy) not in (None, notebook.metadata["course"]["copy_of"]):
            found.outdated.append(copy)
    return found


def fresh(originals: Path, number: str) -> tuple[Path, Path | None]:
    """Give the student a new copy of one notebook, and keep the old one under another name.

    Parameters
    ----------
    originals : Path
        The folder with the notebooks.
    number : str
        What the notebook's name starts with; ``"3"`` is ``"03"``.

    Returns
    -------
    tuple of Path and (Path or None)
        The new copy, and the old one where there was one.

    Raises
    ------
    FileNotFoundError
        If there are no notebooks in the folder.
    OSError
        If nothing can be written there.
    ValueError
        If not exactly one of them has this number.
    """
    found = [one for one in _notebooks(originals) if one.name.startswith(number.zfill(2))]
    if len(found) != 1:
        raise ValueError(
            f"{len(found) or 'No'} notebooks start with {number!r}: give the number of one, as 03."
        )
    copy = _copy_of(found[0])
    return copy, _write(for_students(found[0]), copy)


def for_students(original: Path) -> NotebookNode:
    """A notebook as a student gets it, who has not run, heard or solved anything yet.

    Outputs, the speaker's notes and cells tagged ``solution`` are gone. Links lead where they led,
    from one folder further down. What it was made from stands in its metadata.

    Parameters
    ----------
    original : Path
        The notebook; the other notebooks in its folder have copies too.

    Returns
    -------
    NotebookNode
    """
    notebook = read(original)
    clean(notebook)
    siblings = {path.name for path in _notebooks(original.parent)}
    notebook.cells = [cell for cell in notebook.cells if not _is_hidden(cell)]
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        elif cell.cell_type == "markdown":
            cell.source = from_one_below(cell.source, siblings)
    sources = json.dumps([(cell.cell_type, cell.source) for cell in notebook.cells])
    digest = hashlib.sha256(sources.encode()).hexdigest()[:16]
    notebook.metadata["course"] = nbformat.from_dict({"copy_of": digest})
    return notebook


def _notebooks(folder: Path) -> list[Path]:
    if not (found := sorted(folder.glob("*.ipynb"))):
        raise FileNotFoundError(
            f"There are no notebooks in {folder}: run this in the course's own folder."
        )
    return found


def _copy_of(original: Path) -> Path:
    return original.parent / FOLDER / original.name


def _is_hidden(cell: NotebookNode) -> bool:
    notes = cell.metadata.get("slideshow", {}).get("slide_type") == "notes"
    return notes or "solution" in cell.metadata.get("tags", [])


def _made_from(copy: Path) -> str | None:
    """The digest of a copy's original; None where the student's file does not tell."""
    try:
        return json.loads(copy.read_text(encoding="utf-8"))["metadata"]["course"]["copy_of"]
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _write(notebook: NotebookNode, copy: Path) -> Path | None:
    """Write a copy, whole or not at all; what has its name is renamed first, and returned."""
    kept = None
    check_writable(copy.parent, mend="copy the course to a folder of your own")
    with written_beside(copy) as beside:
        beside.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8", newline="\n")
        if copy.exists():
            kept = _free_name(copy)
            os.rename(copy, kept)
    return kept


def _free_name(copy: Path) -> Path:
    number = 1
    while (kept := copy.with_stem(f"{copy.stem}_kept_{number}")).exists():
        number += 1
    return kept
