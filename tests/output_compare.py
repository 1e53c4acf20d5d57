"""Compare a notebook cell's stored outputs with fresh ones: words exactly, the rest closely.

Standard error (warnings), progress bars and a widget's inner state are left out, and so is the
layout: how many blanks stand between two words, where a line is broken, and how long a row of
dashes is. A cell widens its limits in its metadata, for instance
``"course": {"rel": 0.1, "abs": 0.02}``; see `Tolerance`.
"""

import base64
import io
import json
import math
import re
import textwrap
from collections import defaultdict
from dataclasses import dataclass, fields
from itertools import takewhile
from pathlib import Path

import numpy as np
from nbformat import NotebookNode
from nbval.plugin import coalesce_streams
from PIL import Image

from course_lib.authoring.execute import is_progress_bar

WIDGET = "application/vnd.jupyter.widget-view+json"
EMBEDDED_FIGURE = re.compile(r"data:image/(?:png|jpeg);base64,([\w+/=\s]+)")

DATA_FRAME = 'class="dataframe"'  # in the HTML of a pandas table
RULE = re.compile(r"[-=─━═]{3,}")

NUMBER = re.compile(
    r"""
    [ \t]*                                # blanks beside a number are alignment: [ 0.1, -0.2]
    (
        (?:(?<![\w.)\]])[-+\u2212])?      # a sign, not the minus of 3-2
        (?<![\w.])                        # digits in a name (conv2) or a version (2.15.0) are words
        (?:
            (?:\d{1,3}(?:,\d{3})+|\d+)    # whole part, perhaps with thousands: 12,288
            (?:\.\d+|\.(?=[ ]*[],\d-]))?  # fraction; an array's "1." but not a sentence's end
            (?:[eE][-+]?\d+)?
            (?!\.?\d)
        |
            (?:nan|NaN|inf)\b
        )
    )
    [ \t]*
    """,
    re.VERBOSE,
)


@dataclass(frozen=True)
class Tolerance:
    """How far a cell's outputs may be from the stored ones.

    Parameters
    ----------
    rel : float
        Relative difference allowed between two numbers. The homework's autoencoder trained twice,
        with other vector instructions and another number of threads as on another processor, has
        the same six digits after 60 steps; after 400, rounding has grown to 0.4 % of the training
        and 1.5 % of the test error, 1.2 % of the points that an edit moves and 3 % of the active
        units. A number off by 20 % must not pass. Exact results deserve less, say 1e-4.
    abs : float
        Absolute difference allowed: some ten roundings of float32 (1.2e-7) around one, so that
        3e-8 and -1e-7, both "zero", agree.
    integers : bool
        Whether whole numbers may differ as well. If not, 1024 is 1024: shapes, sizes and epochs
        are exact. Set it for counts that depend on training.
    figure : float
        Mean grey levels (0 to 255) by which the worst 8 × 8 pixels of a figure may differ; the
        whole figure may differ by a fifth of that, see `overall`. Measured with strips and grids
        of faces, loss curves, scatter plots and histograms, matplotlib 3.11:

        ====================================================  ===========  =============
        change                                                worst block  whole figure
        ====================================================  ===========  =============
        matplotlib 3.11.0 instead of 3.11.2                   0            0
        another processor (see `rel`), after 60 / 400 steps   0.1 / 14     0.0 / 2.5
        every pixel ±2 levels                                 1.8          1.0
        loss curves 0.5 % / 1 % higher                        9 / 15       0.2 / 0.4
        **limit**                                             **20**       **4**
        a handful of noise points missing from a face         26           0.1
        loss curves 2 % / 10 % higher                         36 / 76      0.5 / 2.8
        original and (sharp) reconstruction swapped           39           1.4
        a title's word                                        54           0.3
        the two edits swapped; other noise points             73; 84       5.8; 4.9
        one of 32 faces flat; two swapped                     70; 107      0.8; 1.0
        noise, another face, blank in place of a panel        114 to 222   10 to 28
        all panels 10 % darker                                18           10
        ====================================================  ===========  =============

        matplotlib's minor versions draw text anew (3.10 against 3.11: 19 to 80), so a new one
        means running the notebooks again.
    overall : float, optional
        Mean grey levels by which the whole figure may differ, where a fifth of `figure` says too
        little: in a grid of invented faces a single hair may be anywhere on another processor,
        but the grid as a whole is hardly another one, and two rows that are swapped would be.
    """

    rel: float = 0.05
    abs: float = 1e-6
    integers: bool = False
    figure: float = 20.0
    overall: float | None = None

    @classmethod
    def of(cls, cell: NotebookNode) -> "Tolerance":
        """Read the limits that a cell sets in ``metadata["course"]``; others keep their default."""
        course = cell.metadata.get("course", {})
        return cls(**{f.name: course[f.name] for f in fields(cls) if f.name in course})

    def allows(self, stored: str, fresh: str) -> bool:
        """Tell whether two numbers, as printed, agree."""
        a, b = _value(stored), _value(fresh)
        if isinstance(a, int) and isinstance(b, int) and not self.integers:
            return a == b
        both_nan = math.isnan(a) and math.isnan(b)
        return both_nan or math.isclose(a, b, rel_tol=self.rel, abs_tol=self.abs)


