"""Every notebook is fit to be read, shown and compared; the rules are one function each."""

import copy
import re
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from course_lib.authoring.execute import states_claims_only
from course_lib.lessons import MARKS, Claim

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))

LARGEST = 2_000_000  # bytes: a notebook that compares noisy pictures, which no PNG makes small
CODE_LINES = 16
SLIDE_TYPES = {"slide", "subslide", "fragment", "skip", "notes", "-"}
CELL_METADATA = {"course", "jupyter", "slideshow", "tags"}
NOTEBOOK_METADATA = {
    "@deathbeds/jupyterlab-fonts": {"styles"},  # how large the slideshow's letters are
    "kernelspec": {"display_name", "language", "name"},
    "language_info": {"name"},
}

FENCED = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
HEADING_1 = re.compile(r"^# |<h1", re.MULTILINE)
IMAGE_TAG = re.compile(r"<img\b[^>]*>")
ALT_TEXT = re.compile(r"""\balt=(["'])\s*[^\s"'].*?\1""", re.DOTALL)
SECTION = re.compile(r"^## (.*)")
MINUTES = re.compile(r"\*\*(\d+) min\.\*\*")
ABOUT = re.compile(r"^About (\d+) minutes", re.MULTILINE)
NEXT = re.compile(r"Next:[^\n]*\]\(([^)#\s]+)")
DATA_URI = re.compile(r"data:[\w/+.-]+;base64,[\w+/=\s]+")
# Two or more folders from the root, or a drive; not the path of a web address.
ABSOLUTE_PATH = re.compile(r"(?<![\w.:/<~)\]}])/[A-Za-z][\w.-]*/[\w./-]+|\b[A-Z]:\\\w[^\s\"']*")


def cells(notebook: NotebookNode, kind: str) -> list[tuple[str, NotebookNode]]:
    """Return the cells of a kind, each with a name that a reader can find it by."""
    return [
        (f"cell {n} ({cell.source.strip().partition(chr(10))[0][:60]!r})", cell)
        for n, cell in enumerate(notebook.cells, 1)
        if cell.cell_type == kind
    ]


def is_note(cell: NotebookNode) -> bool:
    """Whether a cell is for the speaker alone."""
    return cell.metadata.get("slideshow", {}).get("slide_type") == "notes"


def valid(notebook, path):
    """Follow notebook format 4."""
    try:
        nbformat.validate(notebook)
    except nbformat.ValidationError as error:
        yield str(error).partition("\n")[0]


def run_in_order(notebook, path):
    """Have run from top to bottom, once, in a fresh kernel."""
    for count, (name, cell) in enumerate(cells(notebook, "code"), 1):
        if cell.execution_count != count:
            yield f"{name} has execution count {cell.execution_count}, expected {count}: run all"


def one_title(notebook, path):
    """Have one first-level heading, in the first cell."""
    for n, cell in enumerate(notebook.cells, 1):
        text = FENCED.sub("", cell.source) if cell.cell_type == "markdown" else ""
        found, expected = len(HEADING_1.findall(text)), int(n == 1)
        if found != expected:
            yield f"cell {n} has {found} first-level headings, expected {expected}"


def no_stored_errors(notebook, path):
    """Keep an error only where the cell's tag announces one."""
    for name, cell in cells(notebook, "code"):
        if "raises-exception" not in cell.metadata.get("tags", []):
            for output in cell.outputs:
                if output.output_type == "error":
                    yield f"{name} stores the error {output.ename}: {output.evalue}"


def no_stderr(notebook, path):
    """Keep no warnings or text progress bars."""
    for name, cell in cells(notebook, "code"):
        for output in cell.outputs:
            if output.get("name") == "stderr":
                yield f"{name} stores standard error: {output.text[:80]!r}"


def short_cells(notebook, path):
    """Have code that fits on a slide."""
    for name, cell in cells(notebook, "code"):
        lines = len(cell.source.splitlines())
        if lines > CODE_LINES:
            yield f"{name} has {lines} lines of code, at most {CODE_LINES} are allowed"


def no_empty_cells(notebook, path):
    """Have something in each cell."""
    for n, cell in enumerate(notebook.cells, 1):
        if not cell.source.strip():
            yield f"cell {n} is empty"


