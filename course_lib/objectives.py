"""What training minimises: free functions of a model and a batch, one number per example.

A variational objective asks three things of a model: ``encode(x)``, the posterior q(z|x) as a
Normal (B, K); ``decode(z)``, a picture for every code; and ``likelihood``, one of `likelihoods`.
The prior p(z) is N(0, I).
"""

from collections.abc import Callable
from functools import partial
from math import log
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Distribution, Normal, kl_divergence


class Terms(NamedTuple):
    """The parts of an objective, each of shape (B,): one number per example, never an average.

    Whoever averages (`training`) then averages over examples only, so that neither the number of
    pixels nor the size of the last batch changes what a term means.
    """

    loss: Tensor
    distortion: Tensor
    rate: Tensor


Objective = Callable[[nn.Module, Tensor], Terms]


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


def elbo(
    model: nn.Module,
    x: Tensor,
    beta: float = 1.0,
    *,
    samples: int = 1,
    sample: bool = True,
    kl: str = "analytic",
    free_bits: float = 0.0,
) -> Terms:
    """The negative evidence lower bound, with a weight β on its rate.

    Everything is summed over pixels and latent elements, in nats. Averaging over the pixels
    instead would be a β of half their number.

    Parameters
    ----------
    model : nn.Module
        With ``encode``, ``decode`` and ``likelihood``.
    x : Tensor
        (B, C, H, W).
    beta : float
        1 is the ELBO (Kingma and Welling 2014); others are the β-VAE (Higgins et al. 2017).
    samples : int
        Codes drawn for each picture.
    sample : bool
        False decodes the posterior's mean and charges nothing for it: a plain autoencoder, with
        rate 0 whatever `beta` is.
    kl : {"analytic", "monte-carlo"}
        The closed form, or the mean of log q(z|x) - log p(z) over the same samples.
    free_bits : float
        Nats per latent element of each picture that cost as much as none, so that no element
        gains by shutting down (Kingma et al. 2016, section 4.1, there over batch means).

    Returns
    -------
    Terms
        ``distortion``: mean of -log p(x|z); ``rate``: KL(q(z|x) ‖ p(z)), without free bits;
        ``loss = distortion + beta · rate``, free bits counted.

    Raises
    ------
    TypeError
        If the model is none to draw codes from.
    ValueError
        If a setting is impossible.
    """
    if kl not in ("analytic", "monte-carlo"):
        raise ValueError(f"elbo got kl={kl!r}: write 'analytic' or 'monte-carlo'.")
    if samples < 1 or beta < 0 or free_bits < 0:
        raise ValueError(
            f"elbo got samples={samples}, beta={beta}, free_bits={free_bits}: draw 1 sample or "
            "more, and let neither of the others be negative."
        )
    q = posterior(model, x)
    if not sample:
        distortion = -log_likelihood(model, x, q.mean[None])[0]
        return Terms(distortion, distortion, distortion.new_zeros(len(x)))
    z = q.rsample((samples,))
    distortion = -log_likelihood(model, x, z).mean(0)
    rates = kl_divergence(q, _prior(q)) if kl == "analytic" else log_ratio(q, z).mean(0)
    paid = rates.clamp(min=free_bits) if free_bits else rates
    return Terms(distortion + beta * paid.sum(1), distortion, rates.sum(1))


def iwae(model: nn.Module, x: Tensor, k: int) -> Terms:
    """The negative importance-weighted bound (Burda, Grosse and Salakhutdinov 2016, equation 8).

    It lies between the ELBO, which it is at k = 1, and log p(x), which it nears as k grows.

    Parameters
    ----------
    model : nn.Module
        With ``encode``, ``decode`` and ``likelihood``.
    x : Tensor
        (B, C, H, W).
    k : int
        Codes drawn for each picture.

    Returns
    -------
    Terms
        ``loss``: -log of the mean weight p(x, z) / q(z|x), in nats; ``distortion``: -log p(x|z),
        averaged with the weights; ``rate``: the rest of the loss, which is the KL divergence to
        the prior of what choosing one of the k codes by weight draws from, estimated likewise.

    Raises
    ------
    TypeError, ValueError
        As `elbo`.
    """
    if k < 1:
        raise ValueError(f"iwae got k={k}, but the bound needs at least 1 code for each picture.")
    q = posterior(model, x)
    z = q.rsample((k,))
    likelihoods = log_likelihood(model, x, z)
    log_weights = likelihoods - log_ratio(q, z).sum(-1)
    loss = log(k) - log_weights.logsumexp(0)
    distortion = -(log_weights.softmax(0) * likelihoods).sum(0)
    return Terms(loss, distortion, loss - distortion)


