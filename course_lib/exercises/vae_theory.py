"""Notebook 04: the terms of the bound."""

import torch

from course_lib.exercises.exercise import BugHunt, Formula, Number, Wrong


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
    ],
    hints=[
        "What are the units? noise is measured in standard deviations.",
        "exp(log σ²) is the variance. How does one get σ from log σ²?",
    ],
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
