"""Tamper with notebooks: nbval must notice what a reader would notice, and nothing else."""

import base64
import copy
import io
import os
import re
import subprocess
import sys
from itertools import product
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_notebook, new_output
from PIL import Image, ImageFilter

from course_lib.authoring.execute import Client, clean
from tests.output_compare import (
    WIDGET,
    Tolerance,
    by_kind,
    differences,
    figure_difference,
    text_difference,
)

ROOT = Path(__file__).resolve().parent.parent

SET_UP = """
import sys, time, warnings
import matplotlib.pyplot as plt, numpy as np
from IPython.display import HTML, clear_output, display
import ipywidgets
y, x = np.mgrid[-1:1:48j, -1:1:48j]
face = np.ones((48, 48, 3)) * (0.4, 0.6, 0.7)
face[x**2 + 0.7 * y**2 < 0.5] = 0.9, 0.75, 0.6
face[(abs(x) - 0.3) ** 2 + (y + 0.15) ** 2 < 0.01] = 0.1, 0.1, 0.2
face[(abs(x) < 0.25) & (abs(y - 0.4) < 0.05)] = 0.7, 0.2, 0.2
noise = np.random.default_rng(0).random((48, 48, 3))
def panels(*images):
    figure, axes = plt.subplots(1, 2, figsize=(4, 2))
    for axis, image in zip(axes, images):
        axis.imshow(image)
        axis.axis("off")
    plt.show()
"""

# name: (source, metadata)
CELLS = {
    "figure": ("panels(face, face[::-1])", {}),
    "swapped": ("panels(face[::-1], face)", {}),
    "noise": ("panels(face, noise)", {}),
    "blank": ("panels(np.ones_like(face), np.ones_like(face))", {}),
    "number": ("print('test error', 0.0258)", {}),
    "loose": ("print('test error', 0.0258)", {"course": {"rel": 0.3}}),
    "shape": ("face.transpose(2, 0, 1).shape", {}),
    "words": ("print('the eyes are open')", {}),
    "quiet": ("answer = 41\nanswer;", {}),
    "nothing": ("answer = 42", {}),
    "error": ("1 / 0", {"tags": ["raises-exception"]}),
    "ignored": ("time.time()", {"tags": ["nbval-ignore-output"]}),
    "skipped": ("print('skipped')", {"tags": ["nbval-skip"]}),
    "stderr": ("print(time.time(), file=sys.stderr)", {}),
    "html": ("HTML('<b>0.5</b> of a <i>face</i>')", {}),
    "live": (
        "live = display('step 0', display_id=True)\n"
        "for step in range(3): live.update(f'step {step}')",
        {},
    ),
    "cleared": ("print('old'); clear_output(wait=True); print('new')", {}),
    "widget": ("box = ipywidgets.Output()\nwith box: print('inside')\nbox", {}),
}
NAMES = ["set-up", *CELLS]


@pytest.fixture(scope="module")
def stored() -> nbformat.NotebookNode:
    cells = [new_code_cell(SET_UP.strip())]
    cells += [new_code_cell(source, metadata=metadata) for source, metadata in CELLS.values()]
    notebook = new_notebook(cells=cells)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MPLBACKEND", raising=False)
        Client(notebook).execute()  # nbclient's own may wait for ever for an Output widget's reply
    return notebook


def outputs(notebook, name):
    return notebook.cells[NAMES.index(name)].outputs


def png(notebook, name) -> bytes:
    return base64.b64decode(outputs(notebook, name)[0].data["image/png"])


def repainted(picture: bytes, change) -> bytes:
    """Apply a change to a PNG's pixels, or to the image itself, and save it again."""
    image = change(Image.open(io.BytesIO(picture)).convert("RGB"))
    file = io.BytesIO()
    image.save(file, "png")
    return file.getvalue()


def grain(image: Image.Image) -> Image.Image:
    pixels = np.asarray(image).astype(int)
    pixels += np.random.default_rng(1).integers(-2, 3, pixels.shape)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def softer(image: Image.Image) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(0.5))


