"""A training run from the command line: pictures and settings in, a folder of results out."""

import glob
import json
from functools import partial
from math import sqrt
from pathlib import Path

import torch
from torch import Tensor, nn

from course_lib import datasets, evaluation, latents, plots, training
from course_lib.files import written_beside
from course_lib.likelihoods import Bernoulli, OptimalGaussian
from course_lib.models import FullyConnectedVAE
from course_lib.objectives import WarmUp, elbo, squared_error
from course_lib.transforms import FaceTransform, face_transform

LIKELIHOODS = {"optimal": OptimalGaussian, "bernoulli": Bernoulli}
LARGEST = 64  # pixels; larger pictures are resized to a square of that
COLUMNS = 8  # pictures in a row of a sheet
BATCH = 100  # pictures that are scored at a time
DECODED = 3200  # pictures that are decoded at a time to score them: 10 MB of MNIST's
SEVERAL = 1000  # pictures that say which latent elements are in use
FITTED, COMPONENTS = 10_000, 10  # codes that a density is fitted to, and its Gaussians


def train(
    data: str,
    folder: Path,
    *,
    model: str = "vae",
    epochs: int = 20,
    batch_size: int = 128,
    lr: float = 1e-3,
    seed: int = 0,
    device: str = "auto",
    hidden_dim: int = 1024,
    latent_dim: int = 64,
    beta: float = 1.0,
    warm_up: int = 0,
    likelihood: str = "optimal",
    crop: bool = False,
    binarise: bool = False,
    resume: bool = False,
    nll_samples: int = 0,
) -> dict[str, dict[str, float]]:
    """Train a model and write what there is to see of it.

    Parameters
    ----------
    data : str
        As `datasets.load` takes it. Which picture goes where, and which pixels `binarise` makes
        white, does not depend on `seed`.
    folder : path
        It gets ``state.safetensors`` (after every epoch), ``history.json``, ``figures.json``,
        ``reconstructions.png`` and ``samples.png``.
    model : {"vae", "ae"}
        A `FullyConnectedVAE`, or the same network as a plain autoencoder: its codes are the
        posterior's means, without noise or rate.
    epochs, batch_size, lr, seed, device
        As `training.fit` takes them.
    hidden_dim, latent_dim : int
    beta : float
    warm_up : int
        Steps until the full `beta`.
    likelihood : {"optimal", "bernoulli"}
    crop : bool
        Keep only the homework's band of eyes and brows.
    binarise : bool
        Draw every pixel black or white, see `datasets.binarise`.
    resume : bool
        Go on with the run in the folder, which must be of the same settings.
    nll_samples : int
        Codes drawn for each picture to estimate log p(x); 0 leaves that out.

    Returns
    -------
    dict of dict of float
        What `figures.json` holds: under ``"validation"`` and ``"test"`` the output of `measure`.

    Raises
    ------
    ValueError, OSError
        For settings, data or a folder that cannot be used.
    FloatingPointError
        If training diverges.
    """
    objective = _objective(model, beta, warm_up, nll_samples)
    saved = folder / "state.safetensors"
    if saved.exists() and not resume:
        raise FileExistsError(
            f"There is a run in '{folder}' already: add --resume to go on with it, choose another "
            "--folder, or delete this one."
        )
    splits = _pictures(data, binarise)
    if model == "ae" and min(len(splits.train), FITTED) <= latent_dim:
        raise ValueError(
            f"{len(splits.train)} training pictures are too few to fit a density to codes of "
            f"{latent_dim} elements, which an autoencoder's samples need: choose a smaller "
            "--latent-dim."
        )
    transform = _transform(splits.train, crop)
    if likelihood == "bernoulli":
        _check_black_and_white(transform(splits.train[:BATCH]))
    shape = (splits.train.shape[1], *transform.size)
    state = training.fit(
        partial(FullyConnectedVAE, shape, hidden_dim, latent_dim, LIKELIHOODS[likelihood]()),
        objective,
        splits,
        epochs=epochs,
        batch_size=batch_size,
        lr=lr,
        seed=seed,
        device=device,
        transform=transform,
        resume_from=saved if resume else None,
        checkpoint=saved,
    )
    _write(folder / "history.json", json.dumps(state.history, indent=1, allow_nan=False).encode())
    sheet = reconstructions(state.model, splits.test, transform)
    _write(folder / "reconstructions.png", sheet.png())
    codes = (
        None if model == "vae" else latents.encode(state.model, splits.train[:FITTED], transform)
    )
    sheet = samples(state.model, codes, seed)
    _write(folder / "samples.png", sheet.png())
    measured = {
        name: measure(state.model, objective, getattr(splits, name), transform, nll_samples)
        for name in ("validation", "test")
    }
    _write(folder / "figures.json", json.dumps(measured, indent=1, allow_nan=False).encode())
    return measured


