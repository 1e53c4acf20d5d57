"""The course's own networks."""

from collections.abc import Sequence
from copy import deepcopy
from functools import partial
from itertools import pairwise
from math import prod

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Normal

from course_lib.likelihoods import OptimalGaussian

LEAST = -80  # of a log variance; from -87 on the variance loses digits, and gradients become NaN


class FullyConnectedAutoencoder(nn.Module):
    """The homework's autoencoder: one layer in, one layer out, or as many as are asked for.

    Parameters
    ----------
    image_shape : (channels, height, width)
    latent_dim : int
        Number of latent elements.
    hidden_dims : sequence of int
        Widths of the layers between pictures and code; the decoder has them in reverse.
    relu_code : bool
        Whether a ReLU keeps every latent element at zero or above.

    Notes
    -----
    With the defaults it has 25,179,136 parameters, and a homework checkpoint loads into it with
    ``load_state_dict(…, strict=True)``. `homework.fcn` is another one.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (3, 64, 64),
        latent_dim: int = 1024,
        hidden_dims: Sequence[int] = (),
        relu_code: bool = True,
    ):
        super().__init__()
        self.image_shape, self.latent_dim = tuple(image_shape), latent_dim
        widths = (prod(image_shape), *hidden_dims, latent_dim)
        encoder, decoder = _linear(widths), _linear(widths[::-1])
        self.encoder = nn.Sequential(*encoder, *[nn.ReLU()] * relu_code)
        self.decoder = nn.Sequential(*decoder, nn.Tanh())

    def encode(self, x: Tensor) -> Tensor:
        """Pictures (B, C, H, W) in [-1, 1] to codes (B, latent_dim)."""
        check_pictures(x, self.image_shape)
        return self.encoder(x.flatten(1))

    def decode(self, z: Tensor) -> Tensor:
        """Codes (B, latent_dim) to pictures (B, C, H, W)."""
        check_codes(z, self.latent_dim)
        return self.decoder(z).unflatten(1, self.image_shape)

    def forward(self, x: Tensor) -> Tensor:
        """Reconstruct pictures (B, C, H, W)."""
        return self.decode(self.encode(x))


class LinearAutoencoder(FullyConnectedAutoencoder):
    """The same two layers without their non-linearities: what it can learn is what PCA knows."""

    def __init__(self, image_shape: tuple[int, int, int] = (3, 64, 64), latent_dim: int = 1024):
        super().__init__(image_shape, latent_dim)
        self.encoder, self.decoder = self.encoder[:1], self.decoder[:1]


class FullyConnectedVAE(nn.Module):
    """A variational autoencoder with one hidden layer on either side of its code.

    Trained with ``objectives.elbo(…, sample=False)`` the same network, with the same initial
    weights for the same seed, is a plain autoencoder: the two can be compared fairly.

    Parameters
    ----------
    image_shape : (channels, height, width)
    hidden_dim : int
        Units of the hidden layers; the homework's 1024 by default.
    latent_dim : int
        Number of latent elements, each with a mean and a variance.
    likelihood : nn.Module, optional
        p(x|z), one of `likelihoods`; `OptimalGaussian` by default.
    """

    def __init__(
        self,
        image_shape: tuple[int, ...] = (3, 64, 64),
        hidden_dim: int = 1024,
        latent_dim: int = 64,
        likelihood: nn.Module | None = None,
    ):
        super().__init__()
        self.image_shape, self.latent_dim = tuple(image_shape), latent_dim
        pixels = prod(image_shape)
        self.encoder = nn.Sequential(
            nn.Linear(pixels, hidden_dim), nn.ReLU(), nn.Linear(hidden_dim, 2 * latent_dim)
        )
        self.decoder = nn.Sequential(
            nn.Linear(latent_dim, hidden_dim), nn.ReLU(), nn.Linear(hidden_dim, pixels), nn.Tanh()
        )
        # A copy: two models built by one factory must not train one variance between them.
        self.likelihood = deepcopy(likelihood) if likelihood is not None else OptimalGaussian()

    def encode(self, x: Tensor) -> Normal:
        """Pictures (B, C, H, W) in [-1, 1] to the posterior q(z|x), a Normal (B, latent_dim)."""
        check_pictures(x, self.image_shape)
        # Back to x's type: under mixed precision the KL would be computed on two digits.
        mean, log_variance = self.encoder(x.flatten(1)).to(x.dtype).chunk(2, dim=1)
        return posterior_of(mean, log_variance)

    def decode(self, z: Tensor) -> Tensor:
        """Codes (B, latent_dim) to pictures (B, C, H, W): the means of p(x|z)."""
        check_codes(z, self.latent_dim)
        return self.decoder(z).unflatten(1, self.image_shape)

    @torch.no_grad()
    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Generate pictures: codes drawn from the prior N(0, I), decoded.

        Parameters
        ----------
        n : int
        generator : torch.Generator, optional
            Gives the same codes whatever device the model is on, if it is a CPU's.

        Returns
        -------
        Tensor
            (n, C, H, W), without the likelihood's pixel noise: that is no part of a face.
        """
        drawn_on = generator.device if generator is not None else "cpu"
        z = torch.randn(n, self.latent_dim, generator=generator, device=drawn_on)
        return self.decode(z.to(self.decoder[0].weight))  # ty: ignore[no-matching-overload]

    def forward(self, x: Tensor) -> Tensor:
        """Reconstruct from the posterior's mean, its likeliest code: no noise, so that a picture
        always gives the same reconstruction and one can compare it with an autoencoder's."""
        return self.decode(self.encode(x).mean)


