"""Notebook 05: the loss that one writes, and what a number in it is worth."""

from math import log

import torch

from course_lib.exercises.exercise import BugHunt, Formula, Number, Words, Wrong


def _batch(generator):
    """Pictures, reconstructions, and the means and log variances of their codes."""
    pictures = torch.rand(2, 6, 12, generator=generator)
    codes = torch.randn(2, 6, 3, generator=generator)
    return *pictures, *codes


def _kl(mean, log_variance):
    return 0.5 * (mean**2 + log_variance.exp() - log_variance - 1).sum(1)


def _negative_elbo(x, x_hat, mean, log_variance):
    """The negative ELBO of a batch at σ² = 1, up to a constant: pictures (n, D), codes (n, k)."""
    squares = (x - x_hat).square().sum(1)
    kl = 0.5 * (mean**2 + log_variance.exp() - log_variance - 1).sum(1)
    return (squares / 2 + kl).mean()


def _from_the_web(x, x_hat, mean, log_variance):
    return (x - x_hat).square().mean() + _kl(mean, log_variance).mean()


mse_or_sum = BugHunt(
    "mse or sum",
    "A loss from the web",
    buggy=_from_the_web,
    solution=_negative_elbo,
    inputs=_batch,
    wrong=[
        Wrong(
            "the ½ of the formula is missing before the squares: that is a β of ½.",
            lambda x, y, m, v: (x - y).square().sum(1).mean() + _kl(m, v).mean(),
        ),
        Wrong(
            "you summed over the batch as well: the loss, and the step with it, then grows with "
            "the batch's size.",
            lambda x, y, m, v: (x - y).square().sum() / 2 + _kl(m, v).sum(),
        ),
        Wrong(
            "you summed the squares over the batch and averaged the KL over it: the price of the "
            "code then depends on the batch's size.",
            lambda x, y, m, v: (x - y).square().sum() / 2 + _kl(m, v).mean(),
        ),
        Wrong(
            "half the mean over the pixels is no sum: the code is still too dear, by the number "
            "of pixels.",
            lambda x, y, m, v: (x - y).square().mean() / 2 + _kl(m, v).mean(),
        ),
    ],
    hints=[
        "Which of the axes does the formula sum over, and which do we average over?",
        "The distortion of one picture at σ² = 1 is half the sum of its squared errors.",
        "Write both terms for each picture, (n,), add them, and average at the very end.",
    ],
)


def _code(generator):
    return tuple(torch.randn(2, 6, 3, generator=generator))


def _kl_turned_over(mean, log_variance):
    return 0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum(1)


sign = BugHunt(
    "a sign",
    "A loss that falls for ever",
    buggy=_kl_turned_over,
    solution=_kl,
    inputs=_code,
    wrong=[
        Wrong(
            "the sign is right now, and the ½ is gone: that is a β of 2.",
            lambda m, v: (m**2 + v.exp() - v - 1).sum(1),
        ),
        Wrong(
            "log σ² has the other sign in the formula: as it stands, the narrowest cloud is the "
            "cheapest, where it should cost infinitely much.",
            lambda m, v: 0.5 * (m**2 + v.exp() + v - 1).sum(1),
        ),
        Wrong(
            "you averaged over the latent elements; their prices add up.",
            lambda m, v: 0.5 * (m**2 + v.exp() - v - 1).mean(1),
        ),
        Wrong(
            "that is one number for the whole batch; each picture has a price of its own.",
            lambda m, v: 0.5 * (m**2 + v.exp() - v - 1).sum(),
        ),
    ],
    hints=[
        "Try it on a mean of 3 and a log variance of 0: can a price be negative?",
        "Many write it as −½ Σ (1 + log σ² − μ² − σ²). What is missing here?",
    ],
)


def _two_sets(generator):
    return torch.randn(40, generator=generator), 1 + 2 * torch.randn(50, generator=generator)


def _frechet(a, b):
    """Squared Fréchet distance of two sets of numbers, (n,) and (m,), each taken as a Gaussian."""
    return (a.mean() - b.mean()) ** 2 + (a.std() - b.std()) ** 2


