"""A training run to scrub through: what the network draws, and where its codes lie."""

from collections.abc import Callable, Collection, Mapping
from functools import cache, partial
from typing import NamedTuple

import torch
from matplotlib.axes import Axes
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from course_lib.explorers.clouds import draw_cloud, draw_prior
from course_lib.explorers.exploration import prior_draw, snapshot
from course_lib.explorers.figure_explorer import FigureExplorer, Slider
from course_lib.objectives import Terms, posterior
from course_lib.plots.figure import DPI, FONT_SIZE, SMALL, AltFigure, as_pictures, strip
from course_lib.plots.palette import FREE, colour
from course_lib.training.threads import one_thread

# Sixteen, on a logarithmic scale: 0, 1, 2, 3, 4, 6, 8, 11, 16, 23, 32, 45, 64, 91, 128, 181.
STEPS = (0, *sorted({round(2 ** (half / 2)) for half in range(16)}))
FACES = 6  # pictures in a row, and clouds on the map
# Pixels: the longer side of a picture, between two, the names of the rows, a line of text.
SIDE, GAP, NAMES, LINE = 64, 4, 92, 22
ROWS = ("original", "reconstruction", "from N(0, I)")


class Snapshots:
    """An objective that also keeps copies of the network, as it was after some of the steps.

    `training.fit` asks an objective with a method ``at(step)`` what to minimise at each step, and
    so needs to know nothing of copies: the run is the same without them, bit for bit.

    Parameters
    ----------
    objective : callable
        What is minimised.
    steps : collection of int
        After how many steps to copy; by default sixteen, from 0 to 181, on a logarithmic scale.

    Attributes
    ----------
    models : dict from int to nn.Module
        The copies, by the number of steps that they have taken.
    """

    def __init__(self, objective: Callable[..., Terms], steps: Collection[int] = STEPS):
        self.objective, self.steps = objective, steps
        self.models: dict[int, nn.Module] = {}

    def at(self, step: int) -> Callable[..., Terms]:
        """The objective after so many optimiser steps; it copies before it is computed."""
        at = getattr(self.objective, "at", lambda step: self.objective)
        return partial(self._keep, step, at(step)) if step in self.steps else at(step)

    def __call__(self, model: nn.Module, x: Tensor) -> Terms:
        """The objective itself."""
        return self.objective(model, x)

    def _keep(self, step: int, objective: Callable[..., Terms], model: nn.Module, x: Tensor):
        self.models[step] = snapshot(model)
        return objective(model, x)


def learning_explorer(
    runs: Mapping[str, Mapping[int, nn.Module]], x: Tensor, start: int = 0
) -> FigureExplorer:
    """Scrub through the training of some VAEs, or play it.

    Parameters
    ----------
    runs : mapping from name to mapping from int to nn.Module
        For each VAE its copies, by the number of steps that they have taken: `Snapshots.models`.
        All must be of the same steps.
    x : Tensor
        (n, C, H, W), pictures as the networks see them: the first six are shown, all are counted.
    start : int
        The copy to begin with, counted from 0.

    Raises
    ------
    TypeError
        If a network has no posterior.
    ValueError
        If there are no copies, or not all are of the same steps.
    """
    steps = sorted(next(iter(runs.values()), {}))
    if not steps or any(sorted(models) != steps for models in runs.values()):
        raise ValueError(
            "learning_explorer needs copies of each network after the same numbers of steps: pass "
            "the models of Snapshots, once training.fit has filled them."
        )
    # All is drawn beforehand, so that the figure follows the slider at once.
    with one_thread(), torch.inference_mode():
        looks = {name: _looks([models[s] for s in steps], x) for name, models in runs.items()}
        frames = [
            _frame(step, {name: of_run[place] for name, of_run in looks.items()}, x)
            for place, step in enumerate(steps)
        ]
    slider = Slider(0, len(steps) - 1, start, 1, "after steps", frames=tuple(map(str, steps)))
    return FigureExplorer(lambda snapshot: frames[round(snapshot)], {"snapshot": slider})


class Look(NamedTuple):
    """What is to be seen of one copy."""

    distortion: float  #: mean squared error of a draw's picture, for each of a picture's numbers
    rate: float  #: nats a picture
    pictures: list[Tensor]  #: FACES reconstructions, and as many pictures of codes from N(0, I)
    places: Tensor  #: (n, 2), the means on the map
    clouds: Tensor  #: (FACES, 2, 2), covariances on the map


