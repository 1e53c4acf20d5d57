"""The command ``score``, the homework's other half: a score for each picture, to hand in."""

import csv
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from course_lib import datasets, evaluation, latents, plots
from course_lib.datasets import photographs
from course_lib.datasets.loading import SIZE
from course_lib.datasets.npy import UNREADABLE
from course_lib.datasets.stored import StoredImages
from course_lib.files import check_writable, write, written_beside
from course_lib.models import code
from course_lib.objectives import elbo
from course_lib.runs import results
from course_lib.runs.folder import Run, open_run
from course_lib.runs.settings import WITH_PRIOR
from course_lib.training.runtime import evaluating, own_random_numbers

BATCH = 500  # pictures that are scored at a time
HEADER = ("ID", "score")
SHOWN = 6  # of the strangest pictures
KINDS = ("distance", "bound", "density")

Score = Callable[[Tensor], Tensor]


class Scored(NamedTuple):
    """What `score` did."""

    count: int  #: pictures, a row of the file for each
    curve: evaluation.Roc | None  #: where labels were given
    interval: tuple[float, float] | None  #: of the AUC, see `evaluation.auroc_interval`


def score(
    folder: Path,
    data: str,
    out: Path,
    *,
    by: str = "distance",
    header: tuple[str, str] = HEADER,
    labels: Path | None = None,
    maps: Path | None = None,
    progress: bool = True,
) -> Scored:
    """Score every picture once, in the file's own order, and write a CSV.

    Files larger than the memory are read in pieces, as the pictures are scored.

    Parameters
    ----------
    folder : path
        A run of the command ``train``.
    data : str
        Pictures as `datasets.pictures` takes them.
    out : path
        The CSV; whole, or not there at all. Beside it the strangest pictures, and with `labels`
        the ROC curve, as `.strangest.png` and `.roc.png`.
    by : {"distance", "bound", "density"}
        ``distance``, the homework's: root of the summed squared error. ``bound``: the negative
        ELBO in nats, of one code drawn for each picture, a VAE only. ``density``: minus the log
        density of the code, under ten Gaussians fitted to those of the training pictures (or what
        few pictures allow), in nats.
    header : (str, str)
        Names of the columns.
    labels : path, optional
        A `.npy`, or a text file whose lines end in a number, with a heading or not: 1 for strange
        and 0 for usual pictures, in the same order.
    maps : path, optional
        A `.npy` for each picture's `evaluation.error_map`, float32 (N, H, W), in the same order.
    progress : bool
        Show a bar.

    Returns
    -------
    Scored

    Raises
    ------
    ValueError, OSError
        For a run, data, labels or a place that cannot be used.
    """
    given = {Path(data).resolve(), *([labels.resolve()] if labels else [])}
    for option, path in {"--out": out, "--maps": maps}.items():
        if path is not None and path.resolve() in given:
            raise ValueError(
                f"The scores would replace '{path}' itself: give {option} another name."
            )
        if path is not None:
            check_writable(path.parent)
    run = open_run(folder)
    found = _scorer(run, by)
    images = datasets.pictures(data, size=SIZE)  # as `train` took them
    _check_all_are_there(data, len(images))
    known = _labels(labels, len(images)) if labels is not None else None
    with nullcontext() if maps is None else written_beside(maps) as beside:
        scores = torch.cat(list(_scores(run, found, images, progress, beside)))
    if not scores.isfinite().all():
        first = int((~scores.isfinite()).nonzero()[0])
        raise ValueError(f"The score of picture {first} is not finite: train the run anew.")
    with written_beside(out) as beside, beside.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(header)
        rows.writerows((i, f"{value:.6g}") for i, value in enumerate(scores.tolist()))
    write(out.with_suffix(".strangest.png"), strangest(run, images, scores).png())
    if known is None:
        return Scored(len(scores), None, None)
    usual, strange = scores[known == 0], scores[known == 1]
    curve = evaluation.roc(usual, strange)
    write(out.with_suffix(".roc.png"), plots.roc({by: curve}).png())
    several = min(len(usual), len(strange)) > 1
    interval = evaluation.auroc_interval(usual, strange) if several else None
    return Scored(len(scores), curve, interval)


