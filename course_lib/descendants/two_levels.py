"""The prior is another VAE: trained on the codes of a finished one, or together with the first."""

import torch
from torch import Tensor, nn
from torch.distributions import Normal

from course_lib.models import FullyConnectedVAE
from course_lib.objectives import Terms, elbo, iwae, log_likelihood, posterior


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

    Raises
    ------
    TypeError
        If the model has no prior of its own.
    """
    if not hasattr(model, "prior"):
        raise TypeError(
            f"hierarchical_elbo got a {type(model).__name__}, but needs a model with a prior of "
            "its own: pass a HierarchicalVAE."
        )
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
