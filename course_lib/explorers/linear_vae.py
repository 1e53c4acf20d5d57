"""The linear VAE in one picture: water over the eigenvalues, and what it costs.

The water stands at θ = βσ². What is above it gets a latent; see `theory`.
"""

from collections.abc import Mapping
from math import ceil, floor, log10
from typing import Any, Literal

import torch
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from course_lib import theory
from course_lib.explorers.figure_explorer import FigureExplorer, Handle, Slider
from course_lib.plots.figure import DPI, AltFigure, as_pictures, strip
from course_lib.plots.palette import SKY, colour, styles

MOST = 64  # eigenvalues that are drawn; more would be thinner than a pixel or two
WATER, GREY = SKY, "#888888"
WATER_BOX = (0.1, 0.365, 0.415, 0.565)  # of the figure
Corner = Literal["upper right", "lower left"]
HATCHED = {"color": "white", "edgecolor": colour("VAE"), "hatch": "////"}
LEAST_RATE = 0.1  # nats, of the rate-distortion plot: a tenth of a nat is next to nothing
WIDTH, HEIGHT, SIDE, GAP = 710, 420, 64, 6  # pixels: the figure; its small pictures, between them


def linear_vae_playground(
    pca: theory.PCA,
    image_shape: tuple[int, int, int],
    *,
    latent_dim: int = 32,
    beta: float = 1.0,
    sigma2: float | None = None,
    observed: Mapping[str, tuple[float, float]] | None = None,
) -> FigureExplorer:
    """Raise the water over the eigenvalues, and watch a linear VAE's latents drown.

    The water can be dragged in the picture: what moves then is σ².

    Parameters
    ----------
    pca : theory.PCA
        Of pictures in [-1, 1].
    image_shape : (channels, height, width)
    latent_dim : int
    beta, sigma2 : float
        As `theory.linear_vae` takes them. Without `sigma2` the best one is where it starts.
    observed : mapping from name to (squared error, rate), optional
        As `waterline_figure` takes it.

    Raises
    ------
    ValueError
        As `theory.linear_vae` and `Numbers`.
    """
    if sigma2 is None:
        sigma2 = theory.linear_vae(pca.eigenvalues, latent_dim, beta).sigma2.item()
    latents = min(MOST, int((pca.eigenvalues > 0).sum()))

    def draw(latent_dim: float, beta: float, sigma2: float) -> AltFigure:
        shown = round(latent_dim), beta, sigma2
        return waterline_figure(pca, image_shape, *shown, observed=observed)

    return FigureExplorer(
        draw,
        {
            "latent_dim": Slider(1, latents, latent_dim, 1, label="latents"),
            "beta": Slider(0.01, 10_000, beta, 0.05, "β", log=True),
            "sigma2": Slider(min(sigma2, 1e-4), max(sigma2, 10.0), sigma2, 0.05, "σ²", log=True),
        },
        handle=Handle("sigma2", WATER_BOX, *_depths(_spectrum(pca)), divisor="beta"),
    )


