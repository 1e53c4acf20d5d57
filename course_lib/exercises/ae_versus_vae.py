"""Notebook 06: comparisons that compare what they say."""

import torch

from course_lib.exercises.exercise import BugHunt, Formula, Number, Words, Wrong


def _codes(generator):
    """A few codes, and many more whose elements spread by different amounts."""
    spreads = torch.tensor([0.2, 0.5, 1.0, 2.0])
    few, many = (torch.randn(n, 4, generator=generator) for n in (5, 50))
    return spreads * few, spreads * many + 1


def _in_spreads(z, codes):
    """Move codes z (n, d) by half the spread that each element has over many codes (m, d)."""
    return z + 0.5 * codes.std(0)


def _one_spread_for_all(z, codes):
    return z + 0.5 * codes.std()


in_spreads = BugHunt(
    "in spreads",
    "An edit in units of each element's spread",
    buggy=_one_spread_for_all,
    solution=_in_spreads,
    inputs=_codes,
    wrong=[
        Wrong(
            "you took the variance of each element; its spread is the standard deviation.",
            lambda z, codes: z + 0.5 * codes.var(0),
        ),
        Wrong(
            "you measured the spread over the codes that are edited. Of one face there is none: "
            "take it over the many.",
            lambda z, codes: z + 0.5 * z.std(0),
        ),
        Wrong(
            "that moves every element to a place, instead of from where it is: z is missing.",
            lambda z, codes: (0.5 * codes.std(0)).expand_as(z),
        ),
    ],
    hints=[
        "Print the shape of what is added to z. How many spreads should there be?",
        "codes.std() is one number for all elements, and counts their different means as spread.",
        "Reductions take the axis to reduce: here the one over faces.",
    ],
)


def _off_the_overlay(middle, one, other):
    """(n, D) three times, flattened pictures, to (n,)."""
    overlay = (one + other) / 2
    return (middle - overlay).square().mean(1) / (one - other).square().mean(1)


off_the_overlay = Formula(
    "off the overlay",
    "How far a decoded middle is from a cross-fade",
    solution=_off_the_overlay,
    inputs=lambda g: tuple(torch.rand(6, 12, generator=g) for _ in range(3)),
    wrong=[
        Wrong(
            "you compare with the sum of the two pictures; the overlay is half of it.",
            lambda m, a, b: (m - (a + b)).square().mean(1) / (a - b).square().mean(1),
        ),
        Wrong(
            "you divided mean absolute differences. Squared ones are asked for.",
            lambda m, a, b: (m - (a + b) / 2).abs().mean(1) / (a - b).abs().mean(1),
        ),
        Wrong(
            "you took the root: the share of squared distances is asked for, without it.",
            lambda m, a, b: _off_the_overlay(m, a, b).sqrt(),
        ),
        Wrong(
            "that is the middle's distance from one of the pictures, not from the overlay.",
            lambda m, a, b: (m - a).square().mean(1) / (a - b).square().mean(1),
        ),
    ],
    hints=[
        "The overlay of two pictures is (one + other) / 2.",
        "Both numerator and denominator are .square().mean(1) of a difference.",
    ],
)

numbers_of_a_mixture = Number(
    "numbers of a mixture",
    "How many numbers a mixture of Gaussians has",
    answer=lambda: 10 * (32 + 32 * 33 // 2) + 9,
    within=0.0,
    unit="numbers",
    wrong={
        10 * (32 + 32 * 33 // 2): "the weights of the ten are free numbers too.",
        10 * (32 + 32 * 33 // 2) + 10: "nine weights fix the tenth, for they add up to 1.",
        10 * (32 + 32 * 32) + 9: "a covariance is symmetric: count each pair of elements once.",
        10 * (32 + 32) + 9: "those are variances only; a full covariance has each pair as well.",
        10 * (32 * 33 // 2) + 9: "each Gaussian has a mean as well.",
    },
    hints=[
        "Count for one Gaussian: its mean, and its covariance with each pair once.",
        "A symmetric matrix of size k has k (k + 1) / 2 free numbers.",
        "Ten Gaussians, and nine weights.",
    ],
    solution="Each of the ten has a mean of 32 and a covariance of 32 · 33 / 2 = 528 numbers; nine "
    "weights fix the tenth. So no large part of 5,000 codes is learnt by heart.",
)

how_many_gaussians = Words(
    "how many gaussians",
    "How many Gaussians do the codes need?",
    answer=(
        "By the Fréchet distance from some 10 with one to some 6 with ten, and flat from there. "
        "The nearest neighbours are right in about 0.75, 0.7, 0.65 and 0.6 of the cases: what "
        "single faces look like still gains. So by the second measure more is better as long as "
        "each Gaussian has codes enough, some hundred; thirty for 5,000 codes is about the end."
    ),
    wrong={
        "The more, the better": "the Fréchet distance compares means and covariances, which one "
        "Gaussian has right already; the nearest neighbours say how much is left to gain.",
        "One is enough, the Fréchet distance hardly falls": "it still falls from some 10 to 6, and "
        "it cannot see more than means and covariances; the nearest neighbours can.",
    },
    hints=[
        "Draw both measures against the number of components, on the same thousand test faces.",
        "Which of the two measures can a single Gaussian get right by construction?",
    ],
)