def alt_texts(notebook, path):
    """Describe each picture to those who cannot see it."""
    for name, cell in cells(notebook, "markdown"):
        if re.search(r"!\[\s*\]", cell.source):
            yield f"{name} has a picture without alt text: ![describe it here](…)"
        if not all(map(ALT_TEXT.search, IMAGE_TAG.findall(cell.source))):
            yield f"{name} has an <img> without alt text"
    for name, cell in cells(notebook, "code"):
        for output in cell.outputs:
            data = output.get("data", {})
            html = data.get("text/html", "")
            tags = IMAGE_TAG.findall(html)
            for mime in data:
                told = output.metadata.get(mime, {}).get("alt", "").strip()
                if mime.startswith("image/") and not told and not tags:
                    yield f"{name} shows a figure without alt text (output metadata {mime!r}: alt)"
            if not all(map(ALT_TEXT.search, tags)):
                yield f"{name} shows an <img> without alt text"


def slide_types(notebook, path):
    """Say of each cell what it is in the slides."""
    for n, cell in enumerate(notebook.cells, 1):
        kind = cell.metadata.get("slideshow", {}).get("slide_type")
        if kind not in SLIDE_TYPES:
            yield f"cell {n} has slide type {kind!r}, expected one of {sorted(SLIDE_TYPES)}"


def speaker_notes(notebook, path):
    """Tell the speaker of each section what to do with it, and for how many minutes."""
    sections, total = {}, 0
    for cell in notebook.cells:
        if found := SECTION.match(cell.source):
            section = found[1]
            sections[section] = False
        if is_note(cell):
            for minutes in MINUTES.findall(cell.source):
                total += int(minutes)
                if sections:
                    sections[section] = True
    for section, noted in sections.items():
        if not noted:
            yield f"section {section!r} has no speaker's note with its minutes: **3 min.**"
    for about in map(int, ABOUT.findall(notebook.cells[0].source)):
        if abs(total - about) > 0.1 * about:
            yield f"the speaker's notes take {total} minutes, the first cell says {about}"


def no_absolute_paths(notebook, path):
    """Name no folder that only one computer has."""
    for n, cell in enumerate(notebook.cells, 1):
        texts = [cell.source]
        for output in cell.get("outputs", []):
            texts += [str(output.get(key, "")) for key in ("text", "evalue")]
            data = output.get("data", {})
            texts += [str(data[mime]) for mime in data if mime.startswith("text/")]
        for text in texts:
            for found in ABSOLUTE_PATH.findall(DATA_URI.sub("", text)):
                yield f"cell {n} has the absolute path {found}"


def clean_metadata(notebook, path):
    """Keep no metadata that changes from run to run or from editor to editor."""
    for key in notebook.metadata.keys() ^ NOTEBOOK_METADATA.keys():
        yield f"notebook metadata has an extra or missing entry {key!r}"
    for key, allowed in NOTEBOOK_METADATA.items():
        if found := notebook.metadata.get(key, {}).keys() ^ allowed:
            yield f"notebook metadata {key!r} has extra or missing entries {sorted(found)}"
    for n, cell in enumerate(notebook.cells, 1):
        if extra := cell.metadata.keys() - CELL_METADATA:
            yield f"cell {n} has metadata {sorted(extra)}, allowed are {sorted(CELL_METADATA)}"


def one_link_onward(notebook, path):
    """End with a link to the next notebook; the last one links to any other page."""
    *_, last = (cell for cell in notebook.cells if not is_note(cell))
    links = NEXT.findall(last.source)
    if len(links) != 1:
        yield f"the last cell has {len(links)} links 'Next: [title](file)', expected 1"
        return
    later = [other.name for other in sorted(path.parent.glob("*.ipynb")) if other > path]
    if later and links[0] != later[0]:
        yield f"the link onward goes to {links[0]}, the next notebook is {later[0]}"
    target = (path.parent / links[0]).resolve()
    if target == path.resolve() or not target.is_file():
        yield f"the link onward goes to {links[0]}, which is this notebook or no file"


def small(notebook, path):
    """Be quick to download and to open."""
    if path.stat().st_size >= LARGEST:
        yield f"the file has {path.stat().st_size:,} bytes, fewer than {LARGEST:,} are allowed"


def claims_hold(notebook, path):
    """Show no claim that its measurement does not bear out."""
    for name, cell in cells(notebook, "code"):
        for output in cell.outputs:
            for line in output.get("text", "").splitlines():
                if line.startswith(MARKS[False]):
                    yield f"{name} shows {line}"


