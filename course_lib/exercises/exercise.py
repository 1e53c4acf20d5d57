"""Exercises that answer at once: right, or which misconception a wrong answer shows.

What is compared is what an answer *does*, on random inputs, and never how it is written. Each kind
has ``check(answer)``, and an untouched stub is "not attempted yet"; `hint` gives one hint after the
other, and `show_solution` opens after three different attempts.
"""

import inspect
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

import torch

from course_lib.exercises.comparing import alike, difference
from course_lib.lessons import record
from course_lib.lessons.say import say, wrapped

HONEST = 3  # attempts until the solution can be opened
_NO_NUMBER = (TypeError, ValueError, RuntimeError, OverflowError)  # of a tensor, of 10**400
UNTOUCHED, ON_THE_WAY, RIGHT = "○", "◐", "●"


@dataclass(frozen=True)
class Wrong:
    """A wrong answer that people give, and what to tell them.

    Attributes
    ----------
    message : str
        What the answer shows, and what is right instead, without giving the line away.
    function : callable
        Computes the wrong answer from the same inputs.
    """

    message: str
    function: Callable


@dataclass
class Exercise:
    """What all kinds share.

    Attributes
    ----------
    name : str
        Short, and the only one of that name in the course: it is kept under it.
    title : str
        A few words.
    hints : sequence of str
        From a nudge to nearly all.
    """

    name: str
    title: str
    _: KW_ONLY
    hints: Sequence[str] = ()

    def check(self, answer) -> None:
        """Print how an answer fares, and keep it in the student's record.

        Parameters
        ----------
        answer
            A function, a number, or a sentence, as the exercise asks; an untouched stub too.
        """
        if self._untouched(answer):
            print(f"{UNTOUCHED} {self.name}: not attempted yet{self._tolerance()}.")
            return
        solved, message, trace = self._judge(answer)
        kept = record.entry("exercises", self.name)
        tried = kept.get("tried", [])
        if trace not in tried:  # the same answer again is no further attempt
            tried = [*tried, trace]
        solved_before = kept.get("solved", False)
        record.keep("exercises", self.name, tried=tried, attempts=len(tried),
                    solved=solved or solved_before)  # fmt: skip
        say(f"{RIGHT if solved else ON_THE_WAY} {self.name}: {message}")

    def hint(self) -> None:
        """Print the next hint; after the last one, all of them again."""
        if not self.hints:
            print(f"{self.name} has no hints.")
            return
        given = record.entry("exercises", self.name).get("hints", 0)
        if given < len(self.hints):
            record.keep("exercises", self.name, hints=given + 1)
            say(f"Hint {given + 1} of {len(self.hints)}: {self.hints[given]}")
        else:
            say("\n- ".join(["All hints:", *self.hints]))

    def show_solution(self) -> None:
        """Print the solution, once it has been solved or honestly tried."""
        kept = record.entry("exercises", self.name)
        if kept.get("solved") or kept.get("attempts", 0) >= HONEST:
            print(self._solution())
        else:
            say(f"The solution opens after {HONEST} different attempts, or once you have found "
                f"it; you have made {kept.get('attempts', 0)}. hint() helps.")  # fmt: skip

    def _untouched(self, answer) -> bool:
        raise NotImplementedError

    def _tolerance(self) -> str:
        """How near is right, to be told with the task; nothing where it is exact."""
        return ""

    def _judge(self, answer) -> tuple[bool, str, str]:
        """Whether it is right, what to say, and a trace that tells this answer from others."""
        raise NotImplementedError

    def _solution(self) -> str:
        raise NotImplementedError


@dataclass
class Formula(Exercise):
    """Write a function; it is compared with the solution on inputs drawn anew at each check.

    Attributes
    ----------
    solution : callable
        The reference; its source is what `show_solution` prints.
    inputs : callable
        Draws a tuple of arguments from a ``torch.Generator``.
    wrong : sequence of Wrong
    """

    _: KW_ONLY
    solution: Callable
    inputs: Callable[[torch.Generator], tuple]
    wrong: Sequence[Wrong]

    def _untouched(self, answer) -> bool:
        try:
            given = answer(*self._arguments(0))
        except Exception:  # whatever a student's code may raise: `_judge` will say what
            return False
        return given is None or given is ...

    def _judge(self, answer) -> tuple[bool, str, str]:
        try:
            trace = repr(answer(*self._arguments(0)))
        except Exception as error:
            trace = f"{type(error).__name__}: {error}"
            return False, f"your function raised {trace}", trace
        # New numbers at each attempt, so that none can be learnt by heart.
        seed = 1 + record.entry("exercises", self.name).get("attempts", 0)
        solved, message = self.result(answer(*self._arguments(seed)), lambda: self._arguments(seed))
        return solved, message, trace

    def result(self, given: Any, arguments: Callable[[], tuple]) -> tuple[bool, str]:
        """Whether a result is right, and what to say of it.

        Parameters
        ----------
        given
            What an answer gave.
        arguments : callable
            Gives what it was given; anew at each call, for a function may change it.
        """
        expected = self.solution(*arguments())
        if alike(given, expected):
            return True, "right."
        for one in self.wrong:
            if alike(given, one.function(*arguments())):
                return False, one.message
        return False, f"not yet. {difference(given, expected)}"

    def _arguments(self, seed: int) -> tuple:
        return self.inputs(torch.Generator().manual_seed(seed))

    def _solution(self) -> str:
        return textwrap.dedent(inspect.getsource(self.solution))


