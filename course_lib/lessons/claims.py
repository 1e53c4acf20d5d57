"""Claims and verdicts: what a measurement bears out, printed with ✓ or ✗.

No such line is written by hand: nbval compares the stored lines with those of a fresh run, and a
test refuses a stored ✗. `authoring.claims` reads the lines back.
"""

from collections.abc import Sequence
from dataclasses import dataclass

MARKS = {True: "✓", False: "✗"}
# How a verdict is passed, and how it is printed.
VERDICTS = {"true": "holds", "half true": "half true", "false": "does not hold"}


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
    print(f"{MARKS[stands]} “{heard}”: {VERDICTS[judged]}.")
    return stands
