"""What figures are made of: a figure with its description, checked pictures, and their layout."""

import base64
import io
import textwrap
from functools import partial

import numpy as np
import torch
from IPython import get_ipython
from matplotlib.figure import Figure
from torch import Tensor

from course_lib.transforms import to_image

DPI = 100
PICTURE = 128  # pixels on screen along the longer side of a picture: twice a 64-pixel face
GAP, LINE, FONT_SIZE = (12, 14, 8)  # pixels between pictures, pixels per line of text, points
SMALL = 9  # points: names and numbers in a figure, still readable on a slide
LETTER = 7  # pixels that a letter of this size takes


class AltFigure(Figure):
    """A matplotlib figure that carries its alternative text into the notebook.

    The text is stored as the picture's ``alt`` metadata and as ``text/plain``.

    Attributes
    ----------
    alt : str
        What the figure shows, key numbers included, for readers who do not see it.
    """

    def __init__(self, *args, alt: str, **kwargs):
        super().__init__(*args, **kwargs)
        self.alt = alt

    def png(self, compression: int = 6) -> bytes:
        """The figure as a PNG file, the same bytes at every call; a compression of 1 is a little
        larger, and much faster for pictures of faces."""
        file = io.BytesIO()
        pillow = {"compress_level": compression}
        self.savefig(
            file, format="png", dpi=self.dpi, metadata={"Software": None}, pil_kwargs=pillow
        )
        return file.getvalue()

    def _repr_png_(self) -> tuple[bytes, dict]:
        return self.png(), {"alt": self.alt}

    def _repr_mimebundle_(self, include=None, exclude=None) -> tuple[dict, dict]:
        picture, metadata = self._repr_png_()
        data = {"image/png": base64.b64encode(picture).decode(), "text/plain": self.alt}
        return data, {"image/png": metadata}


# Once pyplot is used in a notebook, IPython draws every Figure in its own way, cropped and
# without a description, unless the very class has a formatter.
if (shell := get_ipython()) is not None:
    shell.display_formatter.formatters["image/png"].for_type(AltFigure, AltFigure._repr_png_)


