"""A training run from the command line: pictures and settings in, a folder of results out."""

import glob
import json
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from os.path import abspath, expanduser
from pathlib import Path

import torch
from torch import Tensor, nn

from course_lib import datasets, homework, latents, results, training
from course_lib.datasets.loading import LOADERS
from course_lib.files import check_writable, one_alone, written_beside
from course_lib.likelihoods import Bernoulli, OptimalGaussian
from course_lib.models import FullyConnectedAutoencoder, FullyConnectedVAE, load_weights
from course_lib.objectives import WarmUp, elbo, squared_error
from course_lib.training.checkpoints import check_fits, check_ours
from course_lib.training.loop import content
from course_lib.training.processes import is_first
from course_lib.transforms import FaceTransform, Pictures, face_transform

HOMEWORK = {  # its networks and losses, with sizes of their own
    "homework": (FullyConnectedAutoencoder, squared_error),
    "homework-fcn": (homework.fcn, squared_error),
    "homework-cnn": (homework.cnn, squared_error),
    "homework-vae": (homework.HomeworkVAE, homework.sample_loss),
}
WITH_PRIOR = ("vae", "homework-vae")
LIKELIHOODS = {"optimal": OptimalGaussian, "bernoulli": Bernoulli}
HIDDEN, LATENT = 1024, 64
FITTED = 10_000  # codes that a density is fitted to
CHECKED = 100  # pictures that are looked at whether they are black and white
STATE, SETTINGS = "state.safetensors", "run.json"
RESULTS = ("history.json", "figures.json", "reconstructions.png", "samples.png")
FILES = (STATE, SETTINGS, *RESULTS)
FORMAT = "course_lib run 1"
SENSIBLE = {  # what a run was told, read back
    "data": lambda told: isinstance(told, str),
    "model": lambda told: told in ["vae", "ae", *HOMEWORK],
    "hidden_dim": lambda told: type(told) is int and told > 0,
    "latent_dim": lambda told: type(told) is int and told > 0,
    "likelihood": lambda told: told in list(LIKELIHOODS),
    "crop": lambda told: isinstance(told, bool),
    "binarise": lambda told: isinstance(told, bool),
}


@dataclass(frozen=True)
class Run:
    """What the command ``train`` left in a folder; see `open`.

    Attributes
    ----------
    model : nn.Module
        Trained as far as the run came, set to evaluate.
    transform : FaceTransform
        From uint8 pictures to what the model takes.
    data : Splits
        The pictures.
    history : dict of lists of numbers
        As `training.State` has it.
    settings : dict
        What the command was told; ``finished`` is whether the run has come to its end.
    """

    model: nn.Module
    transform: FaceTransform
    data: datasets.Splits
    history: dict[str, list]
    settings: dict


