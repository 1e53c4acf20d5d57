import json

import pytest

from course_lib.lessons import record


def test_fields_are_added_and_other_entries_stay():
    record.keep("exercises", "kl", attempts=1)
    record.keep("exercises", "kl", solved=True)
    record.keep("predictions", "Which?", answer="fewer")
    assert record.entry("exercises", "kl") == {"attempts": 1, "solved": True}
    assert record.entry("predictions", "Which?") == {"answer": "fewer"}
    assert record.entry("exercises", "never tried") == {}
    assert json.loads(record.record_file().read_text())["exercises"]["kl"]["attempts"] == 1


def test_it_is_not_kept_with_what_a_class_shares(monkeypatch, tmp_path):
    monkeypatch.delenv("COURSE_PROGRESS")
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    assert tmp_path not in record.record_file().parents


@pytest.mark.parametrize("text", ["{", "[]", '{"exercises": {"kl": 3}, "predictions": {}}', "{}"])
def test_a_damaged_record_is_set_aside(text):
    record.record_file().write_text(text)
    with pytest.warns(UserWarning, match="progress.damaged.json now, and you start anew"):
        assert record.entry("exercises", "kl") == {}
    assert record.record_file().with_suffix(".damaged.json").read_text() == text
    record.keep("exercises", "kl", attempts=1)
    assert record.entry("exercises", "kl") == {"attempts": 1}


def test_a_place_that_cannot_be_written_to_warns_and_goes_on(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "file" / "progress.json"))
    with pytest.warns(UserWarning, match="could not be"):
        record.keep("exercises", "kl", attempts=1)


def test_reset_keeps_the_old_file_beside():
    record.reset()  # nothing to reset
    record.keep("exercises", "kl", attempts=1)
    record.reset()
    assert record.entry("exercises", "kl") == {}
    assert "kl" in record.record_file().with_suffix(".old.json").read_text()


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("/home/me/notebooks/03_edit_the_latent.ipynb", "edit_the_latent"),
        ("", ""),
        ("/tmp/mine.ipynb", ""),
    ],
)
def test_jupyter_tells_the_notebook(monkeypatch, name, number):
    monkeypatch.setenv("JPY_SESSION_NAME", name)
    assert record.notebook() == number
