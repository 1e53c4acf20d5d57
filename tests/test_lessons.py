import pytest

from course_lib.lessons import Prediction

CHOICES = ["more", "fewer", "as many"]


@pytest.fixture
def ask():
    return Prediction("More or fewer?", CHOICES)


def test_the_first_answer_counts(ask):
    question, options, button = ask.children
    assert "More or fewer?" in question.value and not button.disabled
    options.value = "fewer"
    assert ask.choice is None, "ticking is not locking in"
    button.click()
    assert ask.choice == "fewer" and options.disabled and button.disabled
    ask.lock("more")
    assert ask.choice == "fewer"


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        (None, "You locked in no prediction. It is: more. Why."),
        ("more", "As you predicted: more. Why."),
        ("fewer", "You predicted: fewer. It is: more. Why."),
    ],
)
def test_reveal_speaks_to_what_was_predicted(ask, capsys, choice, words):
    ask.lock(choice)
    ask.reveal("more", "Why.")
    assert capsys.readouterr().out.strip() == words


def test_a_question_is_shown_as_it_is_written():
    label = Prediction("Is a < b & b > c?", CHOICES).children[0].value
    assert label == "<strong>Predict.</strong> Is a &lt; b &amp; b &gt; c?"


def test_lock_without_an_answer_waits_for_one(ask):
    ask.lock()
    assert ask.choice is None
    ask.lock("as many")
    assert ask.choice == "as many"


def test_impossible_choices(ask):
    with pytest.raises(ValueError, match="none of the choices"):
        ask.lock("perhaps")
    with pytest.raises(ValueError, match="none of the choices"):
        ask.reveal("perhaps", "")
    with pytest.raises(ValueError, match="two or more"):
        Prediction("Only one?", ["yes"])
    with pytest.raises(ValueError, match="two or more"):
        Prediction("Twice?", ["yes", "yes"])
