"""The folder of a run: what lies in it, how it is written, and how it is read back."""

import glob
import json
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from course_lib import datasets, files, training
from course_lib.files import check_writable
from course_lib.runs.settings import builder_of, misfit, pictures_of, shape_seen, transform_of
from course_lib.training.checkpoints import check_fits, check_ours
from course_lib.training.fingerprint import content
from course_lib.transforms import FaceTransform

STATE, SETTINGS = "state.safetensors", "run.json"
RESULTS = ("history.json", "figures.json", "reconstructions.png", "samples.png")
FILES = (STATE, SETTINGS, *RESULTS)
FORMAT = "course_lib run 1"


@dataclass(frozen=True)
class Run:
    """What the command ``train`` left in a folder; see `open_run`.

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


def open_run(folder: str | Path) -> Run:
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
    settings = read_settings(folder)
    if settings is None:
        raise FileNotFoundError(
            f"There is no run in '{folder}': give a folder that python -m course_lib train wrote "
            "to, or train first."
        )
    if wrong := misfit(settings):
        raise ValueError(
            f"'{folder / SETTINGS}' is damaged: its {wrong}. Put a copy in its place, or train "
            "anew into another --folder."
        )
    splits = pictures_of(settings["data"], settings["binarise"])
    transform = transform_of(splits.train, settings["crop"])
    sizes = (settings[name] for name in ("hidden_dim", "latent_dim", "likelihood"))
    build = builder_of(settings["model"], shape_seen(splits.train, transform), *sizes)
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


def default_folder(data: str, model: str) -> Path:
    """Where a run goes that was given no folder."""
    named = [part for part in Path(data).parts if not glob.has_magic(part)]
    return Path("build/runs", f"{Path(named[-1]).stem if named else 'pictures'}-{model}")


def check_folder(folder: Path, resume: bool) -> None:
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
        if (folder / name).exists() and not (name == SETTINGS and read_settings(folder)):
            raise FileExistsError(
                f"There is a {name} in '{folder}', but no run that it belongs to, so it stays as "
                "it is: choose another --folder."
            )


def read_settings(folder: Path) -> dict | None:
    """What a run's command was told; None if there is no file of ours that says so."""
    try:
        settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    ours = isinstance(settings, dict) and settings.get("format") == FORMAT
    return settings if ours else None


def write(path: Path, content: str | bytes) -> None:
    """Write one of the folder's files, whole or not at all."""
    try:
        files.write(path, content)
    except OSError as error:
        raise OSError(
            f"{path} could not be written ({error.strerror or error}): make room, and go on with "
            "--resume from the last whole epoch."
        ) from error
