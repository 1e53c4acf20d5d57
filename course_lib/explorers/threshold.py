"""A detector's threshold, moved by hand: what it reports of two kinds of pictures."""

import numpy as np
from torch import Tensor

from course_lib.evaluation import Roc, roc
from course_lib.explorers.figure_explorer import FigureExplorer, Slider
from course_lib.plots.detectors import draw_roc
from course_lib.plots.figure import DPI, AltFigure
from course_lib.plots.palette import BLUE, VERMILION

BINS, STEPS = 40, 200


def threshold_explorer(
    normal: Tensor, strange: Tensor, label: str = "score", start: float | None = None
) -> FigureExplorer:
    """Move a threshold over two heaps of scores: hits and false alarms are counted, and the point
    runs along the ROC curve.

    Parameters
    ----------
    normal, strange : Tensor
        Scores, (n,) and (m,), on the CPU; strange pictures should score higher.
    label : str
        What the score is.
    start : float, optional
        The middle of the scores by default.

    Raises
    ------
    ValueError
        As `evaluation.roc`, or if all scores are equal.
    """
    curve = roc(normal, strange)
    low, high = curve.thresholds[-1].item(), curve.thresholds[1].item()
    if low == high:
        raise ValueError(
            f"All scores are {low:g}, so no threshold tells any picture: take another score."
        )

    def draw(threshold: float) -> AltFigure:
        return threshold_figure(normal, strange, threshold, label, curve)

    start = (low + high) / 2 if start is None else start
    slider = Slider(low, high, start, (high - low) / STEPS, label="threshold")
    return FigureExplorer(draw, {"threshold": slider})


def threshold_figure(
    normal: Tensor, strange: Tensor, threshold: float, label: str, curve: Roc
) -> AltFigure:
    """The scores of both kinds with the threshold between them, and its place on the ROC curve."""
    kinds = {"normal": normal.numpy(), "strange": strange.numpy()}
    reported = {name: int((scores >= threshold).sum()) for name, scores in kinds.items()}
    counts = (
        f"{reported['strange']} of {len(strange)} strange pictures are found, "
        f"{reported['normal']} of {len(normal)} normal ones are false alarms"
    )
    figure = AltFigure(
        figsize=(8.4, 3.6),
        dpi=DPI,
        layout="constrained",
        alt=f"Threshold at {label} {threshold:.3g}: {counts}. AUC {curve.auc:.3f}. "
        "Left, histograms of both kinds' scores with the threshold as a line; right, the "
        "ROC curve with a point where this threshold is.",
    )
    left, right = figure.subplots(1, 2, width_ratios=(5, 4))
    edges = np.linspace(curve.thresholds[-1], curve.thresholds[1], BINS + 1)
    for (name, scores), colour, hatch in zip(
        kinds.items(), (BLUE, VERMILION), (None, "///"), strict=True
    ):
        style = {"color": colour, "alpha": 0.45, "hatch": hatch, "label": name}
        left.hist(scores, edges, density=True, **style)
    left.axvline(threshold, color="black", linewidth=1.5)
    left.set(xlabel=label, ylabel="share of the pictures, per unit")
    left.legend(frameon=False)
    left.spines[["top", "right"]].set_visible(False)
    draw_roc(right, {"this score": curve})
    place = [reported[name] / len(kinds[name]) for name in ("normal", "strange")]
    right.plot(*place, marker="o", markersize=9, color="black")
    figure.suptitle(counts, fontsize=10)
    return figure