class LinearVAE(FullyConnectedVAE):
    """A variational autoencoder without a bend: q(z|x) = N(Vx + c, diag(v)), p(x|z) around Wz + μ.

    What it learns is known before it is trained: `theory.linear_vae` (Lucas et al. 2019, *Don't
    Blame the ELBO!*, section 4). Its posterior has the same variances for every picture; nothing
    else would be better.

    Parameters
    ----------
    image_shape : (channels, height, width)
    latent_dim : int
    likelihood : nn.Module, optional
        As `FullyConnectedVAE` takes it.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (3, 64, 64),
        latent_dim: int = 64,
        likelihood: nn.Module | None = None,
    ):
        nn.Module.__init__(self)
        self.image_shape, self.latent_dim = tuple(image_shape), latent_dim
        pixels = prod(image_shape)
        self.encoder = nn.Sequential(nn.Linear(pixels, latent_dim))
        self.log_variance = nn.Parameter(torch.zeros(latent_dim))
        self.decoder = nn.Sequential(nn.Linear(latent_dim, pixels))
        self.likelihood = deepcopy(likelihood) if likelihood is not None else OptimalGaussian()

    def encode(self, x: Tensor) -> Normal:
        """Pictures (B, C, H, W) to the posterior q(z|x), a Normal (B, latent_dim)."""
        check_pictures(x, self.image_shape)
        mean = self.encoder(x.flatten(1)).to(x.dtype)
        return posterior_of(mean, self.log_variance)


class ConvolutionalVAE(FullyConnectedVAE):
    """A variational autoencoder whose weights are shared by all places in a picture.

    Three convolutions each halve height and width while the channels grow; the decoder doubles
    them again. Everything that is said of a `FullyConnectedVAE` is true of it.

    Parameters
    ----------
    image_shape : (channels, height, width)
        Height and width divisible by 8.
    channels : int
        Channels after the first convolution; the second has twice, the third four times as many.
    latent_dim : int
    likelihood : nn.Module, optional
        As `FullyConnectedVAE` takes it.

    Raises
    ------
    ValueError
        If height or width cannot be halved three times.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (3, 64, 64),
        channels: int = 32,
        latent_dim: int = 64,
        likelihood: nn.Module | None = None,
    ):
        colours, height, width = image_shape
        check_halves(image_shape)
        super().__init__(image_shape, 1, latent_dim, likelihood)
        wide, wider = 2 * channels, 4 * channels
        smallest = (wider, height // 8, width // 8)
        halve = partial(nn.Conv2d, kernel_size=4, stride=2, padding=1)
        self.encoder = nn.Sequential(
            nn.Unflatten(1, self.image_shape),
            *(halve(colours, channels), nn.ReLU()),
            *(halve(channels, wide), nn.ReLU()),
            *(halve(wide, wider), nn.ReLU()),
            *(nn.Flatten(), nn.Linear(prod(smallest), 2 * latent_dim)),
        )
        self.decoder = nn.Sequential(
            *(nn.Linear(latent_dim, prod(smallest)), nn.Unflatten(1, smallest), nn.ReLU()),
            *(*_double(wider, wide), nn.ReLU()),
            *(*_double(wide, channels), nn.ReLU()),
            *(*_double(channels, colours), nn.Tanh(), nn.Flatten()),
        )
        # Channels next to one another in memory: convolutions are then faster on a CPU.
        self.to(memory_format=torch.channels_last)


def _double(before: int, after: int) -> tuple[nn.Module, nn.Module]:
    # Enlarged, then convolved: a transposed convolution prints a chequerboard on what a GAN draws
    # (Odena, Dumoulin and Olah 2016).
    return nn.Upsample(scale_factor=2), nn.Conv2d(before, after, kernel_size=3, padding=1)


def posterior_of(mean: Tensor, log_variance: Tensor) -> Normal:
    """The posterior that an encoder says, by its means (B, K) and log variances, (B, K) or (K,)."""
    # Halved, because the scale is σ and the network says log σ². Unchecked, because checking
    # makes a GPU wait at every step; training notices a loss that is not finite.
    return Normal(mean, (log_variance.clamp(min=LEAST) / 2).exp(), validate_args=False)


def code(model: nn.Module, x: Tensor) -> Tensor:
    """One code per picture from any model: what `encode` gives, or its mean if that is random.

    Parameters
    ----------
    model : nn.Module
        With ``encode``.
    x : Tensor
        Pictures (B, C, H, W).

    Returns
    -------
    Tensor
        (B, K).
    """
    encoded = model.encode(x)  # ty: ignore[not-callable]
    return encoded.mean if isinstance(encoded, Distribution) else encoded


def _linear(widths: Sequence[int]) -> list[nn.Module]:
    """Linear layers of these widths, a ReLU between each two."""
    layers: list[nn.Module] = [
        layer for pair in pairwise(widths) for layer in (nn.Linear(*pair), nn.ReLU())
    ]
    return layers[:-1]


def check_pictures(x: Tensor, image_shape: tuple[int, ...]) -> None:
    """Refuse what is not pictures (B, C, H, W) of the shape (C, H, W), with a ValueError."""
    if x.shape[1:] != image_shape:
        raise ValueError(
            f"The encoder got shape {tuple(x.shape)}, but expects (batch, "
            f"{', '.join(map(str, image_shape))}): transform the pictures first, and use x[None] "
            "for a single one."
        )


def check_codes(z: Tensor, latent_dim: int) -> None:
    """Refuse what is not codes (B, latent_dim), with a ValueError."""
    if z.ndim != 2 or z.shape[1] != latent_dim:
        raise ValueError(
            f"The decoder got shape {tuple(z.shape)}, but expects (batch, {latent_dim}): pass "
            "codes as encode gives them."
        )


def check_halves(image_shape: tuple[int, int, int]) -> None:
    """Refuse pictures whose sides three convolutions cannot halve, with a ValueError."""
    _, height, width = image_shape
    if height % 8 or width % 8:
        raise ValueError(
            f"The convolutions halve height and width three times, but got {height}×{width}: "
            "resize the pictures to multiples of 8."
        )
