"""How well a score tells two kinds of pictures apart."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from course_lib.plots.figure import DPI, AltFigure
from course_lib.plots.palette import styles

if TYPE_CHECKING:
    from course_lib.evaluation import Roc

TOLD = (0.05, 0.2)  # shares of false alarms at which a description gives the hits


def roc(curves: Mapping[str, "Roc"], *, title: str | None = None) -> AltFigure:
    """ROC curves: of the strange pictures, how many are found at the price of how many normal ones.

    Parameters
    ----------
    curves : mapping from name to Roc
        As `evaluation.roc` gives them.
    title : str, optional

    Raises
    ------
    ValueError
        If there is no curve.
    """
    if not curves:
        raise ValueError("roc got nothing to draw: pass curves as evaluation.roc gives them.")
    told = " ".join(_describe(name, curve) for name, curve in curves.items())
    figure = AltFigure(
        figsize=(4.6, 4.2),
        dpi=DPI,
        layout="constrained",
        alt=(f"{title}. " if title else "") + f"ROC curves, hits against false alarms. {told}",
    )
    axes = figure.subplots()
    draw_roc(axes, curves)
    axes.set_title(title or "", fontsize=10)
    return figure


def draw_roc(axes: Axes, curves: Mapping[str, "Roc"]) -> None:
    """The same, onto axes that are there."""
    axes.plot([0, 1], [0, 1], color="#888888", linestyle=":", linewidth=1)
    for name, (colour, _, dashes) in styles(curves).items():
        curve = curves[name]
        axes.plot(
            curve.false_alarms,
            curve.hits,
            color=colour,
            linestyle=dashes,
            drawstyle="steps-post",
            label=f"{name}: AUC {curve.auc:.3f}",
        )
    axes.set(xlabel="false alarms, share of the normal", ylabel="hits, share of the strange")
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, loc="lower right", fontsize=8)


def _describe(name: str, curve: "Roc") -> str:
    hits = (curve.hits[np.flatnonzero(curve.false_alarms <= share)[-1]] for share in TOLD)
    shares = " and ".join(
        f"{hit:.0%} at {share:.0%}" for hit, share in zip(hits, TOLD, strict=True)
    )
    return f"{name}: area {curve.auc:.3f}, hits {shares} false alarms."
