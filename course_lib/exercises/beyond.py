"""Notebook 08: what came after the VAE."""

from math import log

import torch

from course_lib.exercises.exercise import BugHunt, Formula, Number, Words, Wrong


def _effective(log_weights):
    """How many codes count, (n,), from the logarithms of k weights for each picture, (k, n)."""
    weights = (log_weights - log_weights.max(0).values).exp()
    return weights.sum(0) ** 2 / (weights**2).sum(0)


effective = Formula(
    "effective size",
    "How many of k codes count?",
    solution=_effective,
    # Near +1000, as the log weights of a whole picture are: exp overflows, in double precision too.
    inputs=lambda g: (3 * torch.randn(7, 5, generator=g, dtype=torch.float64) + 1000,),
    wrong=[
        Wrong(
            "you put the logarithms in where the weights belong: exp first.",
            lambda w: w.sum(0) ** 2 / (w**2).sum(0),
        ),
        Wrong(
            "exp overflows: the logarithms are near +1000. Take the largest off first; a factor "
            "that all weights share does not change the ratio.",
            lambda w: w.exp().sum(0) ** 2 / (w.exp() ** 2).sum(0),
        ),
        Wrong(
            "you summed over the pictures: each picture, a column, has its own k weights.",
            lambda w: _effective(w.T),
        ),
        Wrong(
            "you divided by the square of the sum: that is the share of one code, 1 over the "
            "effective size.",
            lambda w: 1 / _effective(w),
        ),
        Wrong(
            "the sum of the weights has to be squared: of equal weights all k codes count.",
            lambda w: (w - w.max(0).values).exp().sum(0) / (2 * (w - w.max(0).values)).exp().sum(0),
        ),
    ],
    hints=[
        "It is (Σ w)² / Σ w²: for k equal weights k, for one heavy weight 1.",
        "Weights are log_weights.exp(), or any multiple of it: only ratios count. The sums run "
        "over the codes, the first axis.",
    ],
)


def _pair(z, noise, t):
    """Where a code is on its way at the times t (n, 1), and its velocity there."""
    return (1 - t) * noise + t * z, z - noise


def _pair_with_a_bug(z, noise, t):
    return (1 - t) * noise + t * z, noise - z


pair = BugHunt(
    "flow",
    "A bug in the flow's target",
    buggy=_pair_with_a_bug,
    solution=_pair,
    inputs=lambda g: (
        torch.randn(5, 3, generator=g),
        torch.randn(5, 3, generator=g),
        torch.rand(5, 1, generator=g),
    ),
    wrong=[
        Wrong(
            "now the place is turned round as well: at t = 0 it would be the code. Sampling starts "
            "from noise at t = 0.",
            lambda z, e, t: (t * e + (1 - t) * z, e - z),
        ),
        Wrong(
            "the place at t = 0 is the code now, but the velocity leads from noise to code: they "
            "go opposite ways.",
            lambda z, e, t: (t * e + (1 - t) * z, z - e),
        ),
        Wrong(
            "that is the way that is left, z − place: it shrinks as t grows. A velocity is the "
            "whole way for the whole time, z − noise.",
            lambda z, e, t: ((1 - t) * e + t * z, (1 - t) * (z - e)),
        ),
    ],
    hints=[
        "Put t = 0 and t = 1 into the place: where does the journey begin, where does it end?",
        "The velocity is the derivative of the place by t.",
    ],
)

codebooks = Number(
    "codebooks",
    "The price of larger codebooks",
    answer=8 * log(256),
    within=0.01,
    unit="nats",
    wrong={
        64.0: "that is in bits, 8 · log₂ 256; the table is in nats.",
        8 * log(64): "that is the rate of 64 vectors, as in the table.",
        log(256): "that is one group's; there are eight.",
        32 * log(256): "one number per group, not per element: 32 elements are eight groups.",
        4 * 8 * log(64): "four times as many vectors do not cost four times as much: a logarithm.",
    },
    hints=[
        "One of 256 equally likely vectors is named by log 256 nats.",
        "There are eight groups, and each names its own.",
    ],
    solution="8 · ln 256: each of the eight groups names one of 256 vectors.",
)

stages = Words(
    "stages",
    "A second stage for the autoencoder",
    answer="Only `second_stage` has to be written anew, in one line: it draws z from the "
    "posterior, and the autoencoder has none that was trained, so it has to take the mean. The "
    "codes then lie on a thin sheet without noise, and a density of them can grow without bound in "
    "the directions across it: the second VAE's variances go to zero. A little noise on the codes "
    "helps; that is the weak KL of latent diffusion.",
    wrong={
        "nothing, it works as it stands": "it runs, but draws codes from a posterior that nobody "
        "trained, and learns the density of those.",
        "the autoencoder must be trained anew": "its codes are all that the second stage sees; "
        "only where they come from is another line.",
    },
    hints=["Look at `descendants.second_stage`: where does its z come from?"],
)

measures = Words(
    "measures",
    "Two measures, two answers",
    answer="A Fréchet distance compares means and covariances, and those are what one fitted "
    "Gaussian gets right: it has little left to gain from ten. The nearest neighbour looks at "
    "where single faces lie, so it also sees codes where no face is, although the mean and the "
    "covariance of all codes are right.",
    wrong={
        "the Fréchet distance is better, papers use it": "they use it with features of a large "
        "network, and because it is cheap; means and covariances are all it sees there too.",
        "the nearest neighbour is right, the other wrong": "both are right about what they ask: "
        "one compares means and covariances, the other single faces.",
    },
    hints=["What does a Fréchet distance know of a set of pictures? Two things."],
)
