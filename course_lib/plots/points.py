"""Points over two axes, with their names."""

from collections.abc import Mapping, Sequence
from itertools import chain, product

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter
from matplotlib.transforms import Bbox
from numpy.typing import ArrayLike

from course_lib.plots.curves import describe_line
from course_lib.plots.figure import DPI, SMALL, AltFigure, above_zero, array, number
from course_lib.plots.palette import styles

# Where a name may stand beside its point: the way there in points, and the text's anchor.
PLACES = (
    ((9, 0), "left", "center"),
    ((-9, 0), "right", "center"),
    ((0, 8), "center", "bottom"),
    ((0, -8), "center", "top"),
    ((6, 6), "left", "bottom"),
    ((6, -6), "left", "top"),
    ((-6, 6), "right", "bottom"),
    ((-6, -6), "right", "top"),
)


def scatter(
    points: Mapping[str, ArrayLike],
    xlabel: str,
    ylabel: str,
    *,
    lines: Mapping[str, ArrayLike] | None = None,
    log: bool | str = False,
    title: str | None = None,
    alt: str | None = None,
) -> AltFigure:
    """Points, their names beside them where there is room, else in a legend.

    Parameters
    ----------
    points : mapping from name to (x, y), or to a list of them
        Of a line's name, they have its colour and are named with it.
    xlabel, ylabel : str
        With units.
    lines : mapping from name to (xs, ys), optional
        Drawn behind the points and named in a legend.
    log : False, "x", "y" or "both"
        Logarithmic axes.
    title, alt : str, optional
        `alt` replaces the generated description, which gives the points and the lines' ends.

    Raises
    ------
    ValueError
        If there is no point, a shape is another, or a logarithm is asked of what is not positive.
    """
    if log not in (False, "x", "y", "both"):
        raise ValueError(f"scatter got log={log!r}, but False, 'x', 'y' or 'both' is expected.")
    if not points:
        raise ValueError("scatter got no points: pass at least one, {'AE': (x, y)}.")
    logs = [log in (axis, "both") for axis in "xy"]
    points = {
        name: _pairs(f"Point {name!r}", np.atleast_2d(array(xy)), logs)
        for name, xy in points.items()
    }
    lines = {
        name: _pairs(f"Line {name!r}", array(xys).T, logs) for name, xys in (lines or {}).items()
    }
    figure = AltFigure(
        figsize=(6.4, 4.2),
        dpi=DPI,
        layout="constrained",
        alt=alt
        or (f"{title}. " if title else "") + _describe(points, lines, (xlabel, ylabel), logs),
    )
    axes = figure.subplots()
    looks = styles(dict.fromkeys(chain(points, lines)))
    for name, xys in lines.items():
        colour, _, dashes = looks[name]
        axes.plot(*xys.T, label=name, color=colour, linestyle=dashes, zorder=1)
    for name, xys in points.items():
        colour, marker, _ = looks[name]
        axes.scatter(
            *xys.T, label=name, s=55, color=colour, marker=marker, edgecolor="white", zorder=3
        )
    axes.set(xlabel=xlabel, ylabel=ylabel, title=title or "")
    axes.margins(0.1)
    for name, on in zip("xy", logs, strict=True):
        if on:
            axes.set(**{f"{name}scale": "log"})
            _write_plainly(getattr(axes, f"{name}axis"))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.3)
    axes.set_axisbelow(True)
    style = {"loc": "outside right upper", "frameon": False}
    legend = figure.legend(handles=axes.lines, **style) if lines else None
    figure.draw_without_rendering()  # now it is known where everything lies
    if not _write_names(axes, points, [name for name in points if name not in lines]):
        if legend:
            legend.remove()
        figure.legend(**style)
    return figure


def _pairs(what: str, pairs: np.ndarray, logs: list[bool]) -> np.ndarray:
    if pairs.ndim != 2 or pairs.shape[1] != 2 or not np.isfinite(pairs).all() or not len(pairs):
        raise ValueError(
            f"{what} is not made of finite pairs: a point is (x, y) or a list of (x, y), a line is "
            "(xs, ys) with as many xs as ys."
        )
    for numbers, log in zip(pairs.T, logs, strict=True):
        if log:
            above_zero(what, numbers)
    return pairs


def _write_plainly(axis: Axis) -> None:
    """Ticks on a logarithmic axis at 1, 2 and 5, and as numbers that one can read."""
    low, high = axis.get_view_interval()
    decades = np.log10(high / low)
    subs = (1, 2, 5) if decades < 3 else (1,)
    axis.set_major_locator(MaxNLocator(5) if decades < 1 else LogLocator(subs=subs))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())


def _write_names(axes: Axes, points: Mapping[str, np.ndarray], names: Sequence[str]) -> bool:
    """Write each name where it covers no point, line or name; if one has no place, write none."""
    room = axes.get_window_extent()
    places = axes.transData.transform(np.concatenate([*points.values()]))
    taken = [Bbox.from_extents(*(xy - 6), *(xy + 6)) for xy in places]
    paths = [line.get_path().transformed(line.get_transform()) for line in axes.lines]
    written = []

    def free(box: Bbox) -> bool:
        return (
            box.count_overlaps(taken) == 0
            and all(room.x0 < x < room.x1 and room.y0 < y < room.y1 for x, y in box.corners())
            and not any(path.intersects_bbox(box, filled=False) for path in paths)
        )

    for name in names:
        xys = points[name]
        text = axes.annotate(
            name, xys[0], xytext=(0, 0), textcoords="offset points", fontsize=SMALL
        )
        text.set_in_layout(False)
        written.append(text)
        for (away, ha, va), text.xy in product(PLACES, xys):
            text.set(position=away, ha=ha, va=va)
            if free(box := text.get_window_extent()):
                taken.append(box)
                break
        else:
            for one in written:
                one.remove()
            return False
    return True


def _describe(
    points: Mapping[str, np.ndarray],
    lines: Mapping[str, np.ndarray],
    labels: tuple[str, str],
    logs: list[bool],
) -> str:
    x, y = (
        f"{label}{' (logarithmic)' if log else ''}" for label, log in zip(labels, logs, strict=True)
    )
    told = [
        f"{name}: {', '.join(f'({number(x)}, {number(y)})' for x, y in xys)}."
        for name, xys in points.items()
    ]
    told += [f"Line {describe_line(name, *xys.T)}" for name, xys in lines.items()]
    return f"Points of {y} against {x}. {' '.join(told)}"
