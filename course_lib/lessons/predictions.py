"""Questions to answer before running on. The first answer counts, and outlives the kernel."""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets as w

from course_lib.lessons import record
from course_lib.lessons.say import say
from course_lib.lessons.sketch_pad import SketchPad

if TYPE_CHECKING:
    from course_lib.plots import AltFigure

NONE = "You locked in no prediction."


class Question(w.VBox):
    """A question, something to answer it with, and a button that locks the answer in.

    Attributes
    ----------
    answer
        What was locked in, or None. An answer of an earlier kernel is read back; call
        `course_lib.exercises.reset` to be asked again.
    """

    _expected: str  #: what is an answer, in words
    _missing: str  #: what to do where there is none on screen

    def __init__(self, question: str, inputs: w.Widget):
        self.question, self.answer = question, None
        self._inputs: Any = inputs
        self._lock = w.Button(description="Lock in my prediction", button_style="primary",
                              layout={"width": "auto"})  # fmt: skip
        self._lock.on_click(lambda _: self._press())
        label = w.HTML(f"<strong>Predict.</strong> {escape(question, quote=False)}")
        super().__init__([label, inputs, self._lock], layout={"align_items": "flex-start"})
        earlier = record.entry("predictions", question).get("answer")
        if earlier is not None and self._possible(earlier):
            self._show(earlier)

    def _possible(self, answer) -> bool:
        raise NotImplementedError

    def _on_screen(self) -> Any:
        raise NotImplementedError

    def _to_screen(self, answer) -> None:
        raise NotImplementedError

    def lock(self, answer=None) -> None:
        """Take the answer: the one given, or else the one on screen. Later ones are refused.

        Raises
        ------
        ValueError
            If it is no answer to this question.
        """
        answer = answer if answer is not None else self._on_screen()
        if self.answer is not None or answer is None:
            return
        if not self._possible(answer):
            raise ValueError(f"{answer!r} is no answer here: {self._expected}.")
        self._show(answer)
        record.keep("predictions", self.question, answer=answer, notebook=record.notebook())

    def _press(self) -> None:
        if self.answer is None and self._on_screen() is None:
            self._lock.description = f"Not yet: {self._missing}"
        self.lock()

    def _show(self, answer) -> None:
        self.answer = answer
        self._to_screen(answer)
        for control in (self._inputs, *getattr(self._inputs, "children", ())):
            control.disabled = True
        # Not disabled: the keyboard's focus is on it, and would be lost with the keys that go on.
        self._lock.description, self._lock.button_style = "Locked in: run the next cells", ""

    def _print(self, right: bool, agrees: str, differs: str, truth: str, because: str) -> None:
        """Say how the answer fares, and keep it."""
        if self.answer is None:
            say(NONE, truth, because)
            return
        record.keep("predictions", self.question, right=right)
        say(agrees if right else f"{differs} {truth}", because)


class Prediction(Question):
    """Choose one of several answers.

    Parameters
    ----------
    question : str
        Plain text: ``<`` and ``&`` are shown as they are.
    choices : sequence of str
        Two or more, all different.
    cuts : sequence of float, optional
        Where the choices are ranges of one number, in ascending order: the borders between them,
        one fewer than the choices. `reveal` then takes the number.

    Raises
    ------
    ValueError
        If there is nothing to choose between, or the cuts do not fit the choices.
    """

    _missing = "choose an answer"

    def __init__(self, question: str, choices: Sequence[str], cuts: Sequence[float] | None = None):
        if len(choices) < 2 or len(set(choices)) < len(choices):
            raise ValueError(f"A prediction needs two or more different choices, not {choices}.")
        if cuts is not None and (len(cuts) != len(choices) - 1 or list(cuts) != sorted(set(cuts))):
            raise ValueError(
                f"{len(choices)} choices in ascending order need {len(choices) - 1} ascending "
                f"borders between them, but cuts is {list(cuts)}."
            )
        self.choices, self.cuts = list(choices), cuts
        self._expected = f"take one of {self.choices}"
        options = w.RadioButtons(options=self.choices, value=None, layout={"width": "max-content"})
        super().__init__(question, options)

    def _possible(self, answer) -> bool:
        return answer in self.choices

    def _on_screen(self) -> str | None:
        return self._inputs.value

    def _to_screen(self, answer: str) -> None:
        self._inputs.value = answer

    def reveal(self, right: str | float, because: str) -> None:
        """Print how the prediction fares.

        Parameters
        ----------
        right : str or float
            The choice that the measurement showed to be right; with `cuts`, what was measured.
        because : str
            One or two sentences that name the cause.
        """
        if self.cuts is not None:
            right = self.choices[sum(float(right) >= cut for cut in self.cuts)]
        if right not in self.choices:
            raise ValueError(f"{right!r} is none of the choices: take one of {self.choices}.")
        said = f"You predicted: {self.answer}."
        agrees = f"As you predicted: {right}."
        self._print(self.answer == right, agrees, said, f"It is: {right}.", because)

    def __repr__(self) -> str:
        return f"Prediction({self.question!r}, {self.choices!r})"


