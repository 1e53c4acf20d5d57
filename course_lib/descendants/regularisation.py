"""No noise on the code; a price on its length and on the decoder's weights."""

import torch
from torch import Tensor, nn

from course_lib.objectives import Terms, log_likelihood, posterior


def regularised(model: nn.Module, x: Tensor, price: float = 1.0, decay: float = 0.1) -> Terms:
    """The regularised autoencoder (Ghosh et al. 2020, *From Variational to Deterministic
    Autoencoders*, L_RAE of section 3, with the L2 norm of section 3.1).

    Without noise nothing makes a decoder smooth, so its weights are kept small; and codes are kept
    short, or they would grow to make up for that. Sample from a density fitted to the codes
    (`latents.fit_density`).

    Parameters
    ----------
    model : nn.Module
        A `FullyConnectedVAE`, say. Its posterior's mean is the code; its spread is not trained.
    x : Tensor
        (B, C, H, W).
    price : float
        Of ½‖z‖². 1 is the negative log density of the code under N(0, I), up to a constant.
    decay : float
        Of the squared length of all the decoder's weights, in nats per example.

    Returns
    -------
    Terms
        ``distortion``: -log p(x|z); ``rate``: 0, since a code without noise has no finite price in
        nats; ``loss``: the distortion and both penalties.

    Raises
    ------
    ValueError
        If a penalty is negative.
    """
    if price < 0 or decay < 0:
        raise ValueError(
            f"regularised got price={price}, decay={decay}, but neither can be negative: use 0 to "
            "go without."
        )
    z = posterior(model, x).mean
    distortion = -log_likelihood(model, x, z[None])[0]
    weights = sum(weight.square().sum() for weight in model.decoder.parameters())  # ty: ignore[missing-union-attribute]
    loss = distortion + price * z.square().sum(1) / 2 + decay * weights
    return Terms(loss, distortion, torch.zeros_like(distortion))
