"""The claims and verdicts that executed notebooks state, read back and written as tables."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from course_lib import files
from course_lib.authoring.execute import read
from course_lib.lessons import MARKS, VERDICTS

_PAGE = """\
# What we found

Every notebook ends with its claims: a sentence, what was measured, and the threshold it had to
pass. A claim that fails, fails the tests. Here are all of them, in words first (✓: what the verdict
rests on was measured), then in numbers. `make claims` writes this page from the executed notebooks.

{}
"""
_CLAIM = re.compile(r"^([✓✗]) (?!“)(.+) \[(.+)\]$", re.MULTILINE)
_VERDICT = re.compile(rf"^([✓✗]) “(.+)”: ({'|'.join(VERDICTS.values())})\.$", re.MULTILINE)


class Stated(NamedTuple):
    """A line that `claim` or `verdict` left in a notebook."""

    notebook: str  #: its name, without the ending
    cell: str  #: the id of the cell that printed it
    holds: bool
    sentence: str
    result: str  #: the measurement, or of something heard the verdict

    @property
    def heard(self) -> bool:
        """Whether it is something people say, with a verdict."""
        return self.result in VERDICTS.values()


def collect(paths: Iterable[str | Path]) -> list[Stated]:
    """Read the claims and verdicts that executed notebooks show, in order.

    Parameters
    ----------
    paths : iterable of paths
        Notebooks with their outputs; nothing is executed.

    Returns
    -------
    list of Stated

    Raises
    ------
    FileNotFoundError, NotebookError
        If one of them is no notebook.
    """
    found = []
    for path in map(Path, paths):
        for cell in read(path).cells:
            shown = "".join(output.get("text", "") for output in cell.get("outputs", []))
            for pattern in (_CLAIM, _VERDICT):
                for mark, *said in pattern.findall(shown):
                    found.append(Stated(path.stem, cell.get("id", ""), mark == MARKS[True], *said))
    return found


def table(stated: Sequence[Stated]) -> str:
    """Write claims as Markdown: what people say, with its verdict, then what was measured."""
    parts = []
    for heard, head in ((True, "people say | we found"), (False, "claim | measured")):
        rows = [_row(s) for s in stated if s.heard == heard]
        if rows:
            parts.append("\n".join([f"| {head} | notebook |", "| --- | --- | --- |", *rows]))
    return "\n\n".join(parts)


def write(stated: Sequence[Stated], path: str | Path) -> None:
    """Write the claims as a page of their own."""
    files.write(Path(path), _PAGE.format(table(stated)))


def _row(stated: Stated) -> str:
    mark, sentence, result = MARKS[stated.holds], stated.sentence, stated.result
    said, found = (
        (f"“{sentence}”", f"{mark} {result}") if stated.heard else (f"{mark} {sentence}", result)
    )
    return f"| {_in_cell(said)} | {_in_cell(found)} | {stated.notebook[:2]} |"


def _in_cell(text: str) -> str:
    return text.replace("|", "\\|")
