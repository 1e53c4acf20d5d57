"""``python -m course_lib``: notebooks executed for committing, and exported as offline slides."""

import io
import re
import shutil
import sys
from html.parser import HTMLParser
from pathlib import Path
from unittest.mock import Mock, call

import nbformat
import numpy as np
import pytest
import torch
import zmq
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course_lib import __main__
from course_lib.authoring import execute, slides

PLOT = """\
%matplotlib inline
import sys
import matplotlib.pyplot as plt
print("six", 2 * 3)
print("a warning", file=sys.stderr)
plt.subplots()[1].plot([1, 2, 4]);"""
ALT = 'A curve, "rising" & <bent>.'
SLIDES = ("slide", "notes", "slide", "subslide")
WIDGET = "import ipywidgets\nipywidgets.IntSlider(3)"


def write(path, cells):
    notebook = new_notebook(cells=cells)
    notebook.metadata["widgets"] = {"state": {}}
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"
        cell.metadata.update(slideshow={"slide_type": SLIDES[number]}, scrolled=True)
    nbformat.write(notebook, path)
    return path


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["course_lib", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        __main__.main()
    return stop.value.code


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """A small notebook with formulas, notes, code, a figure and a widget, executed."""
    path = write(
        tmp_path_factory.mktemp("notebooks") / "tiny.ipynb",
        [
            new_markdown_cell("# Tiny\n\n$\\beta\\sigma^2$ and $$\\boldsymbol{\\mu} = 0$$"),
            new_markdown_cell("Speak slowly."),
            new_code_cell(PLOT),
            new_code_cell(WIDGET),
        ],
    )
    execute.execute(path)
    return path


def test_executing_keeps_the_outputs_and_nothing_that_changes_by_itself(executed):
    notebook = nbformat.read(executed, as_version=4)
    assert notebook.metadata.pop("@deathbeds/jupyterlab-fonts").keys() == {"styles"}
    assert notebook.metadata == {
        "kernelspec": {
            "display_name": "Python 3 (ipykernel)",
            "language": "python",
            "name": "python3",
        },
        "language_info": {"name": "python"},
    }
    assert [cell.id for cell in notebook.cells] == ["cell-0", "cell-1", "cell-2", "cell-3"]
    assert all(list(cell.metadata) == ["slideshow"] for cell in notebook.cells)
    plot, widget = notebook.cells[2:]
    assert (plot.execution_count, widget.execution_count) == (1, 2)
    assert plot.outputs[0].text == "six 6\n"
    assert "image/png" in plot.outputs[1].data and len(plot.outputs) == 2
    assert widget.outputs[0].data == {"text/plain": "IntSlider (run the notebook to use it)"}
    assert widget.outputs[0].metadata == {"widget": True}


def test_what_an_output_widget_shows_is_not_stored(tmp_path):
    """As `ipywidgets.interact` makes one: it runs, and its outputs stay in the kernel."""
    interact = "import ipywidgets\nipywidgets.interact(lambda x: x + 1, x=3);"
    path = write(tmp_path / "mine.ipynb", [new_code_cell(interact)])
    execute.execute(path)
    notebook = nbformat.read(path, as_version=4)
    [output] = notebook.cells[0].outputs
    assert output.data == {"text/plain": "interactive (run the notebook to use it)"}
    assert "widgets" not in notebook.metadata


def test_executing_again_gives_the_same_file(executed, tmp_path, monkeypatch, capsys):
    again = shutil.copy(executed, tmp_path)
    assert run(monkeypatch, "execute", again) == 0
    assert "tiny.ipynb" in capsys.readouterr().out
    assert (tmp_path / "tiny.ipynb").read_bytes() == executed.read_bytes()
    assert executed.read_bytes().endswith(b"}\n")


@pytest.mark.parametrize(
    "source, what",
    [
        ("1 / 0", "raised ZeroDivisionError: division by zero"),
        ("import os; os._exit(1)", "ended the kernel"),
        ("import time; time.sleep(60)", "took longer than 2 s"),
    ],
)
def test_a_notebook_that_fails_stays_as_it_was(source, what, tmp_path, monkeypatch):
    path = write(tmp_path / "bad.ipynb", [new_code_cell("x = 1"), new_code_cell(source)])
    before = path.read_bytes()
    message = run(monkeypatch, "execute", path, "--timeout", 2)
    assert message == f"Error: bad.ipynb: cell 2 (id cell-1) {what}; nothing was written."
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("command", ["execute", "slides", "claims"])
def test_a_missing_notebook_is_named(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, command, "gone.ipynb") == (
        "Error: There is no notebook gone.ipynb; give the path of an .ipynb file."
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["execute", "slides", "claims"])
@pytest.mark.parametrize("content", [b"not JSON", b"\xff\xfe", b"{}", b"[1]", b'{"nbformat": 99}'])
def test_a_file_that_is_no_notebook_is_named(command, content, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("prose.ipynb").write_bytes(content)
    assert run(monkeypatch, command, "prose.ipynb") == (
        "Error: prose.ipynb is no notebook: give the path of an .ipynb file."
    )


@pytest.mark.parametrize(
    ("bug", "kind"),
    [
        (lambda: torch.zeros(2) @ torch.zeros(3), RuntimeError),
        (lambda: np.zeros(2) + np.zeros(3), ValueError),
        (lambda: [].pop(), IndexError),
    ],
)
def test_a_bug_does_not_look_like_a_users_mistake(bug, kind, tmp_path, monkeypatch):
    monkeypatch.setattr(execute, "execute", lambda path, timeout: bug())
    monkeypatch.setattr(sys, "argv", ["course_lib", "execute", str(tmp_path)])
    with pytest.raises(kind):
        __main__.main()


def test_a_mistake_shows_where_it_was_noticed_if_one_asks(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["course_lib", "--traceback", "execute", str(tmp_path / "x")])
    with pytest.raises(FileNotFoundError, match="There is no notebook"):
        __main__.main()


def test_a_console_of_few_letters_is_no_obstacle(tmp_path, monkeypatch):
    console = io.TextIOWrapper(io.BytesIO(), "cp437")
    monkeypatch.setattr(execute, "execute", lambda path, timeout: None)
    monkeypatch.setattr(sys, "stdout", console)
    assert run(monkeypatch, "execute", "σ².ipynb") == 0
    console.flush()
    assert console.buffer.getvalue().decode("cp437").strip() == "σ².ipynb ?"


@pytest.fixture(scope="module")
def deck(executed, tmp_path_factory):
    [path] = slides.slides([executed], tmp_path_factory.mktemp("slides"))
    return path


class Links(HTMLParser):
    """What a page loads by itself; what a reader may click (``a href``) is not among it."""

    def __init__(self, html):
        super().__init__()
        self.images = []
        self.loaded = re.findall(r"@import|\burl\(\s*[\"']?(?!data:|#)[^)]*|\bimport\b.*from", html)
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        if tag == "img":
            self.images.append(dict(attributes))
        for name, value in attributes:
            if name in {"src", "srcset"} or (tag == "link" and name == "href"):
                self.loaded.append(value)


def test_a_figure_keeps_its_description(executed, tmp_path):
    notebook = nbformat.read(executed, as_version=4)
    notebook.cells[2].outputs[1].metadata["image/png"] = {"alt": ALT}
    path = tmp_path / "described.ipynb"
    nbformat.write(notebook, path)
    [deck] = slides.slides([path], tmp_path)
    assert [image["alt"] for image in Links(deck.read_text()).images] == [ALT]


def test_a_deck_loads_only_files_beside_it(deck):
    loaded = [name for name in Links(deck.read_text()).loaded if not name.startswith("data:")]
    assert loaded
    for name in loaded:
        assert name.startswith("assets/") and (deck.parent / name).is_file(), name
    sheets = list(deck.parent.rglob("*.css"))
    assert sheets
    for sheet in sheets:
        assert not Links(sheet.read_text()).loaded, sheet


@pytest.mark.browser
def test_a_deck_in_a_browser(deck, page):
    requests, troubles = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("requestfailed", lambda request: troubles.append(request.url))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda line: troubles.append(line.text))
    page.goto(deck.as_uri())

    formulas = page.locator(".present mjx-container > svg")
    formulas.nth(1).wait_for()
    assert formulas.count() == 2
    assert "$" not in page.locator("section.present").last.inner_text()
    notes = page.get_by_text("Speak slowly.").all()  # one for each slide of the section
    assert notes and not any(note.is_visible() for note in notes)

    page.keyboard.press("Space")
    page.locator(".present img").wait_for()
    assert page.evaluate("document.querySelector('.present img').naturalWidth") > 100
    assert page.evaluate("Reveal.getIndices().h") == 1

    page.evaluate("Reveal.slide(0)")
    with page.expect_popup() as popup:
        page.keyboard.press("s")
    popup.value.get_by_text("Speak slowly.").wait_for()
    assert not troubles
    assert {url.partition(":")[0] for url in requests} <= {"file", "data", "about"}
    assert any(url.endswith("reveal.js") for url in requests)


def test_an_output_widget_looks_for_replies_after_it_has_sent():
    """Else nbclient may sleep over a reply until the cell's time is up, in a run in twenty."""
    kernel = Mock()
    widget = execute.HeardOutput("id", {"outputs": []}, kernel, Mock())
    widget.parent_header = {}
    widget.send(data={})
    sent, looked = kernel.shell_channel.mock_calls
    assert sent[0] == "send" and looked == call.socket.get(zmq.EVENTS)


def test_our_client_runs_output_widgets_so():
    widgets = execute.Client(new_notebook()).widget_registry["@jupyter-widgets/output"]
    assert widgets == {"OutputModel": execute.HeardOutput}
