"""Pictures side by side, or in a grid."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from course_lib.evaluation import pixel_change
from course_lib.plots.figure import AltFigure, as_pictures, difference, mosaic

THRESHOLD = 40  # grey levels from which on a change counts as a point of colour


def comparison(
    columns: Mapping[str, Tensor],
    *,
    difference_of: tuple[str, str] | None = None,
    gain: float = 2.0,
    numbers: Mapping[str, Sequence[str | float]] | None = None,
    rows: Sequence[str] | str | None = None,
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
    rows : n texts or a word, optional
        Printed at the left of the rows; a word is counted: face 0, face 1, …
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
    rows = [f"{rows} {number}" for number in range(n)] if isinstance(rows, str) else rows
    named = _row_names("comparison", rows, n)
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
        f" {named[i] if named else f'Row {i + 1}'}: "
        + "; ".join(f"{name}, {below[name][i].replace(chr(10), ', ')}" for name in below)
        + "."
        for i in range(n if below else 0)
    )
    shape = f"{n} {'row' if n == 1 else 'rows'} of pictures"
    shape += f" ({'; '.join(named)})" if named else ""
    between = "; " if any("," in name for name in names) else ", "
    shape += f", columns: {between.join(names)}."
    return mosaic(
        [pictures[name][i] for i in range(n) for name in names],
        columns=len(names),
        above=names + [""] * (len(names) * (n - 1)),
        below=captions,
        names=named,
        title=title,
        alt=alt or (f"{title}. " if title else "") + shape + note + described,
    )


def grid(
    images: Tensor,
    *,
    columns: int = 8,
    rows: Sequence[str] | None = None,
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
    rows : a text for each row, optional
        Printed at the left of the rows.
    titles : n texts or numbers, or one for each column; optional
        Printed above the pictures, or once above the columns.
    title, alt : str, optional
        `alt` replaces the generated description.

    Raises
    ------
    ValueError
        If `images` holds no pictures, or `titles` or `rows` are not as many.
    """
    pictures = as_pictures(images)
    n = len(pictures)
    if columns < 1:
        raise ValueError(f"grid got columns={columns}, but a row needs at least 1 picture.")
    above = [_text(entry) for entry in titles] if titles is not None else [""] * n
    if len(above) == columns < n:
        above += [""] * (n - columns)
    if len(above) != n:
        raise ValueError(
            f"grid got {len(above)} titles for {n} pictures in {columns} columns: pass one for "
            "each picture, or one for each column."
        )
    columns = min(columns, n)
    starts = range(0, n, columns)
    names = _row_names("grid", rows, len(starts))
    parts = [", ".join(filter(None, above[i : i + columns])) for i in starts]
    if names and titles is not None:
        parts = [
            f"{name}: {part}" if part else name for name, part in zip(names, parts, strict=True)
        ]
    elif names:
        parts = names
    shape = f"{n} pictures in rows of {columns}" if n > 1 else "One picture"
    told = f": {('; ' if names else ', ').join(parts)}." if names or titles is not None else "."
    return mosaic(
        list(pictures),
        columns=columns,
        above=above,
        below=[""] * n,
        names=names,
        title=title,
        alt=alt or (f"{title}. " if title else "") + shape + told.replace("\n", " "),
    )


def _row_names(function: str, rows: Sequence[str] | None, n: int) -> list[str]:
    if rows is not None and (isinstance(rows, str) or len(rows) != n):
        raise ValueError(
            f"{function} got rows={rows!r} for {n} {'row' if n == 1 else 'rows'} of pictures: pass "
            "a list with a name for each."
        )
    return [str(row) for row in rows or ()]


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
