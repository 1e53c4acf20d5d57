"""The homework's networks and loss as its sample code has them, faults included, and each fault's
mend. The fully connected autoencoder with one layer is `models.FullyConnectedAutoencoder`.

Weights are called as in the sample code, so that `models.load_weights` reads the files that it
writes.
"""

from copy import deepcopy
from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Normal

from course_lib.likelihoods import OptimalGaussian
from course_lib.models import (
    FullyConnectedAutoencoder,
    FullyConnectedVAE,
    Wrapped,
    check_codes,
    check_halves,
    check_pictures,
    posterior_of,
    wrap,
)
from course_lib.objectives import Terms, posterior

KL = ("sum over batch", "mean over batch")
ERROR = ("mean over pixels", "sum over pixels")

_halve = partial(nn.Conv2d, kernel_size=4, stride=2, padding=1)
_double = partial(nn.ConvTranspose2d, kernel_size=4, stride=2, padding=1)


def fcn(image_shape: tuple[int, int, int] = (3, 64, 64)) -> FullyConnectedAutoencoder:
    """The fully connected sample: 12288-128-64-12-3 and back, 3,176,419 parameters.

    Three numbers for a picture, so that all faces of a kind look alike.
    """
    return FullyConnectedAutoencoder(image_shape, 3, (128, 64, 12), relu_code=False)


def cnn(image_shape: tuple[int, int, int] = (3, 64, 64)) -> Wrapped:
    """The convolutional sample: 3-12-24-48 channels, each picture's sides halved three times.

    Its code, 48×8×8, has 3,072 numbers, a quarter of the picture's: hardly a bottleneck.

    Raises
    ------
    ValueError
        If height or width cannot be halved three times.
    """
    check_halves(image_shape)
    colours = image_shape[0]
    encoder = nn.Sequential(
        *(_halve(colours, 12), nn.ReLU()),
        *(_halve(12, 24), nn.ReLU()),
        *(_halve(24, 48), nn.ReLU()),
    )
    return wrap(encoder, _decoder(colours), image_shape)


class HomeworkVAE(FullyConnectedVAE):
    """The VAE sample: a convolutional one whose code is 48×8×8, here as a row of 3,072.

    Its encoder is at fault: both heads end in a ReLU. So no mean is below 0 and no log variance
    either: no posterior is ever narrower than the prior, and a code says little more than noise
    does. Its loss is `sample_loss`, which is at fault too. `forward` is the reconstruction from
    the means; the sample's gives a noisy one, the means and the log variances.

    Parameters
    ----------
    image_shape : (channels, height, width)
        Height and width divisible by 8.
    relu_heads : bool
        False mends the fault.
    likelihood : nn.Module, optional
        As `FullyConnectedVAE` takes it. The sample has none: while `sample_loss` trains, the
        σ² of the default stays at 1.

    Raises
    ------
    ValueError
        If height or width cannot be halved three times.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (3, 64, 64),
        relu_heads: bool = True,
        likelihood: nn.Module | None = None,
    ):
        check_halves(image_shape)
        nn.Module.__init__(self)
        self.image_shape = tuple(image_shape)
        colours, height, width = image_shape
        self.code_shape = (48, height // 8, width // 8)
        self.latent_dim = 48 * (height // 8) * (width // 8)
        self.encoder = nn.Sequential(
            *(_halve(colours, 12), nn.ReLU()), *(_halve(12, 24), nn.ReLU())
        )
        self.enc_out_1 = nn.Sequential(_halve(24, 48), *[nn.ReLU()] * relu_heads)
        self.enc_out_2 = nn.Sequential(_halve(24, 48), *[nn.ReLU()] * relu_heads)
        self.decoder = _decoder(colours)
        self.likelihood = deepcopy(likelihood) if likelihood is not None else OptimalGaussian()

    def encode(self, x: Tensor) -> Normal:
        """Pictures (B, C, H, W) in [-1, 1] to the posterior q(z|x), a Normal (B, latent_dim)."""
        check_pictures(x, self.image_shape)
        seen = self.encoder(x)
        mean, log_variance = (
            head(seen).flatten(1).to(x.dtype) for head in (self.enc_out_1, self.enc_out_2)
        )
        return posterior_of(mean, log_variance)

    def decode(self, z: Tensor) -> Tensor:
        """Codes (B, latent_dim) to pictures (B, C, H, W)."""
        check_codes(z, self.latent_dim)
        return self.decoder(z.unflatten(1, self.code_shape))


def sample_loss(
    model: nn.Module,
    x: Tensor,
    kl: str = "sum over batch",
    error: str = "mean over pixels",
) -> Terms:
    """The VAE sample's loss: the squared error's *mean* over all numbers of all pictures, plus the
    KL divergence's *sum* over all latent elements of all pictures.

    The two are not in one currency. Times half a picture's D numbers it is a negative ELBO with
    σ² = 1 and β = batch × D/2, which is 12.3 million for 2,000 pictures of 64×64: any code is too
    dear, and the posterior collapses to the prior within some steps. That β also depends on how
    many pictures happen to be in a batch. `objectives.elbo` mends all of it, and finds σ² too.

    Parameters
    ----------
    model : nn.Module
        With ``encode``, ``decode`` and ``likelihood``, which is not asked.
    x : Tensor
        (B, C, H, W) in [-1, 1].
    kl : {"sum over batch", "mean over batch"}
        The second mends one fault: β is D/2.
    error : {"mean over pixels", "sum over pixels"}
        The second mends the other: with both, β is 1 at σ² = 1/2.

    Returns
    -------
    Terms
        Of each picture; the mean of ``loss`` is the sample's. ``distortion``: squared error, as
        `error` has it; ``rate``: KL(q(z|x) ‖ p(z)), in nats;
        ``loss = distortion + rate`` (times B, if summed over the batch).

    Raises
    ------
    TypeError
        If the model is none to draw codes from.
    ValueError
        If a setting is unknown.
    """
    if kl not in KL or error not in ERROR:
        raise ValueError(
            f"sample_loss got kl={kl!r}, error={error!r}: choose kl from {', '.join(KL)}, and "
            f"error from {', '.join(ERROR)}."
        )
    q = posterior(model, x)
    squares = F.mse_loss(model.decode(q.rsample()), x, reduction="none").flatten(1)  # ty: ignore[not-callable]
    distortion = squares.mean(1) if error == ERROR[0] else squares.sum(1)
    rate = -0.5 * (1 + q.variance.log() - q.mean.square() - q.variance).sum(1)
    return Terms(distortion + (len(x) if kl == KL[0] else 1) * rate, distortion, rate)


def _decoder(colours: int) -> nn.Sequential:
    return nn.Sequential(
        *(_double(48, 24), nn.ReLU()),
        *(_double(24, 12), nn.ReLU()),
        *(_double(12, colours), nn.Tanh()),
    )
