"""Claims say what was measured; verdicts stand on them; both can be read back from notebooks."""

import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from course_lib import __main__
from course_lib.authoring.claims import Stated, collect, table, write
from course_lib.lessons import claim, verdict

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize(
    ("measured", "threshold", "line"),
    [
        (1.5, {"below": 2}, "✓ it is so [1.5 < 2]"),
        (2, {"below": 2}, "✗ it is so [2 < 2]"),
        (2.5, {"above": 2}, "✓ it is so [2.5 > 2]"),
        (2, {"above": 2}, "✗ it is so [2 > 2]"),
        (2.05, {"near": 2, "within": 0.1}, "✓ it is so [2.05 ≈ 2 ± 0.1]"),
        (2.2, {"near": 2, "within": 0.1}, "✗ it is so [2.2 ≈ 2 ± 0.1]"),
        (float("nan"), {"below": 2}, "✗ it is so [nan < 2]"),
        (float("nan"), {"above": 2}, "✗ it is so [nan > 2]"),
        (float("nan"), {"near": 2, "within": 1}, "✗ it is so [nan ≈ 2 ± 1]"),
    ],
)
def test_a_claim_prints_measurement_threshold_and_whether_it_holds(
    measured, threshold, line, capsys
):
    stated = claim("it is so", measured, **threshold)
    assert capsys.readouterr().out == line + "\n"
    assert stated.holds == line.startswith("✓")


@pytest.mark.parametrize("threshold", [{}, {"above": 1, "below": 2}, {"near": 1}, {"within": 1}])
def test_a_claim_needs_one_threshold(threshold):
    with pytest.raises(ValueError, match="'it is so' needs one threshold"):
        claim("it is so", 1.0, **threshold)


def test_a_verdict_stands_only_if_all_of_its_evidence_holds(capsys):
    good, bad = claim("good", 1, above=0), claim("bad", -1, above=0)
    capsys.readouterr()
    assert verdict("people say so", "half true", [good])
    assert not verdict("people say so", "false", [good, bad])
    assert capsys.readouterr().out.splitlines() == [
        "✓ “people say so”: half true.",
        "✗ “people say so”: does not hold.",
    ]


@pytest.mark.parametrize(("judged", "because"), [("maybe", [None]), ("true", [])])
def test_a_verdict_needs_a_known_word_and_evidence(judged, because):
    with pytest.raises(ValueError, match="measure first"):
        verdict("people say so", judged, because)


@pytest.fixture
def notebook(tmp_path, capsys):
    """A notebook that shows what the functions print."""
    stated = claim("error [grey levels] is small", 0.5, below=1)
    claim("error is |tiny|", 2.0, below=1)
    verdict("people say so", "half true", [stated])
    printed = new_output("stream", text="a line before\n" + capsys.readouterr().out)
    cells = [
        new_markdown_cell("✓ text is no evidence [1 < 2]"),
        new_code_cell("…", outputs=[printed], execution_count=1),
    ]
    path = tmp_path / "07_example.ipynb"
    nbformat.write(new_notebook(cells=cells), path)
    return path


def test_claims_are_read_back_from_outputs_only(notebook):
    _, cell = nbformat.read(notebook, as_version=4).cells
    assert collect([notebook]) == [
        Stated("07_example", cell.id, True, "error [grey levels] is small", "0.5 < 1"),
        Stated("07_example", cell.id, False, "error is |tiny|", "2 < 1"),
        Stated("07_example", cell.id, True, "people say so", "half true"),
    ]


def test_the_table_is_markdown_with_what_people_say_first(notebook):
    assert table(collect([notebook])).splitlines() == [
        "| people say | we found | notebook |",
        "| --- | --- | --- |",
        "| “people say so” | ✓ half true | 07 |",
        "",
        "| claim | measured | notebook |",
        "| --- | --- | --- |",
        "| ✓ error [grey levels] is small | 0.5 < 1 | 07 |",
        r"| ✗ error is \|tiny\| | 2 < 1 | 07 |",
    ]


def test_the_command_prints_the_table_and_writes_the_page(notebook, tmp_path, monkeypatch, capsys):
    page = tmp_path / "page.md"
    page.write_text("an older page, which goes")
    monkeypatch.setattr(sys, "argv", ["course_lib", "claims", str(notebook), "--write", str(page)])
    with pytest.raises(SystemExit) as stop:
        __main__.main()
    expected = table(collect([notebook]))
    assert stop.value.code == 0
    assert capsys.readouterr().out == expected + "\n"
    assert page.read_text().startswith("# What we found\n")
    assert page.read_text().endswith(f"\n\n{expected}\n")
    assert "an older page" not in page.read_text()


def test_the_page_shows_what_the_notebooks_state(tmp_path):
    stated = collect(sorted((ROOT / "notebooks").glob("*.ipynb")))
    write(stated, tmp_path / "CLAIMS.md")
    shown, expected = (
        (folder / "CLAIMS.md").read_text(encoding="utf-8")
        for folder in (ROOT / "notebooks", tmp_path)
    )
    assert shown == expected, "run `make claims` and commit notebooks/CLAIMS.md"
    assert any(s.heard for s in stated) and any(not s.heard for s in stated)