def run_nbval(
    folder: Path, limit: int = 60, **environment: str
) -> tuple[int, dict[tuple[str, int], str], str]:
    """Run nbval with our plugin; return exit status, message per failed cell, and the output.

    A cell's key is its notebook's name and its number among the code cells.
    """
    command = f"{sys.executable} -m pytest --nbval --nbval-current-env --nbval-cell-timeout={limit}"
    command += " -q -p tests.notebook_compare -p no:cacheprovider --color=no --rootdir"
    done = subprocess.run(
        [*command.split(), str(folder), str(folder)],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    _, *parts = re.split(r"\n___.* (\S+)\.ipynb::Cell (\d+) ___", done.stdout)
    names, numbers, messages = parts[::3], map(int, parts[1::3]), parts[2::3]
    cells = dict(zip(zip(names, numbers, strict=True), messages, strict=True))
    return done.returncode, cells, done.stdout + done.stderr


def test_the_plugin_is_on_in_this_project(pytestconfig):
    assert pytestconfig.pluginmanager.has_plugin("tests.notebook_compare"), (
        "pyproject.toml needs -p tests.notebook_compare in pytest's addopts"
    )


def test_nbval_passes_a_notebook_that_is_untouched_or_has_other_last_digits(stored, tmp_path):
    harmless = copy.deepcopy(stored)
    outputs(harmless, "number")[0].text = "test error 0.02579\n"
    outputs(harmless, "loose")[0].text = "test error 0.031\n"
    for name, change in {"figure": grain, "swapped": softer}.items():
        picture = repainted(png(stored, name), change)
        outputs(harmless, name)[0].data["image/png"] = base64.b64encode(picture).decode()
    clean(harmless)  # what is committed is without warnings and live widgets
    nbformat.write(harmless, tmp_path / "harmless.ipynb")
    # A server's MPLBACKEND must not turn the figures off.
    status, _, output = run_nbval(tmp_path, MPLBACKEND="agg")
    assert status == 0, output
    assert f"{len(NAMES) - 1} passed, 1 skipped" in output
    assert not (tmp_path / "build").exists()


def test_nbval_fails_each_tampered_cell_and_says_why(stored, tmp_path):
    notebook = copy.deepcopy(stored)
    cell = {name: notebook.cells[i] for i, name in enumerate(NAMES)}
    cell["figure"].outputs = outputs(stored, "blank")
    cell["swapped"].outputs = outputs(stored, "figure")
    cell["noise"].outputs = outputs(stored, "figure")
    cell["blank"].outputs = []
    cell["number"].outputs[0].text = "test error 0.0310\n"
    cell["loose"].outputs[0].text = "test error 0.0458\n"
    cell["shape"].outputs[0].data["text/plain"] = "(3, 48, 49)"
    cell["words"].outputs[0].text = "the eyes are shut\n"
    cell["nothing"].outputs = outputs(stored, "words")
    cell["error"].source = "one = 1"
    cell["error"].outputs = []
    cell["stderr"].source = "undefined"
    cell["html"].outputs[0].data["text/html"] = "<b>0.5</b> of a <i>fact</i>"
    cell["live"].outputs[0].data["text/plain"] = "'step 0'"
    cell["cleared"].outputs[0].text = "old\nnew\n"
    cell["widget"].outputs[0].data["text/plain"] = "IntSlider(value=1)"
    cell["ignored"].execution_count = None
    nbformat.write(notebook, tmp_path / "tampered.ipynb")
    expected = {
        "figure": "grey levels (allowed: 20)",
        "swapped": "grey levels (allowed: 20)",
        "noise": "the middle right differs most",
        "blank": "figure: 0 stored, 1 now",
        "number": "0.0310 became 0.0258, off by 0.0052 (allowed: 5.0% or 1e-06)",
        "loose": "allowed: 30.0%",
        "shape": "49 became 48, off by 1 (allowed: 0: whole numbers)",
        "words": "stored: the eyes are shut",
        "nothing": "printed text: 1 stored, 0 now: the eyes are open",
        "error": "tagged raises-exception, but raised nothing",
        "stderr": "NameError",
        "html": "text/html, line 1: the text differs",
        "live": "0 became 2",
        "cleared": "stored: old",
        "widget": "stored: IntSlider",
        "ignored": "never run",
    }
    status, failed, output = run_nbval(tmp_path)
    assert status == 1, output
    failed = {NAMES[number]: message for (_, number), message in failed.items()}
    assert set(failed) == set(expected), output
    for name, message in expected.items():
        assert message in failed[name], failed[name]
    assert "tampered.ipynb, In [2]: panels(face, face[::-1])" in failed["figure"]
    saved = {path.name for path in (tmp_path / "build" / "notebook-diffs").iterdir()}
    assert saved == {f"tampered-in-{n}-figure-1.png" for n in (2, 3, 4)}


# A cell that swallows an interrupt, as `training.fit` does, and one that ends its kernel.
POLITE = "import time\ntry:\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    pass"
ENDINGS = {
    "slow": (POLITE, "took longer than 1 s."),
    "dead": ("import os\nos._exit(0)", "ended the kernel."),
}
LENIENT = [[], ["nbval-ignore-output"], ["nbval-ignore-output", "raises-exception"]]


def write(path: Path, *cells: tuple[str, list[str]]) -> None:
    """Write a notebook of cells without outputs, each a source and its tags, as if it had run."""
    code = [
        new_code_cell(source, metadata={"tags": tags}, execution_count=count)
        for count, (source, tags) in enumerate(cells, 1)
    ]
    nbformat.write(new_notebook(cells=code), path)


def test_a_cell_over_the_limit_or_without_kernel_ends_the_check_whatever_its_tags(tmp_path):
    after = [("1 / 0", tags) for tags in LENIENT]
    ends = {}
    for (kind, (source, end)), number in product(ENDINGS.items(), range(len(LENIENT))):
        cells = [("x = 1", []), (source, LENIENT[number]), *after, ("x", ["nbval-skip"])]
        ends[f"{kind}-{number}"] = source.splitlines()[0], end
        write(tmp_path / f"{kind}-{number}.ipynb", *cells)
    status, failed, output = run_nbval(tmp_path, limit=1)
    assert status == 1, output
    assert set(failed) == set(product(ends, (1, 2, 3, 4))), output
    for name, (first_line, end) in ends.items():
        assert f"In [2]: {first_line}\nThe cell {end}" in failed[name, 1], output
        for number in (2, 3, 4):
            assert f"Not checked: In [2] {end}" in failed[name, number], output
    assert "24 failed, 6 passed, 6 skipped" in output


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_a_cell_that_takes_too_much_memory_fails_whatever_its_tags(tmp_path):
    grows = "much = b'x' * 400_000_000; del much"  # gone at once, and a peak all the same
    write(tmp_path / "a.ipynb", ("x = 1", []), (grows, LENIENT[0]), ("x = 2", []))
    (tmp_path / "conftest.py").write_text(
        "from tests import notebook_compare\nnotebook_compare.MEMORY = 0.3\n"
    )
    status, failed, output = run_nbval(tmp_path)
    assert status == 1, output
    assert set(failed) == {("a", 1)}, output
    assert re.search(r"took 0\.\d\d GB of memory in this cell, but at most 0.3", failed["a", 1])


def test_a_cell_that_ends_as_xfail_or_xpass_makes_the_run_red(tmp_path):
    write(tmp_path / "a.ipynb", ("1 / 0", []), ("x = 1", []), ("x = 2", []), ("x = 3", []))
    (tmp_path / "conftest.py").write_text(
        "import pytest\n"
        "def pytest_collection_modifyitems(items):\n"
        "    for item, run in zip(items, (True, True, False)):\n"
        "        item.add_marker(pytest.mark.xfail(reason='so be it', run=run))\n"
    )
    status, failed, output = run_nbval(tmp_path)
    assert status == 1, output
    assert set(failed) == {("a", 0), ("a", 1), ("a", 2)}, output
    assert all("may not be expected to fail" in message for message in failed.values()), output
    assert "2 failed, 1 passed, 1 error" in output


@pytest.mark.parametrize("other", ["swapped", "noise", "blank"])
def test_another_figure_differs_both_ways_round(stored, other):
    a, b = png(stored, "figure"), png(stored, other)
    assert "grey levels" in figure_difference(a, b, Tolerance())
    assert "grey levels" in figure_difference(b, a, Tolerance())
    assert figure_difference(a, b, Tolerance(figure=500)) is None


def test_a_figure_of_another_size_differs_unless_by_two_pixels(stored):
    picture = png(stored, "figure")
    width, height = Image.open(io.BytesIO(picture)).size
    for cut, found in [(2, None), (3, f"{width - 3} × {height} pixels now, {width} × {height}")]:
        smaller = repainted(picture, lambda image, cut=cut: image.crop((0, 0, width - cut, height)))
        message = figure_difference(picture, smaller, Tolerance())
        assert message is None if found is None else found in message


@pytest.mark.parametrize(("levels", "same"), [(3, True), (6, False)])
def test_a_whole_figure_may_not_be_much_darker(stored, levels, same):
    darker = repainted(png(stored, "figure"), lambda image: image.point(lambda v: v - levels))
    message = figure_difference(png(stored, "figure"), darker, Tolerance())
    assert (message is None) == same


def test_the_whole_figure_has_a_limit_of_its_own(stored):
    before, after = png(stored, "figure"), png(stored, "noise")
    assert figure_difference(before, after, Tolerance(figure=500)) is None
    message = figure_difference(before, after, Tolerance(figure=500, overall=3))
    assert message.endswith("(allowed: 3)")
    assert figure_difference(before, before, Tolerance(overall=0)) is None


def test_a_figure_inside_html_is_compared(stored, tmp_path):
    def page(name):
        code = outputs(stored, name)[0].data["image/png"].strip()
        html = f'<img alt="faces" src="data:image/png;base64,{code}">'
        return [nbformat.v4.new_output("display_data", {"text/html": html})]

    assert differences(page("figure"), page("figure"), Tolerance(), tmp_path / "x") == []
    (message,) = differences(page("figure"), page("noise"), Tolerance(), tmp_path / "x")
    assert message.startswith("figure: the middle right")
    assert (tmp_path / "x-figure-1.png").exists()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("tensor([ 0.10, -0.20])", "tensor([0.1001,   -0.20])"),
        ("array([1. , 0.5])", "array([0.999, 0.5])"),
        ("loss 1.0e-09", "loss -3e-8"),
        ("β = −0.5 nats", "β = −0.5004 nats"),
        ("nan inf -inf", "nan inf -inf"),
        ("|  9.99 | a", "| 10.01 | a"),
        ("12,288.5 pixels", "12,300.5 pixels"),
        ("model   MSE\n-----  ----\nAE     9.99", "model     MSE\n-----  ------\nAE     10.012"),
    ],
)
def test_texts_that_agree(old, new):
    assert text_difference(old, new, Tolerance()) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("torch.Size([1, 1024])", "torch.Size([1, 1025])"),
        ("torch.Size([1, 1024])", "torch.Size([1])"),
        ("conv2.weight", "conv3.weight"),
        ("torch 2.15.0", "torch 2.15.1"),
        ("There are 1024.", "There are 1025."),
        ("12,288 pixels", "12,289 pixels"),
        ("1.0", "nan"),
        ("nan", "inf"),
        ("inf", "-inf"),
        ("0.5", "-0.5"),
        ("3-2", "3+2"),
        ("0.5", ""),
        ("0.5\n0.5", "0.5"),
        ("0.5 mm", "0.5 m"),
        ("a b", "ab"),
        ("a\n---\nb", "a\nb"),
    ],
)
def test_texts_that_differ(old, new):
    assert text_difference(old, new, Tolerance()) is not None
    assert text_difference(new, old, Tolerance()) is not None


