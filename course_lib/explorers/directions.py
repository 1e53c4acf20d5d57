"""Directions in a latent space that have a name: of the codes' spread, and of known factors."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import torch
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from course_lib.training.threads import one_thread

PRINCIPAL = 4  # directions of the codes' spread


class Direction(NamedTuple):
    """A direction in a latent space.

    Attributes
    ----------
    vector : Tensor
        (K,), what one unit adds to a code.
    share : float
        What it has to do with the codes, from 0 to 1.
    words : str
        The same in words.
    """

    vector: Tensor
    share: float
    words: str


def principal(axes: Tensor, deviations: Tensor, shares: Tensor) -> dict[str, Direction]:
    """Along the codes' principal axes; a unit is their standard deviation there.

    Parameters
    ----------
    axes : Tensor
        (n, K), of length one; a zero axis, of codes that have no more, leads nowhere.
    deviations, shares : Tensor
        (n,): the codes' standard deviation along each, and their share of the variance.
    """
    return {
        f"principal {number}": Direction(
            (deviation * axis).float(), share, f"{100 * share:.0f} % of the codes' variance"
        )
        for number, (axis, deviation, share) in enumerate(
            zip(axes, deviations, shares.tolist(), strict=True), start=1
        )
    }


@one_thread()
def of_factors(
    codes: Tensor, factors: Mapping[str, Tensor], shares: Iterable[float]
) -> dict[str, Direction]:
    """Along which the codes move when one factor does; a unit is its standard deviation.

    The codes are regressed on the factors, all at once: a direction says how the mean code moves
    with one factor while the others stay as they are. It leads where codes are. The weights of a
    probe that *reads* a factor need not: they also cancel what else is in the code, so a step along
    them leaves the codes (Haufe et al. 2014, *On the interpretation of weight vectors of linear
    models*). One step changed the hair of notebook 06's AE by 0.84 of its standard deviation, and
    by 0.09 along the weights. The probe is asked for one thing, how well the factor can be read.

    Parameters
    ----------
    codes : Tensor
        (n, K), of the training pictures.
    factors : mapping from name to Tensor
        (n,) each. One that never changes has a direction that leads nowhere.
    shares : iterable of float
        How well each can be read: `probe.Probe.r2`.
    """
    f = torch.stack(list(factors.values()), dim=1).double().numpy()
    f = StandardScaler().fit_transform(f)
    vectors = LinearRegression().fit(f, codes.double().numpy()).coef_.T
    return {
        name: Direction(vector, share, f"R² {share:.2f}, read from the code by a line")
        for name, vector, share in zip(
            factors, torch.from_numpy(vectors).float(), shares, strict=True
        )
    }
