"""A code is a point for an autoencoder, a cloud for a VAE: drawn on a line, and over a plane."""

from collections.abc import Mapping
from functools import partial
from itertools import pairwise

import torch
from matplotlib.axes import Axes
from matplotlib.patches import Circle, Ellipse, FancyArrowPatch
from torch import Tensor
from torch.distributions import Normal

from course_lib.explorers.exploration import snapshot
from course_lib.explorers.figure_explorer import FigureExplorer, Slider
from course_lib.models import FullyConnectedVAE
from course_lib.plots.figure import DPI, FONT_SIZE, GAP, AltFigure, as_pictures, strip
from course_lib.plots.palette import FREE, colour

# Where the prior N(0, 1) has nearly all of its draws.
LINE = torch.linspace(-4, 4, 801, dtype=torch.float64)
DRAWS = 8  # from one cloud, decoded and shown
EXTENT = 3.5  # of a plane, to either side
SMALL, DIGIT = 7.5, 0.03  # letters of a face's number, and the share of the line that one takes


@torch.no_grad()
def point_and_cloud(
    ae: FullyConnectedVAE, vae: FullyConnectedVAE, x: Tensor, face: int = 0
) -> AltFigure:
    """What becomes of a picture: an AE decodes its point, a VAE draws from its cloud.

    Parameters
    ----------
    ae, vae : FullyConnectedVAE
        With one latent element.
    x : Tensor
        (n, C, H, W) in [-1, 1].
    face : int
        Which of them; the codes of the others are only marked, with their numbers.
    """
    figure = AltFigure(figsize=(8, 3), dpi=DPI, alt="")
    said, codes_of_all = [], torch.cat([model.encode(x).mean for model in (ae, vae)])
    reach = min(-4, codes_of_all.min().item() - 1), max(4, codes_of_all.max().item() + 1)
    for row, (name, model) in enumerate({"AE": ae, "VAE": vae}.items()):
        q, ink, bottom = model.encode(x), colour(name), 0.58 - 0.5 * row
        mean, mu, sigma = q.mean[:, 0], q.mean[face, 0], q.stddev[face, 0]
        figure.text(0.02, bottom + 0.16, name, color=ink, weight="bold", va="center")
        _picture(figure, x[face], 0.08, bottom)
        _arrow(figure, "encoder", 0.2, 0.28, bottom + 0.16)

        axes = figure.add_axes((0.3, bottom + 0.05, 0.33, 0.26), ylim=(0, 1.15), yticks=[])
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.set_xlim(reach)
        axes.axvspan(-3, 3, color="grey", alpha=0.15, linewidth=0)  # the prior's draws
        axes.tick_params(labelsize=FONT_SIZE)
        axes.set_xlabel("latent element z", fontsize=FONT_SIZE, labelpad=1)
        axes.plot(mean, torch.zeros(len(mean)), "|", color="grey", markersize=14, clip_on=False)
        for other, place in enumerate(_side_by_side(mean, DIGIT * (reach[1] - reach[0]))):
            if other != face:  # which has its arrow or cloud there
                axes.text(place, 0.17, str(other), fontsize=SMALL, ha="center", color="dimgrey")
        where = ", ".join(f"{code:z.1f}" for code in mean)
        if name == "AE":
            codes = mu[None]
            axes.annotate("", (codes.item(), 0), (codes.item(), 1),
                          arrowprops={"arrowstyle": "-|>", "color": ink})  # fmt: skip
            said.append(f"AE: its code is the point {codes.item():.2f}, and is decoded. All "
                        f"codes, in the faces' order: {where}.")  # fmt: skip
        else:
            codes = mu + sigma * torch.tensor([-1.2, 0.1, 1.3])
            axes.fill_between(LINE, _bump(mu, sigma), color=ink, alpha=0.4, linewidth=0)
            axes.plot(codes, torch.full((3,), 0.1), ".", color="black", markersize=3)
            axes.annotate("three draws", (codes.min(), 0.1), (codes.min() - 0.6, 0.6), ha="right",
                          fontsize=FONT_SIZE, arrowprops={"arrowstyle": "-"})  # fmt: skip
            said.append(f"VAE: its code is the cloud N({mu:.2f}, {sigma:.2f}²); three draws "
                        "from it are decoded, to nearly the same picture. The middles of all "
                        f"clouds: {where}.")  # fmt: skip
        _arrow(figure, "decoder", 0.64, 0.72, bottom + 0.16)
        for place, picture in enumerate(model.decode(codes[:, None])):
            _picture(figure, picture, 0.73 + 0.09 * place, bottom, 0.085)
    figure.alt = (
        "A face goes through an encoder to a place on a line, and from there through a decoder to "
        f"a picture; the codes of {len(x) - 1} other faces are marked on the line, which is shaded "
        "from -3 to 3. " + " ".join(said)
    )
    return figure


