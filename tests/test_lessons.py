import pytest

from course_lib.lessons import Estimate, Prediction, Sketch, record

CHOICES = ["more", "fewer", "as many"]


@pytest.fixture
def ask():
    return Prediction("More or fewer?", CHOICES)


def test_the_first_answer_counts(ask):
    question, options, button = ask.children
    assert "More or fewer?" in question.value and button.button_style == "primary"
    button.click()
    assert ask.answer is None and button.description == "Not yet: choose an answer"
    options.value = "fewer"
    assert ask.answer is None, "ticking is not locking in"
    button.click()
    assert ask.answer == "fewer" and options.disabled
    assert not button.disabled, "the keyboard's focus stays where it is"
    button.click()
    ask.lock("more")
    assert ask.answer == "fewer"


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
    assert ask.answer is None
    ask.lock("as many")
    assert ask.answer == "as many"


def test_impossible_choices(ask):
    with pytest.raises(ValueError, match="no answer here: take one of"):
        ask.lock("perhaps")
    with pytest.raises(ValueError, match="none of the choices"):
        ask.reveal("perhaps", "")
    with pytest.raises(ValueError, match="two or more"):
        Prediction("Only one?", ["yes"])
    with pytest.raises(ValueError, match="two or more"):
        Prediction("Twice?", ["yes", "yes"])


def test_choices_that_are_ranges_are_judged_by_their_borders(capsys):
    for measured, right in [(0.5, "less"), (0.9, "alike"), (1.0, "alike"), (1.1, "more")]:
        ask = Prediction(f"Ratio {measured}?", ["less", "alike", "more"], cuts=[0.9, 1.1])
        ask.lock("alike")
        ask.reveal(measured, "Why.")
        said = capsys.readouterr().out.strip()
        told = "As you predicted: alike." if right == "alike" else f"It is: {right}."
        assert told in said and said.endswith("Why.")


@pytest.mark.parametrize("cuts", [[1], [2, 1], [1, 1], [1, 2, 3]])
def test_borders_that_do_not_fit_the_choices_are_refused(cuts):
    with pytest.raises(ValueError, match="need 2 ascending borders"):
        Prediction("Which?", CHOICES, cuts=cuts)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", "You locked in no prediction. It is: 692 pixels. Why."),
        ("about 20", "You locked in no prediction. It is: 692 pixels. Why."),
        ("300", "You predicted 300. It is: 692 pixels. Why."),
        ("650,5", "You predicted 650.5. Close enough. It is: 692 pixels. Why."),
    ],
)
def test_an_estimate_is_right_within_its_tolerance(typed, words, capsys):
    ask = Estimate("How many?", "pixels", within=0.1)
    label, field, button = ask.children
    assert "How many? (Within 10% counts.)" in label.value
    field.children[0].value = typed
    button.click()
    ask.reveal(692, "Why.")
    assert capsys.readouterr().out.strip() == words


def test_a_number_that_is_none_is_refused():
    with pytest.raises(ValueError, match="type a number"):
        Estimate("How many?").lock("many")


def sketch():
    return Sketch("Which line?", [1, 2, 3, 4, 5], "epoch", "error", 0, 10)


def test_a_sketch_is_shown_beside_what_was_measured(capsys):
    ask = sketch()
    pad = ask.children[1]
    assert pad.value == [5] * 5 and not pad.disabled
    pad.value = [9, 7, 5, 3, 1]
    ask.lock()
    assert pad.disabled and not pad.measured
    figure = ask.reveal([9, 7, 4, 3, 1], "Why.")
    assert pad.measured == [9, 7, 4, 3, 1]
    told = "Your line is off by 0.2 on average. That is close. It goes from 9 to 1. Why."
    assert capsys.readouterr().out.strip() == told
    assert "your prediction: 9 at 1, 7 at 2, 5 at 3, 3 at 4, 1 at 5." in figure.alt


def test_a_sketch_far_off_and_none_at_all(capsys):
    far, none = sketch(), Sketch("Another?", [1, 2, 3], "epoch", "error", 0, 10)
    far.lock([0.0] * 5)
    far.reveal([9] * 5, "Why.")
    none.reveal([9] * 3, "Why.")
    assert far.children[1].measured == [9] * 5 and none.children[1].measured == []
    first, second = capsys.readouterr().out.splitlines()
    assert first == "Your line is off by 9 on average. It goes from 9 to 9. Why."
    assert second == "You locked in no prediction. It goes from 9 to 9. Why."
    with pytest.raises(ValueError, match="a number for each place"):
        none.lock([1.0])


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (lambda: Prediction("Which?", CHOICES), "fewer"),
        (lambda: Estimate("How many?"), 7.0),
        (sketch, [1.0, 2.0, 3.0, 4.0, 5.0]),
    ],
)
def test_an_answer_outlives_the_kernel_and_can_be_reset(question, answer):
    question().lock(answer)
    again = question()
    assert again.answer == answer and again.children[2].description.startswith("Locked in")
    record.reset()
    assert question().answer is None


def test_an_old_answer_that_is_none_any_more_is_asked_again():
    Prediction("Which?", CHOICES).lock("fewer")
    assert Prediction("Which?", ["yes", "no"]).answer is None
