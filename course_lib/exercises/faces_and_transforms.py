"""Notebook 01: what is done to a picture before a network sees it."""

import torch

from course_lib.datasets.faces import FACTORS, render, sample
from course_lib.exercises.exercise import BugHunt, Formula, Number, Words, Wrong


def _pictures(generator):
    """Two pictures as a file has them, (n, height, width, 3); no two sizes are equal."""
    return (torch.randint(256, (2, 5, 4, 3), dtype=torch.uint8, generator=generator),)


def _channels_first(pictures):
    """(n, height, width, 3) to (n, 3, height, width)."""
    return pictures.movedim(-1, 1)


def _channels_first_with_a_bug(pictures):
    n, height, width, channels = pictures.shape
    return pictures.reshape(n, channels, height, width)


channels = BugHunt(
    "channels",
    "A bug in moving the channels",
    buggy=_channels_first_with_a_bug,
    solution=_channels_first,
    inputs=_pictures,
    wrong=[
        Wrong(
            "channels, width, height: the faces lie on their side now.",
            lambda pictures: pictures.permute(0, 3, 2, 1),
        ),
        Wrong(
            "axis 0 counts the pictures; the channels come after it.",
            lambda pictures: pictures.movedim(-1, 0),
        ),
        Wrong(
            "the colours have come out in the opposite order: blue, green, red.",
            lambda pictures: pictures.flip(-1).movedim(-1, 1),
        ),
    ],
    hints=[
        "reshape keeps the numbers in their order and only cuts the row of them anew.",
        "movedim(from, to) moves an axis, and the numbers with it. Axes are counted from 0; -1 is "
        "the last one.",
    ],
)


def _scale(picture):
    """Grey levels, uint8 from 0 to 255, to numbers from -1 to 1."""
    return 2 * picture.float() / 255 - 1


scale = Formula(
    "scaling",
    "The scaling",
    solution=_scale,
    inputs=_pictures,
    wrong=[
        Wrong(
            "2 · picture is still uint8 and starts again at 0 beyond 255: make floats of it first.",
            lambda picture: 2 * picture / 255 - 1,
        ),
        Wrong(
            "this goes from 0 to 1, half of tanh's range.", lambda picture: picture.float() / 255
        ),
        Wrong("this goes from -1 to 0: where is the 2?", lambda picture: picture.float() / 255 - 1),
        Wrong(
            "there are 256 grey levels, but the last one is 255: yours never reaches 1.",
            lambda picture: 2 * picture.float() / 256 - 1,
        ),
        Wrong("this goes from 0 to 2: where is the -1?", lambda picture: 2 * picture.float() / 255),
        Wrong(
            "this goes from -½ to ½: divide by half of 255.",
            lambda picture: (picture.float() - 127.5) / 255,
        ),
    ],
    hints=[
        "Step 4 of the homework is 2x/255 − 1. What has to come before it?",
        "0 has to become -1, and 255 has to become 1.",
    ],
)

independent = Number(
    "independent",
    "Numbers that say something",
    answer=28 * 64 * 3,
    within=0,
    unit="numbers",
    wrong={
        3 * 64 * 64: "that is how many the network gets; stretching 28 rows to 64 adds none that "
        "says anything new.",
        28 * 64: "that is one colour; there are three.",
        3 * 36 * 64: "that is what the crop throws away.",
    },
    hints=[
        "Which step was the last to lose numbers? How many were left after it?",
        "28 rows of 64 pixels, three colours each.",
    ],
    solution="After the crop there are 28 rows of 64 pixels of 3 colours: 5,376 numbers. The "
    "36 rows that the resizing adds are mixtures of them.",
)


def _first_top() -> int:
    """From where on a band of 28 rows shows at least half of the mouth's curve."""
    low, high = sample(50, seed=1), sample(50, seed=1)
    at = FACTORS.index("mouth_curve")
    low[:, at], high[:, at] = 0.2, 0.8
    rows = (render(high).float() - render(low).float()).abs().sum((0, 1, 3))
    seen = rows.unfold(0, 28, 1).sum(1) / rows.sum()
    return int((seen >= 0.5).nonzero()[0])


mouth = Number(
    "mouth",
    "A crop for mouths",
    answer=_first_top,
    within=0,
    unit="is the first row of such a band",
    wrong={
        10: "that is the homework's: it ends at row 37, and the mouth begins below.",
        40: "that is where the mouth begins; the band may begin above it, if it reaches it.",
        17: "close: this band shows 38 %.",
    }
    | {top: f"a band from row {top} shows all of it; half was asked." for top in range(23, 37)},
    hints=[
        'seen_share("mouth_curve", top=20) asks for the band of rows 20 to 47.',
        "The mouth lies between rows 40 and 50; a band that begins at row t ends at row t + 27.",
    ],
    solution="The mouth's effect lies in rows 40 to 50, with its middle about row 44. A band from "
    "row 18 ends at row 45 and shows 66 % of it; one row higher it shows 38 %.",
)

third_set = Words(
    "third set",
    "Why a third set?",
    answer="Whoever chooses among twenty settings by the validation error takes the one that was "
    "best *on these faces*, partly by luck: the validation error of the winner is too good. Only "
    "faces that no decision has looked at give an honest number, so the test set is used once.",
    wrong={
        "the network has learnt from the validation faces": "it has not: no weight saw them. The "
        "choice of the settings did.",
        "because more data is better": "more training data is; these faces are kept out of it.",
    },
    hints=["Try a thousand networks that guess. Is the best of them good?"],
)
