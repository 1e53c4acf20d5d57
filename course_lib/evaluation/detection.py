"""A score for each picture, and how well it tells strange ones from those of the training set's
kind: a detector."""

from typing import NamedTuple

import numpy as np
import torch
from scipy.stats import bootstrap
from sklearn.metrics import roc_auc_score, roc_curve
from torch import Tensor, nn

from course_lib.evaluation.of_models import BATCH, reconstruction_error
from course_lib.training.runtime import evaluating

RESAMPLES = 500  # enough for two digits of an interval's ends


def distance(model: nn.Module, x: Tensor) -> Tensor:
    """The homework's score: how far each picture is from its reconstruction.

    Parameters
    ----------
    model : nn.Module
        ``model(x)`` is the reconstruction.
    x : Tensor
        (N, C, H, W), as the model takes them.

    Returns
    -------
    Tensor
        (N,), the root of the *summed* squared error, in units of `x`.
    """
    return (reconstruction_error(model, x) * x[:1].numel()).sqrt()


def error_map(model: nn.Module, x: Tensor) -> Tensor:
    """Where `distance` comes from: the squared error of each pixel, summed over colours.

    Parameters
    ----------
    model : nn.Module
    x : Tensor
        (N, C, H, W), as the model takes them.

    Returns
    -------
    Tensor
        (N, H, W), in squared units of `x`.
    """
    with evaluating(model):
        return torch.cat([(model(part) - part).square().sum(1) for part in x.split(BATCH)])


class Roc(NamedTuple):
    """What each threshold finds, the strictest first: scores at or above it are reported."""

    thresholds: np.ndarray  #: (T,), falling; the first is infinite and reports nothing
    false_alarms: np.ndarray  #: (T,): share of the normal pictures that is reported
    hits: np.ndarray  #: (T,): share of the strange pictures that is reported
    auc: float  #: area under hits against false alarms; see `auroc`


def roc(normal: Tensor, strange: Tensor) -> Roc:
    """The receiver operating characteristic of a score (Fawcett 2006, *An introduction to ROC
    analysis*).

    Parameters
    ----------
    normal, strange : Tensor
        Scores, (n,) and (m,); strange pictures should score higher.

    Returns
    -------
    Roc

    Raises
    ------
    ValueError
        As `auroc`.
    """
    labels, scores = _labelled(normal, strange)
    false_alarms, hits, thresholds = roc_curve(labels, scores, drop_intermediate=False)
    return Roc(thresholds, false_alarms, hits, float(roc_auc_score(labels, scores)))


def auroc(normal: Tensor, strange: Tensor) -> float:
    """How well a score tells strange pictures: the chance that one of them scores higher than a
    normal one, ties counting half. 0.5 is a coin toss; below that, they look *more* normal.

    Parameters
    ----------
    normal, strange : Tensor
        Scores, (n,) and (m,).

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If either is empty or not one row, or NaN or infinity is among them.
    """
    return float(roc_auc_score(*_labelled(normal, strange)))


def auroc_interval(normal: Tensor, strange: Tensor, seed: int = 0) -> tuple[float, float]:
    """Between what two values `auroc` would lie for other pictures of the same two kinds, in 95 of
    100 cases: a bootstrap over pictures. The model stays the same; another seed moves it too.

    Parameters
    ----------
    normal, strange : Tensor
        Scores, (n,) and (m,), some tens of each.
    seed : int

    Returns
    -------
    tuple of float
        The interval's ends.

    Raises
    ------
    ValueError
        As `auroc`, and for a single picture of a kind.
    """
    _labelled(normal, strange)
    if min(len(normal), len(strange)) < 2:
        raise ValueError(
            f"auroc_interval got {len(normal)} and {len(strange)} scores, but needs several of "
            "each kind: one picture says nothing about others."
        )
    found = bootstrap(
        (normal.detach().cpu().numpy(), strange.detach().cpu().numpy()),
        lambda a, b: auroc(torch.from_numpy(a), torch.from_numpy(b)),
        n_resamples=RESAMPLES,
        vectorized=False,
        method="percentile",
        rng=seed,
    ).confidence_interval
    return float(found.low), float(found.high)


def _labelled(normal: Tensor, strange: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Labels, 1 for strange, and scores."""
    if (normal.ndim, strange.ndim) != (1, 1) or 0 in (len(normal), len(strange)):
        raise ValueError(
            f"There are scores of shape {tuple(normal.shape)} and {tuple(strange.shape)}, but (n,) "
            "and (m,) are expected: pass one number per picture, and some pictures of each kind."
        )
    scores = torch.cat([normal, strange]).detach().cpu()
    if not scores.isfinite().all():
        raise ValueError("NaN or infinity is among the scores: find out which picture scores so.")
    labels = torch.cat([torch.zeros(len(normal)), torch.ones(len(strange))])
    return labels.numpy(), scores.numpy()
