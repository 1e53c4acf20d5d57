"""Any encoder and decoder as a model of the course: pictures in, one row of numbers as a code."""

from copy import deepcopy
from math import prod

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Normal

from course_lib.models.networks import check_codes, check_pictures, code, posterior_of


class Wrapped(nn.Module):
    """An encoder and a decoder of one's own; built by `wrap`.

    Attributes
    ----------
    image_shape : (channels, height, width)
    code_shape : tuple of int
        What the encoder makes of a picture, (48, 8, 8) for example.
    latent_dim : int
        How many numbers that are.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module, image_shape: tuple[int, int, int]):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.image_shape = tuple(image_shape)
        self.flat, self.code_shape = _try(encoder, decoder, self.image_shape)
        self.latent_dim = prod(self.code_shape)

    def encode(self, x: Tensor) -> Tensor | Normal:
        """Pictures (B, C, H, W) to codes (B, latent_dim), or a Normal of such codes."""
        check_pictures(x, self.image_shape)
        encoded = _encoded(self.encoder, x.flatten(1) if self.flat else x)
        if isinstance(encoded, Distribution):
            mean, spread = encoded.mean.flatten(1), encoded.stddev.flatten(1)
            return Normal(mean, spread, validate_args=False)
        return encoded.flatten(1)

    def decode(self, z: Tensor) -> Tensor:
        """Codes (B, latent_dim) to pictures (B, C, H, W)."""
        check_codes(z, self.latent_dim)
        return self.decoder(z.unflatten(1, self.code_shape)).reshape(len(z), *self.image_shape)

    def forward(self, x: Tensor) -> Tensor:
        """Reconstruct, of a posterior from its mean."""
        return self.decode(code(self, x))


def wrap(encoder: nn.Module, decoder: nn.Module, image_shape: tuple[int, int, int]) -> Wrapped:
    """Make a model of any two modules, so that explorers, `evaluation` and `latents` take it.

    Both are tried on a black picture, to see what the encoder takes, pictures or flat rows, and
    what shape its codes have.

    Parameters
    ----------
    encoder : nn.Module
        Takes pictures (B, C, H, W) or flat rows (B, C·H·W). It gives codes of any shape, (B, …); a
        distribution of codes; or a pair of means and log variances.
    decoder : nn.Module
        Takes codes in the encoder's shape, gives pictures or flat rows.
    image_shape : (channels, height, width)

    Returns
    -------
    Wrapped
        It holds the two modules themselves, so that its weights are called as theirs,
        ``encoder.…`` and ``decoder.…``.

    Raises
    ------
    ValueError
        If the two do not fit such pictures, or each other.
    """
    return Wrapped(encoder, decoder, image_shape)


def _encoded(encoder: nn.Module, x: Tensor) -> Tensor | Distribution:
    encoded = encoder(x)
    if isinstance(encoded, tuple) and len(encoded) == 2:
        return posterior_of(*encoded)
    if not isinstance(encoded, Tensor | Distribution):
        raise TypeError(
            f"The encoder gives a {type(encoded).__name__}, but a tensor of codes, a distribution, "
            "or a pair of means and log variances is expected: wrap a module that gives just that."
        )
    return encoded


@torch.no_grad()
def _try(
    encoder: nn.Module, decoder: nn.Module, image_shape: tuple[int, ...]
) -> tuple[bool, tuple[int, ...]]:
    """Whether the encoder takes flat rows, and the shape of its codes."""
    # Copies: what is only tried leaves no trace in running means.
    encoder, decoder = deepcopy(encoder).eval(), deepcopy(decoder).eval()
    x = torch.zeros(2, *image_shape).to(next(encoder.parameters(), torch.zeros(())))
    # Flat rows first: a layer as wide as a picture would take its rows for pictures.
    for flat in (True, False):
        try:
            encoded = _encoded(encoder, x.flatten(1) if flat else x)
        except (RuntimeError, ValueError, IndexError):
            continue
        z = encoded.mean if isinstance(encoded, Distribution) else encoded
        if len(z) == len(x):
            break
    else:
        raise ValueError(
            f"The encoder takes neither pictures (batch, {', '.join(map(str, image_shape))}) nor "
            f"such pictures as flat rows (batch, {prod(image_shape)}): give the image_shape that "
            "it was built for."
        )
    try:
        pixels = decoder(z).flatten(1).shape
    except (RuntimeError, ValueError, IndexError) as error:
        raise ValueError(
            f"The decoder does not take the encoder's codes, (batch, "
            f"{', '.join(map(str, z.shape[1:]))}): wrap two that belong together."
        ) from error
    if pixels != x.flatten(1).shape:
        raise ValueError(
            f"The decoder makes {pixels[1]} numbers of a code, but a picture "
            f"{'×'.join(map(str, image_shape))} has {prod(image_shape)}: wrap two that belong "
            "together."
        )
    return flat, tuple(z.shape[1:])