def default_folder(data: str, model: str) -> Path:
    """Where a run goes that was given no folder."""
    named = [part for part in Path(data).parts if not glob.has_magic(part)]
    return Path("build/runs", f"{Path(named[-1]).stem if named else 'pictures'}-{model}")


def measure(
    model: nn.Module,
    objective: training.Objective,
    images: Tensor,
    transform: nn.Module,
    nll_samples: int = 0,
) -> dict[str, float]:
    """The figures of a trained model on pictures it has not seen.

    Parameters
    ----------
    model : nn.Module
    objective : callable
        What it was trained with.
    images : Tensor or MappedImages
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


@torch.no_grad()
def reconstructions(model: nn.Module, images: Tensor, transform: nn.Module) -> plots.AltFigure:
    """A sheet of pictures above their reconstructions, with the error of each.

    Parameters
    ----------
    model : nn.Module
    images : Tensor or MappedImages
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
        needs it, which has no prior; without them from the prior N(0, I).
    seed : int

    Returns
    -------
    AltFigure
    """
    n = COLUMNS**2
    if codes is None:
        made, source = model.sample(n, torch.Generator().manual_seed(seed)), "the prior N(0, I)"
    else:
        components = min(COMPONENTS, (len(codes) - 1) // codes.shape[1])
        density = latents.fit_density(codes, components, seed)
        made = model.decode(density.sample(n, seed).to(codes))
        source = f"{components} Gaussians fitted to the codes of training pictures"
    return plots.grid(made, columns=COLUMNS, title=f"Decoded codes drawn from {source}")


def _objective(model: str, beta: float, warm_up: int, nll_samples: int) -> training.Objective:
    if model == "vae":
        return WarmUp(warm_up, beta) if warm_up else partial(elbo, beta=beta)
    if beta != 1 or warm_up or nll_samples:
        raise ValueError(
            "An autoencoder has no rate to weigh and no log p(x) to estimate: leave out --beta, "
            "--warm-up and --nll-samples, or train with --model vae."
        )
    return partial(elbo, sample=False)


def _pictures(data: str, binarise: bool) -> datasets.Splits:
    try:
        splits = datasets.load(data)
    except TypeError as error:  # numbers other than uint8, which is the user's to mend
        raise ValueError(error) from error
    if len(splits.test) < 2:
        raise ValueError(
            f"There is {len(splits.test)} test picture in {splits}, but at least 2 are needed to "
            "tell pictures apart: use a data set of 15 pictures or more."
        )
    return datasets.binarise(splits) if binarise else splits


def _transform(images: Tensor, crop: bool) -> FaceTransform:
    """The homework's, or the whole picture, at its own size unless that is too large."""
    height, width = images.shape[-2:]
    if crop:
        return face_transform()
    large = max(height, width) > LARGEST
    return face_transform(None, (LARGEST, LARGEST) if large else (height, width))


def _check_black_and_white(x: Tensor) -> None:
    if not (x.abs() == 1).all():
        raise ValueError(
            "There are greys in what the network sees, but the Bernoulli likelihood expects black "
            f"and white only: add --binarise, and use neither --crop nor pictures above {LARGEST} "
            "pixels, which resizing makes grey again."
        )


def _prepared(model: nn.Module, images: Tensor, transform: nn.Module) -> Tensor:
    """Pictures as the model takes them, where it is."""
    return transform(images.to(next(model.parameters()).device))


def _write(path: Path, content: bytes) -> None:
    with written_beside(path) as beside:
        beside.write_bytes(content)
