"""The question bank: every objective is asked for, and every answer can be had again."""

import math
import re

import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm
from torch import nn
from torch.distributions import Normal, kl_divergence

from course_lib import evaluation, theory
from course_lib.models import FullyConnectedAutoencoder
from tests.pages import NOTEBOOK, TEXT, claimed, markdown, output, sections

QUESTIONS = sections(TEXT["QUESTIONS"], r"## Question (\d+)")
ANSWERS = sections(TEXT["ANSWERS"], r"## Answer (\d+)")
HEADS = {
    number: re.match(r"\n\*Notebook (\d\d) · objective (\w+) · (\w+)\*\n", text).groups()
    for number, text in QUESTIONS.items()
}
KINDS = {"number": 14, "figure": 5, "choice": 11, "bug": 5, "explain": 5}
PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
DIGITS = re.compile(r"\*\*([−-]?[\d,]*\.?\d+) ?%?\.?\*\*")


def of_kind(*kinds: str) -> list[str]:
    return [number for number, (_, _, kind) in HEADS.items() if kind in kinds]


def test_there_are_forty_questions_of_five_kinds_each_with_an_answer():
    assert list(QUESTIONS) == list(ANSWERS) == [str(n) for n in range(1, 41)]
    assert {kind: len(of_kind(kind)) for _, _, kind in HEADS.values()} == KINDS


def test_the_questions_ask_for_every_objective():
    asked = [head[:2] for head in HEADS.values()]
    assert [number for number, _ in asked] == sorted(number for number, _ in asked)
    of = sections(TEXT["TEACHING"], r"### Notebook (\d\d)")
    wanted = {
        (number, one) for number, text in of.items() for one in re.findall(r"- \*\*(\w+)\*\*", text)
    }
    assert set(asked) == wanted


@pytest.mark.parametrize("number", of_kind("choice"))
def test_a_choice_has_one_answer_and_each_wrong_one_is_told_what_it_shows(number):
    assert re.findall(r"^- ([A-Z])\. ", QUESTIONS[number], re.MULTILINE) == list("ABCD")
    right = re.match(r"\n\*\*([A-D])\.\*\*", ANSWERS[number])[1]
    wrong = "".join(re.findall(r"^- ([A-D, ]+): ", ANSWERS[number], re.MULTILINE))
    assert sorted([right, *re.findall("[A-D]", wrong)]) == list("ABCD")


def test_nothing_that_students_get_leads_to_the_answers():
    for number in NOTEBOOK:
        assert not re.search("ANSWERS|QUESTIONS|TEACHING", "".join(markdown(number)))
    assert "ANSWERS" not in TEXT["HANDOUT"] + TEXT["GLOSSARY"] + TEXT["QUESTIONS"]


# What the answers' numbers are, in their order


def squares():
    text = output("00", "A pixel moves by more than 40; 200 faces.")
    [every] = set(re.findall(r"element \d+: ([\d.]+\d)", text))
    return float(every), float(re.search(r"hair_colour: ([\d.]+\d)", text)[1])


def uint8_of_200():
    return float((2 * torch.tensor([200], dtype=torch.uint8)).float() / 255 - 1)


def components():
    text = output("01", "Bars of components that hold 90 %")
    drawn, photographs = (int(n) for n in re.findall(r"whole: (\d+)", text))
    return photographs / drawn


def parameters():
    with torch.device("meta"):
        model = FullyConnectedAutoencoder(latent_dim=512)
    return sum(weight.numel() for weight in model.parameters())


def gaps_on_photographs():
    seen, new = output("02", "Bars of MSE on photographs").split("4 new ones: ")
    rivals = ("AE", "PCA, 64 components")
    errors = [
        [float(re.search(rf"{rival}: ([\d.]+\d)", text)[1]) for rival in rivals]
        for text in (seen, new)
    ]
    return [after / before for before, after in zip(*errors, strict=True)]


def bound_of_the_prior():
    log_p = math.log(quad(lambda z: norm.pdf(z) * norm.pdf(1, z, 1), -12, 12)[0])
    elbo = quad(lambda z: norm.pdf(z) * norm.logpdf(1, z, 1), -12, 12)[0]
    return elbo, log_p - elbo


def cloud():
    parts = Normal(1.0, 0.5), Normal(1.0, 1.0), Normal(0.0, 0.5)
    return [float(kl_divergence(q, Normal(0.0, 1.0))) for q in parts]


def lost_by_scoring():
    error = torch.full((768,), 0.02**0.5, dtype=torch.float64)
    densities = [Normal(0, sigma).log_prob(error).sum() for sigma in (0.02**0.5, 1)]
    return float(densities[0] - densities[1])


def frechet():
    numbers = torch.randn(500, 1, dtype=torch.float64)
    numbers = (numbers - numbers.mean()) / numbers.std()
    return evaluation.frechet_distance(1 + numbers, 3 * numbers)


def strangers():
    text = output("06", "AUROC, mean of three seeds: 0.5 is a coin toss.")
    return [
        float(re.search(rf"{re.escape(row)}: ([\d.]+),", text)[1])
        for row in ("VAE, rate", "VAE, |rate − usual|")
    ]


