"""What a notebook says to its reader: predict first, then see what the measurement bears out.

A notebook states its claims with `claim` and judges what people say with `verdict`; both print one
line that starts with ✓ or ✗. No line is written by hand: nbval compares the stored lines with those
of a fresh run, and a test refuses a stored ✗. `authoring.claims` reads the lines back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import ipywidgets as w

MARKS = {True: "✓", False: "✗"}
VERDICTS = ("true", "half true", "false")


class Prediction(w.VBox):
    """A question to answer before running on; the first answer counts.

    Parameters
    ----------
    question : str
        Plain text: ``<`` and ``&`` are shown as they are.
    choices : sequence of str
        Two or more, all different.

    Attributes
    ----------
    choice : str or None
        What was locked in.

    Raises
    ------
    ValueError
        If there is nothing to choose between.
    """

    def __init__(self, question: str, choices: Sequence[str]):
        if len(choices) < 2 or len(set(choices)) < len(choices):
            raise ValueError(f"A prediction needs two or more different choices, not {choices}.")
        self.question, self.choices, self.choice = question, list(choices), None
        self._options = w.RadioButtons(options=self.choices, value=None, layout={"width": "auto"})
        self._lock = w.Button(description="Lock in my prediction", button_style="primary",
                              layout={"width": "auto"})  # fmt: skip
        self._lock.on_click(lambda _: self.lock())
        label = w.HTML(f"<strong>Predict.</strong> {escape(question, quote=False)}")
        super().__init__([label, self._options, self._lock], layout={"align_items": "flex-start"})

    def lock(self, choice: str | None = None) -> None:
        """Take the answer: the one given, or else the one that is ticked. Later ones are refused.

        Raises
        ------
        ValueError
            If it is not one of the choices.
        """
        choice = choice if choice is not None else self._options.value
        if self.choice is not None or choice is None:
            return
        if choice not in self.choices:
            raise ValueError(f"{choice!r} is none of the choices: take one of {self.choices}.")
        self.choice = self._options.value = choice
        self._options.disabled = self._lock.disabled = True
        self._lock.description = "Locked in: run the next cells"

    def reveal(self, right: str, because: str) -> None:
        """Print how the prediction fares.

        Parameters
        ----------
        right : str
            The choice that the measurement showed to be right.
        because : str
            One or two sentences that name the cause.
        """
        if right not in self.choices:
            raise ValueError(f"{right!r} is none of the choices: take one of {self.choices}.")
        if self.choice is None:
            start = f"You locked in no prediction. It is: {right}."
        elif self.choice == right:
            start = f"As you predicted: {right}."
        else:
            start = f"You predicted: {self.choice}. It is: {right}."
        print(start, because)

    def __repr__(self) -> str:
        return f"Prediction({self.question!r}, {self.choices!r})"


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
