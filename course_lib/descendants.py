"""What came after the VAE: each changes a line or two of the objective, and little of the model.

All share `FullyConnectedVAE`'s encoder and decoder, `training.fit`, and `objectives.Terms`: one
number per example, in nats.

=====================  ==================================================================
regularised            no noise on the code; a price on its length and on the decoder's weights
vector_quantised       no noise on the code; it is rounded to the vectors of a codebook
second_stage           the prior is another VAE, trained on the codes of a finished one
hierarchical_elbo      the prior is another VAE, trained together with the first
=====================  ==================================================================
"""

from math import log

import torch
from torch import Tensor, nn
from torch.distributions import Normal

from course_lib.models import FullyConnectedVAE
from course_lib.objectives import Terms, elbo, iwae, log_likelihood, posterior


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


class CodeVAE(FullyConnectedVAE):
    """A VAE of another VAE's codes, which stands in for the prior N(0, I) of the first.

    Codes have no bounds, and some elements are sharp where others are noise: the decoder has no
    tanh, and says a mean and a variance for every element.

    Parameters
    ----------
    code_dim : int
        Latent elements of the first VAE.
    hidden_dim : int
    latent_dim : int
        Latent elements of this one, whose own prior is N(0, I).
    """

    def __init__(self, code_dim: int = 64, hidden_dim: int = 1024, latent_dim: int = 64):
        super().__init__((code_dim,), hidden_dim, latent_dim, _DecodedGaussian())
        self.decoder = nn.Sequential(*self.decoder[:2], nn.Linear(hidden_dim, 2 * code_dim))

    def decode(self, z: Tensor) -> Tensor:
        """Codes u (B, latent_dim) of codes to what p(z|u) needs, (B, 2, code_dim): the means, and
        the logarithms of the variances."""
        return self.decoder(z).to(z.dtype).unflatten(1, (2, -1))

    @torch.no_grad()
    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw codes (n, code_dim) of the first VAE, as `FullyConnectedVAE.sample` draws pictures;
        but with p(z|u)'s noise, which is part of a code."""
        mean, log_variance = super().sample(n, generator).unbind(1)
        drawn_on = generator.device if generator is not None else "cpu"
        noise = torch.randn(mean.shape, generator=generator, device=drawn_on).to(mean)
        return mean + (log_variance / 2).exp() * noise


class _DecodedGaussian(nn.Module):
    """p(z|u): normal, with the means and variances that the decoder said."""

    def log_prob(self, z: Tensor, decoded: Tensor) -> Tensor:
        """As `likelihoods.Gaussian.log_prob`, of codes (B, K) under decoded (…, B, 2, K)."""
        mean, log_variance = decoded.unbind(-2)
        spread = (log_variance / 2).exp()
        return Normal(mean, spread, validate_args=False).log_prob(z).sum(-1)


def second_stage(first: nn.Module, model: CodeVAE, x: Tensor) -> Terms:
    """The second stage of a two-stage VAE (Dai and Wipf 2019, *Diagnosing and Enhancing VAE
    Models*, section 4): the ELBO of codes that a finished VAE draws for pictures.

    Train with ``fit(CodeVAE(…), partial(second_stage, first), …)``: same loop, same data, and new
    codes in every epoch. `first` stays as it is.

    Parameters
    ----------
    first : nn.Module
        The finished VAE, on the device of `x`.
    model : CodeVAE
    x : Tensor
        (B, C, H, W).

    Returns
    -------
    Terms
        As `objectives.elbo`, for a code in place of a picture.
    """
    with torch.no_grad():
        z = posterior(first, x).sample()
    return elbo(model, z)


@torch.no_grad()
def two_stage_sample(
    first: nn.Module, second: CodeVAE, n: int, generator: torch.Generator | None = None
) -> Tensor:
    """Generate pictures (n, C, H, W): the second VAE draws codes, the first decodes them."""
    return first.decode(second.sample(n, generator))  # ty: ignore[not-callable]


