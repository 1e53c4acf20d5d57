"""What training minimises: free functions of a model and a batch, one number per example."""

from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn


class Terms(NamedTuple):
    """The parts of an objective, each of shape (B,): one number per example, never an average.

    Whoever averages (`training`) then averages over examples only, so that neither the number of
    pixels nor the size of the last batch changes what a term means.
    """

    loss: Tensor
    distortion: Tensor
    rate: Tensor


def squared_error(model: nn.Module, x: Tensor) -> Terms:
    """The plain autoencoder's objective: squared error summed over the pixels of each picture.

    Parameters
    ----------
    model : nn.Module
        ``model(x)`` is the reconstruction.
    x : Tensor
        (B, C, H, W) in [-1, 1].

    Returns
    -------
    Terms
        ``loss = distortion``, in squared units of `x` (divide by C·H·W for the usual MSE);
        ``rate`` is zero: a plain autoencoder puts no price on its code.
    """
    distortion = F.mse_loss(model(x), x, reduction="none").flatten(1).sum(1)
    return Terms(loss=distortion, distortion=distortion, rate=distortion.new_zeros(len(x)))
