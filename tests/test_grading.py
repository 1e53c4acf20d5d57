"""Graded work: what became of a notebook on its way never makes an answer right or wrong."""

import csv
import io
import json
from copy import deepcopy
from pathlib import Path

import nbformat
import pytest

from course_lib import __main__
from course_lib.authoring import answers, gradebook, grading, sandbox
from course_lib.authoring.answers import Answer

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
ORIGINAL = NOTEBOOKS / grading.NOTEBOOK
AUC = """\
def auc(normal, strange):
    apart = strange[:, None] - normal[None]
    return (apart > 0).double().mean() + (apart == 0).double().mean() / 2


your_turn.auc.check(auc)"""
LOSS = """\
def loss(x, y, mean, log_variance):
    rate = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum(1)
    return ((x - y).square().flatten(1).sum(1) / 2 + rate).mean()


your_turn.loss.check(loss)"""
PRICE = "your_turn.price.check(128 * 28 * 28 / 2)"
FULL = {"auc": 2, "price": 1, "loss": 3}
NONE = {"auc": 0, "price": 0, "loss": 0}
RIGHT = [{"output_type": "stream", "name": "stdout", "text": "● auc: right."}]


def cell(source, **fields):
    return {"cell_type": "code", "metadata": {}, "execution_count": 1, "outputs": [],
            "source": source} | fields  # fmt: skip


def put(notebook, task, source):
    """Write an answer into the cell of a task."""
    [found] = [one for one in notebook["cells"] if f"your_turn.{task}.check(" in one["source"]]
    found["source"] = source


def without(notebook, *parts):
    """Delete the cells that have one of these parts in them."""
    kept = [one for one in notebook["cells"] if not any(part in one["source"] for part in parts)]
    assert len(kept) < len(notebook["cells"])
    notebook["cells"] = kept


@pytest.fixture(scope="module")
def untouched():
    return json.loads(json.dumps(grading.assignment(ORIGINAL)))


@pytest.fixture(scope="module")
def solved(untouched):
    notebook = deepcopy(untouched)
    for task, source in {"auc": AUC, "price": PRICE, "loss": LOSS}.items():
        put(notebook, task, source)
    return notebook


DAMAGE = {}


def damage(name, refused="", why="", **points):
    """A way to damage a solved notebook: what its tasks are worth then, or why it is refused."""

    def keep(change):
        DAMAGE[name] = change, refused, why, FULL | points
        return change

    return keep


damage("as it should be")(lambda notebook: None)


@damage("imports deleted")
def _(notebook):
    written = "torch.where(apart > 0, 1.0, (apart == 0) / 2).mean()"
    put(notebook, "auc", f"{AUC.partition('    return')[0]}    return {written}")
    without(notebook, "import torch", "from course_lib.explorers")


@damage("all but the answers deleted")
def _(notebook):
    notebook["cells"] = [one for one in notebook["cells"] if ".check(" in one["source"]][-3:]
    notebook["cells"].append(cell("from course_lib.exercises import your_own_faces as your_turn"))


@damage("an answer deleted", auc=0, why="auc: no answer is there")
def _(notebook):
    without(notebook, "your_turn.auc.check")


@damage("all cells copied")
def _(notebook):
    notebook["cells"] += deepcopy(notebook["cells"])


@damage("metadata lost")
def _(notebook):
    del notebook["metadata"], notebook["nbformat"], notebook["nbformat_minor"]
    for one in notebook["cells"]:
        for key in ("metadata", "id", "outputs", "execution_count"):
            one.pop(key, None)


@damage("numbering restarted, wrong kernel")
def _(notebook):
    notebook["metadata"]["kernelspec"] = {"name": "julia-1.9", "language": "julia"}
    for one in notebook["cells"]:
        one["execution_count"] = 1


@damage("a function renamed, its check too")
def _(notebook):
    put(notebook, "auc", AUC.replace("auc(", "meine_fläche(").replace("(auc)", "(meine_fläche)"))


@damage("a function renamed, its check gone")
def _(notebook):
    put(notebook, "auc", AUC.partition("\n\n")[0].replace("auc(", "my_area("))


@damage("a function renamed, the stub still there")
def _(notebook):
    put(notebook, "loss", "def loss(x, y, mean, log_variance):\n    return ...")
    notebook["cells"].append(cell(LOSS.partition("\n\n")[0].replace("loss(", "mine(")))


