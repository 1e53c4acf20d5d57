"""Notebook 09 as an assignment: handed out with its points, and graded.

Neither nbgrader nor otter-grader is used, though both install beside the course. nbgrader (0.9.6)
finds an answer by the metadata of its cell, which copying a cell and other editors destroy;
otter-grader (7.0.0) runs the whole notebook, minutes of training here for each student, and brings
Sphinx and a client of Docker along. The exercises' own checks test mathematics on random inputs: so
an answer is found by its name, run alone in a process, and what it gives is judged here, on
other numbers and sizes than in the notebook.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import nbformat
import torch
from nbformat.v4 import new_markdown_cell

from course_lib.authoring import answers, sandbox, students
from course_lib.authoring.answers import Answer, Submission
from course_lib.exercises import your_own_faces
from course_lib.exercises.exercise import Formula, Number

NOTEBOOK = "09_your_own_faces.ipynb"
# The homework's 2 + 2 points, for a person to give, and the three tasks of "Your turn".
POINTS = {"introduction": 1.0, "advantage": 0.5, "problem": 0.5, "description": 2.0,
          "auc": 2.0, "price": 1.0, "loss": 3.0}  # fmt: skip
# Other sizes than those of the notebook's check, so that no answer can lean on a size.
HIDDEN: dict[str, Callable[[torch.Generator], tuple]] = {
    "auc": lambda g: (
        torch.randint(0, 9, (31,), generator=g).double(),
        torch.randint(1, 12, (4,), generator=g).double(),
    ),
    "loss": lambda g: (
        torch.rand(3, 1, 5, 2, generator=g),
        torch.rand(3, 1, 5, 2, generator=g),
        torch.randn(3, 4, generator=g),
        torch.randn(3, 4, generator=g),
    ),
}
_OWN_SOLUTION = re.compile(r"(from|import) course_lib(\.| import )exercises")
_RULES = """\
## Points

| | points | marked |
| --- | --- | --- |
{rows}

Keep the names of the functions and variables above, and the lines `your_turn.….check(…)`: your \
answers are found by them, and tried on other numbers than here. Stored outputs do not count."""


@dataclass(frozen=True)
class Mark:
    """Of one task: points, or None where a person has to decide, and why."""

    points: float | None
    why: str
    text: str = ""  #: what the student wrote, for that person


@dataclass(frozen=True)
class Grade:
    """Of one submission; without marks where it was refused."""

    file: Path  #: within the folder
    marks: dict[str, Mark] = field(default_factory=dict)
    refused: str = ""

    @property
    def total(self) -> float | None:
        """The points given so far."""
        given = [one.points for one in self.marks.values() if one.points is not None]
        return sum(given) if self.marks else None

    @property
    def open(self) -> list[str]:
        """Tasks that wait for a person."""
        return [name for name, one in self.marks.items() if one.points is None]

    @property
    def feedback(self) -> str:
        """In words."""
        return self.refused or " ".join(f"{name}: {one.why}" for name, one in self.marks.items())


def assignment(original: Path) -> nbformat.NotebookNode:
    """The student's version of a notebook, as `students.for_students` makes it, with its points."""
    notebook = students.for_students(original)
    rows = [
        f"| `{name}` | {points:g} | by {'its check' if _is_by_machine(name) else 'a person'} |"
        for name, points in POINTS.items()
    ]
    rows.append(f"| **total** | {sum(POINTS.values()):g} | |")
    table = new_markdown_cell(_RULES.format(rows="\n".join(rows)), id="points")
    table.metadata["slideshow"] = {"slide_type": "skip"}
    notebook.cells.insert(1, table)
    return notebook


def base(original: Path) -> Submission:
    """The assignment, as answers are read from it."""
    return Submission([(cell.cell_type, cell.source) for cell in assignment(original).cells])


def grade(
    folder: Path, base: Submission, *, seed: int = 0, seconds: int = 10, note=lambda name: None
) -> list[Grade]:
    """Grade all notebooks of a folder and of the folders in it.

    Parameters
    ----------
    folder : Path
        With one notebook of each student, under any name.
    base : Submission
        The assignment.
    seed : int
        Of the numbers that functions are tried on.
    seconds : int
        Of computing that an answer may take.
    note : callable
        Is told each file's name before it is graded.

    Raises
    ------
    FileNotFoundError
        If there is no such folder, or no notebook in it.
    """
    found = [one.relative_to(folder) for one in sorted(folder.rglob("*"))
             if one.suffix.lower() == ".ipynb" and one.is_file()]  # fmt: skip
    found = [one for one in found if not any(part.startswith(".") for part in one.parts)]
    if not found:
        raise FileNotFoundError(
            f"There is no notebook in '{folder}': name the folder with the .ipynb files handed in."
        )
    grades = []
    for file in found:
        note(str(file))
        grades.append(grade_one(folder / file, file, base, seed=seed, seconds=seconds))
    return grades


