"""The command ``train``: pictures and settings in, a folder of results out. Its options stand in
`course_lib.__main__`."""

import json
from contextlib import nullcontext
from os.path import abspath, expanduser
from pathlib import Path

from course_lib import latents, training
from course_lib.datasets.loading import LOADERS
from course_lib.files import one_alone
from course_lib.models import load_weights
from course_lib.runs import results
from course_lib.runs.folder import (
    FORMAT,
    RESULTS,
    SETTINGS,
    STATE,
    check_folder,
    write,
)
from course_lib.runs.settings import (
    HIDDEN,
    LATENT,
    WITH_PRIOR,
    builder_of,
    check_black_and_white,
    misfit,
    objective_of,
    pictures_of,
    shape_seen,
    transform_of,
)
from course_lib.training.processes import is_first


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
    if wrong := misfit(settings):
        raise ValueError(f"There is no such run: its {wrong}. Correct the call.")
    objective = objective_of(model, beta, warm_up, nll_samples)
    check_folder(folder, resume)
    splits = pictures_of(data, binarise)
    transform = transform_of(splits.train, crop)
    if likelihood == "bernoulli":
        check_black_and_white(splits.train, transform)
    build = builder_of(
        model, shape_seen(splits.train, transform), hidden_dim, latent_dim, likelihood
    )

    def keep_settings(*_, finished: bool = False) -> None:
        if not finished:  # results of fewer epochs would be taken for the run's
            for name in RESULTS:
                (folder / name).unlink(missing_ok=True)
        told = settings | {"finished": finished}
        write(folder / SETTINGS, json.dumps(told, indent=1))

    with one_alone(folder) if is_first() else nullcontext():
        if is_first():  # again: another program may have been quicker
            check_folder(folder, resume)
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
        write(folder / "history.json", history)
        _write_sheets(folder, state.model, splits, transform, model in WITH_PRIOR, seed)
        measured = {}
        for name in ("validation", "test"):
            images = getattr(splits, name)
            measured[name] = results.measure(state.model, objective, images, transform, nll_samples)
            measured[name]["mean_mse"] = results.mean_picture_error(splits.train, images, transform)
        figures = json.dumps(measured, indent=1, allow_nan=False)
        write(folder / "figures.json", figures)
        keep_settings(finished=True)
    return measured


def _write_sheets(folder, network, splits, transform, has_prior: bool, seed: int) -> None:
    sheet = results.reconstructions(network, splits.test, transform)
    write(folder / "reconstructions.png", sheet.png())
    fitted_to = splits.train[: results.FITTED]
    codes = None if has_prior else latents.encode(network, fitted_to, transform)
    sheet = results.samples(network, codes, seed)
    write(folder / "samples.png", sheet.png())
