"""Bars: a number for each name, or the mean of several seeds."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from math import floor, log10

import numpy as np

from course_lib.plots.figure import (
    DPI,
    LETTER,
    SMALL,
    AltFigure,
    above_zero,
    array,
    number,
    wrapped,
)
from course_lib.plots.palette import COLOURS, styles

HATCHES = ("", "//", "..", "xx", "\\\\", "--")
WIDEST = 9.6  # inches: what a slide of 1280 pixels shows without making it smaller

Numbers = float | Sequence[float]


def bars(
    values: Mapping[str, Numbers] | Mapping[str, Mapping[str, Numbers]],
    ylabel: str,
    *,
    log: bool = False,
    title: str | None = None,
    alt: str | None = None,
) -> AltFigure:
    """A bar for each name, its number at its end.

    Parameters
    ----------
    values : mapping from name to a number, or to a list with one for each seed
        Of several seeds the bar is the mean; each is a dot. A mapping from groups to such
        mappings draws the groups side by side, and the names in a legend.
    ylabel : str
        With a unit.
    log : bool
        Logarithmic `y` axis.
    title, alt : str, optional
        `alt` replaces the generated description, which gives every number.

    Raises
    ------
    ValueError
        If a number is missing or not finite, groups are mixed with numbers, or a logarithm is
        asked of what is not positive.
    """
    nested = [isinstance(value, Mapping) for value in values.values()]
    if any(nested) and not all(nested):
        raise ValueError("bars got groups and numbers: pass only groups, or only numbers.")
    grouped = any(nested)
    named = {n: v if isinstance(v, Mapping) else {n: v} for n, v in values.items()}
    groups = {
        group: {name: _seeds(name, one, log) for name, one in members.items()}
        for group, members in named.items()
    }
    if not groups or not all(groups.values()):
        raise ValueError("bars got nothing to draw: pass at least one name with its number.")

    names = list(dict.fromkeys(name for members in groups.values() for name in members))
    looks = styles(names)
    if not grouped and len(names) > len(COLOURS):  # colours would come round again, and mislead
        looks = {name: styles([name])[name] for name in names}
    hatches = dict(zip(names, cycle(HATCHES), strict=False))
    count = sum(map(len, groups.values()))
    inches = max(3.6, 0.55 * count, 1.1 * len(groups))
    inches = min(inches, WIDEST - 1 - 1.6 * grouped)  # beside it stand the axis and the legend
    upright = LETTER * max(
        len(number(seeds.mean())) for members in groups.values() for seeds in members.values()
    ) > DPI * inches / (count + 0.5 * len(groups))

    figure = AltFigure(
        figsize=(inches + 1 + 1.6 * grouped, 3.8),
        dpi=DPI,
        layout="constrained",
        alt=alt or (f"{title}. " if title else "") + _describe(groups, ylabel, log, grouped),
    )
    axes = figure.subplots()
    x, middles, drawn = 0.0, [], {}
    for members in groups.values():
        middles.append(x + (len(members) - 1) / 2)
        for name, seeds in members.items():
            mean = seeds.mean()
            end, way = (seeds.max(), 1) if mean >= 0 else (seeds.min(), -1)
            drawn[name] = axes.bar(
                x,
                mean,
                width=0.9,
                color=looks[name][0],
                hatch=hatches[name] if grouped else "",
                edgecolor="white",
            )
            if len(seeds) > 1:
                places = x + np.linspace(-0.2, 0.2, len(seeds))
                drawn["one seed"] = axes.scatter(
                    places, seeds, s=18, color="white", edgecolor="black", zorder=3
                )
            axes.annotate(
                number(mean),
                (x, end),
                xytext=(0, way * (4 if len(seeds) == 1 else 8)),
                textcoords="offset points",
                ha="center",
                va="bottom" if way > 0 else "top",
                rotation=90 if upright else 0,
                fontsize=SMALL,
            )
            x += 1
        x += 0.5
    letters = max(8, int(DPI * inches / len(groups) / LETTER))
    axes.set_xticks(middles, [wrapped(group, letters) for group in groups], fontsize=SMALL)
    axes.tick_params(axis="x", length=0)
    axes.set(ylabel=ylabel, title=title or "", yscale="log" if log else "linear")
    middle, span = (x - 1.5) / 2, max(x, inches / 1.2)  # a lonely bar stays a bar
    axes.set_xlim(middle - span / 2, middle + span / 2)
    axes.margins(y=0.3 if upright else 0.12)
    if log:
        lowest = min(seeds.min() for members in groups.values() for seeds in members.values())
        axes.set_ylim(bottom=10 ** floor(log10(lowest) - 0.2))
    else:
        axes.axhline(0, color="black", linewidth=0.8)
    axes.spines[["top", "right", *([] if log else ["bottom"])]].set_visible(False)
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)
    if grouped:
        figure.legend(drawn.values(), drawn, loc="outside right upper", frameon=False)
    elif "one seed" in drawn:
        figure.legend([drawn["one seed"]], ["one seed"], loc="outside upper right", frameon=False)
    return figure


def _seeds(name: str, value: Numbers, log: bool) -> np.ndarray:
    seeds = np.atleast_1d(array(value))
    if seeds.ndim != 1 or not len(seeds) or not np.isfinite(seeds).all():
        raise ValueError(
            f"Bar {name!r} got {value!r}, but a finite number is expected, or a list of them, one "
            "for each seed."
        )
    if log:
        above_zero(f"Bar {name!r}", seeds)
    return seeds


def _describe(groups: Mapping, ylabel: str, log: bool, grouped: bool) -> str:
    def told(seeds):
        if len(seeds) == 1:
            return number(seeds[0])
        ends = f"{number(seeds.min())} to {number(seeds.max())}"
        return f"{number(seeds.mean())}, mean of {len(seeds)} seeds from {ends}"

    described = " ".join(
        (f"{group}: " if grouped else "")
        + "; ".join(f"{name}: {told(seeds)}" for name, seeds in members.items())
        + "."
        for group, members in groups.items()
    )
    return f"Bars of {ylabel}{' (logarithmic)' if log else ''}. {described}"
