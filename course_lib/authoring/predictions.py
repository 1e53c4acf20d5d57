"""The predictions that executed notebooks ask for, read back with their answers."""

import ast
from typing import NamedTuple

from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode

from course_lib.authoring.execute import NotebookError
from course_lib.lessons import MARKS
from course_lib.lessons.predictions import NONE


class Asked(NamedTuple):
    """A `lessons.Prediction`, as a notebook leaves it."""

    asked_in: str  #: the id of the cell that shows the question
    revealed_in: str  #: the id of the cell that says what is right
    question: str
    choices: list[str]
    right: int  #: which of the choices
    because: str  #: the cause, in a sentence or two
    told: str  #: all that the second cell prints about it, as it stands there


def asked(notebook: NotebookNode) -> list[Asked]:
    """Find the predictions in a notebook's code, and their answers in its outputs.

    Nothing is executed. A prediction that the notebook never reveals is left out.

    Parameters
    ----------
    notebook : NotebookNode
        Executed by nobody who had made a prediction, as `authoring.execute` does.

    Returns
    -------
    list of Asked
        In the order of the answers.

    Raises
    ------
    NotebookError
        If a cell that reveals a prediction does not print which choice is right.
    """
    lists, questions, found = {}, {}, []
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        told = _told("".join(output.get("text", "") for output in cell.outputs))
        python = TransformerManager().transform_cell(cell.source)  # %magics included
        for node in ast.walk(ast.parse(python)):
            match node:
                case ast.Assign([ast.Name(name)], ast.List()) if _is_literal(node.value):
                    lists[name] = ast.literal_eval(node.value)
                case ast.Assign([ast.Name(name)], ast.Call(ast.Name("Prediction"), args)):
                    question, choices = args[:2]
                    choices = lists.get(getattr(choices, "id", "")) or ast.literal_eval(choices)
                    questions[name] = cell.id, ast.literal_eval(question), choices
                case ast.Call(ast.Attribute(ast.Name(name), "reveal")) if name in questions:
                    asked_in, question, choices = questions[name]
                    if (answer := _answer(told, choices)) is None:
                        raise NotebookError(
                            f"Cell {cell.id} does not print the answer to {question!r}: execute "
                            "the notebook again."
                        )
                    found.append(Asked(asked_in, cell.id, question, choices, *answer, told))
    return found


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except ValueError:
        return False
    return True


def _told(shown: str) -> str:
    """What is printed from the words for whoever predicted nothing to the next claim."""
    _, none, rest = shown.partition(NONE)
    for mark in MARKS.values():
        rest = rest.partition(f"\n{mark} ")[0]
    return (none + rest).rstrip("\n")


def _answer(told: str, choices: list[str]) -> tuple[int, str] | None:
    """Which choice is right, and the cause."""
    said = " ".join(told.split()).removeprefix(f"{NONE} It is: ")
    right = max((c for c in choices if said.startswith(f"{c}.")), key=len, default=None)
    if right is None:
        return None
    return choices.index(right), said.removeprefix(f"{right}.").strip()
