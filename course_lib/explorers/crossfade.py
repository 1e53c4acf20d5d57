"""The straight line between the codes of two faces, beside the cross-fade of the pictures."""

from collections.abc import Mapping, Sequence
from functools import partial
from math import ceil
from typing import Any, NamedTuple

import torch
from matplotlib.lines import Line2D
from torch import Tensor, nn

from course_lib import latents
from course_lib.datasets import pictures
from course_lib.evaluation import pixel_change
from course_lib.explorers.exploration import snapshot
from course_lib.explorers.figure_explorer import FigureExplorer, Slider
from course_lib.models import code
from course_lib.plots.figure import DPI, FONT_SIZE, GAP, LINE, PICTURE, AltFigure, strip
from course_lib.plots.palette import COLOURS
from course_lib.transforms import Pictures, to_image, whole_picture


def interpolation_strip(
    models: nn.Module | Mapping[str, nn.Module],
    a: Any,
    b: Any,
    transform: nn.Module | None = None,
    *,
    steps: int = 9,
    t: float = 0.5,
) -> FigureExplorer:
    """Walk on the straight line between the codes of two faces.

    Parameters
    ----------
    models : nn.Module, or mapping from name to nn.Module
        With ``encode`` and ``decode``; each has a row.
    a, b : Tensor
        uint8 (1, C, H, W), the two faces, or whatever `datasets.pictures` takes.
    transform : nn.Module, optional
        From uint8 pictures to the models' input; by default `transforms.whole_picture`.
    steps : int
        Pictures in a row, both ends counted.
    t : float
        Where to start, from 0 at the first face to 1 at the second.

    Raises
    ------
    ValueError
        If there are no models, or as `path`.
    """
    named = models if isinstance(models, Mapping) else {"model": models}
    if not named:
        raise ValueError("interpolation_strip got no models: pass one, or a dict from name to it.")
    a, b = pictures(a), pictures(b)
    transform = transform or whole_picture(next(iter(named.values())), a)
    # A copy, because the codes of its ends are encoded once, and decoded at each move.
    paths = [path(name, snapshot(model), a, b, transform, steps) for name, model in named.items()]
    return FigureExplorer(partial(strip_figure, paths), {"t": Slider(0, 1, t, 0.01)})


class Path(NamedTuple):
    """What one model makes of the way from a face to another."""

    name: str
    model: nn.Module
    ends: Tensor  #: (2, K), the codes of the two faces
    pictures: Tensor  #: uint8 (steps, C, H, W), decoded at equal distances, both ends counted

    @torch.inference_mode()
    def at(self, t: float) -> tuple[Tensor, Tensor]:
        """Two pictures, uint8 (1, C, H, W): decoded at the place t of the way, from 0 to 1, and
        the cross-fade of the way's first and last picture."""
        place = torch.lerp(*self.ends, t)[None]
        first, last = self.pictures[:1].float(), self.pictures[-1:].float()
        return to_image(self.model.decode(place).cpu()), torch.lerp(first, last, t).round().byte()  # ty: ignore[not-callable]


@torch.inference_mode()
def path(
    name: str, model: nn.Module, a: Pictures, b: Pictures, transform: nn.Module, steps: int
) -> Path:
    """Encode two faces, and decode the straight line between their codes.

    Parameters
    ----------
    name : str
    model : nn.Module
        With ``encode`` and ``decode``.
    a, b : Tensor
        uint8 (1, C, H, W).
    transform : nn.Module
        From uint8 pictures to the model's input.
    steps : int
        Pictures to decode; at least 2.

    Raises
    ------
    ValueError
        If these are not two single pictures, or `steps` is below 2.
    """
    for face in (a, b):
        if len(face.shape) != 4 or len(face) != 1:
            raise ValueError(
                f"A face has shape {tuple(face.shape)}, but one picture (1, C, height, width) is "
                "expected: use images[[i]]."
            )
    device = next(model.parameters()).device
    ends = torch.cat([code(model, transform(face[:]).to(device)) for face in (a, b)])
    between = latents.interpolate(ends[:1], ends[1:], steps)
    return Path(name, model, ends, to_image(model.decode(between).cpu()))  # ty: ignore[not-callable]


def strip_figure(paths: Sequence[Path], t: float) -> AltFigure:
    """The ways, and larger the place t on each of them beside the cross-fade.

    Parameters
    ----------
    paths : sequence of Path
        All of the same number of pictures, and of pictures of one size.
    t : float
        From 0, the first face, to 1, the second.
    """
    steps, _, height, width = paths[0].pictures.shape
    small, large = (max(1, side // max(height, width)) for side in (PICTURE // 2, PICTURE))
    stride, pair = small * width + GAP, 2 * large * width + GAP
    strip_width = steps * stride - GAP
    across = max(1, (strip_width + 3 * GAP) // (pair + 3 * GAP))  # pairs beside one another
    full_width = max(strip_width, pair) + 2 * GAP
    strip_row, pair_row = LINE + small * height + GAP, 2 * LINE + large * height + GAP
    head = 2 * LINE
    full_height = head + len(paths) * strip_row + ceil(len(paths) / across) * pair_row + GAP

    figure = AltFigure(figsize=(full_width / DPI, full_height / DPI), dpi=DPI, alt="")

    def write(x: float, top: float, text: str, **style) -> None:
        place = x / full_width, 1 - top / full_height
        figure.text(*place, text, va="top", fontsize=FONT_SIZE, **style)

    def show(pictures: Tensor, zoom: int, left: int, top: int) -> None:
        row = strip(pictures, zoom, GAP).numpy()
        figure.figimage(row, left, full_height - top - len(row))

    here = GAP + t * (steps - 1) * stride + small * width / 2
    write(full_width / 2, GAP / 2, f"From one face's code to another's: t = {t:.2f}", ha="center")
    said = []
    for number, way in enumerate(paths):
        top = head + number * strip_row
        write(GAP, top, way.name)
        show(way.pictures, small, GAP, top + LINE)
        decoded, fade = way.at(t)
        off, apart = (
            pixel_change(one, other).mean_absolute
            for one, other in ((decoded, fade), (way.pictures[:1], way.pictures[-1:]))
        )
        row, place = divmod(number, across)
        left = GAP + place * (pair + 3 * GAP)
        top = head + len(paths) * strip_row + row * pair_row
        middle = large * width / 2
        write(left + middle, top, f"{way.name}, decoded", ha="center")
        write(left + pair - middle, top, "cross-fade of its ends", ha="center")
        show(torch.cat([decoded, fade]), large, left, top + LINE)
        numbers = f"{off:.1f} grey levels apart (the ends: {apart:.1f})"
        write(left + pair / 2, top + LINE + large * height + 3, numbers, ha="center")
        said.append(f"{way.name}: {off:.1f} grey levels on average, its ends {apart:.1f}")
    bottom = head + len(paths) * strip_row - GAP
    ys = [1 - (head + LINE) / full_height, 1 - bottom / full_height]
    figure.add_artist(Line2D([here / full_width] * 2, ys, color=COLOURS[1], linewidth=2))
    figure.alt = (
        f"{steps} pictures decoded on the straight line between the codes of two faces, a row for "
        f"{' and '.join(way.name for way in paths)}; below, the place t = {t:.2f} enlarged, beside "
        f"the cross-fade of the row's ends. The two differ by: {'; '.join(said)}."
    )
    return figure
