"""Every exercise answers as it should: its solution, its stub, and each answer that people give."""

from pathlib import Path

import nbformat
import pytest
import torch

from course_lib import exercises
from course_lib.exercises.exercise import (
    ON_THE_WAY,
    RIGHT,
    UNTOUCHED,
    BugHunt,
    Exercise,
    Formula,
    Number,
    Words,
    Wrong,
)
from course_lib.lessons import record
from course_lib.lessons.say import WIDTH, wrapped

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
BY_NOTEBOOK = exercises.all_exercises()
ALL = [one for those in BY_NOTEBOOK.values() for one in those]
by_exercise = pytest.mark.parametrize("exercise", ALL, ids=lambda one: one.name)


def wrong_answers(exercise: Exercise) -> dict:
    """What people give, and the message that each has to get."""
    if isinstance(exercise, Formula):
        return {one.function: one.message for one in exercise.wrong}
    return {} if isinstance(exercise, Words) else dict(exercise.wrong)


def right_answer(exercise: Exercise):
    if isinstance(exercise, Formula):
        return exercise.solution
    return exercise.value() if isinstance(exercise, Number) else exercise.answer


def test_there_are_exercises_and_no_two_of_one_name():
    names = [one.name for one in ALL]
    assert names and len(set(names)) == len(names)


@by_exercise
def test_the_solution_is_right(exercise, capsys):
    for _ in range(3):  # on new numbers each time
        exercise.check(right_answer(exercise))
        assert capsys.readouterr().out.startswith(f"{RIGHT} {exercise.name}: ")
    assert record.entry("exercises", exercise.name)["solved"]


@by_exercise
def test_each_wrong_answer_gets_its_own_message(exercise, capsys):
    messages = wrong_answers(exercise)
    assert len(set(messages.values())) == len(messages)
    for answer, message in messages.items():
        exercise.check(answer)
        expected = wrapped(f"{ON_THE_WAY} {exercise.name}: {message}")
        assert capsys.readouterr().out == f"{expected}\n"
    assert not record.entry("exercises", exercise.name).get("solved")


@by_exercise
def test_it_knows_two_wrong_answers_or_more(exercise):
    assert len(exercise.wrong) >= 2


@by_exercise
def test_it_has_a_title_hints_and_a_solution(exercise, capsys):
    assert exercise.title and exercise.hints
    exercise.check(right_answer(exercise))
    capsys.readouterr()
    exercise.show_solution()
    assert len(capsys.readouterr().out) > 20


@pytest.mark.parametrize("name", BY_NOTEBOOK)
def test_each_notebook_shows_its_exercises_untouched(name):
    """Run in nbval too, so a fresh kernel says the same of each stub."""
    [path] = NOTEBOOKS.glob(f"[0-9]*_{name}.ipynb")
    cells = nbformat.read(path, as_version=4).cells
    shown = "".join(out.get("text", "") for cell in cells for out in cell.get("outputs", []))
    assert 3 <= len(BY_NOTEBOOK[name]) <= 6
    for exercise in BY_NOTEBOOK[name]:
        within = getattr(exercise, "within", 0)
        near = f"; what is within {100 * within:g} % counts" if within else ""
        assert f"{UNTOUCHED} {exercise.name}: not attempted yet{near}.\n" in shown


# The kinds, on small examples of their own.


def twice(x):
    """Two times x."""
    return 2 * x


@pytest.fixture
def formula():
    return Formula(
        "double",
        "Double it",
        solution=twice,
        inputs=lambda generator: (torch.rand(3, generator=generator),),
        wrong=[Wrong("That is the square.", lambda x: x**2), Wrong("Halved.", lambda x: x / 2)],
        hints=["Add it to itself."],
    )


def check(exercise, answer, capsys) -> str:
    exercise.check(answer)
    return capsys.readouterr().out.strip()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda x: None, "○ double: not attempted yet."),
        (lambda x: ..., "○ double: not attempted yet."),
        (lambda x: x + x, "● double: right."),
        (lambda x: (x + x).numpy(), "● double: right."),
        (lambda x: x * x, "◐ double: That is the square."),
        (lambda x: (2 * x).sum(), "◐ double: not yet. Your result has the shape (), but (3,) is"),
        (lambda x: x.foo, "◐ double: your function raised AttributeError: "),
        (lambda x: "2x", "◐ double: not yet. Your function gave str, but numbers are asked for."),
        (lambda x: 2 * x + torch.nan, "◐ double: not yet. Where they differ most, yours is nan"),
        (lambda x: x + 7, "◐ double: not yet. Where they differ most, yours is 7."),
    ],
)
def test_a_formula_is_judged_by_what_it_does(formula, answer, words, capsys):
    assert check(formula, answer, capsys).startswith(words)


