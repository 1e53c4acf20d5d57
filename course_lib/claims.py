"""Claims: a sentence, what was measured, and whether that bears it out.

A notebook states its claims with `claim` and judges what people say with `verdict`; both print one
line that starts with ✓ or ✗. No line is written by hand: nbval compares the stored lines with those
of a fresh run, and a test refuses a stored ✗. `collect` reads the lines back from the notebooks.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import nbformat

from course_lib.paths import written_beside

MARKS = {True: "✓", False: "✗"}
VERDICTS = ("true", "half true", "false")
START, END = "<!-- claims -->", "<!-- end of claims -->"  # where a file shows the table
_CLAIM = re.compile(r"^([✓✗]) (?!“)(.+) \[(.+)\]$", re.MULTILINE)
_VERDICT = re.compile(r"^([✓✗]) “(.+)” is ([A-Z ]+)\.$", re.MULTILINE)


@dataclass(frozen=True)
class Claim:
    """A sentence and its measurement.

    Attributes
    ----------
    sentence : str
        With the unit of what is measured.
    measured : float
    relation : {"<", ">", "≈"}
    threshold : float
        What `measured` has to be below, above or near.
    tolerance : float
        How near, for "≈"; in the same unit.
    """

    sentence: str
    measured: float
    relation: str
    threshold: float
    tolerance: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether the measurement bears the sentence out; NaN never does."""
        if self.relation == "<":
            return self.measured < self.threshold
        if self.relation == ">":
            return self.measured > self.threshold
        return abs(self.measured - self.threshold) <= self.tolerance

    def __str__(self) -> str:
        tolerance = f" ± {self.tolerance:.3g}" if self.relation == "≈" else ""
        measured = f"{self.measured:.4g} {self.relation} {self.threshold:.4g}{tolerance}"
        return f"{MARKS[self.holds]} {self.sentence} [{measured}]"


def claim(
    sentence: str,
    measured: float,
    *,
    above: float | None = None,
    below: float | None = None,
    near: float | None = None,
    within: float | None = None,
) -> Claim:
    """State a claim: print it with ✓ or ✗, the measurement and the threshold.

    Parameters
    ----------
    sentence : str
        One line, with the unit of what is measured.
    measured : float
    above, below, near : float
        The threshold: give one of the three.
    within : float
        With `near`: the greatest distance from it.

    Returns
    -------
    Claim

    Raises
    ------
    ValueError
        If there is not exactly one threshold, or `near` comes without `within`.
    """
    given = {">": above, "<": below, "≈": near}
    given = {relation: float(value) for relation, value in given.items() if value is not None}
    if len(given) != 1 or (near is None) != (within is None):
        raise ValueError(
            f"The claim {sentence!r} needs one threshold: above=, below=, or near= with within=."
        )
    ((relation, threshold),) = given.items()
    stated = Claim(sentence, float(measured), relation, threshold, float(within or 0))
    print(stated)
    return stated


def verdict(heard: str, judged: str, because: Sequence[Claim]) -> bool:
    """Judge what people say: print it with its verdict, and ✗ if the evidence does not hold.

    Parameters
    ----------
    heard : str
        The common claim, as people put it.
    judged : {"true", "half true", "false"}
    because : sequence of Claim
        The measurements from which the verdict follows.

    Returns
    -------
    bool
        Whether all of the evidence holds, so that the verdict stands.

    Raises
    ------
    ValueError
        For another verdict, or one without evidence.
    """
    if judged not in VERDICTS or not because:
        raise ValueError(
            f"A verdict is one of {', '.join(VERDICTS)} and rests on one claim or more, but "
            f"{heard!r} was judged {judged!r} on {len(because)}: measure first."
        )
    stands = all(c.holds for c in because)
    print(f"{MARKS[stands]} “{heard}” is {judged.upper()}.")
    return stands


class Stated(NamedTuple):
    """A line that `claim` or `verdict` left in a notebook."""

    notebook: str  #: its name, without the ending
    holds: bool
    sentence: str
    result: str  #: the measurement, or of something heard the verdict

    @property
    def heard(self) -> bool:
        """Whether it is something people say, with a verdict."""
        return self.result.lower() in VERDICTS


def collect(paths: Iterable[str | Path]) -> list[Stated]:
    """Read the claims and verdicts that executed notebooks show, in order.

    Parameters
    ----------
    paths : iterable of paths
        Notebooks with their outputs; nothing is executed.

    Returns
    -------
    list of Stated
    """
    found = []
    for path in map(Path, paths):
        for cell in nbformat.read(path, as_version=4).cells:
            shown = "".join(output.get("text", "") for output in cell.get("outputs", []))
            for pattern in (_CLAIM, _VERDICT):
                for mark, sentence, result in pattern.findall(shown):
                    found.append(Stated(path.stem, mark == MARKS[True], sentence, result))
    return found


def table(stated: Sequence[Stated]) -> str:
    """Write claims as Markdown: what people say, with its verdict, then what was measured."""
    parts = []
    for heard, head in ((True, "people say | we found"), (False, "claim | measured")):
        rows = [_row(s) for s in stated if s.heard == heard]
        if rows:
            parts.append("\n".join([f"| {head} | notebook |", "| --- | --- | --- |", *rows]))
    return "\n\n".join(parts)


def write(table: str, path: str | Path) -> None:
    """Replace what stands between the marks of a file, `START` and `END`.

    Raises
    ------
    ValueError
        If the file has no such marks.
    """
    path = Path(path)
    text = path.read_text(encoding="utf-8")
    before, start, rest = text.partition(START)
    _, end, after = rest.partition(END)
    if not start or not end:
        raise ValueError(f"{path} has no place for claims: add the lines {START} and {END} to it.")
    with written_beside(path) as beside:
        beside.write_text(f"{before}{start}\n{table}\n{end}{after}", encoding="utf-8", newline="\n")


def _row(stated: Stated) -> str:
    mark, sentence, result = MARKS[stated.holds], stated.sentence, stated.result
    said, found = (
        (f"“{sentence}”", f"{mark} {result.lower()}")
        if stated.heard
        else (f"{mark} {sentence}", result)
    )
    return f"| {_in_cell(said)} | {_in_cell(found)} | {stated.notebook[:2]} |"


def _in_cell(text: str) -> str:
    return text.replace("|", "\\|")