def strangest(run: Run, images: Tensor | StoredImages, scores: Tensor) -> plots.AltFigure:
    """The pictures of the highest scores, and where they are rebuilt worst."""
    top = scores.argsort(descending=True)[:SHOWN]
    x = run.transform(images[top])
    where = evaluation.error_map(run.model, x)[:, None].expand(-1, 3, -1, -1)
    return plots.grid(
        torch.cat([x.expand(-1, 3, -1, -1), plots.symmetric(where)]),
        columns=len(top),
        titles=[f"{i}: {scores[i]:.4g}" for i in top.tolist()] + [""] * len(top),
        rows=["picture", "squared error"],
        title="The highest scores; white is each picture's worst place",
    )


def _scorer(run: Run, by: str) -> Score:
    model = run.model
    if by == "distance":
        return lambda x: evaluation.distance(model, x)
    if by == "density":
        codes = latents.encode(model, run.data.train[: results.FITTED], run.transform)
        density, _ = results.fitted_density(codes)
        return lambda x: -density.log_prob(code(model, x).float().cpu())
    if by != "bound":
        raise ValueError(f"There is no score {by!r}: take one of {', '.join(KINDS)}.")
    if run.settings["model"] not in WITH_PRIOR:
        raise ValueError(
            f"The run's model is {run.settings['model']}, which has no bound of log p(x): score by "
            "distance or density, or train with --model vae."
        )
    return lambda x: elbo(model, x).loss


def _scores(
    run: Run,
    found: Score,
    images: Tensor | StoredImages,
    progress: bool,
    maps: Path | None,
) -> Iterator[Tensor]:
    """Piece by piece, the maps into a file if one is given."""
    bar = tqdm(total=len(images), unit=" pictures", disable=not progress)
    with bar, evaluating(run.model), own_random_numbers(0):
        for start in range(0, len(images), BATCH):
            x = run.transform(images[start : start + BATCH])
            if maps is not None and start == 0:
                shape = (len(images), *x.shape[-2:])
                file = np.lib.format.open_memmap(maps, "w+", np.float32, shape)
            if maps is not None:
                file[start : start + len(x)] = evaluation.error_map(run.model, x).cpu()
            yield found(x).cpu()
            bar.update(len(x))


def _check_all_are_there(data: str, count: int) -> None:
    """A folder's file that cannot be read would shift the number of each that follows."""
    path = Path(data)
    if not path.is_dir():
        return
    files = sum(map(photographs.is_picture, photographs.find(path)))
    if files != count:
        raise ValueError(
            f"{files - count} of {files} picture files in '{path}' cannot be read, so that rows and"
            " files could not be told apart: mend them, or take them out."
        )


def _labels(path: Path, count: int) -> Tensor:
    """0 and 1, as many as there are pictures."""
    if not path.is_file():
        raise FileNotFoundError(f"There is no file '{path}' of labels: correct the path.")
    if path.suffix == ".npy":
        try:
            labels = np.load(path, allow_pickle=False).ravel()
        except UNREADABLE as error:
            raise ValueError(f"'{path}' is no .npy of labels: save them anew.") from error
    else:
        lines = [
            line.split(",")[-1].strip() for line in path.read_text("utf-8", "replace").splitlines()
        ]
        lines = [line for line in lines if line]
        heading = not lines[:1] or not lines[0].replace(".", "", 1).isdigit()
        labels = np.array(lines[heading:])
    try:
        labels = labels.astype(float)
    except (ValueError, TypeError):
        labels = np.empty(0)
    if len(labels) != count or not np.isin(labels, (0, 1)).all() or len(set(labels)) < 2:
        raise ValueError(
            f"'{path}' holds {len(labels)} numbers for {count} pictures, but a 0 or 1 for each is "
            "expected, both kinds among them: give the labels in the pictures' order."
        )
    return torch.from_numpy(labels)
