"""p(x|z) once the decoder has said what picture it means: how far may the pixels be off?

A likelihood is part of a model, not of an objective: its variance is saved with the weights, and
whatever scores the model (`objectives`, `evaluation`) scores it with the same one.
"""

from math import log, pi

import torch
from torch import Tensor, distributed, nn


class Gaussian(nn.Module):
    """Every pixel is normal around the decoder's picture, with one fixed variance.

    Parameters
    ----------
    sigma2 : float
        The variance, in squared units of the pixels.

    Attributes
    ----------
    sigma2 : Tensor
        A single number, (), kept with the weights.
    """

    sigma2: Tensor

    def __init__(self, sigma2: float):
        super().__init__()
        self.register_buffer("sigma2", _positive(sigma2))

    def log_prob(self, x: Tensor, mean: Tensor) -> Tensor:
        """Log density of pictures, in nats, summed over their pixels.

        Parameters
        ----------
        x : Tensor
            Pictures (B, …).
        mean : Tensor
            What the decoder made for each, (B, …) or, for S codes a picture, (S, B, …).

        Returns
        -------
        Tensor
            (B,) or (S, B).
        """
        squares = (mean - x).square()
        variance = self._variance(squares)
        # The sum of squares first: cheaper than a Normal's log density of every pixel.
        misfit = squares.sum(_pixels(x)) / (2 * variance)
        return -misfit - x[0].numel() / 2 * (2 * pi * variance).log()

    def _variance(self, squares: Tensor) -> Tensor:
        return self.sigma2

    def extra_repr(self) -> str:
        """The variance, when a model is printed."""
        return f"{self.sigma2.item():g}"


class LearnedGaussian(Gaussian):
    """A Gaussian whose variance is one more weight, trained with the others.

    It is the logarithm that is learned, so that the variance stays positive. Adam moves it by
    about the learning rate per step, a thousandth as a rule: start it near where it will end, or
    use `OptimalGaussian`.

    Parameters
    ----------
    sigma2 : float
        Where the variance starts.
    """

    def __init__(self, sigma2: float = 1.0):
        nn.Module.__init__(self)
        self.start = sigma2
        self.log_sigma2 = nn.Parameter(_positive(sigma2).log())

    @property
    def sigma2(self) -> Tensor:  # ty: ignore[incompatible-property-override] (kept there)
        """The present variance, ()."""
        return self.log_sigma2.exp()

    def extra_repr(self) -> str:
        """Where it started, when a model is printed: training's settings must not move."""
        return f"from {self.start:g}"


class OptimalGaussian(Gaussian):
    """A Gaussian with the variance that suits each batch best: the batch's mean squared error.

    The likelihood has its maximum there, so that there is nothing to learn and nothing to set
    (Rybkin, Daniilidis and Levine 2021, σ-VAE, equation 8). It is taken in training mode only,
    and its running mean kept, as batch normalisation does with its statistics. In evaluation
    mode that mean is used: a picture's score must not depend on the pictures beside it. Before
    any training it is 1.

    Where all pictures are equal the error, and the best variance with it, shrinks to 0, and the
    density grows without bound. The variance stops at 1e-10, where σ is a thousandth of a grey
    level; each pixel that is reproduced exactly then scores 10.6 nats.

    Parameters
    ----------
    momentum : float
        Weight of the latest batch in the running mean of many.

    Attributes
    ----------
    total_weight : Tensor
        Of all batches in the mean, if the latest weighs 1; a single number, (), kept as well.
    """

    total_weight: Tensor

    def __init__(self, momentum: float = 0.1):
        super().__init__(1.0)
        self.momentum = momentum
        self.register_buffer("total_weight", torch.tensor(0.0))

    def _variance(self, squares: Tensor) -> Tensor:
        if not self.training:
            return self.sigma2
        # No gradient is lost by detaching: at its optimum the loss is flat in the variance.
        variance = _mean_of_all(squares.detach()).clamp(min=1e-10)
        # The mean is of batches only, never of the 1 that it replaces: that is Adam's correction
        # (Kingma and Ba 2015, section 3). To start from the first batch would take no second
        # buffer, but that batch is an untrained network's, nearly as wrong as 1, and after 20
        # steps it would still weigh an eighth.
        self.total_weight.mul_(1 - self.momentum).add_(1)
        self.sigma2.lerp_(variance.to(self.sigma2), 1 / self.total_weight)
        return variance

    def extra_repr(self) -> str:
        """The momentum, when a model is printed."""
        return f"momentum={self.momentum:g}"


class Bernoulli(nn.Module):
    """Every pixel is a coin toss between black, -1, and white, +1.

    The decoder's picture is the mean of the toss, so a pixel of value m is white with probability
    (1 + m) / 2. Its tanh is then the usual sigmoid: (1 + tanh(a)) / 2 = sigmoid(2a).
    """

    def log_prob(self, x: Tensor, mean: Tensor) -> Tensor:
        """Log probability of pictures, in nats, summed over their pixels.

        Parameters
        ----------
        x : Tensor
            Pictures (B, …) of -1 and +1.
        mean : Tensor
            What the decoder made for each, (B, …) or (S, B, …), in [-1, 1].

        Returns
        -------
        Tensor
            (B,) or (S, B).

        Raises
        ------
        ValueError
            If there are greys among the pixels. (On a GPU this is not looked at: reading the
            answer would make the GPU wait at every step.)
        """
        if x.device.type == "cpu" and not (x.abs() == 1).all():
            raise ValueError(
                f"Bernoulli got pixels from {x.min():g} to {x.max():g}, but black is -1, white "
                "is +1, and there is nothing between: binarise first, or use a Gaussian."
            )
        # Never quite sure: a tanh reaches ±1 in float32, and one wrong pixel would cost infinity.
        agreement = (x * mean).clamp(min=torch.finfo(mean.dtype).eps - 1)
        return (agreement.log1p() - log(2)).sum(_pixels(x))


def _mean_of_all(numbers: Tensor) -> Tensor:
    """The mean of a batch, of all its parts where several processes share it."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return numbers.mean()
    sums = torch.stack(
        [numbers.float().sum(), torch.tensor(float(numbers.numel())).to(numbers.device)]
    )
    distributed.all_reduce(sums)
    return sums[0] / sums[1]


def _pixels(x: Tensor) -> tuple[int, ...]:
    """All of a picture's dimensions, counted from the end."""
    return tuple(range(1 - x.ndim, 0))


def _positive(sigma2: float) -> Tensor:
    if not 0 < sigma2 < float("inf"):
        raise ValueError(
            f"The variance is {sigma2}, but must be positive and finite: for pixels in [-1, 1] "
            "try 0.05."
        )
    return torch.tensor(float(sigma2))
