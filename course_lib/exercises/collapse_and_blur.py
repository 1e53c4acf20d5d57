"""Notebook 07: the water line, what an element costs, and what a mean draws."""

from math import log

import torch

from course_lib.exercises.exercise import BugHunt, Formula, Number, Words, Wrong


def _rate(eigenvalues, level):
    """Nats of a linear VAE whose water stands at the level: (d,) and a number, to a number."""
    return 0.5 * (eigenvalues / level).clamp(min=1).log().sum()


water_rate = Formula(
    "water_rate",
    "The rate that stands out of the water",
    solution=_rate,
    inputs=lambda g: (5 * torch.rand(9, generator=g) ** 3 + 0.01, 0.5),
    wrong=[
        Wrong(
            "an axis under the water saves nothing: below θ its share is 0, yours is negative.",
            lambda e, level: 0.5 * (e / level).log().sum(),
        ),
        Wrong(
            "the ½ is missing: a standard deviation is told, and that is the root of λ.",
            lambda e, level: (e / level).clamp(min=1).log().sum(),
        ),
        Wrong(
            "you added up what stands out, λ − θ. That is ‖w‖², the decoder's, and no rate.",
            lambda e, level: (e - level).clamp(min=0).sum(),
        ),
        Wrong(
            "these are bits. The course counts in nats, with the natural logarithm.",
            lambda e, level: 0.5 * (e / level).clamp(min=1).log2().sum(),
        ),
    ],
    hints=[
        "One axis above the water costs ½ log(λ/θ) nats.",
        "One under it costs 0, which is the logarithm of 1: clamp the ratio from below.",
    ],
)

heard_price = Number(
    "heard_price",
    "The least that a heard element costs",
    answer=0.5 * log(2),
    within=0.03,
    unit="nats",
    wrong={
        log(2): "the ½ of the KL is missing.",
        0.5: "that is s², the variance of the noise. What does an element with this s² cost?",
        0.25: "that is ½s². The two terms ½(1 − s²) and ½(s² − 1 − log s²) together are asked for.",
        0.1: "that is what the free bits pay, and less than what an element needs to be heard.",
    },
    hints=[
        "Heard means that the means vary more than the noise: 1 − s² > s². Where is the border?",
        "Averaged over the faces an element costs ½ log(1/s²).",
    ],
    solution="At the border s² = ½, and ½ log(1/s²) = ½ log 2.",
)


def _paid(rates, free):
    """What is charged with free bits: rates (n, d) of each picture and element, to (n,)."""
    return rates.clamp(min=free).sum(1)


def _paid_with_a_bug(rates, free):
    return rates.sum(1).clamp(min=free)


free_bits = BugHunt(
    "free_bits",
    "A bug in the free bits",
    buggy=_paid_with_a_bug,
    solution=_paid,
    inputs=lambda g: (torch.rand(5, 6, generator=g) ** 3, 0.3),
    wrong=[
        Wrong(
            "now the rates are cut from above: dear elements would cost no more than the floor.",
            lambda r, free: r.clamp(max=free).sum(1),
        ),
        Wrong(
            "you averaged over the elements, but each has its own price.",
            lambda r, free: r.clamp(min=free).mean(1),
        ),
        Wrong(
            "all elements share one allowance here. One that talks much would pay for the rest.",
            lambda r, free: r.sum(1).clamp(min=free * r.shape[1]),
        ),
    ],
    hints=[
        "Whose first nats are free: each picture's, or each element's?",
        "Two lines change places: clamp first, then sum.",
    ],
)

lopsided_pixel = Number(
    "lopsided_pixel",
    "A pixel that is seldom white",
    answer=-0.5,
    within=0.02,
    unit="(black is −1, white +1)",
    wrong={
        -1.0: "that is the likeliest colour. It has the least absolute error, not squared.",
        0.0: "that would be right for a fair coin; here black is three times as frequent.",
        0.5: "the sign is turned round: black, −1, is the frequent one.",
        0.25: "that is the share of white. Give the mean of the values −1 and +1.",
    },
    hints=[
        "Under squared error the best guess is a mean.",
        "¾ · (−1) + ¼ · (+1).",
    ],
    solution="The mean: ¾ · (−1) + ¼ · 1 = −½, dark grey, which never occurs.",
)

same_water = Words(
    "same_water",
    "Two networks, one water line",
    answer="Both have βσ² = 1, and only this product says what an element is worth: both settle "
    "at the same water line, with the same active elements and the same variances 1 − θ/λ. Their "
    "losses and their ELBO differ, because σ² is part of the score.",
    wrong={
        "β = 10 compresses more": "it does only at the same σ². Here the errors weigh ten times "
        "as much, too.",
        "they start from the same seed": "other seeds would show it as well; it is a property of "
        "the optimum.",
    },
    hints=["Compute βσ² for both.", "What in the closed form depends on β or σ² alone?"],
)
