"""Notebook 00: what an error is, and what a code is."""

import torch

from course_lib.exercises.exercise import BugHunt, Formula, Number, Words, Wrong

loss = Number(
    "loss",
    "The mean face's loss",
    answer=0.0995 * 3 * 64 * 64,
    within=0.03,
    unit="for a picture",
    wrong={
        0.0995: "that is the error of one number; the curve adds up all numbers of a picture.",
        0.0995 * 64 * 64: "4,096 counts the pixels, and each has three numbers: red, green, blue.",
        306: "that is the autoencoder's; the mean face does worse.",
    },
    hints=[
        "How many numbers is a face? The first paragraph about the network says it.",
        "The autoencoder: 0.025 for a number, times 12,288 numbers, is 306 for a picture.",
    ],
    solution="Each of 12,288 numbers contributes 0.0995 on average: 0.0995 · 12,288 = 1,223.",
)


def _error(x, y):
    """The mean squared error of pictures y that should be x: two (n, 3, 64, 64) to a number."""
    return (x - y).square().mean()


error = Formula(
    "error",
    "The mean squared error",
    solution=_error,
    inputs=lambda g: (torch.rand(2, 3, 4, 4, generator=g), torch.rand(2, 3, 4, 4, generator=g)),
    wrong=[
        Wrong(
            "without the square, a pixel that is too dark makes up for one that is too bright.",
            lambda x, y: (x - y).mean(),
        ),
        Wrong(
            "without the square, a pixel that is too dark makes up for one that is too bright; "
            "the other way round, too.",
            lambda x, y: (y - x).mean(),
        ),
        Wrong(
            "that is the mean absolute error: square where you took the size.",
            lambda x, y: (x - y).abs().mean(),
        ),
        Wrong(
            "you added the squares up; the mean divides by how many there are.",
            lambda x, y: (x - y).square().sum(),
        ),
        Wrong(
            "you averaged first and squared then: errors of opposite signs are gone by that time.",
            lambda x, y: (x - y).mean().square(),
        ),
        Wrong(
            "you took the root at the end; that is the root mean square.",
            lambda x, y: (x - y).square().mean().sqrt(),
        ),
    ],
    hints=[
        "Three words, three steps, from the last to the first: error, squared, mean.",
        "A tensor has the methods .square() and .mean().",
    ],
)


def _used(codes):
    """How many elements are above zero for one face or more: (faces, elements) to a number."""
    return (codes > 0).any(dim=0).sum()


def _codes(generator):
    """Twelve faces' codes of eleven elements, some of which are zero for every face."""
    codes = torch.randn(12, 11, generator=generator).relu()
    codes[:, :2] += 0.1  # never zero
    silent = int(torch.randint(3, 6, (), generator=generator))
    codes[:, 2 + torch.randperm(9, generator=generator)[:silent]] = 0
    return (codes,)


used = Formula(
    "used",
    "Elements in use",
    solution=_used,
    inputs=_codes,
    wrong=[
        Wrong(
            "you counted numbers above zero, over all faces; count elements, each of them once.",
            lambda codes: (codes > 0).sum(),
        ),
        Wrong(
            "you counted the elements that are above zero for every face: one face is enough.",
            lambda codes: (codes > 0).all(dim=0).sum(),
        ),
        Wrong(
            "you counted the silent elements; how many are left?",
            lambda codes: (codes <= 0).all(dim=0).sum(),
        ),
        Wrong(
            "you counted faces (dim=1 looks along a face's code); look along the faces.",
            lambda codes: (codes > 0).any(dim=1).sum(),
        ),
        Wrong(
            "you counted the elements for each face; an element counts once for all faces.",
            lambda codes: (codes > 0).sum(dim=1),
        ),
    ],
    hints=[
        "codes > 0 says yes or no for each face (a row) and each element (a column).",
        ".any(dim=0) asks each column whether there is a yes in it.",
        ".sum() counts what is yes.",
    ],
)


def _turn(codes, element, value):
    """The codes with one element of every face set to a value; `codes` stay as they are."""
    turned = codes.clone()
    turned[:, element] = value
    return turned


def _turn_with_a_bug(codes, element, value):
    turned = codes.clone()
    turned[element] = value
    return turned


def _added(codes, element, value):
    turned = codes.clone()
    turned[:, element] += value
    return turned


def _one_off(codes, element, value):
    turned = codes.clone()
    turned[:, element - 1] = value
    return turned


def _first_face(codes, element, value):
    turned = codes.clone()
    turned[0, element] = value
    return turned


turn = BugHunt(
    "turn",
    "A bug in turning a knob",
    buggy=_turn_with_a_bug,
    solution=_turn,
    inputs=lambda g: (
        torch.rand(7, 7, generator=g),
        1 + torch.randint(5, (), generator=g).item(),
        8.0,
    ),
    wrong=[
        Wrong("you added the value; the knob is to be *set* to it.", _added),
        Wrong("that is the element before: Python counts from 0, and so does `element`.", _one_off),
        Wrong("now only the first face is turned; all of them are to be.", _first_face),
    ],
    hints=[
        "A code is a row here. What does turned[element] name: a row or a column?",
        "A comma separates rows from columns, and a colon means all of them.",
    ],
)

smile = Words(
    "smile",
    "Where is the smile?",
    answer="The training asks for one thing, that the picture comes out again. It asks nobody to "
    "keep one feature in one element, so every feature is spread over many elements, and every "
    "element holds a bit of many features.",
    wrong={
        "the network is too small, or was trained too shortly": "a larger one trained for longer "
        "shows the same (notebook 3 looks), because its task is the same.",
        "it has not seen enough smiles": "every training face has a mouth between frown and smile.",
    },
    hints=["What does the training reward? Does it reward that element 7 is the smile?"],
)
