"""Does each latent element mean one thing? Scores that need the factors the pictures were made of.

Of K latent elements and F known factors: how much does each element tell about each factor, and
is that table close to one entry per row and per column? Both scores depend on the axes of the code,
as `evaluation.factor_recovery` does not: they ask whether factors can be *edited* one by one.
"""

from math import log
from typing import NamedTuple

import numpy as np
import torch
from joblib import parallel_config
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.metrics import r2_score
from sklearn.multioutput import MultiOutputRegressor
from torch import Tensor
from torch.nn.functional import one_hot


def mutual_information(codes: Tensor, factors: Tensor, bins: int = 20) -> Tensor:
    """How many nats each latent element tells about each factor, from histograms.

    As Locatello et al. (2019), who cut codes into 20 bins of equal width. Factors here are
    continuous, so they are cut likewise; few pictures per pair of bins make all information look
    larger.

    Parameters
    ----------
    codes, factors : Tensor
        (N, K) and (N, F), of the same pictures; N well above the square of `bins`.
    bins : int

    Returns
    -------
    Tensor
        (K, F) float64.

    Raises
    ------
    ValueError
        If the shapes do not fit, NaN or infinity is among the numbers, or there are fewer than two
        bins.
    """
    x, y = _arrays(codes, factors)
    if bins < 2:
        raise ValueError(f"There are bins={bins}, but telling anything apart takes two or more.")
    x, y = _binned(x, bins), _binned(y, bins)
    # All pairs of bins are counted at once, by multiplying indicators.
    joint = torch.einsum("nkb,nfc->kfbc", x, y) / len(x)
    apart = torch.special.entr(joint.sum(3)).sum(2) + torch.special.entr(joint.sum(2)).sum(2)
    return apart - torch.special.entr(joint).sum((2, 3))


def mutual_information_gap(codes: Tensor, factors: Tensor, bins: int = 20) -> float:
    """MIG: how far the most telling latent element is ahead of the second (Chen et al. 2018,
    *Isolating Sources of Disentanglement in VAEs*, equation 6).

    Parameters
    ----------
    codes, factors, bins
        As `mutual_information` takes them: few pictures make the gap smaller.

    Returns
    -------
    float
        Mean over factors of the gap in units of the factor's entropy: 1 if one element says all
        about it and no other says anything, 0 if two say the same.

    Raises
    ------
    ValueError
        As `mutual_information`; also for a single element, or a factor that never changes.
    """
    told = mutual_information(codes, factors, bins)
    if len(told) < 2:
        raise ValueError("mutual_information_gap got 1 latent element, but a gap needs two.")
    entropies = mutual_information(factors, factors, bins).diagonal()
    if (entropies == 0).any():
        raise ValueError("A factor is the same for all pictures: leave its column out.")
    second, first = told.sort(0).values[-2:]
    return ((first - second) / entropies).mean().item()


class DCI(NamedTuple):
    """Scores of Eastwood and Williams (2018), from 0 to 1; see `dci`."""

    disentanglement: float  #: does an element speak of one factor only?
    completeness: float  #: is a factor spoken of by one element only?
    informativeness: float  #: mean R² of the factors read from the code; can be below 0
    importance: Tensor  #: (K, F) of each element to each factor; a factor's add up to 1


