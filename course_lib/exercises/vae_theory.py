"""Notebook 04: the terms of the bound."""

import torch

from course_lib.exercises.exercise import BugHunt, Formula, Number, Words, Wrong


def _posterior(generator):
    """Means and log variances of five posteriors with three elements each."""
    return torch.randn(5, 3, generator=generator), torch.randn(5, 3, generator=generator)


def _kl(mean, log_variance):
    """KL(N(mean, exp(log_variance)) ‖ N(0, I)) in nats: (n, d), (n, d) to (n,)."""
    return 0.5 * (mean**2 + log_variance.exp() - log_variance - 1).sum(1)


kl = Formula(
    "kl",
    "The rate of a diagonal Gaussian",
    solution=_kl,
    inputs=_posterior,
    wrong=[
        Wrong("the ½ is missing: every term of the KL carries it.", lambda m, v: 2 * _kl(m, v)),
        Wrong(
            "the sign is turned round: a KL is never negative, yours is.", lambda m, v: -_kl(m, v)
        ),
        Wrong(
            "you averaged over the elements. A rate adds up: every element has its own price.",
            lambda m, v: _kl(m, v) / m.shape[1],
        ),
        Wrong(
            "you took log σ² for log σ: the variance is exp(log σ²), not its square.",
            lambda m, v: _kl(m, 2 * v),
        ),
        Wrong(
            "you took exp(log σ²) for the standard deviation where the variance belongs.",
            lambda m, v: 0.5 * (m**2 + v.exp() ** 2 - v - 1).sum(1),
        ),
    ],
    hints=[
        "Start with one element: N(μ, σ²) against N(0, 1) costs ½ (μ² + σ² − log σ² − 1) nats.",
        "The elements are independent, so their costs add up: sum over the last axis.",
        "σ² is log_variance.exp().",
    ],
)


def _draw(mean, log_variance, noise):
    """A draw from N(mean, exp(log_variance)) by the reparameterisation trick."""
    return mean + (0.5 * log_variance).exp() * noise


def _draw_with_a_bug(mean, log_variance, noise):
    return mean + log_variance.exp() * noise


draw = BugHunt(
    "draw",
    "A bug in the reparameterisation",
    buggy=_draw_with_a_bug,
    solution=_draw,
    inputs=lambda g: (*_posterior(g), torch.randn(5, 3, generator=g)),
    wrong=[
        Wrong(
            "you used log σ² itself as the width; it is negative for narrow clouds.",
            lambda m, v, e: m + v * e,
        ),
        Wrong(
            "exp(2 log σ²) is σ⁴: the exponent went the wrong way.",
            lambda m, v, e: m + (2 * v).exp() * e,
        ),
        Wrong(
            "½ stands outside the exponential; exp(½ log σ²) is σ, ½ exp(log σ²) is not.",
            lambda m, v, e: m + 0.5 * v.exp() * e,
        ),
        Wrong(
            "you took the root of log σ², which may be negative: nan. σ = exp(½ log σ²).",
            lambda m, v, e: m + v.sqrt() * e,
        ),
    ],
    hints=[
        "What are the units? noise is measured in standard deviations.",
        "exp(log σ²) is the variance. How does one get σ from log σ²?",
    ],
)


def _loss(x, decoded, mean, log_variance):
    """Distortion, up to a constant, plus rate: one number for each picture."""
    distortion = 0.5 * (x - decoded).square().sum(1)
    return distortion + _kl(mean, log_variance)


def _loss_with_two_bugs(x, decoded, mean, log_variance):
    distortion = 0.5 * (x - decoded).square().sum(1)
    return distortion + 2 * _kl(mean, log_variance) / mean.shape[1]


