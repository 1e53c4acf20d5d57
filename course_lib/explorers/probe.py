"""A linear probe: how far known factors can be read from a code, and what an edit changes in it."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from course_lib.training.threads import one_thread

READ = 0.5  # R² from which on a factor is spoken of
CHANGED = 0.3  # of its standard deviations, by which a factor must move to count as changed
MOST_NAMED = 3  # changed factors that are named


class Probe(NamedTuple):
    """Made by `fit_probe`; F factors, K latent elements.

    Attributes
    ----------
    names : list of str
    weight, bias : Tensor
        (F, K) and (F,): a code z reads as ``weight @ z + bias``, in the factors' own units.
    deviations : Tensor
        (F,), the factors' standard deviations.
    r2 : Tensor
        (F,), how well each is read, from 0 to 1: R² on pictures that it was not fitted to.
    """

    names: list[str]
    weight: Tensor
    bias: Tensor
    deviations: Tensor
    r2: Tensor

    @property
    def readable(self) -> "Probe":
        """The same for those factors alone that can be read, with an R² of 0.5 or more."""
        good = (self.r2 >= READ).nonzero().flatten()
        names, weight, bias, deviations, r2 = self
        return Probe([names[i] for i in good], weight[good], bias[good], deviations[good], r2[good])

    def changes(self, before: Tensor, after: Tensor) -> dict[str, tuple[float, float]]:
        """What reads differently in two codes (1, K): of at most three factors, the most changed
        first, how they read before and after; of those that can be read, and where it differs by
        more than 0.3 of the factor's standard deviation."""
        names, weight, bias, deviations, _ = self.readable
        old, new = (code[0].float() @ weight.T + bias for code in (before, after))
        moved = ((new - old) / deviations).abs()
        order = [i for i in moved.argsort(descending=True)[:MOST_NAMED] if moved[i] > CHANGED]
        return {names[i]: (old[i].item(), new[i].item()) for i in order}


@one_thread()
def fit_probe(codes: Tensor, factors: Mapping[str, Tensor]) -> Probe:
    """Fit a ridge regression from codes to factors on four pictures in five, and try it on the
    fifth.

    Parameters
    ----------
    codes : Tensor
        (n, K), of the training pictures.
    factors : mapping from name to Tensor
        (n,) each. Of one that never changes nothing can be read.
    """
    z = codes.double().numpy()
    f = torch.stack(list(factors.values()), dim=1).double().numpy()
    units = StandardScaler().fit(f)
    f = units.transform(f)
    held_out = np.arange(len(z)) % 5 == 4
    line = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-1, 4, 6), alpha_per_target=True))
    line.fit(z[~held_out], f[~held_out])
    true = f[held_out]
    read = line.predict(z[held_out]).reshape(true.shape)
    missed, total = ((true - read) ** 2).sum(0), ((true - true.mean(0)) ** 2).sum(0)
    r2 = np.where(total > 0, 1 - missed / np.where(total > 0, total, 1), 0).clip(0)
    # Both scalers and the line between them are one matrix and a bias.
    codes_units, ridge = line[0], line[1]
    weight = units.scale_[:, None] * ridge.coef_.reshape(f.shape[1], -1) / codes_units.scale_
    bias = units.scale_ * ridge.intercept_ + units.mean_ - weight @ codes_units.mean_
    parts = (torch.from_numpy(part).float() for part in (weight, bias, units.scale_, r2))
    return Probe(list(factors), *parts)
