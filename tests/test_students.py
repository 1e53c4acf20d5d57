"""Students' copies: nothing is answered in them, links lead on, and no work is ever lost."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from course_lib import __main__
from course_lib.authoring import students
from tests.test_notebooks import FOLDER, NOTEBOOKS
from tests.test_readme import links
from tests.test_setup import make, needs_make

ROOT = Path(__file__).resolve().parent.parent
MINE = Path("notebooks") / students.FOLDER
LINKED = """\
[next](03_next.ipynb#part), ![a face](face.png "A face"), [data](../data/README.md),
[web](https://example.org/a.png), [here](#part), <img src="face.png" alt="A face">, `[no](face.png)`

```
[no](face.png)
```
[reference]: face.png"""
LINKED_FROM_BELOW = """\
[next](03_next.ipynb#part), ![a face](../face.png "A face"), [data](../../data/README.md),
[web](https://example.org/a.png), [here](#part), <img src="../face.png" alt="A face">, `[no](face.png)`

```
[no](face.png)
```
[reference]: ../face.png"""  # noqa: E501


def notebook(source="1 + 1"):
    cells = [new_markdown_cell(LINKED), new_markdown_cell("Most choose the smile.")]
    cells += [new_code_cell(source, execution_count=1), new_code_cell("return 2  # the solution")]
    cells[1].metadata.slideshow = {"slide_type": "notes"}
    cells[2].outputs = [new_output("stream", text="2")]
    cells[2].metadata.tags = ["nbval-ignore-output"]
    cells[3].metadata.tags = ["solution"]
    return new_notebook(cells=cells)


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A folder with two notebooks, where the command is run."""
    monkeypatch.chdir(tmp_path)
    Path("notebooks").mkdir()
    for name in ("02_first", "03_next"):
        nbformat.write(notebook(), f"notebooks/{name}.ipynb")
    return tmp_path


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["course_lib", "copies", *arguments])
    with pytest.raises(SystemExit) as stop:
        __main__.main()
    return stop.value.code


def contents(folder=MINE):
    return {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}


def test_a_copy_has_no_outputs_notes_or_solutions(course, monkeypatch, capsys):
    before = contents("notebooks")
    assert run(monkeypatch) == 0
    assert capsys.readouterr().out == f"{MINE}: 2 new copies, yours to change.\n"
    text, code = nbformat.read(MINE / "02_first.ipynb", as_version=4).cells
    assert text.source == LINKED_FROM_BELOW
    assert (code.source, code.outputs, code.execution_count) == ("1 + 1", [], None)
    assert code.metadata.tags == ["nbval-ignore-output"]
    shutil.move(MINE, "moved")
    assert contents("notebooks") == before


def test_a_copy_is_never_overwritten(course, monkeypatch, capsys):
    run(monkeypatch)
    nbformat.write(notebook("my own work"), MINE / "02_first.ipynb")
    (MINE / "03_next.ipynb").write_text("{ no notebook any more")
    before = contents()
    capsys.readouterr()
    assert run(monkeypatch) == 0
    assert capsys.readouterr().out == ""
    assert contents() == before


def test_a_notebook_that_comes_later_is_copied_too(course, monkeypatch, capsys):
    run(monkeypatch)
    before = contents()
    nbformat.write(notebook(), "notebooks/04_late.ipynb")
    capsys.readouterr()
    run(monkeypatch)
    assert capsys.readouterr().out == f"{MINE}: 1 new copy, yours to change.\n"
    assert contents() == before | {"04_late.ipynb": (MINE / "04_late.ipynb").read_bytes()}


def test_of_an_original_that_has_changed_the_student_is_told_and_no_more(
    course, monkeypatch, capsys
):
    run(monkeypatch)
    before = contents()
    nbformat.write(notebook("2 + 2"), "notebooks/02_first.ipynb")
    capsys.readouterr()
    run(monkeypatch)
    assert capsys.readouterr().out == (
        f"{MINE / '02_first.ipynb'}: there is a newer version; "
        "make fresh NB=02 gets it, and keeps yours.\n"
    )
    assert contents() == before


def test_other_outputs_notes_and_numbers_make_no_newer_version(course, monkeypatch, capsys):
    run(monkeypatch)
    changed = notebook()
    changed.cells[1].source = "Nobody chooses the smile."
    changed.cells[2].outputs[0].text = "3"
    changed.cells[2].execution_count = 7
    nbformat.write(changed, "notebooks/02_first.ipynb")
    capsys.readouterr()
    run(monkeypatch)
    assert capsys.readouterr().out == ""


def test_fresh_gives_a_new_copy_and_keeps_every_old_one(course, monkeypatch, capsys):
    run(monkeypatch)
    untouched = contents()
    copy = MINE / "02_first.ipynb"
    for work in ("first try", "second try"):
        nbformat.write(notebook(work), copy)
        assert run(monkeypatch, "--fresh", "02") == 0
        assert contents().items() >= untouched.items()
    kept = [MINE / f"02_first_kept_{number}.ipynb" for number in (1, 2)]
    sources = [nbformat.read(path, as_version=4).cells[2].source for path in kept]
    assert sources == ["first try", "second try"]
    assert len(contents()) == 4
    told = capsys.readouterr().out.splitlines()
    assert told[1:] == [f"{copy} is new. Your old one is {path}." for path in kept]


def test_fresh_is_the_newer_version_and_nothing_more_is_told(course, monkeypatch, capsys):
    run(monkeypatch)
    nbformat.write(notebook("2 + 2"), "notebooks/02_first.ipynb")
    run(monkeypatch, "--fresh", "2")
    assert nbformat.read(MINE / "02_first.ipynb", as_version=4).cells[1].source == "2 + 2"
    capsys.readouterr()
    run(monkeypatch)
    assert capsys.readouterr().out == ""


def test_fresh_where_there_was_no_copy(course, monkeypatch, capsys):
    assert run(monkeypatch, "--fresh", "03") == 0
    assert capsys.readouterr().out == f"{MINE / '03_next.ipynb'} is new.\n"
    assert list(contents()) == ["03_next.ipynb"]


@pytest.mark.parametrize("number", ["99", "0", "first"])
def test_fresh_of_no_notebook_names_the_mistake(course, monkeypatch, number):
    said = run(monkeypatch, "--fresh", number)
    assert said == f"Error: No notebooks start with {number!r}: give the number of one, as 03."
    assert not MINE.exists()


def test_fresh_of_several_notebooks_names_the_mistake(course, monkeypatch):
    nbformat.write(notebook(), "notebooks/02_other.ipynb")
    assert run(monkeypatch, "--fresh", "02").startswith("Error: 2 notebooks start with '02'")
    assert not MINE.exists()


def test_elsewhere_than_in_the_course_it_is_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = run(monkeypatch)
    assert said.startswith("Error: There are no notebooks in notebooks: run this in the course's")


@pytest.mark.parametrize("options", [[], ["--fresh", "02"]])
@pytest.mark.parametrize("broken", ["nbformat.writes", "os.rename", "os.replace"])
def test_an_interrupted_copy_leaves_nothing_half_made(course, monkeypatch, options, broken):
    """Whatever is stopped when: all that was there is there, and the next time all is well."""
    run(monkeypatch)
    work = nbformat.writes(notebook("my work"))
    (MINE / "02_first.ipynb").write_text(work)
    (MINE / "03_next.ipynb").unlink()
    with monkeypatch.context() as stopped:

        def stop(*_, **__):
            raise OSError("the disk is full")

        stopped.setattr(broken, stop)
        result = run(stopped, *options)
        if not options and broken == "os.rename":  # a copy that is new renames nothing
            assert result == 0
        else:
            assert result == "Error: the disk is full"
    assert not [name for name in contents() if name.endswith(".part")]
    assert work.encode() in contents().values()
    assert run(monkeypatch) == 0
    assert {"02_first.ipynb", "03_next.ipynb"} <= contents().keys()
    for path in MINE.iterdir():
        nbformat.validate(nbformat.read(path, as_version=4))
    assert work.encode() in contents().values()


# The notebooks of the course


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """The course's files that notebooks link to, with copies of all notebooks."""
    folder = tmp_path_factory.mktemp("clone")
    shutil.copytree(FOLDER, folder / "notebooks", ignore=shutil.ignore_patterns(students.FOLDER))
    for name in ("README.md", "CONTRIBUTING.md", "data/README.md"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    students.copies(folder / "notebooks")
    return folder


def test_each_notebook_has_a_copy_that_jupyter_can_open(clone):
    copies = sorted((clone / MINE).glob("*.ipynb"))
    assert [path.name for path in copies] == [path.name for path in NOTEBOOKS]
    for path in copies:
        nbformat.validate(nbformat.read(path, as_version=4))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_link_in_a_copy_leads_somewhere(clone, path):
    copy = clone / MINE / path.name
    text = "\n".join(
        cell.source
        for cell in nbformat.read(copy, as_version=4).cells
        if cell.cell_type == "markdown"
    )
    found = links(text) + re.findall(r'(?:src|href)="(?!https:)([^"]+)"', text)
    assert found
    for link in found:
        assert (copy.parent / link.partition("#")[0]).is_file(), link


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_code_names_no_file_beside_the_notebook(path):
    """It would not be beside the copy."""
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            for _, named in re.findall(r"""(["'])([\w./-]+)\1""", cell.source):
                beside = FOLDER / named
                assert not beside.is_file() and not named.startswith("../"), named


def test_the_library_is_there_for_a_copy(clone):
    code = "import course_lib; print(course_lib.__file__)"
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, cwd=clone / MINE, capture_output=True, text=True)
    assert run.stdout.strip() == str(ROOT / "course_lib" / "__init__.py"), run.stderr


# What else must leave the copies alone


@pytest.fixture
def messy(clone, tmp_path):
    """A course whose student writes notebooks and tests that nobody else should look at."""
    shutil.copytree(clone, tmp_path, dirs_exist_ok=True)
    for path in (tmp_path / "notebooks").glob("*.ipynb"):
        if path.name > "01":
            path.unlink()
    for name in ("pyproject.toml", "Makefile", ".gitignore"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / MINE / "test_mine.py").write_text("import os, sys\ndef test_mine(): assert 0\n")
    nbformat.write(notebook("import os, sys"), tmp_path / MINE / "02_messy.ipynb")
    return tmp_path


def test_pytest_does_not_collect_copies(messy):
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "--nbval", "notebooks"],
        cwd=messy,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    collected = {line.partition("::")[0] for line in run.stdout.splitlines() if "::" in line}
    assert collected == {"notebooks/00_start_here.ipynb"}, run.stdout + run.stderr


def test_ruff_does_not_check_copies(messy):
    run = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--show-files"],
        cwd=messy,
        capture_output=True,
        text=True,
    )
    shown = [Path(line).relative_to(messy.resolve()) for line in run.stdout.splitlines()]
    notebooks = [str(path) for path in shown if path.suffix == ".ipynb"]
    assert notebooks == ["notebooks/00_start_here.ipynb"]
    assert not [path for path in shown if path.is_relative_to(MINE)]


def test_git_does_not_see_copies():
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert f"{MINE.as_posix()}/" in ignored


@needs_make
def test_clean_deletes_no_copy_and_no_checkpoint_of_one(messy):
    kept = messy / MINE / ".ipynb_checkpoints" / "02_messy-checkpoint.ipynb"
    built = [messy / "notebooks" / ".ipynb_checkpoints" / "x", messy / "tests/__pycache__/x"]
    for path in (kept, *built):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (messy / "course_lib").mkdir()
    before = contents(messy / MINE / ".ipynb_checkpoints")
    work = {path.name for path in (messy / MINE).iterdir()}
    for target in ("clean", "distclean"):
        assert make(messy, target).returncode == 0
        assert contents(messy / MINE / ".ipynb_checkpoints") == before
        assert {path.name for path in (messy / MINE).iterdir()} == work
        assert not any(path.exists() for path in built)


@needs_make
def test_make_fresh_asks_for_a_number(messy):
    (messy / ".venv").mkdir()
    (messy / ".venv/.installed").touch()
    for name in ("constraints.txt", "hashes.txt"):
        shutil.copy(ROOT / name, messy)
    os.utime(messy / ".venv/.installed", (2**31, 2**31))
    run = make(messy, "fresh")
    assert run.returncode != 0 and "make fresh NB=03" in run.stdout
    assert "copies --fresh 02" in make(messy, "-n", "fresh", "NB=02").stdout


def test_a_copy_tells_what_it_was_made_from(clone):
    for path in (clone / MINE).glob("*.ipynb"):
        made_from = json.loads(path.read_text(encoding="utf-8"))["metadata"]["course"]["copy_of"]
        assert re.fullmatch("[0-9a-f]{16}", made_from)


@pytest.mark.parametrize("installed", [True, False])
def test_a_notebook_that_stands_alone_fetches_the_course(monkeypatch, installed):
    first = {
        next(cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code").source
        for path in NOTEBOOKS
    }
    [source] = first  # the same in all
    ran = []
    shell = SimpleNamespace(run_line_magic=lambda *words: ran.append(words))
    found = importlib.util.find_spec("course_lib") if installed else None
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: found)
    names = {"get_ipython": lambda: shell}
    if not installed:  # as it stands there is no address
        with pytest.raises(AssertionError, match="Ask who teaches for the course's address"):
            exec(TransformerManager().transform_cell(source), names)
    mended = source.replace("git+https://…", "git+https://there")
    exec(TransformerManager().transform_cell(mended), names)
    assert ran == ([] if installed else [("pip", "install -q {COURSE}")])
