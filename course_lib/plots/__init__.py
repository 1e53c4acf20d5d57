"""Figures, each with its description in words. Functions return them; none shows or saves.

They are built without pyplot, so that a notebook shows a figure once, where it is named.
"""

from course_lib.plots.barcharts import bars
from course_lib.plots.curves import LiveCurve, curve, loss_curves
from course_lib.plots.detectors import roc
from course_lib.plots.figure import AltFigure, difference, symmetric
from course_lib.plots.heatmaps import heatmap
from course_lib.plots.palette import colour
from course_lib.plots.pictures import comparison, grid
from course_lib.plots.points import scatter

__all__ = [
    "AltFigure",
    "LiveCurve",
    "bars",
    "colour",
    "comparison",
    "curve",
    "difference",
    "grid",
    "heatmap",
    "loss_curves",
    "roc",
    "scatter",
    "symmetric",
]