def waterline_figure(
    pca: theory.PCA,
    image_shape: tuple[int, int, int],
    latent_dim: int,
    beta: float,
    sigma2: float,
    *,
    observed: Mapping[str, tuple[float, float]] | None = None,
) -> AltFigure:
    """What a linear β-VAE at its optimum makes of data with these principal components.

    On the logarithmic axis an active latent stands above the water by ln(λ/θ), twice its rate.

    Parameters
    ----------
    pca : theory.PCA
        Of pictures in [-1, 1].
    image_shape : (channels, height, width)
    latent_dim : int
    beta, sigma2 : float
        As `theory.linear_vae` takes them.
    observed : mapping from name to (squared error, rate), optional
        Of trained models, in the units of `theory.linear_vae`; marked beside the optimum.

    Returns
    -------
    AltFigure
        The eigenvalues under their water, the place on the rate–distortion curve, and what some
        of the latents draw: a picture fades as the water rises to its eigenvalue, and is grey
        where the latent has collapsed.

    Raises
    ------
    ValueError
        If there is no variance, the shape is not the pictures', or as `theory.linear_vae`.
    """
    spectrum = _spectrum(pca)
    if pca.axes[0].numel() != torch.Size(image_shape).numel():
        raise ValueError(
            f"The axes have {pca.axes.shape[1]} values, but image_shape {tuple(image_shape)} has "
            f"{torch.Size(image_shape).numel()}: give the shape of the pictures that pca got."
        )
    found = theory.linear_vae(pca.eigenvalues, latent_dim, beta, sigma2)
    level, d, observed = beta * sigma2, len(pca.eigenvalues), observed or {}
    figure = AltFigure(
        figsize=(WIDTH / DPI, HEIGHT / DPI),
        dpi=DPI,
        alt=_describe(found, latent_dim, beta, sigma2, d, observed),
    )
    title = (
        f"{found.active_units} of {latent_dim} latents active, rate {found.rate.abs():.1f} nats, "
        f"squared error {found.squared_error:.4g}"
    )
    figure.text(0.5, 0.955, title, ha="center", fontsize=11)
    here = {"VAE, as set here": (found.squared_error.item(), found.rate.item())}
    _draw_water(figure.add_axes(WATER_BOX), spectrum, latent_dim, level)
    _draw_curve(figure.add_axes((0.605, 0.365, 0.38, 0.565)), spectrum, {**here, **observed})
    _draw_directions(figure, pca, image_shape, found.squared_norms)
    return figure


def fading(pca: theory.PCA, latents: list[int], squared_norms: Tensor) -> Tensor:
    """The decoder's columns wᵢ at their optimum, (n, d), each scaled to reach ±1 if there were no
    water; 0 where the latent has collapsed."""
    fraction = (squared_norms[latents] / pca.eigenvalues[latents]).sqrt()
    axes = pca.axes[latents]
    return fraction[:, None] * axes / axes.abs().amax(1, keepdim=True)


def _describe(
    found: theory.LinearVAE, latent_dim: int, beta: float, sigma2: float, d: int, observed: Mapping
) -> str:
    said = (
        f"A linear VAE with {latent_dim} latents, β = {beta:.4g} and σ² = {sigma2:.4g}: the water "
        f"stands at θ = βσ² = {beta * sigma2:.4g}, and {found.active_units} latents are active. "
        f"Rate {found.rate.abs():.2f} nats, squared error {found.squared_error:.4g} "
        f"({found.squared_error / d:.3g} per value), distortion {found.distortion:.1f} nats, "
        f"ELBO {found.elbo:.1f} nats."
    )
    return said + (f" Marked beside it: {'; '.join(observed)}." if observed else "")


def _draw_water(axes: Axes, spectrum: Tensor, latent_dim: int, level: float) -> None:
    """Eigenvalues as stairs, told apart by hatching too, under the water; the legend counts those
    that are not drawn too."""
    drawn = spectrum[:MOST]
    low, high = _depths(spectrum)
    number = torch.arange(1, len(spectrum) + 1)
    above = spectrum > level
    kinds: dict[str, tuple[Tensor, dict[str, Any]]] = {
        "active": (above & (number <= latent_dim), {"color": colour("VAE")}),
        "no latent left for it": (above & (number > latent_dim), HATCHED),
        "drowned": (~above, {"color": GREY}),
    }
    edges = torch.arange(len(drawn) + 1).numpy() + 0.5
    for name, (chosen, style) in kinds.items():
        heights = torch.where(chosen[:MOST], drawn, low).numpy()
        label = f"{name}: {chosen.sum()}"
        axes.stairs(heights, edges, baseline=low, fill=True, label=label, linewidth=0, **style)
    axes.axhspan(low / 2, level, color=WATER, alpha=0.4, linewidth=0)
    axes.axhline(level, color="black", linewidth=1, label=f"θ = βσ² = {level:.4g}")
    axes.set(yscale="log", ylim=(low, high), xlim=(0.5, len(drawn) + 0.5))
    _finish(axes, "principal axis", "eigenvalue λ")
    axes.set_yticks(*_decades(low, high, (1,)))
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))


