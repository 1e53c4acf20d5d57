"""Lines over an axis: any curves, and a training run's history, live if wanted."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from IPython import get_ipython
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from course_lib.plots.figure import DPI, AltFigure, above_zero
from course_lib.plots.palette import styles

if TYPE_CHECKING:
    from course_lib.training import State

FEW = 4  # lines, above which a legend would cover them
TOLD = 8  # points of a line, up to which its description gives all of them


def curve(
    x: ArrayLike,
    ys: Mapping[str, ArrayLike],
    xlabel: str,
    ylabel: str,
    *,
    log: bool = False,
    title: str | None = None,
    alt: str | None = None,
) -> AltFigure:
    """Lines over one axis, told apart by marker, dashes and colour (see `plots.colour`).

    Parameters
    ----------
    x : n numbers
    ys : mapping from name to n numbers
    xlabel, ylabel : str
        With units.
    log : bool
        Logarithmic `y` axis.
    title, alt : str, optional
        `alt` replaces the generated description, which gives all of up to eight points, and of
        longer lines the ends and the extremes.

    Raises
    ------
    ValueError
        If the lengths differ, nothing is there, or a logarithm is asked of what is not positive.
    """
    x = np.asarray(x, dtype=float)
    lines = {name: np.asarray(y, dtype=float) for name, y in ys.items()}
    if not lines or x.ndim != 1 or not len(x):
        raise ValueError("curve got nothing to draw: pass numbers x and at least one line in ys.")
    for name, y in lines.items():
        if y.shape != x.shape:
            raise ValueError(
                f"Line {name!r} has shape {y.shape} and x has {x.shape}, but each x needs one y."
            )
        if log:
            above_zero(f"Line {name!r}", y)
    figure = AltFigure(
        figsize=(6 if len(lines) <= FEW else 8, 3.4),
        dpi=DPI,
        layout="constrained",
        alt=alt or (f"{title}. " if title else "") + _describe(x, lines, xlabel, ylabel, log),
    )
    axes = figure.subplots()
    _draw(axes, x, lines)
    axes.set(xlabel=xlabel, ylabel=ylabel, title=title or "", yscale="log" if log else "linear")
    return figure


def loss_curves(
    history: Mapping[str, Sequence[float]], *terms: str, alt: str | None = None
) -> AltFigure:
    """Training and validation figures over the epochs, their last values in the legend.

    Parameters
    ----------
    history : mapping
        As `training.fit` keeps it: ``epoch``, ``train_loss``, ``validation_loss``, …
    *terms : str
        What follows ``train_`` and ``validation_``, one panel each; ``"loss"`` by default.
    alt : str, optional
        Replaces the generated description.

    Raises
    ------
    ValueError
        If there is no finished epoch, or no such term.
    """
    terms = terms or ("loss",)
    epochs = np.asarray(history.get("epoch", ()), dtype=float)
    panels = {}
    for term in terms:
        names = {"training": f"train_{term}", "validation": f"validation_{term}"}
        found = {label: history[key] for label, key in names.items() if key in history}
        if not found or not len(epochs):
            raise ValueError(
                f"The history holds {', '.join(history) or 'nothing'}, but epoch and train_{term} "
                "with at least one finished epoch are expected: train first."
            )
        panels[f"{term} per picture"] = {
            f"{label}, last {values[-1]:.4g}": np.asarray(values, dtype=float)
            for label, values in found.items()
        }
    described = (_describe(epochs, lines, "epoch", name) for name, lines in panels.items())
    figure = AltFigure(
        figsize=(6 if len(panels) == 1 else 4.6 * len(panels), 3.4),
        dpi=DPI,
        layout="constrained",
        alt=alt or " ".join(described),
    )
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for panel, (name, lines) in zip(axes, panels.items(), strict=True):
        _draw(panel, epochs, lines)
        panel.set(xlabel="epoch", ylabel=name)
    return figure


class LiveCurve:
    """Draws the history anew after each epoch, in one place of the notebook.

    For ``training.fit(…, on_epoch=plots.LiveCurve("distortion", "rate"))``; outside a notebook it
    does nothing.

    Parameters
    ----------
    *terms : str
        As `loss_curves` takes them.
    """

    def __init__(self, *terms: str):
        self.terms = terms
        self._display = None

    def __call__(self, state: "State") -> None:
        """Draw the history so far."""
        if getattr(get_ipython(), "kernel", None) is None:
            return
        figure = loss_curves(state.history, *self.terms)
        if self._display is None:
            self._display = display(figure, display_id=True)
        else:
            self._display.update(figure)


def _describe(
    x: np.ndarray, lines: Mapping[str, np.ndarray], xlabel: str, ylabel: str, log: bool = False
) -> str:
    described = " ".join(describe_line(name, x, y) for name, y in lines.items())
    kind = f"{ylabel}{' (logarithmic)' if log else ''} against {xlabel}."
    return f"Line plot of {kind} {described}"


def describe_line(name: str, x: np.ndarray, y: np.ndarray) -> str:
    """A line in words: all of few points, else its ends and extremes."""
    if len(x) <= TOLD:
        points = (f"{value:.4g} at {place:g}" for place, value in zip(x, y, strict=True))
        return f"{name}: {', '.join(points)}."
    return (
        f"{name}: from {y[0]:.4g} at {x[0]:g} to {y[-1]:.4g} at {x[-1]:g} "
        f"(lowest {np.nanmin(y):.4g}, highest {np.nanmax(y):.4g})."
    )


def _draw(axes: Axes, x: np.ndarray, lines: Mapping[str, np.ndarray]) -> None:
    for name, (colour, marker, dashes) in styles(lines).items():
        axes.plot(
            x,
            lines[name],
            label=name,
            color=colour,
            linestyle=dashes,
            marker=marker,
            markersize=5,
            markevery=max(1, len(x) // 12),
        )
    if (x == x.round()).all():
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.3)
    if len(lines) <= FEW:
        axes.legend(frameon=False)
    else:
        axes.figure.legend(loc="outside right upper", frameon=False)
