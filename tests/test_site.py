"""The site: what becomes of a notebook on it, and what is refused. (A browser looks at all of it
in test_site_in_browser.)"""

import base64
import os
import re
import shutil
import sys
from pathlib import Path

import nbformat
import pytest
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from course_lib.authoring import site
from course_lib.authoring.execute import NotebookError, read
from course_lib.authoring.pages import page
from course_lib.authoring.predictions import asked
from course_lib.authoring.scoreboard import judged
from course_lib.lessons import Prediction, claim, verdict
from tests.test_notebooks import NOTEBOOKS
from tests.test_setup import make, needs_make

ROOT = Path(__file__).resolve().parent.parent
PIXEL = base64.b64encode(b"\x89PNG, as far as anybody looks").decode()

QUESTION = """\
choices = ["less than 5 %", "less", "more < all"]
size = Prediction("How much of it is of x & y?", choices)
size"""
REVEAL = """\
print("before")
size.reveal("less than 5 %", "Because it is so.")
near = claim(f"a ratio of {2} numbers", 0.5, below=1)
far = [claim(sentence, 3, above=n) for n in (1, 2)]"""
VERDICT = """\
heard = "It is large."
verdict(heard, "half true", because=[near, *far]);
claim("of no use", 1, above=0);
"""


def notebook(first="# 1 · First: what is it?", link="02_second.ipynb"):
    """A notebook of each thing that the site treats in its own way, executed by hand."""
    text = f"{first}\n\nAbout 40 minutes.\n\nWith $x^2$.\n\nNext: [it]({link})"
    cells = [new_markdown_cell(text), new_markdown_cell("Ask them."), new_markdown_cell("It is 3.")]
    cells[1].metadata.slideshow = {"slide_type": "notes"}
    cells[2].metadata.tags = ["solution"]
    for count, source in enumerate((QUESTION, REVEAL, VERDICT, "explorer", "figures()"), 1):
        cells.append(new_code_cell(source, execution_count=count))
    _, _, _, question, reveal, judging, explorer, figures = cells
    question.outputs = [widget("Prediction('How much …')")]
    explorer.outputs = [widget("LatentExplorer of AE: image 0"), figure("A face.")]
    figures.outputs = [figure("A ‘nose’ & a mouth."), figure("Ears.")]
    figures.outputs += [new_output("display_data", {"text/html": TABLE})]
    return new_notebook(cells=cells), reveal, judging


BARE = "<div><table><tr><td></td><th>a</th></tr></table></div>"
TABLE = BARE.replace("<table>", '<style scoped>th {}</style><table border="1">')
TABLE = TABLE.replace("<td></td>", "<th></th>")


def widget(name):
    data = {"text/plain": name, "application/vnd.jupyter.widget-view+json": {"model_id": "1"}}
    return new_output("display_data", data)


def figure(alt):
    shown = new_output("display_data", {"image/png": PIXEL, "text/plain": alt})
    shown.metadata["image/png"] = {"alt": alt}
    return shown


@pytest.fixture
def course(tmp_path, capsys):
    """A course of two notebooks."""
    folder = tmp_path / "course" / "notebooks"
    folder.mkdir(parents=True)
    shutil.copy(ROOT / "notebooks" / "explorer.png", folder)
    (folder.parent / "README.md").write_text("# The course\n\n[first](notebooks/01_first.ipynb)")
    (folder / "HANDOUT.md").write_text("# Two pages\n")
    for name, first, link in (
        ("01_first", "# 1 · First: what is it?", "02_second.ipynb"),
        ("02_second", "# 2 · Second: what was it?", "CLAIMS.md"),
    ):
        made, reveal, judging = notebook(first, link)
        run = {"print": print, "claim": claim, "verdict": verdict, "sentence": "3 of {n} [m]"}
        run["size"] = Prediction("How much of it is of x & y?", ["less than 5 %", "less", "more"])
        for cell in (reveal, judging):
            capsys.readouterr()
            exec(cell.source, run)
            cell.outputs = [new_output("stream", text=capsys.readouterr().out)]
        nbformat.write(made, folder / f"{name}.ipynb")
    return folder.parent