def _value(printed: str) -> int | float:
    plain = printed.replace(",", "").replace("\u2212", "-")
    return int(plain) if plain.lstrip("+-").isdigit() else float(plain)


def text_difference(stored: str, fresh: str, tolerance: Tolerance) -> str | None:
    """Say where two texts first differ by more than the tolerance; None if they agree."""
    old, new = (_without_layout(text).splitlines() for text in (stored, fresh))
    if _line_difference(" ".join(old), " ".join(new), tolerance) is None:
        return None  # broken elsewhere, perhaps
    for number, (a, b) in enumerate(zip(old, new, strict=False), 1):
        if reason := _line_difference(a, b, tolerance):
            return f"line {number}: {reason}\n{_both(a, b)}"
    if len(old) != len(new):
        shared = min(len(old), len(new))
        extra = "\n".join((old if len(old) > shared else new)[shared:])
        word = "missing" if len(old) > shared else "new"
        return f"{len(old)} lines stored, {len(new)} now; {word}:\n{textwrap.indent(extra, '  ')}"
    return None


def _without_layout(text: str) -> str:
    """One blank for several, and a rule of three dashes for a longer one."""
    return "\n".join(" ".join(RULE.sub("---", line).split()) for line in text.splitlines())


def _line_difference(stored: str, fresh: str, tolerance: Tolerance) -> str | None:
    old, new = NUMBER.split(stored), NUMBER.split(fresh)
    if old[::2] != new[::2]:
        return "the text differs"
    for a, b in zip(old[1::2], new[1::2], strict=True):
        if not tolerance.allows(a, b):
            off = abs(_value(b) - _value(a))
            exact = isinstance(off, int) and not tolerance.integers
            limit = "0: whole numbers" if exact else f"{tolerance.rel:.1%} or {tolerance.abs:g}"
            return f"{a} became {b}, off by {off:.3g} (allowed: {limit})"
    return None


def _both(stored: str, fresh: str) -> str:
    pairs = zip(stored, fresh, strict=False)
    same = len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))
    part = slice(max(0, same - 80), same + 120)
    return f"  stored: {stored[part]}\n  now:    {fresh[part]}"