class WarmUp:
    """`elbo` with a β that climbs from zero, so that the decoder learns to use the code before
    the code costs anything (Bowman et al. 2016; Sønderby et al. 2016).

    Called like any objective it charges the full β: that is what validation should see. The
    schedule is a function of the step alone, so a resumed run finds its place.

    Parameters
    ----------
    steps : int
        Optimiser steps until the full β.
    beta : float
        The full β.
    **settings
        As `elbo` takes them.
    """

    def __init__(self, steps: int, beta: float = 1.0, **settings):
        if steps < 1:
            raise ValueError(f"WarmUp got steps={steps}: give 1 or more, or use elbo itself.")
        self.steps, self.beta, self.settings = steps, beta, settings

    def at(self, step: int) -> partial:
        """The objective after so many optimiser steps."""
        return partial(elbo, beta=self.beta * min(1, step / self.steps), **self.settings)

    def __call__(self, model: nn.Module, x: Tensor) -> Terms:
        """The `elbo` once β is warm."""
        return self.at(self.steps)(model, x)

    def __repr__(self) -> str:
        settings = {"steps": self.steps, "beta": self.beta} | self.settings
        return f"WarmUp({', '.join(f'{key}={value}' for key, value in settings.items())})"


class Aggressive:
    """`elbo` that trains the encoder alone most of the time at first, so that the posterior keeps
    up with the decoder (He et al. 2019, *Lagging Inference Networks and Posterior Collapse*, who
    let the data say when to stop).

    Parameters
    ----------
    steps : int
        Optimiser steps until the two are trained together.
    every : int
        Until then, the decoder takes one step in so many.
    **settings
        As `elbo` takes them.

    Raises
    ------
    ValueError
        If a number of steps is below 1.
    """

    def __init__(self, steps: int, every: int = 5, **settings):
        if steps < 1 or every < 1:
            raise ValueError(
                f"Aggressive got steps={steps}, every={every}: give 1 or more of each, or use elbo "
                "itself."
            )
        self.steps, self.every, self.settings = steps, every, settings

    def at(self, step: int) -> Objective:
        """The objective after so many optimiser steps."""
        return self if step >= self.steps or step % self.every == 0 else self._without_decoder

    def __call__(self, model: nn.Module, x: Tensor) -> Terms:
        """The `elbo`, with both networks trained."""
        return elbo(model, x, **self.settings)

    def __repr__(self) -> str:
        settings = {"steps": self.steps, "every": self.every} | self.settings
        return f"Aggressive({', '.join(f'{key}={value}' for key, value in settings.items())})"

    def _without_decoder(self, model: nn.Module, x: Tensor) -> Terms:
        # What is computed meanwhile has no gradient for the decoder, and Adam passes it by.
        model.decoder.requires_grad_(False)
        try:
            return self(model, x)
        finally:
            model.decoder.requires_grad_(True)


def posterior(model: nn.Module, x: Tensor) -> Distribution:
    """q(z|x), (B, K), of a model that has one; a TypeError that says so of one that has not."""
    q = model.encode(x) if hasattr(model, "likelihood") else None  # ty: ignore[not-callable]
    if not isinstance(q, Distribution):
        raise TypeError(
            f"A {type(model).__name__} has no distribution of codes and no likelihood, which this "
            "objective needs: use models.FullyConnectedVAE, or objectives.squared_error."
        )
    return q


def log_likelihood(model: nn.Module, x: Tensor, z: Tensor) -> Tensor:
    """log p(x|z), (S, B), of pictures (B, C, H, W) under S codes each, (S, B, K)."""
    decoded = model.decode(z.flatten(0, 1)).unflatten(0, z.shape[:2])  # ty: ignore[not-callable]
    return model.likelihood.log_prob(x, decoded)  # ty: ignore[missing-union-attribute, not-callable]


def log_ratio(q: Distribution, z: Tensor) -> Tensor:
    """log q(z|x) - log p(z) for each latent element, (S, B, K)."""
    return q.log_prob(z) - _prior(q).log_prob(z)


def _prior(q: Distribution) -> Normal:
    zero = q.mean.new_zeros(())
    return Normal(zero, zero + 1, validate_args=False)