def open(folder: str | Path) -> Run:
    """Read a run back: its model, and the pictures as the model saw them.

    Parameters
    ----------
    folder : path
        What ``python -m course_lib train`` wrote to, ``build/runs/faces-vae`` for example. A run
        that is not finished, or was stopped, opens as well.

    Returns
    -------
    Run

    Raises
    ------
    FileNotFoundError
        If there is no run, or its pictures are gone.
    ValueError
        If its weights cannot be read, or its pictures have changed.
    """
    folder = Path(folder)
    settings = _settings(folder)
    if settings is None:
        raise FileNotFoundError(
            f"There is no run in '{folder}': give a folder that python -m course_lib train wrote "
            "to, or train first."
        )
    if wrong := [name for name, fits in SENSIBLE.items() if not fits(settings.get(name))]:
        raise ValueError(
            f"'{folder / SETTINGS}' is damaged: its {wrong[0]} is {settings.get(wrong[0])!r}. Put "
            "a copy in its place, or train anew into another --folder."
        )
    splits = _pictures(settings["data"], settings["binarise"])
    transform = _transform(splits.train, settings["crop"])
    sizes = (settings[name] for name in ("hidden_dim", "latent_dim", "likelihood"))
    build = _network(settings["model"], _seen(splits.train, transform), *sizes)
    with torch.device("meta"):  # sizes that are not the run's may be too large for the memory
        check_fits(folder / STATE, build())
    state = training.load(folder / STATE, build)
    kept, there = state.settings["training pictures"], content(splits.train)
    if kept != there:
        raise ValueError(
            f"The run in '{folder}' was trained on other pictures than {settings['data']} holds "
            f"now (of shape and content {kept} then, {there} now): put the old ones back, or train "
            "anew into another --folder."
        )
    return Run(state.model, transform, splits, state.history, settings)


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
    devices: int = 1,
    nodes: int = 1,
    strategy: str = "auto",
    precision: str = "32-true",
    hidden_dim: int = HIDDEN,
    latent_dim: int = LATENT,
    beta: float = 1.0,
    warm_up: int = 0,
    likelihood: str = "optimal",
    crop: bool = False,
    binarise: bool = False,
    resume: bool = False,
    start: Path | None = None,
    nll_samples: int = 0,
) -> dict[str, dict[str, float]]:
    """Train a model and write what there is to see of it.

    Parameters
    ----------
    data : str
        As `datasets.load` takes it. Which picture goes where, and which pixels `binarise` makes
        white, does not depend on `seed`.
    folder : path
        It gets ``state.safetensors`` and ``run.json`` (after every epoch; `open` reads them), and
        at the end ``history.json``, ``figures.json``, ``reconstructions.png`` and ``samples.png``.
        No two runs may write to one at the same time.
    model : {"vae", "ae", "homework", "homework-fcn", "homework-cnn", "homework-vae"}
        A `FullyConnectedVAE`, or the same network as a plain autoencoder: its codes are the
        posterior's means, without noise or rate. Or the homework's autoencoder, or one of the
        networks of its sample code (see `homework`), with their own sizes and loss.
    epochs, batch_size, lr, seed, device, devices, nodes, strategy, precision
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
        Go on with the run in the folder, which must be of the same settings, but for `lr` and
        `batch_size`; where there is none yet, begin.
    start : path, optional
        A file of weights to start from, as `models.load_weights` takes it.
    nll_samples : int
        Codes drawn for each picture to estimate log p(x); 0 leaves that out.

    Returns
    -------
    dict of dict of float
        What `figures.json` holds: under ``"validation"`` and ``"test"`` the output of
        `results.measure`, and as ``mean_mse`` that of `results.mean_picture_error`. Of several
        processes that ``torchrun`` started, all but the first write and return nothing.

    Raises
    ------
    ValueError, OSError
        For settings, data or a folder that cannot be used.
    FloatingPointError
        If training diverges.
    KeyboardInterrupt
        If it is interrupted, in one sentence; what was trained is kept, to go on with.
    """
    objective = _objective(model, beta, warm_up, nll_samples)
    settings = {
        "format": FORMAT,
        "data": data if data in LOADERS else abspath(expanduser(data)),
        "model": model,
        "hidden_dim": hidden_dim,
        "latent_dim": latent_dim,
        "likelihood": likelihood,
        "crop": crop,
        "binarise": binarise,
    }
    _check_folder(folder, resume)
    splits = _pictures(data, binarise)
    transform = _transform(splits.train, crop)
    if likelihood == "bernoulli":
        _check_black_and_white(transform(splits.train[:CHECKED]))
    build = _network(model, _seen(splits.train, transform), hidden_dim, latent_dim, likelihood)

    def keep_settings(*_, finished: bool = False) -> None:
        if not finished:  # results of fewer epochs would be taken for the run's
            for name in RESULTS:
                (folder / name).unlink(missing_ok=True)
        told = settings | {"finished": finished}
        _write(folder / SETTINGS, json.dumps(told, indent=1).encode())

    with one_alone(folder) if is_first() else nullcontext():
        if is_first():  # again: another program may have been quicker
            _check_folder(folder, resume)
        state = training.fit(
            build if start is None else lambda: load_weights(start, build()),
            objective,
            splits,
            epochs=epochs,
            batch_size=batch_size,
            lr=lr,
            seed=seed,
            device=device,
            devices=devices,
            nodes=nodes,
            strategy=strategy,
            precision=precision,
            transform=transform,
            resume_from=folder / STATE if (folder / STATE).exists() else None,
            checkpoint=folder / STATE,
            on_epoch=keep_settings,
        )
        if not is_first():
            return {}
        if (done := len(state.history.get("epoch", []))) < epochs:
            keep_settings()
            raise KeyboardInterrupt(
                f"Stopped after {done} of {epochs} passes, at step {state.step}: the run in "
                f"'{folder}' is not finished; the same command with --resume goes on."
            )
        history = json.dumps(state.history, indent=1, allow_nan=False)
        _write(folder / "history.json", history.encode())
        _write_sheets(folder, state.model, splits, transform, model in WITH_PRIOR, seed)
        measured = {}
        for name in ("validation", "test"):
            images = getattr(splits, name)
            measured[name] = results.measure(state.model, objective, images, transform, nll_samples)
            measured[name]["mean_mse"] = results.mean_picture_error(splits.train, images, transform)
        figures = json.dumps(measured, indent=1, allow_nan=False)
        _write(folder / "figures.json", figures.encode())
        keep_settings(finished=True)
    return measured


