"""A student's notebook as a report to hand in."""

from html import escape
from pathlib import Path

from nbconvert import HTMLExporter
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

from course_lib.authoring import browser
from course_lib.authoring.execute import read
from course_lib.authoring.students import FOLDER
from course_lib.files import write

TAG = "report"
ASSETS = Path(__file__).parent / "assets"
TEMPLATES = ASSETS / "template"


def find(notebook: str) -> Path:
    """A student's copy by its number, or the notebook of a path.

    Raises
    ------
    FileNotFoundError
        If there is none.
    """
    if not notebook.isdigit():
        return Path(notebook)
    copies = sorted(Path("notebooks", FOLDER).glob(f"{int(notebook):02d}_*.ipynb"))
    if not copies:
        raise FileNotFoundError(
            f"There is no copy of notebook {notebook} in {Path('notebooks', FOLDER)}: make lab "
            "makes one; or give the path of a notebook."
        )
    return copies[0]


def report(path: Path, folder: Path) -> list[Path]:
    """Write what belongs into a report as a page that opens anywhere, and as a PDF.

    The cells that are tagged ``report`` and all that are not the course's, in the notebook's
    order, with their outputs as they were saved; nothing is run.

    Parameters
    ----------
    path : Path
        A notebook, saved after it was run.
    folder : Path
        Made if need be.

    Returns
    -------
    list of Path
        The page, and the PDF where a browser is found.

    Raises
    ------
    FileNotFoundError
        If there is no such notebook.
    ValueError
        If nothing in it belongs into a report, or a cell of the report was not run.
    """
    notebook = read(path)
    cells = [cell for cell in notebook.cells if _belongs(cell)]
    if not cells:
        raise ValueError(
            f"'{path}' has no cell for a report: tag those that belong into one with '{TAG}', in "
            "JupyterLab's property inspector."
        )
    unrun = [c for c in cells if c.cell_type == "code" and c.source and not c.execution_count]
    if unrun:
        first = unrun[0].source.splitlines()[0]
        raise ValueError(
            f"{len(unrun)} cells of the report were not run, the first is `{first}`: run the "
            "notebook, save it, and make the report again."
        )
    headings = (line for cell in notebook.cells for line in cell.source.splitlines())
    title = next((line[2:] for line in headings if line.startswith("# ")), None)
    heading = escape(path.stem) if title is None else title  # a file's name is no Markdown
    notebook.cells = [new_markdown_cell(f"# {heading}"), *cells]
    exporter = HTMLExporter(
        template_name="report",
        extra_template_basedirs=[str(TEMPLATES)],
        extra_template_paths=[str(TEMPLATES)],  # what both templates include
        embed_images=True,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
    )
    resources = {"metadata": {"name": title or path.stem, "path": str(path.parent)}}
    if any("$" in cell.source or r"\(" in cell.source for cell in cells if _is_text(cell)):
        resources["mathjax"] = (ASSETS / "mathjax" / "tex-svg-full.js").read_text("utf-8")
    html, _ = exporter.from_notebook_node(notebook, resources=resources)
    page = folder / f"{path.stem}.html"
    write(page, html)
    return browser.with_pdf(page)


def _is_text(cell: NotebookNode) -> bool:
    return cell.cell_type == "markdown"


def _belongs(cell: NotebookNode) -> bool:
    tags = cell.metadata.get("tags", [])
    ours = "slideshow" in cell.metadata  # every cell of the course says what it is in the slides
    return TAG in tags or not ours