def test_numbers_learnt_by_heart_do_not_pass(formula, capsys):
    seen = {}

    def by_heart(x):
        return seen.setdefault("first", 2 * x)

    assert check(formula, by_heart, capsys).startswith(ON_THE_WAY)


def test_the_solution_opens_after_three_different_attempts(formula, capsys):
    for answer in (lambda x: x, lambda x: x, lambda x: x * x):
        formula.check(answer)
    formula.check(lambda x: None)  # no attempt
    capsys.readouterr()
    formula.show_solution()
    assert "you have made 2" in " ".join(capsys.readouterr().out.split())
    formula.check(lambda x: x / 2)
    capsys.readouterr()
    formula.show_solution()
    assert "return 2 * x" in capsys.readouterr().out


def test_hints_come_one_after_the_other(formula, capsys):
    formula.hints = ["one", "two"]
    for words in ("Hint 1 of 2: one\n", "Hint 2 of 2: two\n", "All hints:\n- one\n- two\n"):
        formula.hint()
        assert capsys.readouterr().out == words


def test_a_bug_left_alone_is_no_attempt(capsys):
    hunt = BugHunt("bug", "A bug", solution=twice, buggy=lambda x: x**2,
                   inputs=lambda g: (torch.rand(3, generator=g),), wrong=[])  # fmt: skip

    def cell():
        return lambda x: x * x

    for _ in range(2):  # it is run again
        assert check(hunt, cell(), capsys) == "○ bug: not attempted yet."
    still = "◐ bug: not yet: this still does what the function with the bug does."
    assert check(hunt, lambda x: x.square(), capsys) == still
    assert check(hunt, twice, capsys) == "● bug: right."
    assert record.entry("exercises", "bug")["attempts"] == 2


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, "○ count: not attempted yet; what is within 2 % counts."),
        (99.0, "● count: right: 100 pixels."),
        (50, "◐ count: That is half."),
        (700, "◐ count: not yet: 700 is too large; what is within 2 % counts."),
        (3, "◐ count: not yet: 3 is too small; what is within 2 % counts."),
        ("many", "◐ count: a number is asked for, not 'many'."),
        (torch.ones(2), "◐ count: a number is asked for, not tensor([1., 1.])."),
    ],
)
def test_a_number_is_judged_within_its_tolerance(answer, words, capsys):
    count = Number("count", "Count", answer=lambda: 100, wrong={50: "That is half."},
                   solution="Count them.", unit="pixels")  # fmt: skip
    assert check(count, answer, capsys) == words


def test_words_are_kept_and_compared_by_the_reader(capsys):
    why = Words("why", "Why?", answer="Because of the noise.", wrong={"No reason": "there is one."})
    assert check(why, "  ", capsys) == "○ why: not attempted yet."
    assert "a whole sentence" in check(why, "noise", capsys)
    told = check(why, "It is because the code is noisy.", capsys)
    assert told.startswith("● why: kept.") and "Because of the noise." in told
    assert "If you wrote “No reason”: there is one." in told
    assert "It is because the code is noisy." in record.entry("exercises", "why")["tried"]
    why.wanted = {r"\d": "no number found."}
    assert check(why, "It is because the code is noisy.", capsys) == "◐ why: no number found."
    assert check(why, "It is because 3 codes are noisy.", capsys).startswith("● why: kept.")


def test_progress_counts_what_was_done(monkeypatch):
    from course_lib.lessons import Prediction

    notebook, (first, *_) = next(iter(BY_NOTEBOOK.items()))
    before = exercises.progress()
    assert before["solved"].sum() == before["attempts"].sum() == 0
    first.check(right_answer(first))
    for place, right in ((f"/home/me/notebooks/mine/04_{notebook}.ipynb", "yes"), ("", "no")):
        monkeypatch.setenv("JPY_SESSION_NAME", place)
        ask = Prediction(f"Which, in {place!r}?", ["yes", "no"])
        ask.lock("yes")
        ask.reveal(right, "Why.")
    after = exercises.progress()
    row = after.loc[notebook.replace("_", " ")]
    assert row[["solved", "predictions", "right"]].tolist() == [1, 1, 1]
    assert after.loc["elsewhere", ["predictions", "right"]].tolist() == [1, 0]
    assert after["exercises"].sum() == len(ALL)
    exercises.reset()
    assert exercises.progress()["solved"].sum() == 0


def test_long_messages_are_broken_between_words_and_code_is_not(formula, capsys):
    formula.wrong[0] = Wrong("the square of it is " + "far " * 40 + "away.", lambda x: x**2)
    out = check(formula, lambda x: x**2, capsys)
    assert max(map(len, out.splitlines())) <= WIDTH < len(out)
    assert set(out.split()) <= {"◐", "double:", *formula.wrong[0].message.split()}
    assert wrapped("one\n\ntwo") == "one\n\ntwo"