def test_whole_numbers_may_be_let_loose():
    old, new = "12,288 points moved", "12,300 points moved"
    assert text_difference(old, new, Tolerance(integers=True)) is None
    assert "off by 12" in text_difference(old, new, Tolerance(rel=1e-4, integers=True))


TABLE = {
    "MSE": {"AE": 0.0123, "VAE": 9.9961},
    "rate, nats": {"AE": -99.96, "VAE": float("nan")},
    "active units": {"AE": 64, "VAE": 12},
}
TABLE |= {f"measure {i}": {"AE": 0.5, "VAE": 9.5} for i in range(5)}  # wider than 80 letters


def shown(form: str, changes: dict[tuple[str, str], float]) -> list[nbformat.NotebookNode]:
    """What a notebook stores of a table, some cells of it changed."""
    frame = pd.DataFrame(TABLE)
    for cell, value in changes.items():
        frame.loc[cell] = value
    frame = frame.round(4)
    plain = {
        "DataFrame": repr,
        "printed": pd.DataFrame.to_string,
        "Series": lambda f: repr(f["MSE"]),
    }
    data = {"text/plain": plain[form](frame)}
    if form == "DataFrame":
        data["text/html"] = frame._repr_html_()
    return [new_output("execute_result", data)]


@pytest.mark.parametrize("form", ["DataFrame", "printed", "Series"])
def test_a_table_agrees_whatever_its_layout(form, tmp_path):
    stored = shown(form, {})
    same = shown(form, {("VAE", "MSE"): 10.00049, ("AE", "rate, nats"): -100.05})
    assert stored != same and differences(stored, same, Tolerance(), tmp_path / "x") == []


