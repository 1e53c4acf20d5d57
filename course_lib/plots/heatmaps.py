"""A matrix as coloured cells."""

from collections.abc import Mapping, Sequence
from math import ceil, floor, log10
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from course_lib.plots.figure import DPI, LETTER, SMALL, AltFigure, array, number, wrapped

NUMBERS = 200  # cells, above which numbers would be a carpet
WIDEST = 8.0  # inches of cells
DESCRIBED = 30  # cells, above which a description gives only the extremes


def heatmap(
    matrix: ArrayLike | Mapping[str, ArrayLike],
    rows: Sequence[str | float],
    columns: Sequence[str | float],
    label: str,
    *,
    title: str | None = None,
    alt: str | None = None,
) -> AltFigure:
    """A matrix as coloured cells, with numbers in them where they fit.

    Parameters
    ----------
    matrix : (n, m) numbers, or a mapping from name to such
        Several stand side by side in one scale, each below its name. A cell that holds NaN stays
        empty.
    rows, columns : n and m names
    label : str
        What the numbers are, with their unit; beside the colour bar.
    title, alt : str, optional
        `alt` replaces the generated description, which gives the extremes and, of a single
        matrix with up to 30 cells, all numbers.

    Raises
    ------
    ValueError
        If the names are not as many as rows and columns, or no number is there.
    """
    rows, columns = [*map(str, rows)], [*map(str, columns)]
    given = matrix if isinstance(matrix, Mapping) else {"": matrix}
    matrices = {name: _named(one, rows, columns) for name, one in given.items()}
    several = len(matrices) > 1
    own, columns = columns, columns + ["", *columns] * (len(matrices) - 1)
    matrix = _side_by_side([*matrices.values()])
    if not np.isfinite(matrix).any() or np.isinf(matrix).any():
        raise ValueError("heatmap got no finite number, or an infinite one: pass finite numbers.")
    widest = WIDEST / len(columns)
    for digits in (3, 2):
        texts = _texts(matrix, digits)
        needed = LETTER * max(map(len, texts.flat)) / DPI + 0.05  # inches that a number is wide
        if needed <= widest:
            break
    word = max(len(word) for name in columns for word in name.split()) * LETTER / DPI
    width, height = min(max(needed, word, 0.6), widest), min(0.4, 4.4 / len(rows))
    letters = round(width * DPI / LETTER)
    above = [wrapped(name, letters) for name in columns]
    beside = [wrapped(name, 24) for name in rows]
    fits = _longest(above) < letters  # a blank between two names
    margin, foot = (
        LETTER * _longest(beside) / DPI,
        0.2 * max(name.count("\n") + 1 for name in above),
    )
    if not fits:  # names at 45 degrees take as much below as to the left
        foot = 0.055 * _longest(columns)
        margin = max(margin, 0.055 * len(columns[0]))
    described = (
        _describe_all(matrices, own, label)
        if several
        else _describe(matrix, texts, rows, columns, label)
    )
    figure = AltFigure(
        figsize=(width * len(columns) + margin + 1.2, height * len(rows) + foot + 0.6),
        dpi=DPI,
        layout="constrained",
        alt=alt or (f"{title}. " if title else "") + described,
    )
    axes = figure.subplots()
    image = axes.imshow(matrix, cmap="viridis", aspect="auto", interpolation="nearest")
    turned: dict[str, Any] = (
        {} if fits else {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    )
    for axis, names, cell, style in (
        (axes.xaxis, above if fits else columns, width, turned),
        (axes.yaxis, beside, height, {}),
    ):
        step = ceil(0.2 / cell)  # where there are many, every so many is named
        axis.set_ticks(range(0, len(names), step), names[::step], fontsize=SMALL, **style)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title(
        wrapped(title or "", round(figure.get_figwidth() * DPI / LETTER)),
        fontsize=10,
        pad=24 if several else None,
    )
    for place, name in enumerate(matrices if several else ()):
        middle = place * (len(own) + 1) + (len(own) - 1) / 2
        axes.text(middle, -0.6, name, ha="center", va="bottom", fontsize=10)
    figure.colorbar(image, label=label)
    if matrix.size <= NUMBERS and needed <= width and height >= 0.2:
        for (row, column), text in np.ndenumerate(texts):
            dark = np.dot(image.cmap(image.norm(matrix[row, column]))[:3], (0.3, 0.59, 0.11)) < 0.4
            colour = "white" if dark else "black"
            axes.text(column, row, text, ha="center", va="center", fontsize=SMALL, color=colour)
    return figure


def _named(matrix: ArrayLike, rows: list[str], columns: list[str]) -> np.ndarray:
    """A matrix that has a name for each row and column."""
    matrix = array(matrix)
    if matrix.shape != (len(rows), len(columns)):
        raise ValueError(
            f"heatmap got a matrix of shape {matrix.shape}, {len(rows)} rows and {len(columns)} "
            "columns, but each row and column needs one name."
        )
    return matrix


def _side_by_side(matrices: Sequence[np.ndarray]) -> np.ndarray:
    """All as one matrix, an empty column between two."""
    first, *others = matrices
    parts = [first]
    for other in others:
        parts += [np.full((len(first), 1), np.nan), other]
    return np.concatenate(parts, axis=1)


def _longest(texts: Sequence[str]) -> int:
    return max(len(line) for text in texts for line in text.split("\n"))


def _texts(matrix: np.ndarray, digits: int) -> np.ndarray:
    """Numbers with the decimals that give the largest one so many digits; NaN is empty."""
    decimals = digits - 1 - floor(log10(max(np.nanmax(np.abs(matrix)), 1e-300)))
    plain = -3 <= decimals <= 5

    def text(value: float) -> str:
        if np.isnan(value):
            return ""
        if not plain:
            return f"{value:.{digits - 1}e}"
        decimal = max(0, decimals)
        return f"{round(value, decimal) + 0:.{decimal}f}"  # + 0 makes 0.00 of -0.00

    return np.vectorize(text, otypes=[object])(matrix)


def _describe_all(matrices: Mapping[str, np.ndarray], columns: list[str], label: str) -> str:
    told = (
        f"{n}, from {number(np.nanmin(m))} to {number(np.nanmax(m))}" for n, m in matrices.items()
    )
    return f"Heat maps of {label}, {'; '.join(told)}. Columns: {'; '.join(columns)}."


def _describe(
    matrix: np.ndarray, texts: np.ndarray, rows: list[str], columns: list[str], label: str
) -> str:
    ends = {"lowest": np.nanargmin(matrix), "highest": np.nanargmax(matrix)}
    places = {end: np.unravel_index(flat, matrix.shape) for end, flat in ends.items()}
    told = ", ".join(
        f"{end} {texts[i, j]} (row {rows[i]}; column {columns[j]})"
        for end, (i, j) in places.items()
    )
    kind = f"Heat map of {label}, {len(rows)} × {len(columns)} cells: {told}."
    if matrix.size > DESCRIBED:
        return kind
    cells = " ".join(
        f"{name}: {', '.join(text or 'nothing' for text in row)}."
        for name, row in zip(rows, texts, strict=True)
    )
    return f"{kind} Columns: {'; '.join(columns)}. {cells}"