@damage("check deleted")
def _(notebook):
    put(notebook, "auc", AUC.partition("\n\n")[0])


@damage("an endless loop", loss=0, why="it computes for longer than 2 s")
def _(notebook):
    put(notebook, "loss", LOSS.replace("    rate", "    while True:\n        pass\n    rate", 1))


@damage("cells that raise and exit")
def _(notebook):
    notebook["cells"].insert(2, cell("1 / 0"))
    notebook["cells"].insert(5, cell("import sys\nsys.exit()"))


@damage("a syntax error in the answer", auc=0, why="is no Python (line 1: expected ':')")
def _(notebook):
    put(notebook, "auc", AUC.replace("):\n", ")\n", 1))


@damage("a syntax error elsewhere")
def _(notebook):
    notebook["cells"].insert(3, cell("def auc(:\n    \0"))


@damage("its cell made Markdown", auc=None, why="no code cell")
def _(notebook):
    [found] = [one for one in notebook["cells"] if one["source"] == AUC]
    found["cell_type"] = "markdown"


@damage("timed")
def _(notebook):
    put(notebook, "auc", "%%time\n" + AUC)


@damage("an answer of pieces")
def _(notebook):
    pieces = "if True:\n    weights = []\nweights.append(2)\n"
    put(notebook, "auc", pieces + AUC.replace("/ 2", "/ weights[0]"))
    notebook["cells"].append(cell("weights = [0]\nfor n in range(3):\n    weights.append(n)"))
    put(notebook, "price", "price = 128 * 784\nprice /= 2")


@damage("magics and commands")
def _(notebook):
    put(notebook, "auc", f"%matplotlib inline\n!pip list\ntorch.mean?\n{AUC}")


@damage("huge outputs")
def _(notebook):
    notebook["cells"][-4]["outputs"] = [RIGHT[0] | {"text": "x" * 5_000_000}]


@damage("cells turned round")
def _(notebook):
    notebook["cells"].reverse()


@damage("an answer over several cells")
def _(notebook):
    put(notebook, "auc", "HALF = 1 / two()\n" + AUC.replace("/ 2", "* HALF"))
    notebook["cells"].append(cell("def two():\n    return 2"))
    put(
        notebook,
        "price",
        "B, D = 128, 28**2\nbeta = B * D\nbeta /= 2\n" + "your_turn.price.check(beta)",
    )


@damage("check overwritten", auc=0, why="that is the share")
def _(notebook):
    put(notebook, "auc", AUC.replace("strange[:, None] - normal[None]",
                                     "normal[:, None] - strange[None]"))  # fmt: skip
    notebook["cells"].insert(1, cell("your_turn.auc.check = lambda it: print('● auc: right.')"))


@damage("stored outputs tampered with", **NONE)
def _(notebook):
    for task in ("auc", "loss"):
        put(
            notebook, task, f"def {task}(*given):\n    return 1\n\n\nyour_turn.{task}.check({task})"
        )
    put(notebook, "price", "your_turn.price.check(7)")
    for one in notebook["cells"]:
        if one["cell_type"] == "code":
            one["outputs"] = RIGHT


@damage("expected numbers tampered with", auc=0, price=0)
def _(notebook):
    tamper = ("your_turn.price.answer = 7\ntorch.allclose = lambda *a, **k: True\n"
              "your_turn.auc.solution = lambda n, s: 7")  # fmt: skip
    put(notebook, "auc", f"{tamper}\n\n\ndef auc(n, s):\n    return 7 * torch.ones(())\n\n\n"
        "your_turn.auc.check(auc)")  # fmt: skip
    put(notebook, "price", f"{tamper}\nyour_turn.price.check(7)")


@damage("a function that exits", auc=0, loss=0, why="SystemExit")
def _(notebook):
    put(
        notebook, "auc", "import sys, os\n" + AUC.replace("    apart", "    sys.exit(0)\n    apart")
    )
    put(notebook, "loss", LOSS.replace("    rate", "    os._exit(0)\n    rate", 1))


@damage("two right answers")
def _(notebook):
    notebook["cells"].append(cell(AUC.replace("apart", "further")))