def claims_folded(notebook, path):
    """Fold the code of cells that state claims and nothing else."""
    for name, cell in cells(notebook, "code"):
        if states_claims_only(cell) != cell.metadata.get("jupyter", {}).get("source_hidden", False):
            yield f"{name} states claims only or is folded, but not both: make notebook"


RULES = [
    valid,
    run_in_order,
    one_title,
    no_stored_errors,
    no_stderr,
    short_cells,
    no_empty_cells,
    alt_texts,
    slide_types,
    speaker_notes,
    no_absolute_paths,
    clean_metadata,
    one_link_onward,
    small,
    claims_hold,
    claims_folded,
]
by_name = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)


def test_there_are_notebooks():
    assert NOTEBOOKS, "no notebooks/*.ipynb found: nothing was checked"


@by_name
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook(path, rule):
    problems = list(rule(nbformat.read(path, as_version=4), path))
    assert not problems, f"{path.name} breaks the rule: {rule.__doc__}\n  " + "\n  ".join(problems)


def on_the_map(first: str, name: str) -> str:
    """What notebook 0's map says of a notebook, as a pattern, by the notebook's first cell."""
    number, title = re.match(r"# (\d+) · ([^:\n]+)", first).groups()
    [minutes] = re.findall(r"^About (\d+) minutes", first, re.MULTILINE)
    return rf"^\| \[{number} · {re.escape(title)}\]\({name}\) \| .*\? \| {minutes} \|$"


@pytest.mark.parametrize("path", NOTEBOOKS[1:], ids=lambda path: path.stem)
def test_the_map_of_notebook_0_says_what_the_notebook_says(path):
    start, notebook = (nbformat.read(one, as_version=4) for one in (NOTEBOOKS[0], path))
    row = on_the_map(notebook.cells[0].source, path.name)
    assert any(re.search(row, cell.source, re.MULTILINE) for _, cell in cells(start, "markdown"))


def test_the_map_has_room_for_a_tenth_notebook():
    row = on_the_map("# 10 · The end: what now?\n\nAbout 45 minutes, of which", "10_end.ipynb")
    assert re.search(row, "| [10 · The end](10_end.ipynb) | What now? | 45 |")
    assert not re.search(row, "| [1 · The end](10_end.ipynb) | What now? | 45 |")


# The rest shows that each rule can be broken, on a small notebook that keeps them all.


def slide(cell: NotebookNode) -> NotebookNode:
    cell.metadata["slideshow"] = {"slide_type": "slide"}
    return cell


