"""One latent element, where everything can be integrated: the bound on a grid, and its pictures.

Densities are over one number z; the prior is N(0, 1). Results are float64 and in nats.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import torch
from matplotlib.ticker import MaxNLocator
from torch import Tensor
from torch.distributions import Normal

from course_lib.explorers.figure_explorer import FigureExplorer, Slider
from course_lib.plots.figure import DPI, AltFigure
from course_lib.plots.palette import styles

# For μ in ±3 and σ from 0.05 to 3, sums over this grid are integrals to nine decimals.
GRID = torch.linspace(-30, 30, 12_001, dtype=torch.float64)
SHOWN = 4.5  # how far from 0 the figures reach


class Bound(NamedTuple):
    """What a q(z|x) = N(μ, σ²) makes of one x."""

    distortion: float  #: mean of -log p(x|z) over q
    rate: float  #: KL(q ‖ p(z))
    log_p: float  #: log p(x)
    posterior: Tensor  #: the true p(z|x) on `GRID`

    @property
    def elbo(self) -> float:
        """-distortion - rate."""
        return -self.distortion - self.rate

    @property
    def gap(self) -> float:
        """log p(x) - ELBO, which is KL(q ‖ posterior)."""
        return self.log_p - self.elbo


def bound(
    mu: float,
    sigma: float,
    x: float,
    decode: Callable[[Tensor], Tensor] = lambda z: z,
    noise: float = 1.0,
) -> Bound:
    """Integrate the model p(z) = N(0, 1), p(x|z) = N(decode(z), noise²) and its bound over z.

    Parameters
    ----------
    mu, sigma : float
        Of q(z|x).
    x : float
        The one pixel that is seen.
    decode : callable
        From codes (n,) to pixels (n,); by default it copies the code, and the true posterior is
        N(x / (1 + noise²), noise² / (1 + noise²)).
    noise : float
        Standard deviation of the pixel about what the decoder says.

    Returns
    -------
    Bound

    Raises
    ------
    ValueError
        If a standard deviation is not positive.
    """
    if not (sigma > 0 and noise > 0):
        raise ValueError(
            f"bound got sigma={sigma} and noise={noise}, but a standard deviation is positive."
        )
    log_likelihood = _normal(decode(GRID), noise).log_prob(torch.tensor(x, dtype=GRID.dtype))
    log_prior, log_q = (_normal(*n).log_prob(GRID) for n in ((0.0, 1.0), (mu, sigma)))
    log_joint, log_step = log_likelihood + log_prior, (GRID[1] - GRID[0]).log()
    log_p = (log_joint + log_step).logsumexp(0)
    mass = (log_q + log_step).exp()
    return Bound(
        distortion=-(mass * log_likelihood).sum().item(),
        rate=(mass * (log_q - log_prior)).sum().item(),
        log_p=log_p.item(),
        posterior=(log_joint - log_p).exp(),
    )


def kl_figure(mu: float, sigma: float) -> AltFigure:
    """N(μ, σ²) over the prior, and what KL(N(μ, σ²) ‖ N(0, 1)) costs."""
    q, prior = _normal(mu, sigma), _normal(0.0, 1.0)
    kl = torch.distributions.kl_divergence(q, prior).item()
    place = mu**2 / 2
    return densities(
        {"q(z)": q.log_prob(GRID).exp(), "prior N(0, 1)": prior.log_prob(GRID).exp()},
        title=f"KL(q ‖ prior) = {kl:.3f} nats",
        alt=f"The density of q(z) = N({mu:.2f}, {sigma:.2f}²), filled, and of the prior N(0, 1), "
        f"dashed. KL(q ‖ prior) = {kl:.3f} nats: {place:.3f} for its place, "
        f"{kl - place:.3f} for its width.",
    )


def posterior_figure(
    mu: float,
    sigma: float,
    x: float,
    decode: Callable[[Tensor], Tensor] = lambda z: z,
    noise: float = 1.0,
) -> AltFigure:
    """q(z|x) = N(μ, σ²) against the true posterior of `bound`'s model, with the bound in words."""
    found = bound(mu, sigma, x, decode, noise)
    return densities(
        {
            "q(z|x)": _normal(mu, sigma).log_prob(GRID).exp(),
            "true posterior p(z|x)": found.posterior,
            "prior p(z)": _normal(0.0, 1.0).log_prob(GRID).exp(),
        },
        title=f"ELBO {found.elbo:.4f}, log p(x) {found.log_p:.4f}: gap {found.gap:.4f} nats",
        alt=f"The density of q(z|x) = N({mu:.2f}, {sigma:.2f}²), filled, of the true posterior for "
        f"x = {x:g}, dashed, and of the prior, dash-dotted. Distortion {found.distortion:.4f} and "
        f"rate {found.rate:.4f} make an ELBO of {found.elbo:.4f} nats; log p(x) is "
        f"{found.log_p:.4f}, so the gap is {found.gap:.4f}.",
    )


def kl_explorer(mu: float = 2.0, sigma: float = 1.0) -> FigureExplorer:
    """Move q(z) = N(μ, σ²) over the prior and watch KL(q ‖ prior)."""
    return FigureExplorer(kl_figure, _of_q(mu, sigma))


def posterior_explorer(
    x: float = 1.5,
    decode: Callable[[Tensor], Tensor] = lambda z: z,
    noise: float = 1.0,
    mu: float = 0.4,
    sigma: float = 0.8,
) -> FigureExplorer:
    """Fit q(z|x) = N(μ, σ²) to a true posterior by hand, and watch ELBO and gap.

    The model is that of `bound`.
    """
    draw = partial(posterior_figure, x=x, decode=decode, noise=noise)
    return FigureExplorer(draw, _of_q(mu, sigma))


def densities(lines: Mapping[str, Tensor], z: Tensor = GRID, *, title: str, alt: str) -> AltFigure:
    """Densities over one latent element, the first of them filled, without any markers.

    Parameters
    ----------
    lines : mapping from name to n numbers
    z : n numbers
        Where, in order; what is drawn reaches from -4.5 to 4.5, or less far if they do.
    title, alt : str
    """
    shown = z.abs() <= SHOWN
    z = z[shown]
    figure = AltFigure(figsize=(6.4, 3.2), dpi=DPI, alt=alt)
    axes = figure.add_axes((0.09, 0.16, 0.89, 0.73))
    looks = styles(lines)
    for name, density in lines.items():
        colour, _, dashes = looks[name]
        axes.plot(z, density[shown], color=colour, linestyle=dashes, label=name)
    first = next(iter(lines))
    axes.fill_between(z, lines[first][shown], color=looks[first][0], alpha=0.2, linewidth=0)
    # The same scale for all but the sharpest densities, so that a change of width is seen.
    highest = max(density.max().item() for density in lines.values())
    axes.set(xlabel="z", ylabel="density", title=title, xlim=z[[0, -1]].tolist())
    axes.set(ylim=(0, max(1.0, 1.05 * highest)))
    axes.yaxis.set_major_locator(MaxNLocator(3))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="upper left", frameon=False)
    return figure


def _normal(mean: float | Tensor, std: float) -> Normal:
    mean = torch.as_tensor(mean, dtype=GRID.dtype)
    return Normal(mean, torch.full_like(mean, std), validate_args=False)


def _of_q(mu: float, sigma: float) -> dict[str, Slider]:
    return {
        "mu": Slider(-3, 3, mu, 0.05, label="μ of q"),
        "sigma": Slider(0.05, 3, sigma, 0.01, label="σ of q"),
    }
