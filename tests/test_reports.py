"""A report: what belongs into it and what the student added, and nothing else."""

import re
from html.parser import HTMLParser

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from course_lib.authoring import browser, reports


@pytest.fixture
def notebook(tmp_path):
    picture = new_output("display_data", {"image/png": "iVBORw0KGgo="})
    picture.metadata["image/png"] = {"alt": "Six faces."}
    shown = new_output("stream", text="of the course, shown")
    cells = [
        new_markdown_cell("# 9 · My title: what?"),
        new_markdown_cell("An instructor's note."),
        new_code_cell("hidden()", execution_count=1, outputs=[new_output("stream", text="unseen")]),
        new_code_cell("edits()", execution_count=2, outputs=[picture, shown]),
        new_markdown_cell("The course's words for the report."),
    ]
    for cell in cells:
        cell.metadata["slideshow"] = {"slide_type": "-"}
    for cell in cells[3:]:
        cell.metadata["tags"] = ["report"]
    cells.append(new_markdown_cell("What I found: **blur**."))
    path = tmp_path / "09_mine.ipynb"
    nbformat.write(new_notebook(cells=cells), path)
    return path


def test_the_page_holds_the_report_and_the_students_own_cells(notebook, tmp_path, monkeypatch):
    monkeypatch.setattr(browser, "find", lambda: None)
    [page] = reports.report(notebook, tmp_path / "out")
    html = page.read_text("utf-8")
    for wanted in (
        "of the course, shown",
        "The course's words",
        "<strong>blur</strong>",
        "Six fac",
    ):
        assert wanted in html
    for unwanted in ("instructor", "unseen", "hidden()", "In [", "In&nbsp;"):
        assert unwanted not in html
    assert "<title>9 · My title: what?</title>" in html
    assert re.search(r"<h1[^>]*>9 · My title: what\?<", html)
    assert not re.search(r'<(img|script)[^>]+src="(?!data:)|import .*https:', html)  # anywhere
    assert "MathJax" not in html  # 2 MB, for nothing


@pytest.mark.browser
def test_a_formula_needs_no_network(notebook, tmp_path, page, monkeypatch):
    monkeypatch.setattr(browser, "find", lambda: None)
    written = nbformat.read(notebook, 4)
    written.cells[-1].source = r"The cost is $\frac{1}{2}\mu^2$."
    nbformat.write(written, notebook)
    [report] = reports.report(notebook, tmp_path / "out")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(report.as_uri())
    page.locator("mjx-container svg").wait_for()
    assert asked == [report.as_uri()]


def test_a_files_name_and_a_pictures_description_are_words(notebook, tmp_path, monkeypatch):
    hostile = "<img src=x onerror=alert(1)> & \"'"
    monkeypatch.setattr(browser, "find", lambda: None)
    content = nbformat.read(notebook, 4)
    del content.cells[0]
    content.cells[2].outputs[0].metadata["image/png"] = {"alt": hostile}
    content.cells[2].outputs[1].text = hostile
    named = tmp_path / f"{hostile}.ipynb"
    nbformat.write(content, named)
    [page] = reports.report(named, tmp_path / "out")
    read = Page(page.read_text("utf-8"))
    assert read.title == read.heading == hostile
    assert [dict(image).get("alt") for image in read.images] == [hostile]


class Page(HTMLParser):
    """What a browser reads in a page."""

    def __init__(self, html):
        super().__init__()
        self.title = self.heading = self._in = ""
        self.images = []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self._in = tag
        if tag == "img":
            self.images.append(attributes)

    def handle_data(self, data):
        if self._in == "title":
            self.title += data
        if self._in == "h1":
            self.heading += data

    def handle_endtag(self, tag):
        self._in = ""


def test_a_browser_prints_it(notebook, tmp_path, chromium_path, monkeypatch):
    monkeypatch.setattr(browser, "find", lambda: chromium_path)
    page, pdf = reports.report(notebook, tmp_path / "out")
    assert pdf.read_bytes().startswith(b"%PDF-")
    assert sorted(pdf.parent.iterdir()) == [page, pdf]


def test_a_browser_that_fails_is_told_and_the_page_stays(notebook, tmp_path, monkeypatch):
    monkeypatch.setattr(browser, "find", lambda: "false")
    with pytest.raises(OSError, match="false could not print"):
        reports.report(notebook, tmp_path / "out")
    assert [path.suffix for path in (tmp_path / "out").iterdir()] == [".html"]


def test_what_is_no_report_is_refused(notebook, tmp_path):
    content = nbformat.read(notebook, 4)
    content.cells[3].execution_count = None
    nbformat.write(content, notebook)
    with pytest.raises(ValueError, match=r"1 cells of the report were not run, the first is `edit"):
        reports.report(notebook, tmp_path / "out")
    content.cells = content.cells[:3]
    nbformat.write(content, notebook)
    with pytest.raises(ValueError, match="no cell for a report"):
        reports.report(notebook, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_copy_is_found_by_its_number(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match="no copy of notebook 9"):
        reports.find("9")
    mine = tmp_path / "notebooks" / "mine"
    mine.mkdir(parents=True)
    (mine / "09_your_own_faces.ipynb").touch()
    assert reports.find("9").name == reports.find("09").name == "09_your_own_faces.ipynb"
    assert str(reports.find("a/b.ipynb")) == "a/b.ipynb"


def test_a_students_own_first_cell_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(browser, "find", lambda: None)
    path = tmp_path / "own.ipynb"
    cells = [new_code_cell(""), new_markdown_cell("My own words.")]
    nbformat.write(new_notebook(cells=cells), path)
    [page] = reports.report(path, tmp_path)
    assert "My own words." in page.read_text("utf-8")
    assert "<title>own</title>" in page.read_text("utf-8")
