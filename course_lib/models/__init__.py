"""Networks, and nothing else: no loss, no data, no plotting. The course's own (`networks`), and
what somebody brings: any encoder and decoder (`wrapped`), a file of weights (`weights`)."""

from course_lib.models.networks import (
    ConvolutionalVAE,
    FullyConnectedAutoencoder,
    FullyConnectedVAE,
    LinearAutoencoder,
    LinearVAE,
    check_codes,
    check_halves,
    check_pictures,
    code,
    posterior_of,
)
from course_lib.models.weights import load_weights
from course_lib.models.wrapped import Wrapped, wrap

__all__ = [
    "ConvolutionalVAE",
    "FullyConnectedAutoencoder",
    "FullyConnectedVAE",
    "LinearAutoencoder",
    "LinearVAE",
    "Wrapped",
    "check_codes",
    "check_halves",
    "check_pictures",
    "code",
    "load_weights",
    "posterior_of",
    "wrap",
]
