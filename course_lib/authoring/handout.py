"""The handout, printed: two pages of A4 that need neither a network nor a kernel."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from course_lib.authoring import browser
from course_lib.files import write

SOURCE = Path("notebooks") / "HANDOUT.md"
_ASSETS = Path(__file__).parent / "assets"


def handout(source: Path, folder: Path) -> list[Path]:
    """Write a page of Markdown as a page to print, formulas and pictures within, and as a PDF.

    Parameters
    ----------
    source : Path
        Its first line is the title, ``# …``; pictures lie beside it.
    folder : Path
        Made if need be.

    Returns
    -------
    list of Path
        The page, and the PDF where a browser is found.

    Raises
    ------
    FileNotFoundError
        If there is no such page.
    OSError
        If the browser gives no PDF.
    """
    if not source.is_file():
        raise FileNotFoundError(f"There is no '{source}': run this in the course's own folder.")
    text = source.read_text(encoding="utf-8")
    renderer = IPythonRenderer(
        escape=False, embed_images=True, exclude_anchor_links=True, path=str(source.parent)
    )
    templates = Environment(loader=FileSystemLoader(_ASSETS / "template"))
    html = templates.get_template("handout.html.j2").render(
        title=text.partition("\n")[0].removeprefix("# "),
        body=MarkdownWithMath(renderer=renderer).render(text),
        mathjax=(_ASSETS / "mathjax" / "tex-svg-full.js").read_text(encoding="utf-8"),
    )
    page = folder / f"{source.stem.lower()}.html"
    write(page, html)
    return browser.with_pdf(page)