def dci(
    codes: Tensor, factors: Tensor, test_codes: Tensor, test_factors: Tensor, seed: int = 0
) -> DCI:
    """Disentanglement, completeness and informativeness (Eastwood and Williams 2018, *A Framework
    for the Quantitative Evaluation of Disentangled Representations*, section 2).

    Boosted trees read each factor from the code, as in Locatello et al. (2019); how much their
    splits gain by each element is that element's importance.

    Parameters
    ----------
    codes, factors : Tensor
        (N, K) and (N, F): what the trees are fitted to, N of some thousands.
    test_codes, test_factors : Tensor
        (M, K) and (M, F): what informativeness is measured on.
    seed : int
        Of the quarter of the pictures that each tree is fitted to.

    Returns
    -------
    DCI

    Raises
    ------
    ValueError
        If the shapes do not fit, or NaN or infinity is among the numbers.
    """
    x, y = _arrays(codes, factors)
    test_x, test_y = _arrays(test_codes, test_factors)
    if (x.shape[1], y.shape[1]) != (test_x.shape[1], test_y.shape[1]):
        raise ValueError(
            f"dci got codes and factors of {x.shape[1]} and {y.shape[1]} elements to fit to, but "
            f"{test_x.shape[1]} and {test_y.shape[1]} to test on: take both from one model."
        )
    # Ten pictures in a leaf: with two or three, any element splits them as well as another, and the
    # order of the elements would decide.
    # Few trees, each of a quarter of the pictures: twice as many of half of them take three and a
    # half times as long, and move no score by more than 0.03.
    settings = {"n_estimators": 30, "learning_rate": 0.2, "subsample": 0.25, "min_samples_leaf": 10}
    trees = GradientBoostingRegressor(**settings, random_state=seed)
    readers = MultiOutputRegressor(trees, n_jobs=-1)
    with parallel_config("threading"):  # trees are grown without Python's lock
        read = readers.fit(x, y).predict(test_x)
    importance = np.stack([reader.feature_importances_ for reader in readers.estimators_], axis=1)
    scores = disentanglement(importance), completeness(importance), float(r2_score(test_y, read))
    return DCI(*scores, torch.from_numpy(importance))


def disentanglement(importance: Tensor | np.ndarray) -> float:
    """1 if each latent element matters to one factor only, 0 if to all alike.

    Parameters
    ----------
    importance : (K, F)
        Of each element to each factor, not negative.

    Returns
    -------
    float
        1 minus the entropy of each row, in units of log F, averaged over the rows by their sums.

    Raises
    ------
    ValueError
        If it is no such table, or all zeros.
    """
    rows = torch.as_tensor(importance, dtype=torch.float64)
    usable = rows.ndim == 2 and min(rows.shape) > 1 and rows.isfinite().all() and (rows >= 0).all()
    if not usable or rows.sum() == 0:
        raise ValueError(
            f"The importances have shape {tuple(rows.shape)}, but a table of elements (rows) and "
            "factors (columns) is expected: two or more of each, finite, none negative, not all 0."
        )
    totals = rows.sum(1)
    # An element that matters to nothing has no shares, and no weight either.
    shares = rows / totals.where(totals > 0, 1)[:, None]
    entropies = torch.special.entr(shares).sum(1) / log(rows.shape[1])
    return 1 - (entropies @ totals / totals.sum()).item()


def completeness(importance: Tensor | np.ndarray) -> float:
    """1 if each factor is told by one latent element only, 0 if by all alike: `disentanglement`
    with rows and columns exchanged, in units of log K."""
    return disentanglement(torch.as_tensor(importance).T)


def _binned(values: np.ndarray, bins: int) -> Tensor:
    """Which of so many equal bins each number lies in, as indicators (N, columns, bins)."""
    edges = (np.histogram_bin_edges(column, bins)[1:-1] for column in values.T)
    cut = [np.digitize(column, edge) for column, edge in zip(values.T, edges, strict=True)]
    return one_hot(torch.from_numpy(np.stack(cut, axis=1)), bins).double()


def _arrays(codes: Tensor, factors: Tensor) -> tuple[np.ndarray, np.ndarray]:
    if codes.ndim != 2 or factors.ndim != 2 or len(codes) != len(factors) or len(codes) < 2:
        raise ValueError(
            f"Codes {tuple(codes.shape)} and factors {tuple(factors.shape)} do not fit together: "
            "expected (N, K) and (N, F), of the same two pictures or more."
        )
    if not (codes.isfinite().all() and factors.isfinite().all()):
        raise ValueError("NaN or infinity is among the codes or factors: find what produced it.")
    return codes.detach().cpu().double().numpy(), factors.detach().cpu().double().numpy()