@damage("a right answer and a wrong one", auc=None, why="which counts?")
def _(notebook):
    notebook["cells"].append(cell("def auc(normal, strange):\n    return 1 + 0 * normal.sum()"))


@damage("an answer used later")
def _(notebook):
    notebook["cells"].append(cell("auc = auc(scores['usual'], scores['long hair'])"))


@damage("the course's own solution", auc=None, why="the course's own solution")
def _(notebook):
    put(notebook, "auc", "auc = your_turn.auc.solution\nyour_turn.auc.check(auc)")


@damage("right for one size only", auc=0)
def _(notebook):
    put(notebook, "auc", "def auc(normal, strange):\n    apart = strange[:, None] - normal[None]\n"
        "    return ((apart > 0).sum() + (apart == 0).sum() / 2) / 91\n")  # fmt: skip


@damage("written in the check itself")
def _(notebook):
    put(notebook, "auc", "from sklearn.metrics import roc_auc_score\n\n\nyour_turn.auc.check(\n"
        "    lambda n, s: roc_auc_score([0] * len(n) + [1] * len(s), [*n, *s])\n)")  # fmt: skip


FILES = {
    "empty": (lambda text: b"", "The file is empty"),
    "broken": (lambda text: text.encode()[:9000], "is no notebook, or a damaged one"),
    "no text": (lambda text: b"\xff\xd8\xff", "is no notebook, or a damaged one"),
    "of another course": (
        lambda text: nbformat.writes(nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell("loss = 3\nprice = 50176")])).encode(),
        "Nothing of the assignment",
    ),
    "another of ours": (
        lambda text: (NOTEBOOKS / "05_train_a_vae.ipynb").read_bytes(),
        "another notebook of the course (train_a_vae)",
    ),
    "windows": (lambda text: b"\xef\xbb\xbf" + text.replace("\n", "\r\n")
                .replace("\\n", "\\r\\n").encode(), ""),
    "format 3": (lambda text: as_format_3(text).encode(), ""),
    "自编码器 <b>作业": (lambda text: text.encode(), ""),
}  # fmt: skip


def as_format_3(text):
    old = nbformat.convert(nbformat.reads(text, 4), 3)
    return json.dumps(old)


@pytest.fixture(scope="module")
def grades(untouched, solved, tmp_path_factory):
    """Of all submissions, by name."""
    folder = tmp_path_factory.mktemp("handed in")
    (folder / "untouched.ipynb").write_text(json.dumps(untouched), "utf-8")
    for name, (change, *_) in DAMAGE.items():
        notebook = deepcopy(solved)
        change(notebook)
        (folder / f"{name}.ipynb").write_text(json.dumps(notebook), "utf-8")
    for name, (change, _) in FILES.items():
        path = folder / "a student" / f"{name}.ipynb"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(change(json.dumps(solved, indent=1, ensure_ascii=False)))
    graded = grading.grade(folder, grading.base(ORIGINAL), seconds=2)
    return {one.file.stem: one for one in graded}


def points(grade):
    return {task: grade.marks[task].points for task in FULL}


def test_each_submission_is_there_once(grades):
    assert sorted(grades) == sorted([*DAMAGE, *FILES, "untouched"])


def test_nothing_done_is_no_points(grades):
    assert grades["untouched"].total == 0 and not grades["untouched"].open
    assert all(grades["untouched"].marks[task].why == "not attempted." for task in FULL)


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_notebook_gets_what_its_answers_deserve(name, grades):
    _, _, why, deserved = DAMAGE[name]
    assert points(grades[name]) == deserved, grades[name].feedback
    assert why in grades[name].feedback


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_graded_or_refused_in_a_sentence(name, grades):
    refused = FILES[name][1]
    assert refused in grades[name].refused and bool(refused) == bool(grades[name].refused)
    assert refused or points(grades[name]) == FULL
    assert "\n" not in grades[name].refused


