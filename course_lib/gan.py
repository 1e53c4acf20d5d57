"""A small generative adversarial network, to hold the VAE's pictures against.

It has a loop of its own: two networks with two optimisers are no case of `training.fit`.
"""

from functools import partial
from itertools import pairwise
from math import isfinite

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm.auto import tqdm

from course_lib.training import Data
from course_lib.training.runtime import keep_freed_memory, own_random_numbers
from course_lib.training.threads import multiply_adds, threads_worth
from course_lib.transforms import whole_picture

EVERY = 4  # steps from one penalty to the next


class GAN(nn.Module):
    """A generator that turns noise into pictures, and a discriminator that tells them from data.

    Parameters
    ----------
    decoder : nn.Sequential
        The generator: from (B, K) to flattened pictures in [-1, 1], for example the decoder of a
        `models.FullyConnectedVAE`, so that what the two draw with is the same network.
    image_shape : (channels, height, width)
        Height and width are multiples of 8.
    channels : int
        Of the discriminator's first convolution.
    """

    def __init__(
        self, decoder: nn.Sequential, image_shape: tuple[int, int, int], channels: int = 32
    ):
        super().__init__()
        self.image_shape = tuple(image_shape)
        self.latent_dim: int = decoder[0].in_features  # ty: ignore[invalid-assignment]
        self.generator = decoder
        colours, height, width = image_shape
        widths = (colours, channels, 2 * channels, 4 * channels)
        layers = []
        for before, after in pairwise(widths):
            layers += [nn.Conv2d(before, after, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        self.discriminator = nn.Sequential(
            *layers, nn.Flatten(), nn.Linear(4 * channels * (height // 8) * (width // 8), 1)
        ).to(memory_format=torch.channels_last)  # as in `models.ConvolutionalVAE`

    def decode(self, z: Tensor) -> Tensor:
        """Noise (B, K) to pictures (B, C, H, W)."""
        return self.generator(z).unflatten(1, self.image_shape)

    @torch.no_grad()
    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Pictures (n, C, H, W) of noise from N(0, I)."""
        return self.decode(torch.randn(n, self.latent_dim, generator=generator))


def fit(
    model: GAN,
    data: Data,
    *,
    steps: int,
    batch_size: int = 64,
    lr: float = 2e-4,
    penalty: float = 1.0,
    seed: int = 0,
    transform: nn.Module | None = None,
    progress: bool = True,
) -> dict[str, list[float]]:
    """Train both networks in turn, on the CPU.

    The discriminator D learns to say log p(real) - log p(fake); the generator G, to be taken for
    real: it minimises -log D's belief and not log of its disbelief, whose gradient is gone where
    it is needed (Goodfellow et al. 2014, section 3). A penalty on D's slope at real pictures
    keeps the two from circling each other (R₁ of Mescheder et al. 2018, equation 9). It takes as
    long as all the rest, so it is charged at every fourth step, fourfold (Karras et al. 2020,
    *Analyzing and Improving the Image Quality of StyleGAN*, section 3.1).

    Parameters
    ----------
    model : GAN
    data : Splits
        ``train`` of uint8 pictures (N, C, H, W).
    steps : int
        Updates of each network.
    batch_size : int
    lr : float
        Of both Adams, with a momentum of 0.5 (Radford et al. 2016).
    penalty : float
        Weight of R₁.
    seed : int
        Fixes the order of the pictures and all noise; the weights are the caller's.
    transform : nn.Module, optional
        By default `whole_picture`.
    progress : bool
        Show a bar.

    Returns
    -------
    dict of lists
        ``discriminator`` and ``generator``, the losses of every step in nats.

    Raises
    ------
    FloatingPointError
        If a loss stops being a finite number.
    """
    keep_freed_memory()
    transform = transform or whole_picture(model, data.train)
    adam = partial(torch.optim.Adam, lr=lr, betas=(0.5, 0.99), fused=True)
    d_optimizer = adam(model.discriminator.parameters())
    drawing = list(model.generator.parameters())
    g_optimizer = adam(drawing)
    history = {"discriminator": [], "generator": []}
    example = transform(data.train[:1])
    work = batch_size * multiply_adds(model, lambda: model.discriminator(example))
    with own_random_numbers(seed), threads_worth(work):
        for step in tqdm(range(steps), unit=" steps", disable=not progress):
            real = transform(data.train[torch.randint(len(data.train), (batch_size,))])
            fake = model.decode(torch.randn(batch_size, model.latent_dim))

            charged = step % EVERY == 0
            both = torch.cat([real.requires_grad_(charged), fake.detach()])
            belief, disbelief = model.discriminator(both).chunk(2)
            d_loss = F.softplus(-belief).mean() + F.softplus(disbelief).mean()
            steepness = _steepness(belief, real) if charged else 0
            d_optimizer.zero_grad()
            (d_loss + EVERY * penalty / 2 * steepness).backward()
            d_optimizer.step()

            g_loss = F.softplus(-model.discriminator(fake)).mean()
            g_optimizer.zero_grad()
            g_loss.backward(inputs=drawing)  # the discriminator's slopes are a third of the work
            g_optimizer.step()

            for name, loss in (("discriminator", d_loss), ("generator", g_loss)):
                history[name].append(loss.item())
            if not all(isfinite(losses[-1]) for losses in history.values()):
                raise FloatingPointError(
                    f"The GAN's loss is not finite at step {step}: lower lr, or raise penalty."
                )
    return history


def _steepness(belief: Tensor, pictures: Tensor) -> Tensor:
    """Mean squared length of the slope of the belief at pictures."""
    (slope,) = torch.autograd.grad(belief.sum(), pictures, create_graph=True)
    return slope.square().flatten(1).sum(1).mean()
