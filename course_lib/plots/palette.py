"""The course's colours: a system, or a density, has the same one in every figure."""

import re
from collections.abc import Iterable
from itertools import cycle

# Okabe and Ito's palette (2008): its colours stay apart for colour-blind readers. Markers and
# dashes change along with the colour, so that nothing is told by its colour alone.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS, DASHES = ("o", "s", "^", "D", "v", "P", "X"), ("-", "--", "-.", ":")

BLUE, VERMILION, GREEN, PINK, ORANGE, SKY, BLACK = COLOURS
# Two of Tol's colours (2021) are added, which stay apart from all others.
WINE, INDIGO = "#882255", "#332288"
FIXED = {  # the first that a name begins with, commas aside
    "VAE σ² = 1": PINK,
    "VAE": VERMILION,
    "AE": BLUE,
    "GAN": GREEN,
    "PCA": BLACK,
    "data": BLACK,
    "q": SKY,
    "posterior": INDIGO,
    "true posterior": INDIGO,
    "prior": BLACK,
    "R(D)": BLACK,
}
FREE = (WINE, SKY, ORANGE, INDIGO)


def colour(name: str) -> str:
    """The colour of a system or density, found by what its name begins with: ``"VAE, fitted"``.

    A figure draws the first other name in the colour that this gives to all of them, the next one
    in the next that no system has.
    """
    return styles([name])[name][0]


def styles(names: Iterable[str]) -> dict[str, tuple[str, str, str]]:
    """Colour, marker and dashes of everything that a figure names."""
    free = cycle(FREE)
    looks = zip(names, cycle(MARKERS), cycle(DASHES), strict=False)
    return {name: (_fixed(name) or next(free), marker, dashes) for name, marker, dashes in looks}


def _fixed(name: str) -> str | None:
    plain = name.replace(",", "")
    fits = (c for start, c in FIXED.items() if re.match(rf"{re.escape(start)}(?!\w|\.\d)", plain))
    return next(fits, None)