two_bugs = BugHunt(
    "two bugs",
    "Two bugs in a loss that trains",
    buggy=_loss_with_two_bugs,
    solution=_loss,
    inputs=lambda g: (
        torch.randn(5, 7, generator=g),
        torch.randn(5, 7, generator=g),
        *_posterior(g),
    ),
    wrong=[
        Wrong(
            "one bug is mended, the ½; the rate is still averaged over the elements, so with 64 of "
            "them each would pay a 64th of its price.",
            lambda x, y, m, v: _loss(x, y, m, v) - _kl(m, v) * (1 - 1 / m.shape[1]),
        ),
        Wrong(
            "one bug is mended, the sum over the elements; the rate is still twice the KL: that "
            "trains with β = 2.",
            lambda x, y, m, v: _loss(x, y, m, v) + _kl(m, v),
        ),
        Wrong(
            "that is exactly twice the loss: the rate needs the ½ too, as the distortion has it.",
            lambda x, y, m, v: 2 * _loss(x, y, m, v),
        ),
        Wrong(
            "now the rate is subtracted: this network would be paid for clouds far from the prior.",
            lambda x, y, m, v: _loss(x, y, m, v) - 2 * _kl(m, v),
        ),
        Wrong(
            "you averaged the squares over the pixels: half their number becomes a β, and the code "
            "falls silent. Distortion and rate are both sums.",
            lambda x, y, m, v: _loss(x, y, m, v) + (1 / x.shape[1] - 0.5) * (x - y).square().sum(1),
        ),
        Wrong(
            "you summed over the batch too: every picture has a bound of its own, and with a "
            "larger batch your steps would be larger.",
            lambda x, y, m, v: _loss(x, y, m, v).sum(),
        ),
    ],
    hints=[
        "The distortion is right. Compare the second line with the closed form of the KL.",
        "What becomes of the rate if the network gets twice as many elements?",
        "One factor is missing in front, and one reduction is the wrong one.",
    ],
)

point = Words(
    "point",
    "Why not simply make σ zero?",
    answer="As σ goes to 0 the rate grows without bound, by log 2 for each halving, while the "
    "picture gains less and less: the distortion falls by σ² only. And a decoder that has only "
    "seen points has holes between them, so a draw from the prior decodes to nothing in "
    "particular.",
    wrong={
        "σ = 0 would be a division by zero": "that is how it shows in the formula; the reason is "
        "that naming a point exactly takes infinitely many digits, and each of them costs.",
        "the reconstruction would become worse": "it would become better: for the distortion alone "
        "σ = 0 is best, and that is the plain autoencoder.",
    },
    hints=[
        "Which of distortion and rate likes σ = 0, and which does not?",
        "What would the decoder know of the codes in between?",
    ],
)

what_is_a_vae = Words(
    "what is a VAE",
    "The homework's question",
    answer="A VAE is an autoencoder that encodes a picture as a cloud of codes, decodes a draw "
    "from it, and pays for how far the cloud is from one prior. Advantage: the codes lie where "
    "the prior's draws fall, so whoever draws a code and decodes it gets a new picture. Problem: "
    "what the code saves, the picture pays: it becomes blurred, or the code falls silent.",
    wrong={
        "its latent elements have a meaning": "nothing in its loss asks for that.",
        "it generates pictures, an autoencoder cannot": "an AE decodes any code; what it lacks is "
        "a distribution, known beforehand, to draw them from.",
    },
    hints=[
        "What does the encoder answer with, and what does the loss charge for it?",
        "What can one draw from? And who pays for it?",
    ],
    least=15,
)

short_wave = Number(
    "short wave",
    "Where reparameterisation begins to lose",
    answer=5.0,
    within=0.1,
    unit="(the wave's a, for σ = 0.2)",
    wrong={
        0.2: "that is σ itself: a wave with so small an a is nearly flat across the cloud.",
        25.0: "that is 1/σ²: the two variances cross where slope and value weigh alike.",
        1.43: "that is the place for σ = 0.7; the cloud is narrower now.",
    },
    hints=[
        "Across the cloud, the wave has to go up and down: compare its length with σ.",
        "Slopes of cos(az) reach a; the score function divides values by σ.",
    ],
    solution="Slopes reach a, and values, which reach 1, are divided by σ: they weigh alike at "
    "about a = 1/σ.",
)