def clouds_explorer(
    vae: FullyConnectedVAE, x: Tensor, sigma: float = 0.1, face: int = 0
) -> FigureExplorer:
    """Give the codes of some pictures clouds of one width, and see what their draws decode to.

    Parameters
    ----------
    vae : FullyConnectedVAE
        With one latent element.
    x : Tensor
        (n, C, H, W) in [-1, 1].
    sigma : float
        The width to start with, from 0.02 to 2.
    face : int
        Which picture's draws to show.
    """
    sliders = {
        "sigma": Slider(0.02, 2, sigma, 0.02, label="σ of all clouds", log=True),
        "face": Slider(0, len(x) - 1, face, 1, label="draws of face"),
    }
    return FigureExplorer(partial(clouds_figure, vae=snapshot(vae), x=x), sliders)


@torch.no_grad()
def clouds_figure(sigma: float, face: float, vae: FullyConnectedVAE, x: Tensor) -> AltFigure:
    """The clouds over the prior, and draws from one of them, decoded; see `clouds_explorer`."""
    codes, face = vae.encode(x).mean[:, 0], round(face)
    met, error = coverage(codes, sigma), draws_error(vae, x, sigma)
    figure = AltFigure(figsize=(6.8, 3.7), dpi=DPI, alt="")
    axes = figure.add_axes((0.03, 0.44, 0.94, 0.46), xlim=(-4, 4), ylim=(0, 1.1), yticks=[])
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.set_xlabel("latent element z", fontsize=FONT_SIZE, labelpad=1)
    axes.plot(LINE, _bump(torch.tensor(0.0), 1.0), color=colour("prior"), linestyle="--")
    for number, code in enumerate(codes):
        ink = FREE[number % len(FREE)]
        axes.fill_between(LINE, _bump(code, sigma), color=ink, linewidth=0,
                          alpha=0.75 if number == face else 0.25)  # fmt: skip
        axes.text(code, 1.02, f"{number}", ha="center", fontsize=FONT_SIZE)
    axes.set_title(f"σ = {sigma:.2f}: {met:.0%} of the draws from N(0, 1), dashed, are within 2σ "
                   "of a code", fontsize=FONT_SIZE + 2)  # fmt: skip
    drawn = codes[face] + sigma * _steps(DRAWS, codes)
    row = strip(as_pictures(vae.decode(drawn[:, None])), 3, GAP // 2)
    figure.figimage(row.numpy(), (680 - row.shape[1]) // 2, 16)
    figure.text(0.5, 0.29, f"Draws from the cloud of face {face}, decoded. Squared error of all "
                f"faces' draws: {error:.4f} for each number of a picture", ha="center",
                fontsize=FONT_SIZE)  # fmt: skip
    figure.alt = (
        f"{len(codes)} bumps of the width σ = {sigma:.2f} at the codes of {len(codes)} faces, "
        f"all drawn equally high, over the prior N(0, 1): {met:.0%} of its draws are in a cloud, "
        f"that is within 2σ of a code. Below, {DRAWS} pictures decoded from the cloud of face "
        f"{face}. The squared error of such draws is {error:.4f}."
    )
    return figure


@torch.no_grad()
def clouds_over_prior(
    networks: Mapping[str, FullyConnectedVAE], x: Tensor, elements: tuple[int, int]
) -> AltFigure:
    """The clouds of some pictures over the prior, in two latent elements.

    Parameters
    ----------
    networks : mapping from name to FullyConnectedVAE
        A plane for each.
    x : Tensor
        (n, C, H, W) in [-1, 1]; a dozen or two.
    elements : (int, int)
    """
    side = 3.4
    figure = AltFigure(figsize=(side * len(networks), side), dpi=DPI, alt="", layout="constrained")
    said = []
    for axes, (name, vae) in zip(
        figure.subplots(1, len(networks), squeeze=False)[0], networks.items(), strict=True
    ):
        q = vae.encode(x)
        means, spreads = q.mean[:, elements], q.stddev[:, elements]
        draw_prior(axes)
        for mean, spread in zip(means, spreads, strict=True):
            draw_cloud(axes, mean, spread.square().diag(), colour(name))
        wide = " and ".join(f"{spread:.3f}" for spread in spreads.mean(0).tolist())
        axes.set(xlabel=f"element {elements[0]}", ylabel=f"element {elements[1]}")
        axes.set_title(f"{name}\nclouds {wide} wide", fontsize=FONT_SIZE + 2)
        said.append(f"{name}: clouds {wide} wide on average.")
    figure.alt = (
        f"The clouds of {len(x)} faces in elements {elements[0]} and {elements[1]}, as ellipses of "
        "two standard deviations over dashed circles of one and two standard deviations of N(0, I);"
        " a cloud's width is one standard deviation."
        f" {' '.join(said)}"
    )
    return figure


def draw_prior(axes: Axes) -> None:
    """Two elements of N(0, I): circles at one and two standard deviations."""
    for radius in (1, 2):
        axes.add_patch(Circle((0, 0), radius, fill=False, linestyle="--", linewidth=0.8))
    axes.set(xlim=(-EXTENT, EXTENT), ylim=(-EXTENT, EXTENT), aspect="equal")


def draw_cloud(axes: Axes, mean: Tensor, covariance: Tensor, ink: str) -> None:
    """A Gaussian (2,), (2, 2) as an ellipse at two standard deviations, and its middle."""
    variances, directions = torch.linalg.eigh(covariance)
    width, height = (4 * variances.clamp(min=0).sqrt()).tolist()
    angle = torch.atan2(*directions[:, 0].flip(0)).rad2deg().item()
    x, y = mean.tolist()
    edge = Ellipse((x, y), width, height, angle=angle, facecolor=(ink, 0.2), edgecolor=ink)
    axes.add_patch(edge)
    axes.add_patch(Circle((x, y), EXTENT / 60, color=ink, linewidth=0))


def coverage(codes: Tensor, sigma: float) -> float:
    """The share of the prior N(0, 1) that lies within 2σ of one of the codes (n,)."""
    line = torch.linspace(-6, 6, 24_001)
    inside = ((line[:, None] - codes).abs() < 2 * sigma).any(1)
    mass = Normal(0.0, 1.0).log_prob(line).exp()
    return (mass[inside].sum() / mass.sum()).item()


@torch.no_grad()
def draws_error(vae: FullyConnectedVAE, x: Tensor, sigma: float) -> float:
    """Mean squared error of pictures (n, C, H, W) decoded from clouds of one width at their
    codes, over draws that are the same at every call."""
    centres = vae.encode(x).mean[:, 0]
    codes = centres + sigma * _steps(32, centres)[:, None]
    decoded = vae.decode(codes.flatten()[:, None]).unflatten(0, codes.shape)
    return (decoded - x).square().mean().item()


def _steps(n: int, like: Tensor) -> Tensor:
    """N(0, 1) cut into n equal shares: the middle of each, so that no luck is in the figure."""
    return Normal(0.0, 1.0).icdf((torch.arange(n) + 0.5) / n).to(like)


def _bump(mean: Tensor, sigma: Tensor | float) -> Tensor:
    """The density's form on `LINE`, its peak 1: narrow clouds are too high to be drawn to scale."""
    return (-0.5 * ((LINE - mean) / sigma) ** 2).exp()


def _side_by_side(places: Tensor, gap: float) -> list[float]:
    """Where words stand that belong to places (n,) on a line, none nearer than `gap` to another."""
    order, words = places.argsort().tolist(), places.tolist()
    for left, right in pairwise(order):
        words[right] = max(words[right], words[left] + gap)
    return words


def _picture(figure: AltFigure, x: Tensor, left: float, bottom: float, width: float = 0.11) -> None:
    axes = figure.add_axes((left, bottom, width, 0.36))
    axes.imshow(as_pictures(x[None])[0].movedim(0, -1).numpy(), interpolation="nearest")
    axes.axis("off")


def _arrow(figure: AltFigure, name: str, left: float, right: float, height: float) -> None:
    figure.add_artist(FancyArrowPatch((left, height), (right, height), arrowstyle="-|>",
                                      mutation_scale=12, transform=figure.transFigure))  # fmt: skip
    figure.text((left + right) / 2, height + 0.04, name, ha="center", fontsize=FONT_SIZE)