def _looks(models: list[nn.Module], x: Tensor) -> list[Look]:
    """All on one map, whose axes are the principal directions of the codes of all copies."""
    posteriors = [posterior(model, x) for model in models]
    codes = torch.cat([q.mean for q in posteriors])
    vectors = torch.linalg.eigh(codes.T @ codes).eigenvectors.flip(1).T[:2]
    vectors = vectors * vectors.sum(1, keepdim=True).sign()  # they have no direction of their own
    map_axes = torch.zeros(2, codes.shape[1])
    map_axes[: len(vectors)] = vectors
    noise = torch.cat([prior_draw(draw, codes.shape[1]) for draw in range(len(x))])
    looks = []
    for model, q in zip(models, posteriors, strict=True):
        error = (model.decode(q.mean + q.stddev * noise) - x).square().mean().item()  # ty: ignore[not-callable]
        rate = kl_divergence(q, Normal(0.0, 1.0)).sum(1).mean().item()
        pictures = [model.decode(codes[:FACES]) for codes in (q.mean, noise)]  # ty: ignore[not-callable]
        clouds = torch.stack([map_axes * v @ map_axes.T for v in q.variance[:FACES]])
        looks.append(Look(error, rate, pictures, q.mean @ map_axes.T, clouds))
    return looks


def _frame(step: int, looks: Mapping[str, Look], x: Tensor) -> AltFigure:
    """One copy of each run, one below the other."""
    shown = min(FACES, len(x))
    zoom = max(1, SIDE // max(x.shape[2:]))
    width, height = zoom * x.shape[3] + GAP, zoom * x.shape[2] + GAP
    side = len(ROWS) * height - GAP  # of the map
    full_width = NAMES + shown * width + GAP + side + GAP
    full_height = LINE + len(looks) * (LINE + side + GAP)
    figure = AltFigure(figsize=(full_width / DPI, full_height / DPI), dpi=DPI, alt="")

    def write(x: float, top: float, text: str, **style) -> None:
        figure.text(x / full_width, 1 - top / full_height, text, va="center", **style)

    steps = "1 step" if step == 1 else f"{step} steps"
    write(full_width / 2, LINE / 2, f"After {steps}", ha="center", fontsize=FONT_SIZE + 3)
    said = []
    for number, (name, seen) in enumerate(looks.items()):
        top = LINE + number * (LINE + side + GAP)
        told = f"{name}: distortion (MSE) {seen.distortion:.4f}, rate {seen.rate:.2f} nats"
        said.append(told)
        write(NAMES, top + LINE / 2, told, color=colour(name), fontsize=SMALL, weight="bold")
        write(
            full_width - GAP - side / 2,
            top + LINE / 2,
            "codes over N(0, I)",
            ha="center",
            fontsize=FONT_SIZE,
        )
        top += LINE
        for row, pictures in enumerate((x[:shown], *seen.pictures)):
            write(NAMES - 8, top + (row + 0.5) * height, ROWS[row], ha="right", fontsize=FONT_SIZE)
            pixels = strip(as_pictures(pictures), zoom, GAP).numpy()
            figure.figimage(pixels, NAMES, full_height - top - row * height - len(pixels))
        left, bottom = full_width - side - GAP, full_height - top - side
        box = (left / full_width, bottom / full_height, side / full_width, side / full_height)
        _draw_map(figure.add_axes(box), seen, colour(name))
    figure.alt = (
        f"After {steps}. {'. '.join(said)}. For each, {shown} faces, their reconstructions, and "
        f"pictures of codes drawn from N(0, I); beside them a map of the codes of {len(x)} faces "
        "over N(0, I), its directions the same at every step, with the clouds of those shown."
    )
    figure.png = cache(figure.png)  # drawn once, whenever it is shown
    figure.png(compression=1)
    return figure


def _draw_map(axes: Axes, seen: Look, ink: str) -> None:
    draw_prior(axes)
    axes.plot(*seen.places.T, ".", color=ink, markersize=2, alpha=0.5)
    for place, cloud, free in zip(seen.places, seen.clouds, (*FREE, *FREE), strict=False):
        draw_cloud(axes, place, cloud, free)
    axes.set(xticks=[], yticks=[])
