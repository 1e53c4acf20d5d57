"""Links of a notebook that is read as slides; those of a student's copy: `test_students`."""

import re

import pytest

from course_lib.authoring.links import in_decks
from tests.pages import NAME, NOTEBOOK, markdown

DECKS = {"03_edit.ipynb"}


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("[3 · Edit](03_edit.ipynb)", "[3 · Edit](03_edit.html)"),
        ("[holes](03_edit.ipynb#Holes)", "[holes](03_edit.html)"),
        ("[4 · Theory](04_theory.ipynb), later", "4 · Theory, later"),
        ("the [*prior*](GLOSSARY.md#prior), a", "the *prior*, a"),
        ("Adam's [`lr`](GLOSSARY.md#learning-rate)", "Adam's `lr`"),
        ("| [test](GLOSSARY.md#test-set) | `x` |", "| test | `x` |"),
        ("[map](../README.md)", "map"),
    ],
)
def test_a_link_in_a_deck_leads_to_a_deck_or_is_words(written, shown):
    assert in_decks(written, DECKS) == shown


@pytest.mark.parametrize(
    "text",
    [
        "[paper](https://doi.org/10.1/x)",
        "[above](#Holes)",
        "![a face](face.png)",
        "`[a](b.md)`",
        "```\n[a](b.md)\n```",
        "`codes[0](x)` and $E_q[f](z)$",
        "`a` [b] (c) `d`",
    ],
)
def test_what_is_no_link_to_a_file_stays(text):
    assert in_decks(text, DECKS) == text


@pytest.mark.parametrize("number", NOTEBOOK)
def test_no_link_in_a_deck_is_dead(number):
    decks = {name.removesuffix("ipynb") + "html" for name in NAME.values()}
    text = "\n".join(in_decks(cell, NAME.values()) for cell in markdown(number))
    targets = re.findall(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)", text)
    assert {one for one in targets if not one.startswith("https:")} <= decks
    assert "GLOSSARY" not in text
