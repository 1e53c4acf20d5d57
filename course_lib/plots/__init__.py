"""Figures, each with its description in words. Functions return them; none shows or saves.

They are built without pyplot, so that a notebook shows a figure once, where it is named.
"""

from course_lib.plots.curves import LiveCurve, curve, loss_curves
from course_lib.plots.figure import AltFigure, difference, symmetric
from course_lib.plots.pictures import comparison, grid

__all__ = [
    "AltFigure",
    "LiveCurve",
    "comparison",
    "curve",
    "difference",
    "grid",
    "loss_curves",
    "symmetric",
]