class Estimate(Question):
    """Type a number.

    Parameters
    ----------
    question : str
    unit : str
        Shown behind the field and behind the number that is revealed.
    within : float
        How far off still counts as right, as a share of what is measured. The reader is told.
    """

    _expected = _missing = "type a number"

    def __init__(self, question: str, unit: str = "", within: float = 0.2):
        self.unit, self.within = unit, within
        self._field = w.Text(placeholder="a number", layout={"width": "10em"})
        self._field.on_msg(
            lambda _, content, __: content.get("event") == "submit" and self._press()
        )
        field = w.HBox([self._field, w.Label(unit)])
        super().__init__(f"{question} (Within {within:.0%} counts.)", field)

    def _possible(self, answer) -> bool:
        try:
            float(answer)
        except (TypeError, ValueError):
            return False
        return True

    def _on_screen(self) -> float | None:
        text = self._field.value.strip().replace(",", ".")
        return float(text) if self._possible(text) else None

    def _to_screen(self, answer: float) -> None:
        self._field.value = f"{float(answer):g}"

    def reveal(self, measured: float, because: str) -> None:
        """Print how the number fares against the measured one, and the cause."""
        truth = f"It is: {float(measured):.4g} {self.unit}".rstrip() + "."
        said, right = NONE, False
        if self.answer is not None:
            off = abs(float(self.answer) - float(measured))
            right = off <= self.within * abs(float(measured))
            said = f"You predicted {float(self.answer):g}."
        self._print(right, f"{said} Close enough. {truth}", said, truth, because)

    def __repr__(self) -> str:
        return f"Estimate({self.question!r})"


class Sketch(Question):
    """Draw the line that you expect, by hand or a point after another by keyboard.

    Parameters
    ----------
    question : str
    x : sequence of float
        Five to eight places, ascending.
    xlabel, ylabel : str
        With units.
    low, high : float
        The range of the line. The reader's line is right where it strays from the measured one
        by no more than a fifth of that range, on average.
    """

    _expected = _missing = "give a number for each place on the axis"

    def __init__(self, question: str, x: Sequence[float], xlabel: str, ylabel: str,
                 low: float, high: float):  # fmt: skip
        self.x, self.labels, self.range = list(x), (xlabel, ylabel), (float(low), float(high))
        pad = SketchPad(self.x, xlabel, ylabel, low, high)
        super().__init__(f"{question} (Draw the line: drag its points up or down.)", pad)

    def _possible(self, answer) -> bool:
        return isinstance(answer, list) and len(answer) == len(self.x)

    def _on_screen(self) -> list[float]:
        return self._inputs.value

    def _to_screen(self, answer: list[float]) -> None:
        self._inputs.value = answer

    def reveal(self, measured: Sequence[float], because: str) -> "AltFigure":
        """Print how the line fares, draw the measured one over it, and return both as a figure."""
        lines = {"measured": [float(y) for y in measured]}
        off, (low, high) = 0.0, self.range
        if self.answer is not None:  # else it would stand where the question is still open
            self._inputs.measured = lines["measured"]
            lines["your prediction"] = self.answer
            apart = [abs(a - b) for a, b in zip(self.answer, lines["measured"], strict=True)]
            off = sum(apart) / len(apart)
        truth = f"It goes from {lines['measured'][0]:.3g} to {lines['measured'][-1]:.3g}."
        said = f"Your line is off by {off:.3g} on average."
        close = off <= (high - low) / 5
        self._print(close, f"{said} That is close. {truth}", said, truth, because)
        # Not above: who only executes or lists notebooks need not wait for PyTorch.
        from course_lib.plots import curve

        return curve(self.x, lines, *self.labels)

    def __repr__(self) -> str:
        return f"Sketch({self.question!r})"
