"""Notebook 03: edits of a code, and an explorer of one's own."""

import torch

from course_lib.exercises.exercise import BugHunt, Formula, Number, Words, Wrong
from course_lib.models import FullyConnectedAutoencoder
from course_lib.transforms import to_image


def _codes(generator):
    """Five codes of seven elements, and a decoder of one layer for them."""
    weight = torch.randn(12, 7, generator=generator)
    return torch.rand(5, 7, generator=generator), lambda z: torch.tanh(z @ weight.T)


def _before_and_after(codes, decode):
    """What is decoded before and after element 3 is set to 2."""
    edited = codes.clone()
    edited[:, 3] = 2
    return decode(codes), decode(edited)


def _before_and_after_with_a_bug(codes, decode):
    edited = codes
    edited[:, 3] = 2
    return decode(codes), decode(edited)


def _row_for_column(codes, decode):
    edited = codes.clone()
    edited[3] = 2
    return decode(codes), decode(edited)


def _added(codes, decode):
    edited = codes.clone()
    edited[:, 3] += 2
    return decode(codes), decode(edited)


lost_original = BugHunt(
    "lost original",
    "The edit that changes nothing",
    buggy=_before_and_after_with_a_bug,
    solution=_before_and_after,
    inputs=_codes,
    wrong=[
        Wrong(
            "codes[3] is the fourth face, all of it. A column, codes[:, 3], is an element of every "
            "face.",
            _row_for_column,
        ),
        Wrong("you added 2; the element is to be set to 2.", _added),
        Wrong(
            "you return them in the other order: first what was there before the edit.",
            lambda codes, decode: _before_and_after(codes, decode)[::-1],
        ),
    ],
    hints=[
        "Print codes[0] before the function and after it. Who has changed it?",
        "edited = codes gives the same tensor a second name, and codes[:] is only a view of it. "
        "Which method makes a copy?",
    ],
)


def _network(generator):
    """A small network, four pictures for it, one of its elements and a factor."""
    model = FullyConnectedAutoencoder((3, 4, 5), 9).requires_grad_(False)
    for parameter in model.parameters():
        parameter.copy_(0.1 * torch.randn(parameter.shape, generator=generator))
    model.get_parameter("encoder.0.bias").add_(
        2
    )  # no element is zero, or scaling it would do nothing
    x = 2 * torch.rand(4, 3, 4, 5, generator=generator) - 1
    element = int(torch.randint(4, 9, (), generator=generator))
    return model, x, element, 2 + float(torch.rand((), generator=generator))


def _scaled(model, x, element, factor):
    """The pictures after z[element] was multiplied by the factor, in grey levels (uint8)."""
    z = model.encode(x).clone()
    z[:, element] *= factor
    return to_image(model.decode(z))


def _set_to_the_factor(model, x, element, factor):
    z = model.encode(x).clone()
    z[:, element] = factor
    return to_image(model.decode(z))


def _scaled_floats(model, x, element, factor):
    z = model.encode(x).clone()
    z[:, element] *= factor
    return model.decode(z)


def _cut_off(model, x, element, factor):
    return ((_scaled_floats(model, x, element, factor) + 1) * 127.5).to(torch.uint8)


scale = Formula(
    "scale",
    "An explorer of your own",
    solution=_scaled,
    inputs=_network,
    wrong=[
        Wrong(
            "you set the element to the factor. Multiply what the face has there.",
            _set_to_the_factor,
        ),
        Wrong(
            "you scaled the whole code; only one element of it is to be scaled.",
            lambda model, x, element, factor: to_image(model.decode(factor * model.encode(x))),
        ),
        Wrong(
            "you scaled the decoded picture. The edit comes before the decoder.",
            lambda model, x, element, factor: to_image(factor * model(x)),
        ),
        Wrong(
            "that is the reconstruction: the edit has not reached the decoder.",
            lambda model, x, element, factor: to_image(model(x)),
        ),
        Wrong(
            "right so far, but as numbers from -1 to 1: to_image makes grey levels of them.",
            _scaled_floats,
        ),
        Wrong(
            "right but for a grey level: uint8 cuts decimals off, and to_image rounds.", _cut_off
        ),
    ],
    hints=[
        "Three steps: encode x, multiply one column of the codes, decode and to_image.",
        "The column of an element is z[:, element].",
    ],
)

eighty = Number(
    "eighty",
    "Ten times as far",
    answer=4038,
    within=0.01,
    unit="pixels of 4,096",
    wrong={
        105: "that is the count at 8: did you set element 1000 to 80?",
        1051: "ten times as many as at 8? Each pixel moves about ten times as far, before the "
        "tanh; so it is not ten times as many that pass 40.",
        4096: "nearly. Some pixels are at an end of the tanh already and are pushed on.",
    },
    hints=[
        "latents.set_elements(codes, {3: 2.0, 1000: 80.0}), decode, and pixel_change as before.",
        "A pixel that moved by 5 levels at 8 moves by about 50 now, unless the tanh stops it.",
    ],
    solution="Before the tanh every pixel moves ten times as far: nearly all pass 40 grey levels. "
    "The tanh keeps those that were near black or white and are pushed further.",
)

longest_column = Number(
    "longest column",
    "The longest column",
    answer=8.5,
    within=0.15,
    unit="% of the pixels",
    wrong={
        0.086: "that is the share; per cent are asked for.",
        347: "those are pixels; per cent of 4,096 are asked for.",
        1.8: "that is what element 1000 does: sort weight.norm(dim=0), largest first.",
        2.9: "that is the second longest. The first is weight.norm(dim=0).argmax().",
    },
    hints=[
        "The length of each column: weight.norm(dim=0). Its argmax is the element.",
        "Set that element to 8 in all codes, decode, pixel_change; 100 * changed / 4096.",
    ],
    solution="But sorting by length is not sorting by pixels moved: the fourth longest, 163, moves "
    "1.5 %, and element 1000, number 984 of 1,024 by length, 1.8 %. What counts is how far 8 is "
    "from what the faces have there, and whether the column's numbers are spread or in one place.",
)

report = Words(
    "report",
    "The homework's last point: describe the differences",
    answer="Adding 0.5 to all 1,024 elements moves 99.6 % of the pixels by more than 40 grey "
    "levels: the face drowns in a glow that looks like the mean face, under grain. Setting "
    "elements 3 and 1000 lays a faint coloured grain over the whole picture (2.6 % of the pixels "
    "past 40, 13 levels on average), and changes no single feature, because the decoder adds their "
    "columns, which are still mostly their random start.",
    wrong={
        "the first makes noise, the second changes the face": "measure both: it is the first that "
        "loses the face, and the second changes no feature of it.",
        "the second changes the eyes (or the hair)": "look at the difference: it is spread over "
        "the whole picture.",
    },
    hints=["What changes, how much of it (a number), and why: one sentence for each edit."],
    least=12,
    wanted={
        r"(?<!edit )(?<!element )\b\d": "no number found: how many pixels move, or by how much?",
    },
)
