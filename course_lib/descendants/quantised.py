"""No noise on the code; it is rounded to the vectors of a codebook."""

from math import log

import torch
from torch import Tensor, nn

from course_lib.models import FullyConnectedVAE
from course_lib.objectives import Terms, log_likelihood, posterior


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
