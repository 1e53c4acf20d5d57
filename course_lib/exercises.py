"""Ask the student before showing: who has predicted a result learns from it."""

from collections.abc import Sequence
from html import escape

import ipywidgets as w


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
