"""What a submitted notebook answers: found by name, whatever became of the notebook around it."""

import ast
import json
import re
import symtable
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

_CELL_MAGIC = re.compile(r"\A\s*%%(time|timeit|capture|prun)\b.*")  # the rest is Python, and runs


class Answer(NamedTuple):
    """An expression, and the statements that it needs, in their order."""

    program: tuple[str, ...]
    expression: str
    cell: int  #: its number, from 1


class Statement(NamedTuple):
    """One statement of a cell's outermost level."""

    source: str  #: without comments, formatted as Python would
    node: ast.stmt
    cell: int
    binds: frozenset[str]
    needs: frozenset[str]
    calls: frozenset[str]  #: of these a method is called for what it does: `a.append(1)`

    @property
    def imports(self) -> bool:
        """Whether it is an import."""
        return isinstance(self.node, ast.Import | ast.ImportFrom)

    def gives_function(self, name: str) -> bool:
        """Whether it defines a function, or gives one another name."""
        if isinstance(self.node, ast.FunctionDef):
            return True
        return isinstance(self.node, ast.Assign) and name not in self.needs


@dataclass
class Submission:
    """A notebook, as far as it can be read.

    Attributes
    ----------
    cells : list of (str, str)
        The type and the source of each.
    statements : list of Statement
    unreadable : dict from int to str
        Cells that are no Python, and why.
    """

    cells: list[tuple[str, str]]
    statements: list[Statement] = field(default_factory=list)
    unreadable: dict[int, str] = field(default_factory=dict)

    def __post_init__(self):
        for number, (kind, source) in enumerate(self.cells, 1):
            if kind != "code":
                continue
            try:
                self.statements += _statements(source, number)
            except SyntaxError as error:
                self.unreadable[number] = f"line {error.lineno}: {error.msg}"
            except (ValueError, RecursionError, MemoryError) as error:  # null bytes, ((((((…
                self.unreadable[number] = str(error)

    def modules(self) -> set[str]:
        """The modules of exercises that it imports."""
        imports = (one.node for one in self.statements if isinstance(one.node, ast.ImportFrom))
        of_exercises = (one for one in imports if one.module == "course_lib.exercises")
        return {alias.name for one in of_exercises for alias in one.names}

    def answers(self, task: str, base: "Submission") -> list[Answer]:
        """All that it gives as the answer to a task, none twice.

        They are what a call of ``check`` is handed, as things stand there, and what is defined or
        set under the task's own name.

        Parameters
        ----------
        task : str
            The exercise's name in its module.
        base : Submission
            The assignment, for what the answer needs and the student has deleted.
        """
        return _unique([*self._checked(task, base), *self._defined({task}, base)])

    def renamed(self, task: str, base: "Submission") -> list[Answer]:
        """Functions of the same parameters as the assignment's, whatever their name."""
        functions, wanted = self._functions().keys() - {task}, base._parameters(task)
        named = {name for name in functions if wanted and self._parameters(name) == wanted}
        return _unique(self._defined(named, base))

    def _checked(self, task: str, base: "Submission") -> Iterator[Answer]:
        for place, statement in enumerate(self.statements):
            for call in ast.walk(statement.node):
                if (given := _given_to_check(call, task)) is not None:
                    yield self._answer(ast.unparse(given), place, statement.cell, base)

    def _defined(self, names: set[str], base: "Submission") -> Iterator[Answer]:
        """Every definition of a function; of a value, what it is in the end."""
        for name in sorted(names):
            places = [n for n, one in enumerate(self.statements) if name in one.binds]
            if name in self._functions():  # and `auc = auc(…)` is a use
                places = [n for n in places if self.statements[n].gives_function(name)]
            for place in places if name in self._functions() else places[-1:]:
                yield self._answer(name, place + 1, self.statements[place].cell, base)

    def _answer(self, expression: str, place: int, cell: int, base: "Submission") -> Answer:
        """What is needed, of the statements before a place; else after it; else the assignment's.

        All bindings of a name are run: which of them counts is Python's business.
        """
        wanted, asked = set(_names(expression)[1]), set()
        own, of_base = set(), set()
        while wanted - asked:
            asked.add(name := (wanted - asked).pop())
            found = _binding(self.statements, {name, "*"})
            if not all(self.statements[n].imports for n in found):
                found |= {n for n, one in enumerate(self.statements) if name in one.calls}
            found = {n for n in found if n < place} or found
            own |= found
            wanted |= {one for n in found for one in self.statements[n].needs}
            if not any(name in self.statements[n].binds for n in found):
                of_base |= (found := _binding(base.statements, {name}))
                wanted |= {one for n in found for one in base.statements[n].needs}
        program = [base.statements[n].source for n in sorted(of_base)]
        program += [self.statements[n].source for n in sorted(own)]
        return Answer(tuple(program), expression, cell)

    def _functions(self) -> dict[str, ast.FunctionDef]:
        defined = (one.node for one in self.statements if isinstance(one.node, ast.FunctionDef))
        return {node.name: node for node in defined}

    def _parameters(self, name: str) -> list[str] | None:
        node = self._functions().get(name)
        return None if node is None else [one.arg for one in node.args.args]