def _write_sheets(folder, network, splits, transform, has_prior: bool, seed: int) -> None:
    sheet = results.reconstructions(network, splits.test, transform)
    _write(folder / "reconstructions.png", sheet.png())
    codes = None if has_prior else latents.encode(network, splits.train[:FITTED], transform)
    sheet = results.samples(network, codes, seed)
    _write(folder / "samples.png", sheet.png())


def default_folder(data: str, model: str) -> Path:
    """Where a run goes that was given no folder."""
    named = [part for part in Path(data).parts if not glob.has_magic(part)]
    return Path("build/runs", f"{Path(named[-1]).stem if named else 'pictures'}-{model}")


def _objective(model: str, beta: float, warm_up: int, nll_samples: int) -> training.Objective:
    if model == "vae":
        return WarmUp(warm_up, beta) if warm_up else partial(elbo, beta=beta)
    if beta != 1 or warm_up or nll_samples:
        raise ValueError(
            f"Only the course's VAE, and not {model}, has a rate to weigh and a log p(x) to "
            "estimate: leave out --beta, --warm-up and --nll-samples, or train with --model vae."
        )
    return HOMEWORK[model][1] if model in HOMEWORK else partial(elbo, sample=False)


def _network(
    model: str, shape: tuple[int, int, int], hidden_dim: int, latent_dim: int, likelihood: str
) -> Callable[[], nn.Module]:
    if model not in HOMEWORK:
        chosen = LIKELIHOODS[likelihood]()
        return partial(FullyConnectedVAE, shape, hidden_dim, latent_dim, chosen)
    if (hidden_dim, latent_dim, likelihood) != (HIDDEN, LATENT, "optimal"):
        raise ValueError(
            f"{model} has the homework's sizes and no likelihood: leave out --hidden-dim, "
            "--latent-dim and --likelihood, or train with --model vae or ae."
        )
    return partial(HOMEWORK[model][0], shape)


def _check_folder(folder: Path, resume: bool) -> None:
    """Refuse a folder that cannot be written to, or has something in it that would be replaced."""
    check_writable(folder)
    check_ours(folder / STATE)
    if (folder / STATE).exists():
        if resume:
            return
        raise FileExistsError(
            f"There is a run in '{folder}' already: add --resume to go on with it, choose another "
            "--folder, or delete this one."
        )
    for name in FILES:
        if (folder / name).exists() and not (name == SETTINGS and _settings(folder)):
            raise FileExistsError(
                f"There is a {name} in '{folder}', but no run that it belongs to, so it stays as "
                "it is: choose another --folder."
            )


def _settings(folder: Path) -> dict | None:
    """What a run's command was told; None if there is no file of ours that says so."""
    try:
        settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    ours = isinstance(settings, dict) and settings.get("format") == FORMAT
    return settings if ours else None


def _pictures(data: str, binarise: bool) -> datasets.Splits:
    splits = datasets.load(data)
    if len(splits.test) < 2:
        raise ValueError(
            f"There is {len(splits.test)} test picture in {splits}, but at least 2 are needed to "
            "tell pictures apart: use a data set of 15 pictures or more."
        )
    return datasets.binarise(splits) if binarise else splits


def _transform(images: Pictures, crop: bool) -> FaceTransform:
    """The homework's, or the whole picture, as large as it was loaded."""
    *_, height, width = images.shape
    return face_transform() if crop else face_transform(None, (height, width))


def _seen(images: Pictures, transform: FaceTransform) -> tuple[int, int, int]:
    """The shape of what the network sees of a picture."""
    return (images.shape[1], *transform.size)


def _check_black_and_white(x: Tensor) -> None:
    if not (x.abs() == 1).all():
        raise ValueError(
            "There are greys in what the network sees, but the Bernoulli likelihood expects black "
            "and white only: add --binarise, and leave out --crop, which resizes and so makes "
            "greys again."
        )


def _write(path: Path, content: bytes) -> None:
    try:
        with written_beside(path) as beside:
            beside.write_bytes(content)
    except OSError as error:
        raise OSError(
            f"{path} could not be written ({error.strerror or error}): make room, and go on with "
            "--resume from the last whole epoch."
        ) from error