@pytest.mark.parametrize(
    ("cell", "value", "sentence"),
    [
        (("AE", "MSE"), 0.0143, "0.0123 became 0.0143"),
        (("AE", "rate, nats"), 99.96, "-99.96 became 99.96"),
        (("VAE", "rate, nats"), 3.5, "NaN became 3.5"),
        (("VAE", "active units"), 13, "12 became 13, off by 1 (allowed: 0: whole numbers)"),
        (("GAN", "MSE"), 0.5, "now"),
        (("AE", "SSIM"), 0.5, "SSIM"),
    ],
)
@pytest.mark.parametrize("form", ["DataFrame", "printed"])
def test_another_table_differs(form, cell, value, sentence, tmp_path):
    now = shown(form, {cell: value})
    (message,) = differences(shown(form, {}), now, Tolerance(), tmp_path / "x")
    assert sentence in message


@given(
    value=st.floats(0.01, 1e6) | st.floats(-1e6, -0.01),
    change=st.floats(-0.04, 0.04),
    digits=st.integers(4, 12),
)
def test_small_changes_pass_and_twenty_per_cent_fails(value, change, digits):
    def line(number):
        return f"error {number:.{digits}e} of 3 faces"

    assert text_difference(line(value), line(value * (1 + change)), Tolerance()) is None
    for factor in (0.8, 1.2):
        message = text_difference(line(value), line(value * factor), Tolerance())
        assert "became" in message


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("  0%|          | 0/30000 [00:00<?, ? images/s]", False),
        ("Rendering faces:   0%|          | 0/12000 [00:00<?, ?face/s]", False),
        ("LatentExplorer(children=(…", True),
    ],
)
def test_progress_bars_are_neither_stored_nor_compared(text, kept):
    cell = new_code_cell("fit()")
    cell.outputs = [new_output("display_data", {WIDGET: {"model_id": "1"}, "text/plain": text})]
    assert bool(by_kind(cell.outputs)) == kept
    clean(new_notebook(cells=[cell]))
    assert bool(cell.outputs) == kept
