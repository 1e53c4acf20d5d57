"""Figures, each with its description in words. Functions return them; none shows or saves.

They are built without pyplot, so that a notebook shows a figure once, where it is named.
"""

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np
from IPython import get_ipython
from IPython.display import display
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from course_lib.evaluation import pixel_change
from course_lib.figures import DPI, AltFigure, as_pictures, difference, mosaic, symmetric

if TYPE_CHECKING:
    from course_lib.training import State

__all__ = [
    "AltFigure", "LiveCurve", "comparison", "curve", "difference", "grid", "loss_curves",
    "symmetric",
]  # fmt: skip

THRESHOLD = 40  # grey levels from which on a change counts as a point of colour

# Okabe and Ito's palette (2008): its colours stay apart for colour-blind readers. Markers and
# dashes change along with the colour, so that a line is never told by its colour alone.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS, DASHES = ("o", "s", "^", "D", "v", "P", "X"), ("-", "--", "-.", ":")


def comparison(
    columns: Mapping[str, Tensor],
    *,
    difference_of: tuple[str, str] | None = None,
    gain: float = 2.0,
    numbers: Mapping[str, Sequence[str | float]] | None = None,
    title: str | None = None,
    alt: str | None = None,
) -> AltFigure:
    """Pictures side by side: a row per example, a column per treatment.

    Parameters
    ----------
    columns : mapping from name to pictures
        For example ``{"original": x, "reconstruction": y, "edited": e}``, each (n, C, H, W),
        uint8 or float in [-1, 1].
    difference_of : (name, name), optional
        Adds a last column: the second of these columns minus the first, amplified, and below
        each picture how much it changed.
    gain : float
        The amplification.
    numbers : mapping from a column's name to n texts or numbers, optional
        Printed below that column's pictures.
    title, alt : str, optional
        `alt` replaces the generated description.

    Raises
    ------
    ValueError
        If sizes or names do not match.
    """
    if not columns:
        raise ValueError("comparison got no columns: pass at least one, {'original': x}.")
    pictures = {name: as_pictures(images, name) for name, images in columns.items()}
    first, n = next(iter(pictures)), len(next(iter(pictures.values())))
    for name, images in pictures.items():
        if len(images) != n:
            raise ValueError(
                f"Column {name!r} has {len(images)} pictures and {first!r} has {n}, but each "
                "row needs one of each: pass equally many."
            )
    below = {name: [_text(entry) for entry in entries] for name, entries in (numbers or {}).items()}
    for name, entries in below.items():
        if name not in pictures or len(entries) != n:
            raise ValueError(
                f"numbers has {len(entries)} entries for {name!r}, but expects {n} for one of the "
                f"columns {', '.join(pictures)}."
            )
    note = ""
    if difference_of is not None:
        before, after = (_pick(pictures, name) for name in difference_of)
        name = f"difference ×{gain:g}"
        pictures[name] = difference(before, after, gain=gain)
        below[name] = [_change(before[i : i + 1], after[i : i + 1]) for i in range(n)]
        note = (
            f" The last column is {difference_of[1]} minus {difference_of[0]}, amplified "
            f"{gain:g} times; grey means no change."
        )

    names = list(pictures)
    captions = [below[name][i] if name in below else "" for i in range(n) for name in names]
    described = "".join(
        f" Row {i + 1}: "
        + "; ".join(f"{name}, {below[name][i].replace(chr(10), ', ')}" for name in below)
        + "."
        for i in range(n if below else 0)
    )
    shape = f"{n} {'row' if n == 1 else 'rows'} of pictures, columns: {', '.join(names)}."
    return mosaic(
        [pictures[name][i] for i in range(n) for name in names],
        columns=len(names),
        above=names + [""] * (len(names) * (n - 1)),
        below=captions,
        title=title,
        alt=alt or (f"{title}. " if title else "") + shape + note + described,
    )


def grid(
    images: Tensor,
    *,
    columns: int = 8,
    titles: Sequence[str | float] | None = None,
    title: str | None = None,
    alt: str | None = None,
) -> AltFigure:
    """Pictures in reading order.

    Parameters
    ----------
    images : Tensor
        (n, C, H, W), uint8 or float in [-1, 1]; one channel is drawn in grey.
    columns : int
        Pictures per row.
    titles : n texts or numbers, optional
        Printed above the pictures.
    title, alt : str, optional
        `alt` replaces the generated description.

    Raises
    ------
    ValueError
        If `images` holds no pictures, or `titles` are not as many.
    """
    pictures = as_pictures(images)
    n = len(pictures)
    if columns < 1:
        raise ValueError(f"grid got columns={columns}, but a row needs at least 1 picture.")
    above = [_text(entry) for entry in titles] if titles is not None else [""] * n
    if len(above) != n:
        raise ValueError(f"grid got {len(above)} titles for {n} pictures: pass one for each.")
    shape = f"{n} pictures in rows of {min(columns, n)}" if n > 1 else "One picture"
    named = f": {', '.join(above)}." if titles is not None else "."
    return mosaic(
        list(pictures),
        columns=min(columns, n),
        above=above,
        below=[""] * n,
        title=title,
        alt=alt or (f"{title}. " if title else "") + shape + named.replace("\n", " "),
    )


