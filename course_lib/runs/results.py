"""What there is to see of a trained model: its figures, and sheets of faces."""

from math import sqrt

import torch
from torch import Tensor, nn

from course_lib import evaluation, latents, plots, training
from course_lib.objectives import squared_error
from course_lib.transforms import Pictures

FITTED = 10_000  # codes that a density is fitted to
COLUMNS = 8  # pictures in a row of a sheet
BATCH = 100  # pictures whose log p(x) or error is computed at a time
DECODED = 3200  # pictures that are decoded at a time to score them: 10 MB of MNIST's
SEVERAL = 1000  # pictures that say which latent elements are in use, and what the mean one is
LEAST_RATE = 0.1  # nats per picture; below, a code tells next to nothing
COMPONENTS, WIDEST = 10, 512  # Gaussians that are fitted to codes, up to so many elements
DIRECTIONS = 50  # of the one Gaussian that is fitted to wider codes


def measure(
    model: nn.Module,
    objective: training.Objective,
    images: Pictures,
    transform: nn.Module,
    nll_samples: int = 0,
) -> dict[str, float]:
    """The figures of a trained model on pictures it has not seen.

    Parameters
    ----------
    model : nn.Module
    objective : callable
        What it was trained with.
    images : Tensor or StoredImages
        uint8 (N, C, H, W).
    transform : nn.Module
    nll_samples : int

    Returns
    -------
    dict of float
        ``distortion`` and ``rate`` in nats per picture; ``mse`` of a pixel in squared units of
        [-1, 1]; its root ``rms`` in grey levels; ``active`` latent elements; and if asked for
        ``nll``, -log p(x) in nats.
    """
    terms = training.evaluate(model, objective, images, transform)
    squared = training.evaluate(model, squared_error, images, transform)["distortion"]
    mse = squared / transform(images[:1]).numel()
    several = _prepared(model, images[:SEVERAL], transform)
    measured = {
        "distortion": terms["distortion"],
        "rate": terms["rate"],
        "mse": mse,
        "rms": 127.5 * sqrt(mse),
        "active": int(evaluation.active_units(model, several).sum()),
    }
    if nll_samples:
        # Noise of its own for each batch, so that the errors of the estimates average out.
        parts = [
            evaluation.nll(
                model,
                _prepared(model, images[start : start + BATCH], transform),
                nll_samples,
                chunk=DECODED,
                seed=start,
            )
            for start in range(0, len(images), BATCH)
        ]
        measured["nll"] = torch.cat(parts).mean().item()
    return measured


def mean_picture_error(training: Pictures, images: Pictures, transform: nn.Module) -> float:
    """What a model has to beat: the squared error of a pixel, on average over `images`, if each is
    taken for the mean of the pictures trained on.

    Parameters
    ----------
    training, images : Tensor or StoredImages
        uint8 (N, C, H, W). Of the first, as many as a mean needs.
    transform : nn.Module

    Returns
    -------
    float
        In squared units of [-1, 1].
    """
    few = torch.linspace(0, len(training) - 1, min(len(training), SEVERAL)).long()
    mean = transform(training[few]).mean(0)
    errors = [
        (transform(images[part]) - mean).square().flatten(1).mean(1)
        for part in torch.arange(len(images)).split(BATCH)
    ]
    return torch.cat(errors).mean().item()


def warning(figures: dict[str, float]) -> str | None:
    """A sentence about a model that has learned nothing worth showing.

    Parameters
    ----------
    figures : dict of float
        What `measure` found, and under ``mean_mse`` what `mean_picture_error` did.

    Returns
    -------
    str or None
    """
    mse, mean, rate = (figures[name] for name in ("mse", "mean_mse", "rate"))
    if figures["active"] == 0 and rate == 0:  # an autoencoder, which has none
        return (
            "The code has collapsed: no latent elements tell pictures apart, and so all "
            "reconstructions look alike; train for more --epochs, or with another --lr."
        )
    if figures["active"] == 0 or 0 < rate < LEAST_RATE:
        return (
            f"The code has collapsed: {figures['active'] or 'no'} latent elements tell pictures "
            f"apart, the rate is {rate:.2g} nats per picture, and so all reconstructions look "
            "alike; notebook 07 shows why, and what helps."
        )
    if mse >= mean:
        return (
            f"The model is no better than the mean picture: its squared error is {mse:.4g}, and "
            f"that of the mean training picture {mean:.4g}; train for more --epochs, or with "
            "another --lr."
        )
    return None


@torch.no_grad()
def reconstructions(model: nn.Module, images: Pictures, transform: nn.Module) -> plots.AltFigure:
    """A sheet of pictures above their reconstructions, with the error of each.

    Parameters
    ----------
    model : nn.Module
    images : Tensor or StoredImages
        uint8 (N, C, H, W), of which the first 16 are shown.
    transform : nn.Module

    Returns
    -------
    AltFigure
    """
    shown = 2 * COLUMNS if len(images) >= 2 * COLUMNS else min(COLUMNS, len(images))
    x = _prepared(model, images[:shown], transform)
    y = model(x)
    errors = 127.5 * (y - x).square().flatten(1).mean(1).sqrt()
    pictures, titles = [], []
    for row in torch.arange(shown).split(COLUMNS):
        pictures += [x[row], y[row]]
        titles += [f"picture {i}" for i in row] + [f"off by {errors[i]:.1f}" for i in row]
    return plots.grid(
        torch.cat(pictures),
        columns=min(COLUMNS, shown),
        titles=titles,
        title="Test pictures above their reconstructions; root mean square error in grey levels",
    )


@torch.no_grad()
def samples(model: nn.Module, codes: Tensor | None = None, seed: int = 0) -> plots.AltFigure:
    """A sheet of 64 pictures that the model makes up.

    Parameters
    ----------
    model : nn.Module
    codes : Tensor, optional
        (N, K). New codes are drawn from a mixture of Gaussians fitted to these, as an autoencoder
        needs it, which has no prior, or of wide or few codes from one Gaussian; without them from
        the prior N(0, I).
    seed : int

    Returns
    -------
    AltFigure
    """
    n = COLUMNS**2
    if codes is None:
        made, source = model.sample(n, torch.Generator().manual_seed(seed)), "the prior N(0, I)"  # ty: ignore[not-callable]
    else:
        drawn, source = _drawn(codes, n, seed)
        made = model.decode(drawn.to(codes))  # ty: ignore[not-callable]
    return plots.grid(made, columns=COLUMNS, title=f"Decoded codes drawn from {source}")


def fitted_density(codes: Tensor, seed: int = 0) -> tuple[latents.Density, str]:
    """A density of codes (N, K) as rich as their number allows, and its name: ten Gaussians, fewer,
    or for wide codes one with few directions of its own."""
    several, k = codes.shape
    components = min(COMPONENTS, (several - 1) // k)
    if components and k <= WIDEST:
        return latents.fit_density(codes, components, seed), f"{components} Gaussians"
    directions = min(DIRECTIONS, k - 1, several // 4)
    return latents.fit_gaussian(codes, directions, seed), "a Gaussian"


def _drawn(codes: Tensor, n: int, seed: int) -> tuple[Tensor, str]:
    """New codes, and what they were drawn from."""
    if not (codes != codes[0]).any():
        return codes[:1].expand(n, -1), "the one code that all training pictures have"
    density, kind = fitted_density(codes, seed)
    return density.sample(n, seed), f"{kind} fitted to the codes of training pictures"


def _prepared(model: nn.Module, images: Tensor, transform: nn.Module) -> Tensor:
    """Pictures as the model takes them, where it is."""
    return transform(images.to(next(model.parameters()).device))