class HierarchicalVAE(FullyConnectedVAE):
    """Two levels of latent elements: u ~ N(0, I), then z ~ p(z|u), then the picture (Rezende,
    Mohamed and Wierstra 2014; Sønderby et al. 2016, whose plain variant goes up from x to z to u).

    It is a two-stage VAE whose stages are trained together: `prior` is a `CodeVAE`.

    Parameters
    ----------
    image_shape : (channels, height, width)
    hidden_dim, latent_dim : int
    likelihood : nn.Module, optional
        As `FullyConnectedVAE` takes them; `hidden_dim` is that of the prior's networks too.
    top_dim : int
        Elements of u.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (3, 64, 64),
        hidden_dim: int = 1024,
        latent_dim: int = 64,
        likelihood: nn.Module | None = None,
        *,
        top_dim: int = 16,
    ):
        super().__init__(image_shape, hidden_dim, latent_dim, likelihood)
        self.prior = CodeVAE(latent_dim, hidden_dim, top_dim)

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Generate pictures from the top down; as `FullyConnectedVAE.sample`."""
        return two_stage_sample(self, self.prior, n, generator)


def hierarchical_elbo(model: HierarchicalVAE, x: Tensor, beta: float = 1.0) -> Terms:
    """The negative ELBO of two levels: the log prior of a code is itself bounded by an ELBO.

    Parameters
    ----------
    model : HierarchicalVAE
    x : Tensor
        (B, C, H, W).
    beta : float
        Weight of the rate.

    Returns
    -------
    Terms
        ``distortion``: -log p(x|z); ``rate``: log q(z|x) - log p(z|u) + KL(q(u|z) ‖ p(u)), for one
        z and one u drawn for each picture; ``loss = distortion + beta · rate``.
    """
    q = posterior(model, x)
    z = q.rsample((1,))
    distortion = -log_likelihood(model, x, z)[0]
    rate = q.log_prob(z[0]).sum(1) + elbo(model.prior, z[0]).loss
    return Terms(distortion + beta * rate, distortion, rate)


def log_prior(prior: CodeVAE, z: Tensor, k: int = 1) -> Tensor:
    """Estimate log p(z) = log ∫ p(z|u) p(u) du of codes (…, K) under a learnt prior, as (…).

    Below the truth on average, by less the larger `k`; but p(z) itself is estimated without
    bias, which is what `evaluation.importance_sampling` needs.

    Parameters
    ----------
    prior : CodeVAE
    z : Tensor
        (…, K).
    k : int
        Codes u drawn for each z.
    """
    return -iwae(prior, z.reshape(-1, z.shape[-1]), k).loss.reshape(z.shape[:-1])