def water():
    found = theory.linear_vae([5, 3, 1.5, 0.6, 0.2, 0.05], 6, beta=2, sigma2=0.25)
    return found.active_units, float(found.squared_error), float(found.rate)


def ways_to_ten_gaussians():
    for measure in (
        "Fréchet distance, squared units of a pixel (logarithmic)",
        "share told apart by the nearest neighbour",
    ):
        text = output("08", f"Bars of {measure}. AE: own")
        own, one, ten = map(float, re.findall(r"([\d.]+), mean of 3 seeds", text)[:3])
        yield 100 * (own - one) / (own - ten)


def accused():
    text = output("09", "AE, four passes, seed 0. ROC curves")
    hits = int(re.search(r"turned: .*?(\d+)% at 20%", text)[1]) / 100
    return 100 * 10 * hits / (10 * hits + 990 * 0.2)


NUMBERS = {
    "1": lambda: 306 / FullyConnectedAutoencoder(latent_dim=1).encoder[0].in_features,
    "3": squares,
    "5": uint8_of_200,
    "7": components,
    "8": parameters,
    "10": lambda: 127.5 * math.sqrt(169 / 12288),
    "12": gaps_on_photographs,
    "18": bound_of_the_prior,
    "20": cloud,
    "22": lambda: 28 * 28 / 2,
    "24": lost_by_scoring,
    "25": frechet,
    "29": strangers,
    "30": water,
    "32": lambda: (0.8 - 0.2, 0.8 * 0.4**2 + 0.2 * 1.6**2),
    "34": ways_to_ten_gaussians,
    "35": lambda: torch.tensor([8.0, 1, 1, 0]).sum() ** 2 / torch.tensor([64.0, 1, 1]).sum(),
    "37": lambda: 100 * claimed("03", "edit 1 moves more than nine pixels in ten (share)"),
    "38": lambda: evaluation.auroc(torch.tensor([1, 3, 4, 6.0]), torch.tensor([2, 5, 6, 7.0])),
    "39": accused,
    "40": lambda: 64 * 3 * 32 * 32 / 2,
}


def test_every_number_is_computed():
    assert {n for n, text in ANSWERS.items() if DIGITS.search(text)} == set(NUMBERS)
    assert set(of_kind("number", "figure")) <= set(NUMBERS)


@pytest.mark.parametrize("number", NUMBERS)
def test_an_answers_numbers_can_be_had_again(number):
    told = [digits.replace(",", "").replace("−", "-") for digits in DIGITS.findall(ANSWERS[number])]
    found = NUMBERS[number]()
    found = list(found) if hasattr(found, "__iter__") and not torch.is_tensor(found) else [found]
    for digits, value in zip(told, found, strict=True):
        places = len(digits.partition(".")[2])
        assert float(digits) == pytest.approx(float(value), abs=0.51 * 10**-places), digits


# What the bugs do, and that they are mended


def both(number: str) -> list:
    """The function of a question, and that of its answer."""
    given = [{"torch": torch, "Normal": Normal} for _ in range(2)]
    for names, text in zip(given, (QUESTIONS[number], ANSWERS[number]), strict=True):
        exec(PYTHON.search(text)[1], names)
    return [list(names.values())[-1] for names in given]


def test_5_the_scaling_goes_to_one():
    buggy, mended = both("5")
    levels = torch.tensor([0, 200, 255], dtype=torch.uint8)
    torch.testing.assert_close(mended(levels), 2 * levels.float() / 255 - 1)
    assert buggy(levels)[1] < 0


def test_6_no_picture_is_tested_that_was_trained_on():
    buggy, mended = both("6")
    generator, shared = torch.Generator(), []
    for split in (buggy, mended):
        train, test = split(torch.arange(100), generator.manual_seed(0))
        assert (len(train), len(test)) == (90, 10)
        shared.append(len(set(train.tolist()) & set(test.tolist())))
    assert shared[0] > 5 and shared[1] == 0


def test_9_a_step_has_a_gradient():
    for learn, moves in zip(both("9"), (False, True), strict=True):
        model = nn.Linear(4, 4)
        before = model.weight.detach().clone()
        learn(model, torch.optim.SGD(model.parameters(), lr=0.1), torch.randn(3, 5, 4))
        assert torch.equal(before, model.weight) != moves


def test_14_element_0_of_every_code_is_doubled():
    buggy, mended = both("14")
    z = torch.rand(3, 5) + 1
    assert torch.equal(mended(z), torch.cat([2 * z[:, :1], z[:, 1:]], dim=1))
    assert torch.equal(buggy(z), torch.cat([2 * z[:1], z[1:]]))


def test_21_a_gradient_gets_through_the_draw():
    for distortion, reaches in zip(both("21"), (False, True), strict=True):
        mean, log_variance = torch.zeros(2, 3, requires_grad=True), torch.zeros(2, 3)
        decoder = nn.Linear(3, 4)
        distortion(mean, log_variance, decoder, torch.randn(2, 4)).sum().backward()
        assert decoder.weight.grad is not None
        assert (mean.grad is not None) == reaches
