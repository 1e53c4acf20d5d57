"""A notebook as a page of the site: to be read, and predicted with, by whoever runs nothing."""

import re
from pathlib import Path

import jinja2
from nbformat import NotebookNode
from nbformat.v4 import new_output

from course_lib.authoring.execute import clean, read
from course_lib.authoring.predictions import Asked, asked
from course_lib.lessons.predictions import NONE

ASSETS = Path(__file__).parent / "site_assets"
TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(ASSETS),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
)
_STYLE = re.compile(r"<style scoped>.*?</style>\s*", re.DOTALL)  # pandas' own; the site has one
_BORDER = ' border="1"'


def anchor(cell: str) -> str:
    """What a cell's place on its page is called."""
    return f"cell-{cell}"


def page(path: Path) -> NotebookNode:
    """A notebook as the site shows it.

    The speaker's notes are gone, and solutions folded. A prediction is a form that answers; its
    answer further down is folded until then. A live widget is a sentence that says where it lives.

    Parameters
    ----------
    path : Path
        A notebook with its outputs.

    Returns
    -------
    NotebookNode
        In each code cell's metadata, ``page`` holds its ``anchor``, and the alt text of each of
        its figures.

    Raises
    ------
    FileNotFoundError, NotebookError
        If there is no such notebook, or an answer is missing in it.
    """
    notebook = read(path)
    clean(notebook)
    notebook.cells = [cell for cell in notebook.cells if not _is_note(cell)]
    questions = asked(notebook)
    forms = {one.asked_in: one for one in questions}
    answers = {one.revealed_in: one for one in questions}
    for cell in notebook.cells:
        solution = "solution" in cell.metadata.get("tags", [])
        if cell.cell_type == "code":
            outputs = []
            for output in cell.outputs:
                outputs += _shown(output, forms.get(cell.id), answers.get(cell.id))
            cell.outputs = outputs
            folded = cell.metadata.get("jupyter", {}).get("source_hidden", False)
            tags = ["hide-cell"] * solution + ["remove-input"] * (cell.id in forms)
            tags += ["hide-input"] * folded
            alts = [_alt(one) for one in outputs if "image/png" in one.get("data", {})]
            cell.metadata = {"tags": tags, "page": {"anchor": anchor(cell.id), "alts": alts}}
        elif solution:
            cell.source = f"<details><summary>Solution</summary>\n\n{cell.source}\n\n</details>"
    return notebook


def _is_note(cell: NotebookNode) -> bool:
    return cell.metadata.get("slideshow", {}).get("slide_type") == "notes"


def _alt(output: NotebookNode) -> str:
    return output.metadata.get("image/png", {}).get("alt", "")


def _shown(output: NotebookNode, form: Asked | None, answer: Asked | None) -> list[NotebookNode]:
    """What stands in an output's place."""
    if output.output_type == "stream":
        if answer is None or answer.told not in output.text:
            return [new_output("stream", text=output.text.replace(f"{NONE} ", ""))]
        before, _, after = output.text.partition(answer.told)
        printed = [new_output("stream", text=text) for text in (before, after.lstrip("\n"))]
        told = _html(TEMPLATES.get_template("answer.html").render(asked=answer))
        return [one for one in (printed[0], told, printed[1]) if one.get("text", "html")]
    if output.metadata.get("widget"):
        if form is not None:
            return [_html(TEMPLATES.get_template("prediction.html").render(asked=form))]
        return [_html(TEMPLATES.get_template("widget.html").render(name=output.data["text/plain"]))]
    if table := output.get("data", {}).get("text/html"):
        bare = _STYLE.sub("", table).replace(_BORDER, "").replace("<th></th>", "<td></td>")
        output.data["text/html"] = bare
    return [output]


def _html(text: str) -> NotebookNode:
    return new_output("display_data", {"text/html": text})