@pytest.fixture
def first(course):
    return course / "notebooks" / "01_first.ipynb"


def test_a_prediction_is_read_back_with_its_answer(first):
    cells = read(first).cells
    [found] = asked(read(first))
    assert (found.asked_in, found.revealed_in) == (cells[3].id, cells[4].id)
    assert found.question == "How much of it is of x & y?"
    assert found.choices == ["less than 5 %", "less", "more < all"]
    assert found.choices[found.right] == "less than 5 %", "not the shorter one that it begins with"
    assert found.because == "Because it is so."


def test_a_prediction_without_an_answer_is_named(first):
    made = read(first)
    made.cells[4].outputs = []
    with pytest.raises(NotebookError, match="answer to 'How much of it is of x & y\\?': execute"):
        asked(made)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_prediction_of_the_course_answers_on_the_site(path):
    shown = page(path).cells
    forms = [o for c in shown for o in c.get("outputs", []) if "<form" in str(o)]
    answers = [o for c in shown for o in c.get("outputs", []) if "prediction-answer" in str(o)]
    written = sum(len(re.findall(r"= Prediction\(", c.source)) for c in read(path).cells)
    assert len(forms) == len(answers) == written > 0
    assert not any("You locked in no prediction" in str(c.get("outputs")) for c in shown)


def test_a_verdict_names_the_claims_that_it_rests_on(first):
    cells = read(first).cells
    [found] = judged(first)
    assert (found.heard.sentence, found.heard.result) == ("It is large.", "half true")
    assert [(one.cell, one.sentence, one.result) for one in found.because] == [
        (cells[4].id, "a ratio of 2 numbers", "0.5 < 1"),
        (cells[4].id, "3 of {n} [m]", "3 > 1"),
        (cells[4].id, "3 of {n} [m]", "3 > 2"),
    ]


def test_every_verdict_of_the_course_rests_on_claims_that_hold():
    found = [one for path in NOTEBOOKS for one in judged(path)]
    assert len(found) > 20
    for one in found:
        assert one.because and all(claim.holds and not claim.heard for claim in one.because)
    # One whose claim was measured long before, and one whose claims are in a list.
    by_sentence = {one.heard.sentence: one for one in found}
    dense = by_sentence["What matters for drawing is the density of the codes."]
    assert len(dense.because) == 3
    exact = by_sentence["The KL term makes latent variables useless."]
    assert "settings in which the active units are as predicted" in exact.because[0].sentence


def test_a_page_leaves_out_notes_and_folds_solutions(first):
    title, solution, *_ = page(first).cells
    assert title.source.startswith("# 1 · First")
    assert solution.source == "<details><summary>Solution</summary>\n\nIt is 3.\n\n</details>"


def test_what_a_reveal_prints_is_folded_and_the_rest_stays_in_order(first):
    _, _, question, reveal, *_ = page(first).cells
    assert "remove-input" in question.metadata.tags
    before, answer, after = reveal.outputs
    assert before.text == "before\n"
    assert "<strong>less than 5 %</strong>. Because it is so.</p>" in answer.data["text/html"]
    assert after.text.startswith("✓ a ratio of 2 numbers")
    form = question.outputs[0].data["text/html"]
    assert "x &amp; y?" in form and "more &lt; all" in form and "Because" not in form


def test_a_widget_says_where_it_lives(first):
    *_, explorer, figures = page(first).cells
    assert '<a href="../play.html">' in explorer.outputs[0].data["text/html"]
    assert explorer.metadata.page.alts == ["A face."]
    assert figures.metadata.page.alts == ["A ‘nose’ & a mouth.", "Ears."]
    assert figures.outputs[2].data["text/html"] == BARE


def test_teachers_answers_are_no_page_and_headings_are_named_as_sphinx_does():
    mended = site._links_mended(
        "[its heading](05_it.ipynb#Sum-or-mean?), [answers](ANSWERS.md#one), [page](QUESTIONS.md)"
    )
    assert mended == "[its heading](05_it.ipynb#sum-or-mean), answers, [page](QUESTIONS.md)"