@dataclass
class BugHunt(Formula):
    """Mend a function that looks plausible; until it is another function, nothing was tried.

    Attributes
    ----------
    buggy : callable
        What the notebook's cell shows.
    """

    _: KW_ONLY
    buggy: Callable
    _stub: Any = field(default=None, init=False, repr=False)

    def _untouched(self, answer) -> bool:
        # The first in a session that does what the bug does is taken for the notebook's own.
        if not self._does_as_before(answer):
            return False
        written = getattr(answer, "__code__", answer)
        self._stub = self._stub or written
        return written == self._stub

    def result(self, given: Any, arguments: Callable[[], tuple]) -> tuple[bool, str]:
        """As a `Formula`'s; that of the bug is told from other wrong ones."""
        if alike(given, self.buggy(*arguments())):
            return False, "not yet: this still does what the function with the bug does."
        return super().result(given, arguments)

    def _does_as_before(self, answer) -> bool:
        try:
            given = answer(*self._arguments(0))
        except Exception:
            return False
        return alike(given, self.buggy(*self._arguments(0)))


@dataclass
class Number(Exercise):
    """Type a number that one has worked out or measured.

    Attributes
    ----------
    answer : float or callable
        The number, or a function without arguments that computes it.
    within : float
        How far off is right, as a share of the answer; of 0, as it stands.
    unit : str
    wrong : mapping from float to str
        Numbers that people give, and what each shows.
    solution : str
        How to get there.
    """

    _: KW_ONLY
    answer: float | Callable[[], float]
    wrong: Mapping[float, str]
    solution: str
    within: float = 0.02
    unit: str = ""

    def _untouched(self, answer) -> bool:
        return answer is None or answer is ...

    def _judge(self, answer) -> tuple[bool, str, str]:
        try:
            trace = repr(float(answer))
        except _NO_NUMBER:
            trace = repr(answer)
        return *self.result(answer), trace

    def result(self, answer: Any) -> tuple[bool, str]:
        """Whether a number is right, and what to say of it."""
        try:
            given = float(answer)
        except _NO_NUMBER:
            return False, f"a number is asked for, not {answer!r}."
        right = self.value()
        if self._near(given, right):
            return True, f"right: {right:.4g} {self.unit}".rstrip() + "."
        for number, message in self.wrong.items():
            if self._near(given, number):
                return False, message
        direction = "too large" if given > right else "too small"
        return False, f"not yet: {given:g} is {direction}{self._tolerance()}."

    def _tolerance(self) -> str:
        return f"; what is within {100 * self.within:g} % counts" if self.within else ""

    def value(self) -> float:
        """The right number."""
        return float(self.answer if isinstance(self.answer, int | float) else self.answer())

    def _near(self, given: float, number: float) -> bool:
        return abs(given - number) <= self.within * (abs(number) or 1)

    def _solution(self) -> str:
        return wrapped(f"{self.value():.4g} {self.unit}".rstrip() + f". {self.solution}")


@dataclass
class Words(Exercise):
    """Explain in a sentence or two; then compare with a model answer, and judge yourself.

    Attributes
    ----------
    answer : str
        A model answer.
    wrong : mapping from str to str
        What many write instead, and what is missing or mistaken in it.
    least : int
        Fewer words than this are no sentence.
    wanted : mapping from str to str
        A regular expression, and what to say if nothing in the answer matches it.
    """

    _: KW_ONLY
    answer: str
    wrong: Mapping[str, str] = field(default_factory=dict)
    least: int = 6
    wanted: Mapping[str, str] = field(default_factory=dict)

    def _untouched(self, answer) -> bool:
        return answer is None or answer is ... or not str(answer).strip()

    def _judge(self, answer) -> tuple[bool, str, str]:
        said = " ".join(str(answer).split())
        if len(said.split()) < self.least:
            return False, f"write a whole sentence, of {self.least} words or more.", said
        for pattern, missing in self.wanted.items():
            if not re.search(pattern, said, re.IGNORECASE):
                return False, missing, said
        lines = [f"kept. Compare it with this one.\n{self.answer}"]
        lines += [f"If you wrote “{text}”: {reply}" for text, reply in self.wrong.items()]
        return True, "\n".join(lines), said

    def _solution(self) -> str:
        return wrapped(self.answer)