def figure_difference(stored: bytes, fresh: bytes, tolerance: Tolerance) -> str | None:
    """Say where two pictures differ by more than the tolerance; None if they agree.

    Parameters
    ----------
    stored, fresh : bytes
        Two PNG or JPEG files. Their sizes may differ by two pixels: a figure is cut out around
        its text, whose extent is rounded.
    """
    if stored == fresh:
        return None
    old, new = _pixels(stored), _pixels(fresh)
    (height, width), (new_height, new_width) = old.shape[:2], new.shape[:2]
    if max(abs(height - new_height), abs(width - new_width)) > 2:
        return f"{new_width} × {new_height} pixels now, {width} × {height} stored"
    change = pixel_change(old, new)
    blocks = _blocks(change, size := 8)
    row, column = np.unravel_index(blocks.argmax(), blocks.shape)
    worst, overall = blocks[row, column], change.mean()
    limit = tolerance.figure / 5 if tolerance.overall is None else tolerance.overall
    if worst <= tolerance.figure and overall <= limit:
        return None
    third = ["upper", "middle", "lower"][min(2, 3 * row // len(blocks))]
    side = ["left", "centre", "right"][min(2, 3 * column // blocks.shape[1])]
    share = (blocks > tolerance.figure).mean()
    return (
        f"the {third} {side} differs most, around x = {column * size}, y = {row * size} of "
        f"{width} × {height} pixels: {worst:.0f} grey levels (allowed: {tolerance.figure:g}); "
        f"{share:.1%} of the picture is past that; overall {overall:.1f} "
        f"(allowed: {limit:g})"
    )


def pixel_change(stored: np.ndarray, fresh: np.ndarray) -> np.ndarray:
    """Compare two pictures pixel by pixel, forgiving a shift of one pixel.

    A pixel's change is its distance to the most similar of the other picture's nine pixels around
    the same place, both ways round. An edge drawn a little differently hardly counts, whereas
    noise, points or another face do.

    Parameters
    ----------
    stored, fresh : int16 array (height, width, 3)
        Colours in grey levels, 0 to 255. The smaller picture is continued at its lower right.

    Returns
    -------
    float array (height, width)
        Mean over the colours, in grey levels.
    """
    height, width = np.maximum(stored.shape[:2], fresh.shape[:2])
    stored, fresh = (
        np.pad(p, ((0, height - p.shape[0]), (0, width - p.shape[1]), (0, 0)), "edge")
        for p in (stored, fresh)
    )

    def towards(one, other):
        around = np.pad(other, ((1, 1), (1, 1), (0, 0)), "edge")
        shifted = (around[y : y + height, x : x + width] for y in range(3) for x in range(3))
        return np.minimum.reduce([np.abs(one - s).sum(axis=2) for s in shifted]) / 3

    return np.maximum(towards(stored, fresh), towards(fresh, stored))


def _blocks(change: np.ndarray, size: int) -> np.ndarray:
    """Average over square blocks; those cut by the lower or right edge count what they have."""
    height, width = change.shape
    full = np.pad(change, ((0, -height % size), (0, -width % size)), constant_values=np.nan)
    parts = full.reshape(full.shape[0] // size, size, full.shape[1] // size, size)
    return np.nanmean(parts, axis=(1, 3))


def _pixels(picture: bytes) -> np.ndarray:
    image = Image.open(io.BytesIO(picture)).convert("RGBA")
    page = Image.new("RGBA", image.size, "white")
    return np.asarray(Image.alpha_composite(page, image).convert("RGB"), dtype=np.int16)


def save_comparison(stored: bytes, fresh: bytes, path: Path) -> None:
    """Save stored picture, new picture and their difference side by side as a PNG."""
    old, new = _pixels(stored), _pixels(fresh)
    change = np.repeat(pixel_change(old, new)[..., None], 3, axis=2).astype(np.int16)
    height = len(change)
    parts = [
        np.pad(p, ((0, height - len(p)), (0, 10), (0, 0)), constant_values=255)
        for p in (old, new, 255 - change)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate(parts, axis=1).astype(np.uint8)).save(path)


def by_kind(outputs: list[NotebookNode]) -> dict[str, list[str]]:
    """Sort a cell's outputs into kinds, each kind in the order shown, ready to be compared."""
    kinds = defaultdict(list)
    for output in coalesce_streams([o for o in outputs if not is_progress_bar(o)]):
        if output.output_type == "error":
            kinds["exception"].append(f"{output.ename}: {output.evalue}")
        elif output.output_type == "stream":
            if output.name != "stderr":  # warnings: other machines have others
                kinds["printed text"].append(output.text)
        else:
            data = dict(output.data)
            if data.pop(WIDGET, False) or output.metadata.get("widget"):
                # Its text form lists its state, or says that it needs a kernel: keep its class.
                kinds["widget"].append(re.match(r"\w*", data.pop("text/plain", ""))[0])
            if DATA_FRAME in data.get("text/html", ""):
                # The same cells as plain text; longer numbers may break its lines elsewhere.
                data.pop("text/plain", None)
            for mime, content in data.items():
                if mime in ("image/png", "image/jpeg"):
                    kinds["figure"].append(content)
                    continue
                text = content if isinstance(content, str) else json.dumps(content, sort_keys=True)
                kinds["figure"] += EMBEDDED_FIGURE.findall(text)
                kinds[mime].append(EMBEDDED_FIGURE.sub("(figure)", text))
    return {kind: found for kind, found in kinds.items() if found}


def differences(
    stored: list[NotebookNode], fresh: list[NotebookNode], tolerance: Tolerance, picture: Path
) -> list[str]:
    """Compare a cell's stored outputs with fresh ones.

    Parameters
    ----------
    stored, fresh : list of NotebookNode
        Outputs, in notebook format 4.
    tolerance : Tolerance
        The cell's limits.
    picture : Path
        Where to save a figure that differs, beside the stored one; its number is added.

    Returns
    -------
    list of str
        One message for each output that differs; empty if they agree.
    """
    old, new = by_kind(stored), by_kind(fresh)
    problems = []
    for kind in old | new:
        before, now = old.get(kind, []), new.get(kind, [])
        if len(before) != len(now):
            example = "" if kind == "figure" else f": {max(before, now, key=len)[-1]}"
            message = f"{kind}: {len(before)} stored, {len(now)} now{example}"
            problems.append(textwrap.shorten(message, 300))
            continue
        for number, (a, b) in enumerate(zip(before, now, strict=True), 1):
            name = f"{kind} {number} of {len(now)}" if len(now) > 1 else kind
            if kind != "figure":
                if message := text_difference(a, b, tolerance):
                    problems.append(f"{name}, {message}")
                continue
            a, b = base64.b64decode(a), base64.b64decode(b)
            if message := figure_difference(a, b, tolerance):
                path = picture.with_name(f"{picture.name}-figure-{number}.png")
                save_comparison(a, b, path)
                problems.append(f"{name}: {message}\n  stored | now | difference: {path}")
    return problems
