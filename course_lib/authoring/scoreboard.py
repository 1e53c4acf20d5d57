"""What people say and what the course found, with the measurements that each verdict rests on."""

import ast
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from course_lib.authoring.claims import Stated, collect
from course_lib.authoring.execute import read


class Judged(NamedTuple):
    """A sentence that people say, its verdict, and why."""

    heard: Stated
    because: list[Stated]


def judged(path: Path) -> list[Judged]:
    """The verdicts of an executed notebook, each with the claims of its ``because``.

    Outputs say what was found; which claims a verdict rests on stands in the code alone. So the
    code is read too, and not run: a claim is followed from its name to the cell that printed it.

    Parameters
    ----------
    path : Path
        A notebook with its outputs.

    Returns
    -------
    list of Judged
        In the notebook's order.

    Raises
    ------
    FileNotFoundError, NotebookError
        If there is no such notebook.
    """
    printed = collect([path])
    found, named = [], {}
    for cell in read(path).cells:
        here = [one for one in printed if one.cell == cell.get("id", "")]
        if not here:
            continue
        calls = _calls(ast.parse(cell.source))
        named |= {name: [] for name, _ in calls["claim"]}
        for name, call in calls["claim"]:
            named[name] += [one for one in here if not one.heard and _fits(call, one)]
        heard = [one for one in here if one.heard]
        for one, (_, call) in zip(heard, calls["verdict"], strict=True):
            because = [claim for name in _evidence(call) for claim in named[name]]
            found.append(Judged(one, list(dict.fromkeys(because))))
    return found


def _calls(tree: ast.Module) -> dict[str, list[tuple[str, ast.Call]]]:
    """The calls of claim and verdict, in order, each with the name that keeps what it returns."""
    found = {"claim": [], "verdict": []}
    for statement in tree.body:
        targets = getattr(statement, "targets", [])
        name = targets[0].id if targets and isinstance(targets[0], ast.Name) else ""
        for node in ast.walk(statement):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                found.get(node.func.id, []).append((name, node))
    return found


def _evidence(verdict: ast.Call) -> Iterable[str]:
    """The names in a verdict's last argument, ``because=[one, *others]``."""
    because = verdict.keywords[0].value if verdict.keywords else verdict.args[-1]
    return (node.id for node in ast.walk(because) if isinstance(node, ast.Name))


def _fits(call: ast.Call, stated: Stated) -> bool:
    """Whether a call can have printed a claim: what is put in when it runs may be anything."""
    sentence = call.args[0]
    pieces = sentence.values if isinstance(sentence, ast.JoinedStr) else [sentence]
    known = (re.escape(str(p.value)) if isinstance(p, ast.Constant) else ".+" for p in pieces)
    return re.fullmatch("".join(known), stated.sentence) is not None