def demo(folder):
    folder.mkdir()
    (folder / "index.html").write_text("<!DOCTYPE html><title>demo</title>")


def test_without_sphinx_one_sentence_says_what_to_install(course, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sphinx.application", None)
    with pytest.raises(ValueError, match="Sphinx, which is not installed: make site"):
        site.site(course, tmp_path / "site", demo)
    assert not (tmp_path / "site").exists()


def test_a_first_cell_that_cannot_be_listed_is_named(course, first, tmp_path):
    notebook = nbformat.read(first, 4)
    notebook.cells[0].source = "# The first notebook"
    nbformat.write(notebook, first)
    with pytest.raises(ValueError, match="01_first.ipynb' cannot be listed: .* minutes'"):
        site.site(course, tmp_path / "site", demo)


def test_a_folder_that_holds_something_else_stays(course, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    with pytest.raises(ValueError, match="something else than a site"):
        site.site(course, tmp_path / "mine", demo)
    assert os.listdir(tmp_path / "mine") == ["thesis.txt"]


def test_a_small_course_becomes_a_site(sphinx, course, tmp_path):
    slides = course / "build" / "slides"
    slides.mkdir(parents=True)
    deck = f'<img src="data:image/png;base64,{PIXEL}"><img src="data:image/png;base64,AAAA">'
    (slides / "01_first.html").write_text(deck)
    (slides / "01_first.pdf").touch()
    built = tmp_path / "made" / "site"
    assert site.site(course, built, demo) == built / "index.html"

    html = (built / "notebooks" / "01_first.html").read_text()
    cells = read(course / "notebooks" / "01_first.ipynb").cells
    assert re.search(rf'<div class="[^"]*cell[^"]*" id="cell-{cells[4].id}">', html)
    assert 'alt="A ‘nose’ &amp; a mouth."' in html and 'alt="Ears."' in html
    assert "Ask them." not in html and "mathjax/tex-svg-full.js" in html
    home = (built / "index.html").read_text()
    assert "of 2 sentences" in home and "0 hold, 2 are half" in home
    assert 'href="slides/01_first.html"' in home and "slides/02" not in home
    scores = (built / "notebooks" / "CLAIMS.html").read_text()
    assert f'href="01_first.html#cell-{cells[4].id}">[0.5 &lt; 1]' in scores
    assert {path.name for path in (built / "slides").iterdir()} == {"01_first.html"}
    shared, own = re.findall('src="([^"]*)"', (built / "slides" / "01_first.html").read_text())
    assert (built / "slides" / shared).is_file() and own.endswith("AAAA")

    # A link that leads nowhere is named, and the site stays as it was.
    before = sorted(built.rglob("*"))
    (course / "README.md").write_text("# The course\n\n[gone](notebooks/09_gone.ipynb)")
    with pytest.raises(ValueError, match="mend this one first: README.md.*09_gone.ipynb"):
        site.site(course, built, demo)
    assert sorted(built.rglob("*")) == before
    assert os.listdir(tmp_path / "made") == ["site"], "nothing half-written stays"


@needs_make
def test_the_workflow_runs_what_is_there():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "site.yml").read_text())
    assert workflow["permissions"] == {"contents": "read", "pages": "write", "id-token": "write"}
    steps = workflow["jobs"]["publish"]["steps"]
    official = [step["uses"] for step in steps if "uses" in step]
    assert all(re.fullmatch(r"actions/[\w-]+@v\d+", one) for one in official)
    assert official[-1].startswith("actions/deploy-pages")
    [artifact] = [step["with"]["path"] for step in steps if "upload-pages" in str(step)]
    assert artifact == "build/site"
    [built, tested] = [step["run"].split() for step in steps if "run" in step]
    assert make(ROOT, "-n", *built[1:]).returncode == 0
    assert all((ROOT / name).is_file() for name in tested if name.endswith(".py"))