def test_words_wait_for_a_person_with_the_text(untouched, tmp_path):
    base = grading.base(ORIGINAL)
    notebook = deepcopy(untouched)
    for one in notebook["cells"]:
        one["source"] = one["source"].replace('problem = ""', 'problem = "<b>模糊</b>"', 1)
    (tmp_path / "words.ipynb").write_text(json.dumps(notebook), "utf-8")
    notebook["cells"].append({"cell_type": "markdown", "source": "A VAE is…"})
    (tmp_path / "own.ipynb").write_text(json.dumps(notebook), "utf-8")
    own, words = grading.grade(tmp_path, base)
    assert words.marks["problem"].points is None and words.marks["problem"].text == "<b>模糊</b>"
    assert words.marks["advantage"].points == 0 and words.open == ["problem"]
    assert own.open == ["introduction", "advantage", "problem", "description"]
    page = gradebook.page(words)
    assert "&lt;b&gt;模糊" in page and "<b>" not in page


def test_the_table_has_a_row_for_each_and_the_page_its_name(grades, tmp_path):
    path = gradebook.write(list(grades.values()), tmp_path)
    rows = list(csv.DictReader(io.StringIO(path.read_text("utf-8-sig"))))
    assert len(rows) == len(grades)
    [right] = [row for row in rows if row["file"] == "as it should be.ipynb"]
    assert (right["auc"], right["loss"], right["total so far"]) == ("2.0", "3.0", "6.0")
    [both] = [row for row in rows if row["file"].startswith("a right answer and")]
    assert (both["auc"], both["total so far"], both["open"]) == ("", "4.0", "auc")
    [empty] = [row for row in rows if row["file"] == "a student/empty.ipynb"]
    assert empty["total so far"] == "" and "ask for it again" in empty["feedback"]
    page = (tmp_path / "a student" / "自编码器 <b>作业.html").read_text("utf-8")
    assert "<h1>a student/自编码器 &lt;b&gt;作业.ipynb</h1>" in page


def test_the_assignment_shows_points_and_no_answers(untouched):
    nbformat.validate(untouched)
    table = untouched["cells"][1]["source"]
    assert all(f"| `{task}` | {points:g} |" in table for task, points in grading.POINTS.items())
    assert f"| **total** | {sum(grading.POINTS.values()):g} | |" in table
    assert not any(one.get("outputs") for one in untouched["cells"])


def test_a_folder_without_notebooks_is_refused(tmp_path):
    (tmp_path / ".ipynb_checkpoints").mkdir()
    (tmp_path / ".ipynb_checkpoints" / "a.ipynb").touch()
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(FileNotFoundError, match="no notebook in .*: name the folder"):
            grading.grade(folder, grading.base(ORIGINAL))


def test_what_is_too_much_or_no_number_is_told():
    for expression, why in {
        "'x' * 20_000_000": "too much to read",
        "object()": "numbers are asked for, not object",
        "input()": "EOFError",
        "missing": "NameError",
    }.items():
        with pytest.raises(sandbox.Failed, match=why):
            sandbox.run(Answer((), expression, 1), seconds=2)
    assert sandbox.run(Answer(("b = a", "a = 'late'"), "b", 1)) == ["late"]


def test_a_notebook_is_read_whatever_it_lacks(tmp_path):
    path = tmp_path / "bare.ipynb"
    path.write_text('{"cells": [{"source": ["a = 1\\n", "b = a"]}, {"cell_type": "raw"}]}')
    assert answers.read(path).cells == [("code", "a = 1\nb = a"), ("raw", "")]
    path.write_text('[{"cells": []}]')
    with pytest.raises(ValueError, match="no notebook"):
        answers.read(path)


def test_the_commands_hand_out_and_grade(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(NOTEBOOKS.parent)
    for command in (
        ["assignment", "--folder", tmp_path / "out"],
        ["grade", tmp_path, "--folder", tmp_path / "grades"],
    ):
        if command[0] == "grade":
            (tmp_path / "empty.ipynb").touch()
        monkeypatch.setattr("sys.argv", ["course_lib", *map(str, command)])
        with pytest.raises(SystemExit, match="^(0|)$"):
            __main__.main()
    assert "2 notebooks, 1 refused, 0 wait for a person." in capsys.readouterr().out
    assert (tmp_path / "grades" / "out" / grading.NOTEBOOK).with_suffix(".html").is_file()


def test_no_name_becomes_a_formula_in_a_spreadsheet():
    told = gradebook.table(
        [grading.Grade(Path('=HYPERLINK("x").ipynb'), refused="-1 is\nno file.")]
    )
    _, [name, *_, words] = csv.reader(io.StringIO(told))
    assert (name, words) == ('\'=HYPERLINK("x").ipynb', "'-1 is no file.")