class VectorQuantisedVAE(FullyConnectedVAE):
    """A code of whole numbers: each group of latent elements is rounded to the nearest vector of
    the group's codebook (van den Oord, Vinyals and Kavukcuoglu 2017, *Neural Discrete
    Representation Learning*).

    There, all places in a picture share one codebook, since convolutions do the same everywhere.
    The groups of a fully connected network each have a job of their own, and a codebook too.

    Parameters
    ----------
    image_shape : (channels, height, width)
    hidden_dim, latent_dim : int
    likelihood : nn.Module, optional
        As `FullyConnectedVAE` takes them.
    group_dim : int
        Latent elements that are rounded together; divides `latent_dim`.
    codebook_size : int
        Vectors in each codebook.

    Attributes
    ----------
    codebook : nn.Parameter
        (groups, codebook_size, group_dim).
    idle : Tensor
        (groups, codebook_size): training steps since a vector was last used; see `reseed`.

    Raises
    ------
    ValueError
        If `latent_dim` cannot be cut into groups, or a codebook is empty.
    """

    PATIENCE = 20  # steps that a vector may go unused

    idle: Tensor

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (3, 64, 64),
        hidden_dim: int = 1024,
        latent_dim: int = 64,
        likelihood: nn.Module | None = None,
        *,
        group_dim: int = 4,
        codebook_size: int = 64,
    ):
        if group_dim < 1 or latent_dim % group_dim or codebook_size < 1:
            raise ValueError(
                f"VectorQuantisedVAE got group_dim={group_dim}, codebook_size={codebook_size}, but "
                f"needs 1 vector or more, and groups that divide latent_dim={latent_dim} evenly."
            )
        super().__init__(image_shape, hidden_dim, latent_dim, likelihood)
        self.groups, self.group_dim, self.codebook_size = (
            latent_dim // group_dim, group_dim, codebook_size,
        )  # fmt: skip
        self.codebook = nn.Parameter(torch.randn(self.groups, codebook_size, group_dim))
        self.register_buffer("idle", torch.zeros(self.groups, codebook_size, dtype=torch.long))

    @torch.no_grad()
    def indices(self, z: Tensor) -> Tensor:
        """Codes (B, K) to whole numbers (B, groups): which vector is nearest."""
        return torch.cdist(self._grouped(z), self.codebook).argmin(2).T

    def lookup(self, indices: Tensor) -> Tensor:
        """Whole numbers (B, groups) to codes (B, K), gradients reaching the codebook."""
        groups = torch.arange(self.groups, device=indices.device)
        return self.codebook[groups, indices].flatten(1)

    def decode(self, z: Tensor) -> Tensor:
        """Codes (B, K), rounded first, to pictures (B, C, H, W).

        Rounding has no slope, so the gradient goes past it: straight through, as if the code that
        came out were the one that went in.
        """
        rounded = self.lookup(self.indices(z))
        return super().decode(z + (rounded - z).detach())

    @torch.no_grad()
    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Generate pictures from the prior: every vector of a codebook is as likely as another.
        As `FullyConnectedVAE.sample`."""
        drawn_on = generator.device if generator is not None else "cpu"
        size = (n, self.groups)
        drawn = torch.randint(self.codebook_size, size, generator=generator, device=drawn_on)
        return self.decode(self.lookup(drawn.to(self.codebook.device)))

    @torch.no_grad()
    def reseed(self, z: Tensor) -> None:
        """Move vectors that have gone unused for `PATIENCE` training steps onto codes of the batch.

        A vector that is nobody's nearest gets no gradient, and would stay where it is for good.
        """
        used = torch.zeros_like(self.idle).scatter_(1, self.indices(z).T, 1)
        self.idle.add_(1).mul_(1 - used)
        drawn = torch.randint(len(z), self.idle.shape, device=z.device)
        candidates = self._grouped(z).gather(1, drawn[..., None].expand_as(self.codebook))
        unused = self.idle > self.PATIENCE
        self.codebook.copy_(torch.where(unused[..., None], candidates, self.codebook))
        self.idle.masked_fill_(unused, 0)

    def _grouped(self, z: Tensor) -> Tensor:
        """Codes (B, K) as (groups, B, group_dim)."""
        return z.unflatten(1, (self.groups, self.group_dim)).transpose(0, 1)


def vector_quantised(model: VectorQuantisedVAE, x: Tensor, commitment: float = 0.25) -> Terms:
    """The objective of the vector quantised VAE (van den Oord et al. 2017, equation 3).

    Parameters
    ----------
    model : VectorQuantisedVAE
        With a Gaussian likelihood.
    x : Tensor
        (B, C, H, W).
    commitment : float
        How much the encoder is held to the vectors that it chose, β in the paper.

    Returns
    -------
    Terms
        ``distortion``: -log p(x|z) of the rounded code; ``rate``: what the whole numbers cost if
        all are equally likely, groups · log(codebook_size), the same for every picture; both
        together are an upper bound on -log p(x). ``loss``: the distortion, and the squared
        distance of the code and the vectors that it was rounded to, twice: once to move the
        vectors, once, weighted, to move the code. These squares are divided by 2σ², as the
        distortion divides those of the pixels, so that σ² does not shift the balance.

    Raises
    ------
    TypeError
        If the model has no codebooks, or no σ².
    """
    if not isinstance(model, VectorQuantisedVAE) or not hasattr(model.likelihood, "sigma2"):
        raise TypeError(
            f"vector_quantised got a {type(model).__name__}, but needs a VectorQuantisedVAE with a "
            "Gaussian likelihood, one that has a sigma2."
        )
    z = posterior(model, x).mean
    if model.training:
        model.reseed(z)
    distortion = -log_likelihood(model, x, z[None])[0]
    rounded = model.lookup(model.indices(z))
    moved = (rounded - z.detach()).square() + commitment * (z - rounded.detach()).square()
    loss = distortion + moved.sum(1) / (2 * model.likelihood.sigma2.detach())  # ty: ignore[not-callable]
    return Terms(loss, distortion, torch.full_like(loss, model.groups * log(model.codebook_size)))