def curve(
    x: Sequence[float],
    ys: Mapping[str, Sequence[float]],
    xlabel: str,
    ylabel: str,
    *,
    log: bool = False,
    title: str | None = None,
    alt: str | None = None,
) -> AltFigure:
    """Lines over one axis, told apart by colour, marker and dashes.

    Parameters
    ----------
    x : n numbers
    ys : mapping from name to n numbers
    xlabel, ylabel : str
        With units.
    log : bool
        Logarithmic `y` axis.
    title, alt : str, optional
        `alt` replaces the generated description, which gives each line's ends and extremes.

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
        if log and not (y > 0).all():
            raise ValueError(
                f"Line {name!r} goes down to {y.min():.4g}, but a logarithmic axis takes only "
                "numbers above 0: use log=False, or leave those points out."
            )
    described = " ".join(
        f"{name}: from {y[0]:.4g} at {x[0]:g} to {y[-1]:.4g} at {x[-1]:g} "
        f"(lowest {np.nanmin(y):.4g}, highest {np.nanmax(y):.4g})."
        for name, y in lines.items()
    )
    kind = f"{ylabel}{' (logarithmic)' if log else ''} against {xlabel}."
    figure = AltFigure(
        figsize=(6, 3.4),
        dpi=DPI,
        layout="constrained",
        alt=alt or (f"{title}. " if title else "") + f"Line plot of {kind} {described}",
    )
    axes = figure.subplots()
    styles = zip(cycle(COLOURS), cycle(MARKERS), cycle(DASHES), strict=False)
    for (name, y), (colour, marker, dashes) in zip(lines.items(), styles, strict=False):
        axes.plot(
            x,
            y,
            label=name,
            color=colour,
            linestyle=dashes,
            marker=marker,
            markersize=5,
            markevery=max(1, len(x) // 12),
        )
    axes.set(xlabel=xlabel, ylabel=ylabel, title=title or "", yscale="log" if log else "linear")
    if (x == x.round()).all():
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    return figure


def loss_curves(
    history: Mapping[str, Sequence[float]], *, term: str = "loss", alt: str | None = None
) -> AltFigure:
    """Training and validation figures over the epochs, their last values in the legend.

    Parameters
    ----------
    history : mapping
        As `training.fit` keeps it: ``epoch``, ``train_loss``, ``validation_loss``, …
    term : str
        What follows ``train_`` and ``validation_``.
    alt : str, optional
        Replaces the generated description.

    Raises
    ------
    ValueError
        If there is no finished epoch, or no such term.
    """
    names = {"training": f"train_{term}", "validation": f"validation_{term}"}
    found = {label: history[key] for label, key in names.items() if key in history}
    if not found or not len(history.get("epoch", ())):
        raise ValueError(
            f"The history holds {', '.join(history) or 'nothing'}, but epoch and train_{term} with "
            "at least one finished epoch are expected: train first."
        )
    lines = {f"{label}, last {values[-1]:.4g}": values for label, values in found.items()}
    return curve(history["epoch"], lines, "epoch", f"{term} per picture", alt=alt)


class LiveCurve:
    """Draws the loss anew after each epoch, in one place of the notebook.

    For ``training.fit(…, on_epoch=plots.LiveCurve())``; outside a notebook it does nothing.
    """

    def __init__(self, term: str = "loss"):
        self.term = term
        self._display = None

    def __call__(self, state: "State") -> None:
        if getattr(get_ipython(), "kernel", None) is None:
            return
        figure = loss_curves(state.history, term=self.term)
        if self._display is None:
            self._display = display(figure, display_id=True)
        else:
            self._display.update(figure)


def _text(entry: str | float) -> str:
    return entry if isinstance(entry, str) else f"{float(entry):.4g}"


def _pick(pictures: Mapping[str, Tensor], name: str) -> Tensor:
    if name not in pictures:
        raise ValueError(
            f"difference_of names {name!r}, but the columns are {', '.join(pictures)}: use two "
            "of them."
        )
    return pictures[name]


def _change(before: Tensor, after: Tensor) -> str:
    change = pixel_change(before, after, threshold=THRESHOLD)
    return f"{change.changed:.0f} pixels > {THRESHOLD}\nmean {change.mean_absolute:.1f} grey levels"