def _binding(statements: list[Statement], names: set[str]) -> set[int]:
    return {place for place, one in enumerate(statements) if one.binds & names}


def _unique(answers: Iterable[Answer]) -> list[Answer]:
    return list({(one.program, one.expression): one for one in answers}.values())


def read(path: Path) -> Submission:
    """A notebook of any format that has cells, valid or not: nbformat would refuse too much.

    Raises
    ------
    ValueError
        If it has none, in a sentence.
    """
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8-sig"))
        if "worksheets" in content:  # of format 3
            content = {"cells": [cell for part in content["worksheets"] for cell in part["cells"]]}
        return Submission([_cell(cell) for cell in content["cells"]])
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        empty = not path.stat().st_size
        why = "The file is empty" if empty else "The file is no notebook, or a damaged one"
        raise ValueError(f"{why}: ask for it again, saved in Jupyter.") from error


def _cell(cell: dict) -> tuple[str, str]:
    source = cell.get("source", cell.get("input", ""))  # `input` is format 3's
    text = source if isinstance(source, str) else "".join(source)
    return cell.get("cell_type", "code"), text.replace("\r\n", "\n")


def _statements(source: str, cell: int) -> list[Statement]:
    from IPython.core.inputtransformer2 import TransformerManager  # a process that runs needs none

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a student's "\m" is no concern of whoever grades
        source = _CELL_MAGIC.sub("", source)
        tree = ast.parse(TransformerManager().transform_cell(source))  # %magics and !commands
        return [_statement(node, cell) for node in tree.body]


def _statement(node: ast.stmt, cell: int) -> Statement:
    source = ast.unparse(node)
    binds, needs = _names(source)
    inside = list(ast.walk(node))
    # `table["a"] = 1` and `numbers.mean = 2` change what the name stands for.
    parts = [one for one in inside if isinstance(one, ast.Subscript | ast.Attribute)]
    binds |= {_owner(one) for one in parts if isinstance(one.ctx, ast.Store)}
    if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
        binds |= {"*"}
    calls = [one.func for one in inside if isinstance(one, ast.Call)]
    called = {_owner(one) for one in calls if isinstance(one, ast.Attribute)}
    if not isinstance(node, ast.Expr | ast.For):
        called = set()
    return Statement(source, node, cell, frozenset(binds), frozenset(needs), frozenset(called))


def _owner(node: ast.expr) -> str:
    """The `a` of ``a.b[0].c``; empty where it has no name."""
    while isinstance(node, ast.Subscript | ast.Attribute):
        node = node.value
    return getattr(node, "id", "")


def _names(source: str) -> tuple[set[str], set[str]]:
    """Which names a piece of code binds, and which it takes from outside of it."""
    table = symtable.symtable(source, "cell", "exec")
    symbols = table.get_symbols()
    binds = {one.get_name() for one in symbols if one.is_assigned() or one.is_imported()}
    needs = {one.get_name() for one in symbols if one.is_referenced()}
    return binds, needs | set(_free(table.get_children()))


def _free(tables: Sequence[symtable.SymbolTable]) -> Iterator[str]:
    for table in tables:
        yield from (one.get_name() for one in table.get_symbols() if one.is_global())
        yield from _free(table.get_children())


def _given_to_check(call: ast.AST, task: str) -> ast.expr | None:
    """What ``your_turn.TASK.check(…)`` is handed; None of anything else."""
    match call:
        case ast.Call(func=ast.Attribute(attr="check", value=owner)):
            named = getattr(owner, "attr", getattr(owner, "id", None)) == task
            given = [*call.args, *(word.value for word in call.keywords)]
            return given[0] if named and given else None
    return None