def difference(before: Tensor, after: Tensor, *, gain: float = 2.0) -> Tensor:
    """`after` minus `before` as pictures: mid-grey where nothing changed.

    Parameters
    ----------
    before, after : Tensor
        (n, C, H, W), uint8 or float in [-1, 1].
    gain : float
        Grey levels drawn per grey level of change; beyond black and white it is clipped.

    Returns
    -------
    Tensor
        uint8, (n, C, H, W).

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    before, after = as_pictures(before, "before"), as_pictures(after, "after")
    if before.shape != after.shape:
        raise ValueError(
            f"The pictures have shapes {tuple(before.shape)} and {tuple(after.shape)}, but a "
            "difference needs equal ones: compare pictures after the same transform."
        )
    return (128 + gain * (after.float() - before.float())).round().clamp(0, 255).to(torch.uint8)


def symmetric(patterns: Tensor) -> Tensor:
    """Scale each pattern so that its largest magnitude is 1: zero is drawn mid-grey.

    For what is no picture but has a picture's shape, such as a decoder's columns,
    ``model.decoder[0].weight[:, [3, 1000]].T.unflatten(1, (3, 64, 64))``.

    Parameters
    ----------
    patterns : Tensor
        Float (n, C, H, W); signs are kept, sizes of different patterns are not comparable.

    Returns
    -------
    Tensor
        (n, C, H, W) in [-1, 1]; a pattern of zeros stays so.
    """
    largest = patterns.detach().abs().amax(dim=(-3, -2, -1), keepdim=True)
    return patterns.detach() / torch.where(largest > 0, largest, 1)


def number(value: float) -> str:
    """Four digits, without an exponent where it can be read without."""
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e7 else f"{value:.4g}"


def array(numbers) -> np.ndarray:
    """Numbers as floats; an empty array where rows have different lengths."""
    try:
        return np.asarray(numbers, dtype=float)
    except ValueError:
        return np.empty(0)


def wrapped(name: str, letters: int) -> str:
    """A name on several lines, broken neither within a word, at an equals sign nor in N(0, I)."""
    whole = name.replace(" = ", "\u00a0=\u00a0").replace("(0, ", "(0,\u00a0")
    return textwrap.fill(whole, letters, break_long_words=False)


def above_zero(what: str, numbers: np.ndarray) -> None:
    """Refuse what a logarithmic axis cannot show."""
    if not (numbers > 0).all():
        raise ValueError(
            f"{what} goes down to {numbers.min():.4g}, but a logarithmic axis takes only numbers "
            "above 0: use log=False, or leave those points out."
        )


def as_pictures(images: Tensor, name: str = "images") -> Tensor:
    """Check pictures and bring them to uint8 (n, C, H, W) on the CPU, with 1 or 3 channels."""
    images = torch.as_tensor(images).detach().cpu()
    if images.ndim != 4 or images.shape[1] not in (1, 3) or not images.numel():
        raise ValueError(
            f"{name} has shape {tuple(images.shape)}, but (n, 3, height, width) or "
            "(n, 1, height, width) is expected: use x[None] for a single picture."
        )
    if images.dtype == torch.uint8:
        return images
    if images.is_floating_point() and images.abs().max() > 1 + 1e-3:
        raise ValueError(
            f"{name} holds floats from {images.min():.4g} to {images.max():.4g}, but [-1, 1] is "
            "expected: transform the pictures, or scale patterns with plots.symmetric."
        )
    return to_image(images)


def strip(pictures: Tensor, zoom: int, gap: int) -> Tensor:
    """Checked pictures (n, C, H, W) in a row, as one (height, width, 3), white in between; for
    ``figure.figimage``, which is many times faster than axes for each."""
    n, _, height, width = pictures.shape
    colours = pictures.expand(-1, 3, -1, -1).movedim(1, -1)
    colours = colours.repeat_interleave(zoom, 1).repeat_interleave(zoom, 2)
    row = torch.full((n, zoom * height, zoom * width + gap, 3), 255, dtype=torch.uint8)
    row[:, :, : zoom * width] = colours
    return row.movedim(0, 1).flatten(1, 2)[:, : n * (zoom * width + gap) - gap]


def mosaic(
    pictures: list[Tensor],
    *,
    columns: int,
    above: list[str],
    below: list[str],
    names: list[str],
    title: str | None,
    alt: str,
) -> AltFigure:
    """Place every picture on whole screen pixels, so that its own pixels stay crisp squares; the
    rows' names, if there are any, stand at the left."""
    rows = [slice(i, i + columns) for i in range(0, len(pictures), columns)]
    height, width = (max(p.shape[axis] for p in pictures) for axis in (1, 2))
    zoom = max(1, PICTURE // max(height, width))
    height, width = zoom * height, zoom * width
    tops = [_lines(above[row]) * LINE for row in rows]
    bottoms = [_lines(below[row]) * LINE for row in rows]
    names = [wrapped(name, 16) for name in names] or [""] * len(rows)
    longest = max(len(line) for name in names for line in name.split("\n"))
    left = GAP + LETTER * longest  # where the pictures begin
    left += GAP if longest else 0
    full_width = left + columns * (width + GAP)
    heading = textwrap.fill(title or "", full_width // (LETTER + 1))
    head = (_lines([heading]) + 1) * LINE if heading else 0
    full_height = head + sum(tops) + sum(bottoms) + len(rows) * (height + GAP) + GAP

    figure = AltFigure(figsize=(full_width / DPI, full_height / DPI), dpi=DPI, alt=alt)
    write = partial(figure.text, ha="center", fontsize=FONT_SIZE, linespacing=1.1)
    y = full_height - GAP  # matplotlib counts upwards
    figure.text(0.5, y / full_height, heading, va="top", ha="center", fontsize=FONT_SIZE + 2)
    y -= head
    for row, name, top, bottom in zip(rows, names, tops, bottoms, strict=True):
        y -= top + height
        figure.text(
            (left - GAP) / full_width,
            (y + height / 2) / full_height,
            name,
            ha="right",
            va="center",
            fontsize=SMALL,
        )
        for i, picture in enumerate(pictures[row]):
            x = left + i * (width + GAP)
            # Not in axes of its own: making those took half of a grid's time.
            shown = _enlarged(picture, height, width)
            beside, under = (width - shown.shape[1]) // 2, (height - shown.shape[0]) // 2
            figure.figimage(shown, x + beside, y + under, origin="upper")
            middle, number = (x + width / 2) / full_width, row.start + i
            write(middle, (y + height + 3) / full_height, above[number], va="bottom")
            write(middle, (y - 3) / full_height, below[number], va="top")
        y -= bottom + GAP
    return figure


def _enlarged(picture: Tensor, height: int, width: int) -> np.ndarray:
    """A picture (C, H, W) as large as fits into so many pixels of the screen, (h, w, 3)."""
    scale = min(height / picture.shape[1], width / picture.shape[2])
    nearest = []
    for side in picture.shape[1:]:
        enlarged = round(scale * side)
        nearest.append((2 * np.arange(enlarged) + 1) * side // (2 * enlarged))
    return picture.expand(3, -1, -1).movedim(0, -1).numpy()[np.ix_(*nearest)]


def _lines(texts: list[str]) -> int:
    return max(text.count("\n") + bool(text) for text in texts)