@pytest.fixture
def good(tmp_path) -> tuple[NotebookNode, Path]:
    figure = new_output("display_data", {"image/png": "AAAA"})
    figure.metadata["image/png"] = {"alt": "A face."}
    html = new_output("display_data", {"text/html": '<img src="x.png" alt="A face.">'})
    error = new_output("error", ename="ValueError", evalue="no", traceback=[])
    told = slide(new_code_cell("fail()", outputs=[error], execution_count=2))
    told.metadata["tags"] = ["raises-exception"]
    notes = slide(new_markdown_cell("## Part\n\n**9 min.** Ask first."))
    notes.metadata["slideshow"]["slide_type"] = "notes"
    notebook = new_notebook(
        metadata={
            "@deathbeds/jupyterlab-fonts": {"styles": {}},
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        cells=[
            slide(new_markdown_cell("# Title\n\nAbout 9 minutes\n\n```python\n# a comment\n```")),
            slide(new_code_cell("show()", outputs=[figure, html], execution_count=1)),
            told,
            notes,
            slide(new_markdown_cell("Next: [more](b.ipynb). See https://example.org/a/b/c")),
        ],
    )
    (tmp_path / "b.ipynb").touch()
    path = tmp_path / "a.ipynb"
    nbformat.write(notebook, path)
    return notebook, path


def put(notebook, n, **changes):
    notebook.cells[n].update(changes)


def spoil_alt_text(notebook, path):
    notebook.cells[1].outputs[0].metadata.clear()


def spoil_html(notebook, path):
    notebook.cells[1].outputs[1].data["text/html"] = '<img src="x.png" alt=" ">'


def spoil_size(notebook, path):
    path.write_bytes(b" " * LARGEST)


STDERR = [NotebookNode(output_type="stream", name="stderr", text="Warning: careful")]
RAISED = [new_output("error", ename="ValueError", evalue="no", traceback=[])]
FALSE_CLAIM = [new_output("stream", text=f"✓ first\n{Claim('it is so', 3.0, '<', 2.0)}\n")]
TRUE_CLAIM = [new_output("stream", text=f"{Claim('it is so', 1.0, '<', 2.0)}\n")]
FOLDED = {"source_hidden": True}
PATH_SHOWN = [new_output("stream", text="saved in /home/someone/faces.npy")]

SPOILED = [
    (valid, lambda n, p: n.cells[1].update(cell_type="poem"), "poem"),
    (run_in_order, lambda n, p: put(n, 1, execution_count=None), "execution count None"),
    (run_in_order, lambda n, p: put(n, 2, execution_count=3), "expected 2"),
    (one_title, lambda n, p: put(n, 0, source="## Title"), "cell 1 has 0"),
    (one_title, lambda n, p: put(n, 4, source="# End"), "cell 5 has 1"),
    (no_stored_errors, lambda n, p: put(n, 1, outputs=RAISED), "ValueError: no"),
    (no_stderr, lambda n, p: put(n, 1, outputs=STDERR), "careful"),
    (short_cells, lambda n, p: put(n, 1, source="x = 1\n" * 17), "17 lines"),
    (no_empty_cells, lambda n, p: put(n, 1, source=" \n"), "cell 2 is empty"),
    (alt_texts, spoil_alt_text, "image/png"),
    (alt_texts, spoil_html, "<img> without"),
    (alt_texts, lambda n, p: put(n, 0, source="![](face.png)"), "alt text"),
    (slide_types, lambda n, p: n.cells[4].metadata.clear(), "None"),
    (
        speaker_notes,
        lambda n, p: put(n, 4, source="## Another\n\nNext: [it](b.ipynb)"),
        "'Another'",
    ),
    (speaker_notes, lambda n, p: put(n, 3, source="## Part\n\n**7 min.** Ask."), "7 minutes"),
    (no_absolute_paths, lambda n, p: put(n, 1, source="load('/data/faces/a.npy')"), "/data/f"),
    (no_absolute_paths, lambda n, p: put(n, 1, source=r"load('C:\faces\a.npy')"), r"C:\faces"),
    (no_absolute_paths, lambda n, p: put(n, 1, outputs=PATH_SHOWN), "/home/someone"),
    (clean_metadata, lambda n, p: n.metadata.update(widgets={}), "widgets"),
    (clean_metadata, lambda n, p: n.metadata.language_info.update(version="3"), "version"),
    (clean_metadata, lambda n, p: n.cells[1].metadata.update(execution={}), "execution"),
    (one_link_onward, lambda n, p: put(n, 4, source="The end."), "0 links"),
    (one_link_onward, lambda n, p: put(n, 4, source="Next: [it](c.ipynb)"), "b.ipynb"),
    (one_link_onward, lambda n, p: p.with_name("b.ipynb").unlink(), "no file"),
    (small, spoil_size, "2,000,000 bytes"),
    (claims_hold, lambda n, p: put(n, 1, outputs=FALSE_CLAIM), "✗ it is so [3 < 2]"),
    (claims_folded, lambda n, p: put(n, 1, outputs=TRUE_CLAIM), "make notebook"),
    (claims_folded, lambda n, p: n.cells[1].metadata.update(jupyter=FOLDED), "make notebook"),
]


@by_name
def test_a_good_notebook_keeps_every_rule(good, rule):
    assert list(rule(*good)) == []


@pytest.mark.parametrize(
    ("rule", "spoil", "message"), SPOILED, ids=[case[0].__name__ for case in SPOILED]
)
def test_a_spoiled_notebook_breaks_the_rule(good, rule, spoil, message):
    notebook, path = good
    notebook = copy.deepcopy(notebook)
    spoil(notebook, path)
    problems = list(rule(notebook, path))
    assert len(problems) == 1 if rule is not one_link_onward else problems, problems
    assert any(message in problem for problem in problems), problems


def test_every_rule_has_been_broken():
    assert {case[0] for case in SPOILED} == set(RULES)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_latent_explorer_has_the_name_by_which_its_python_calls_it(path):
    for name, cell in cells(nbformat.read(path, as_version=4), "code"):
        shown = re.findall(r"^(.*)\bLatentExplorer\(", cell.source, re.MULTILINE)
        assert all(before == "explorer = " for before in shown), name
