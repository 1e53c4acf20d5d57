"""A picture in which the reader draws a line, by hand or by keyboard."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import anywidget
from traitlets import Bool, Dict, Float, List

HERE = Path(__file__).parent


class SketchPad(anywidget.AnyWidget):
    """A line with a point for each place on the axis, to be dragged.

    Parameters
    ----------
    places : sequence of float
        Ascending.
    xlabel, ylabel : str
        With units.
    low, high : float
        The range of the line. It starts flat, half-way.

    Attributes
    ----------
    value : list of float
        The line, a number for each place.
    measured : list of float
        The true line, shown over the reader's; at first none.
    disabled : bool
        Whether the line stays as it is.
    """

    _esm: ClassVar[str] = (HERE / "sketch_pad.js").read_text(encoding="utf-8")
    _css: ClassVar[str] = (HERE / "sketch_pad.css").read_text(encoding="utf-8")
    _axes = Dict().tag(sync=True)
    value = List(Float()).tag(sync=True)
    measured = List(Float()).tag(sync=True)
    disabled = Bool(False).tag(sync=True)

    def __init__(self, places: Sequence[float], xlabel: str, ylabel: str, low: float, high: float):
        names = {"xlabel": xlabel, "ylabel": ylabel}
        axes = {"places": list(places), **names, "low": low, "high": high}
        super().__init__(
            _axes=axes, value=[(low + high) / 2] * len(places), layout={"width": "100%"}
        )