frechet = Formula(
    "frechet",
    "The Fréchet distance, in one dimension",
    solution=_frechet,
    inputs=_two_sets,
    wrong=[
        Wrong(
            "you compared variances; the formula has standard deviations, in the numbers' unit.",
            lambda a, b: (a.mean() - b.mean()) ** 2 + (a.var() - b.var()) ** 2,
        ),
        Wrong(
            "that is its root. The *squared* distance is asked for, as the course prints it.",
            lambda a, b: _frechet(a, b).sqrt(),
        ),
        Wrong(
            "the means alone: two clouds around one place would be the same, however wide.",
            lambda a, b: (a.mean() - b.mean()) ** 2,
        ),
        Wrong(
            "you added the variances. Two equal sets would then not be at distance 0.",
            lambda a, b: (a.mean() - b.mean()) ** 2 + a.var() + b.var(),
        ),
    ],
    hints=[
        "It is 0 for two sets with the same mean and the same standard deviation.",
        "Two squared differences, added: one of means, one of standard deviations.",
    ],
)

beta_of_a_size = Number(
    "beta of a size",
    "The β of mse + kl for larger pictures",
    answer=3 * 128 * 128 / 2,
    within=0.0,
    wrong={
        3 * 128 * 128: "the formula has *half* the sum of squares.",
        128 * 128 / 2: "a colour picture has three numbers for each pixel.",
        128 * 128: "each pixel has three numbers, and the formula half the sum of squares.",
        3072 / 2: "that is the β of 32×32 pixels.",
    },
    hints=["How many numbers D does such a picture have?", "β is half of them."],
    solution="D = 3 · 128 · 128 = 49,152 numbers, and β = D/2: the larger the picture, the surer "
    "the collapse.",
)

price_of_sigma = Number(
    "price of sigma",
    "What a wrong σ² costs",
    answer=lambda: 3072 / 2 * (0.01 - log(0.01) - 1),
    within=0.001,
    unit="nats",
    wrong={
        3072 * (0.01 - log(0.01) - 1): "both terms of the distortion carry a ½.",
        3072
        / 2
        * -log(0.01): "that is the logarithm's part alone; the squared errors cost ½ a nat "
        "per number at the best σ², and far less at σ² = 1.",
        3072
        / 2
        * (0.01 + 2 - 1): "you took the logarithm to base 10; nats are natural logarithms.",
        3072 / 2 * (0.01 - log(0.01)): "at the best σ² the squares still cost D/2 nats: subtract "
        "them.",
    },
    hints=[
        "Write the distortion for σ² = 1 and for σ² = MSE, with ‖x − x̂‖² = D · MSE in both.",
        "At σ² = MSE the first term is D/2, whatever the MSE.",
        "The difference is D/2 · (MSE − log MSE − 1).",
    ],
    solution="D/2 (MSE/1 + log 1) − D/2 (1 + log MSE) = D/2 (MSE − log MSE − 1). Nothing was "
    "learnt for it: it is what writing another σ² into a finished network gains.",
)

warm_up = Words(
    "warm-up",
    "A cure for another illness",
    answer=(
        "The losses end within a tenth of a per cent of one another, 2,858 and 2,857 nats, with as "
        "many active elements. Warm-up helps a network that loses useful elements on the way, "
        "because its decoder was too slow to use them. At its end β is 1 again, and what does not "
        "earn its price then goes. (LearnedGaussian(0.1) is still under way after 300 steps: σ² is "
        "0.054 and the MSE 0.005.)"
    ),
    wrong={
        "Warm-up keeps all 32 elements": "only if the objective wants them at its end, where β is "
        "1 again: what does not earn its price then goes.",
        "Warm-up helps, its loss is lower": "by a nat in thousands, which another seed can turn "
        "round; say how large a difference is before you say what it shows.",
    },
    hints=[
        "Compare the two losses, and `evaluation.active_units(model, x).sum()`.",
        "Where are both networks pushed in the last steps, when β is 1 in both?",
    ],
)