def _spectrum(pca: theory.PCA) -> Tensor:
    """The eigenvalues above zero."""
    spectrum = pca.eigenvalues[pca.eigenvalues > 0]
    if not len(spectrum):
        raise ValueError("All eigenvalues are 0: the pictures must differ for a VAE to tell them.")
    return spectrum


def _depths(spectrum: Tensor) -> tuple[float, float]:
    """The ends of the axis along which the water rises."""
    return spectrum[:MOST][-1].item() / 4, spectrum[0].item() * 2


def _draw_curve(axes: Axes, spectrum: Tensor, points: Mapping[str, tuple[float, float]]) -> None:
    """The rate–distortion curve, and where models are."""
    total = spectrum.sum().item()
    least = max(spectrum[MOST:].sum().item(), total / 1000)
    distortion = torch.logspace(log10(least), log10(total), 400, dtype=torch.float64)
    rate = theory.rate_distortion(spectrum, distortion).rate
    axes.plot(distortion, rate, color=colour("R(D)"), linewidth=1, label="R(D) of a Gaussian")
    low, high, lowest, highest = 0.9 * least, 1.1 * total, LEAST_RATE, 2 * rate.max().item()
    looks = styles(points)
    for name, (error, nats) in points.items():
        shade, marker, _ = looks[name]
        # What is off the map lies on its edge.
        within = min(max(error, low), high), min(max(nats, lowest), highest)
        axes.plot(*within, marker, color=shade, label=name, clip_on=False)
    axes.set(xscale="log", yscale="log", xlim=(low, high), ylim=(lowest, highest))
    _finish(axes, "squared error D", "rate R in nats", legend="lower left")
    axes.set_xticks(*_decades(low, high, (1, 3)))
    axes.set_yticks(*_decades(lowest, highest, (1,)))


def _finish(axes: Axes, xlabel: str, ylabel: str, legend: Corner = "upper right") -> None:
    """Labels and a legend; nothing small, because text and ticks are what takes the time."""
    axes.set(xlabel=xlabel, ylabel=ylabel)
    axes.minorticks_off()
    axes.legend(loc=legend, frameon=False, fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)


def _decades(low: float, high: float, digits: tuple[int, ...]) -> tuple[list[float], list[str]]:
    """Ticks of a logarithmic axis, and their labels."""
    powers = range(floor(log10(low)), ceil(log10(high)))
    ticks = [digit * 10.0**power for power in powers for digit in digits]
    ticks = [tick for tick in ticks if low <= tick <= high]
    return ticks, [f"{tick:g}" for tick in ticks]


def _draw_directions(
    figure: AltFigure, pca: theory.PCA, image_shape: tuple[int, int, int], squared_norms: Tensor
) -> None:
    """What some of the latents draw, their numbers above."""
    zoom = max(1, SIDE // max(image_shape[1:]))
    width = zoom * image_shape[2]
    count = min(len(squared_norms), int((pca.eigenvalues[:MOST] > 0).sum()))
    latents = spread(count, (WIDTH - GAP) // (width + GAP))
    pictures = fading(pca, latents, squared_norms).float().unflatten(1, image_shape)
    row = strip(as_pictures(pictures), zoom, GAP)
    left = (WIDTH - len(latents) * (width + GAP) + GAP) // 2
    figure.figimage(row.numpy(), left, GAP)
    above = (1.5 * GAP + len(row)) / HEIGHT
    for place, latent in enumerate(latents):
        middle = (left + place * (width + GAP) + width / 2) / WIDTH
        figure.text(middle, above, f"{latent + 1}", ha="center", fontsize=9)
    caption = "what each of these latents draws: grey once drowned"
    figure.text(0.5, above + 2.5 * GAP / HEIGHT, caption, ha="center", fontsize=9)


def spread(count: int, most: int) -> list[int]:
    """Numbers from 0 to count - 1, at most so many: close together first, then ever wider apart."""
    places = torch.logspace(0, log10(count), max(1, most), dtype=torch.float64).round() - 1
    spread = []
    for place in places.int().tolist():
        spread.append(max([place, *(i + 1 for i in spread)]))
    return [i for i in spread if i < count]