def grade_one(path: Path, name: Path, base: Submission, *, seed: int, seconds: int) -> Grade:
    """Grade one notebook; what cannot be graded is refused in a sentence, and never raises."""
    try:
        submission = answers.read(path)
    except (OSError, ValueError) as error:
        return Grade(name, refused=str(error))
    module = your_own_faces.__name__.rpartition(".")[2]
    others = submission.modules() - {module}
    if others and module not in submission.modules():
        other = ", ".join(sorted(others))
        return Grade(name, refused=f"This is another notebook of the course ({other}): ask for 09.")
    if not _texts(submission) & _texts(base) and not submission.modules():
        return Grade(name, refused="Nothing of the assignment is in it: ask for notebook 09.")
    run = partial(sandbox.run, seconds=seconds)
    marks = {}
    for task in POINTS:
        mark = _by_machine if _is_by_machine(task) else _by_person
        marks[task] = mark(task, submission, base, run, seed)
    return Grade(name, marks)


def _texts(submission: Submission) -> set[str]:
    return {" ".join(source.split()) for _, source in submission.cells} - {""}


def _is_by_machine(task: str) -> bool:
    return isinstance(getattr(your_own_faces, task, None), Formula | Number)


def _touched(task: str, submission: Submission, base: Submission) -> list[Answer]:
    """The answers that are not the assignment's own stub."""
    stubs = {(one.program, one.expression) for one in base.answers(task, base)}
    given = submission.answers(task, base)
    return [one for one in given if (one.program, one.expression) not in stubs]


def _by_machine(task: str, submission: Submission, base: Submission, run, seed: int) -> Mark:
    judged = _judged(task, _touched(task, submission, base), run, seed)
    if not judged:
        judged = _judged(task, submission.renamed(task, base), run, seed)
    if not judged:
        return _nothing(task, submission, base)
    if len({right for right, _, _ in judged}) > 1:
        cells = " and ".join(str(cell) for cell in dict.fromkeys(cell for *_, cell in judged))
        return Mark(None, f"answers differ (cells {cells}), and not all are right: which counts?")
    right, why, cell = judged[-1]
    why = why if right else f"(cell {cell}) {why}"
    return Mark(None if right is None else POINTS[task] * right, why)


def _judged(task: str, given: list[Answer], run, seed: int) -> list[tuple[bool | None, str, int]]:
    """Of each answer that was attempted, whether it is right, why, and its cell."""
    exercise = getattr(your_own_faces, task)
    draws: list[Callable[[], tuple]] = []
    if isinstance(exercise, Formula):
        inputs = [exercise.inputs, exercise.inputs, HIDDEN[task], HIDDEN[task]]
        draws = [partial(_draw, one, 1000 + 10 * seed + n) for n, one in enumerate(inputs)]
    judged = []
    for answer in given:
        if any(_OWN_SOLUTION.match(statement) for statement in answer.program):
            judged.append((None, "it may take the course's own solution: look there.", answer.cell))
            continue
        try:
            results = run(answer, [draw() for draw in draws])
        except sandbox.Failed as error:
            judged.append((False, f"{error}.", answer.cell))
            continue
        if all(result is None for result in results):
            continue
        told = [exercise.result(one, draw) for one, draw in zip(results, draws, strict=True)] \
            if draws else [exercise.result(results[0])]  # fmt: skip
        right, why = next((one for one in told if not one[0]), told[0])
        judged.append((right, why, answer.cell))
    return judged


def _draw(inputs: Callable[[torch.Generator], tuple], seed: int) -> tuple:
    return inputs(torch.Generator().manual_seed(seed))


def _nothing(task: str, submission: Submission, base: Submission) -> Mark:
    for cell, problem in submission.unreadable.items():
        if task in submission.cells[cell - 1][1]:
            return Mark(0, f"cell {cell} is no Python ({problem}): nothing in it runs.")
    if any(f".{task}.check(" in text for kind, text in submission.cells if kind != "code"):
        return Mark(None, "its cell is no code cell: look there.")
    if submission.answers(task, base):
        return Mark(0, "not attempted.")
    return Mark(0, f"no answer is there, neither `{task}` nor `your_turn.{task}.check(…)`.")


def _by_person(task: str, submission: Submission, base: Submission, run, seed: int) -> Mark:
    texts = []
    for answer in _touched(task, submission, base):
        try:
            texts += [str(one) for one in run(answer) if one is not None]
        except sandbox.Failed as error:
            return Mark(None, f"cell {answer.cell} could not be read ({error}): look there.")
    if texts := list(dict.fromkeys(one for one in texts if one.strip())):
        return Mark(None, "written; a person marks it.", "\n\n".join(texts))
    if any(task in submission.cells[cell - 1][1] for cell in submission.unreadable):
        return Mark(None, "its cell is no Python: look there.")
    known = _texts(base)
    own = any(kind != "code" and " ".join(text.split()) not in known
              for kind, text in submission.cells)  # fmt: skip
    if own:
        return Mark(None, f"`{task}` is empty, but there are Markdown cells of their own: look.")
    return Mark(0, "not written.")
