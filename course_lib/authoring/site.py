"""The course as a site: the executed notebooks, to be read and searched without a network."""

import re
import shutil
from base64 import b64decode
from collections.abc import Callable
from hashlib import sha256
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import nbformat

from course_lib.authoring.claims import Stated, collect
from course_lib.authoring.execute import read
from course_lib.authoring.pages import ASSETS, TEMPLATES, anchor, page
from course_lib.authoring.scoreboard import judged
from course_lib.files import write

MATHJAX = ASSETS.parent / "assets" / "mathjax"
# What the notebooks and the texts beside them link to.
TEXTS = (
    "README.md CONTRIBUTING.md LICENSE* CITATION.cff Dockerfile data/README.md tests/benchmarks/*.*"
    " tests/faults/*.* course_lib/authoring/hub/*.* .github/workflows/site.yml"
    " notebooks/*.md notebooks/*.png notebooks/*.svg"
).split()
APART = "ANSWERS.md"  # what teachers keep from students is no page, and links to it are words
_EMBEDDED = re.compile(r"data:image/png;base64,([\w+/=\s]+)")
SETTINGS = {
    "project": "Autoencoders by hand",
    "html_title": "Autoencoders by hand",
    "language": "en",
    "extensions": ["myst_nb"],
    "nb_execution_mode": "off",
    "myst_enable_extensions": ["dollarmath", "amsmath"],
    "myst_heading_anchors": 4,
    "mathjax_path": "mathjax/tex-svg-full.js",
    "mathjax3_config": {"options": {"enableMenu": False}},  # the menu would fetch more of MathJax
    "html_theme": "sphinx_book_theme",
    "html_theme_options": {
        "home_page_in_toc": True,
        "navbar_persistent": [],  # one search is enough: the list's own
        "use_download_button": False,
        "show_toc_level": 2,
    },
    # Without the logo: the page's landmarks do not hold it, and the list below names the home page.
    "html_sidebars": {"**": ["search-button-field.html", "sbt-sidebar-nav.html"]},
    "html_context": {"default_mode": "auto"},
    "html_static_path": ["_static"],
    "html_css_files": ["course.css"],
    "html_js_files": [(name, {"defer": ""}) for name in ("formulas.js", "predictions.js")],
    "html_copy_source": False,
    "html_show_copyright": False,
    "html_show_sphinx": False,
}


class Listed(NamedTuple):
    """A notebook, as the home page lists it."""

    name: str  #: the file's, without its ending
    number: str
    title: str
    question: str
    minutes: str


def site(root: Path, folder: Path, write_demo: Callable[[Path], object]) -> Path:
    """Build the site.

    Parameters
    ----------
    root : Path
        The course's folder. Slides in its ``build/slides`` come along.
    folder : Path
        Made if need be; an older site in it is replaced as a whole.
    write_demo : callable
        Writes the explorer's page into a folder, as `explorers.demo.make`.

    Returns
    -------
    Path
        The home page.

    Raises
    ------
    ValueError
        If Sphinx is not installed or finds something wrong, such as a link that leads nowhere, or
        if the folder holds something else. It then stays as it was.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / "searchindex.js").exists():
        raise ValueError(f"'{folder}' holds something else than a site: name another folder.")
    slides = root / "build" / "slides"
    folder.absolute().parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.absolute().parent) as work:
        source, built = Path(work, "source"), Path(work, "site")
        _lay_out(root, source, {deck.stem for deck in slides.glob("*.html")})
        _build(source, built)
        write_demo(built / "demo")
        if slides.exists():
            shutil.copytree(slides, built / "slides", ignore=shutil.ignore_patterns("*.pdf"))
            _share_figures(built)
        shutil.rmtree(folder, ignore_errors=True)
        built.rename(folder)
    return folder / "index.html"


def _lay_out(root: Path, source: Path, slides: set[str]) -> None:
    """Sphinx's source: the course's texts in their places, so that their links lead on."""
    for pattern in TEXTS:
        for path in root.glob(pattern):
            copy = source / path.relative_to(root)
            copy.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == ".md" and path.name != APART:
                write(copy, _links_mended(path.read_text(encoding="utf-8")))
            elif path.name != APART:
                shutil.copy(path, copy)
    shutil.copytree(ASSETS / "static", source / "_static")
    shutil.copytree(MATHJAX, source / "_static" / "mathjax")

    paths = sorted((root / "notebooks").glob("*.ipynb"))
    for path in paths:
        write(source / "notebooks" / path.name, nbformat.writes(page(path)))
    notebooks = [_listed(path) for path in paths]
    titles = {one.name: f"{one.number} · {one.title}" for one in notebooks}
    found = [one for path in paths for one in judged(path)]
    pages = {
        "notebooks/CLAIMS.md": TEMPLATES.get_template("scoreboard.md").render(
            judged=found,
            claims=[one for one in collect(paths) if not one.heard],
            titles=titles,
            link=_link,
        )
    }
    texts = (str(path.relative_to(source).with_suffix("")) for path in source.rglob("*.md"))
    pages["play.md"] = TEMPLATES.get_template("play.md").render()
    pages["index.md"] = TEMPLATES.get_template("index.md").render(
        notebooks=notebooks,
        slides=slides,
        heard=[one.heard.result for one in found],
        texts=sorted({*texts} - {"README", "notebooks/CLAIMS"}),
    )
    for name, text in pages.items():
        write(source / name, text)


def _links_mended(text: str) -> str:
    """Markdown whose links into notebooks name headings as MyST does: JupyterLab keeps capitals."""
    text = re.sub(rf"\[([^\]]*)\]\({re.escape(APART)}[^)]*\)", r"\1", text)
    return re.sub(
        r"(\.ipynb#)([^)\s]+)", lambda link: link[1] + re.sub(r"[^\w-]", "", link[2].lower()), text
    )


def _listed(path: Path) -> Listed:
    first = read(path).cells[0].source
    head = re.match(r"# (\d+) · ([^:\n]+): (.+)", first)
    minutes = re.search(r"^About (\d+) minutes", first, re.MULTILINE)
    if head is None or minutes is None:
        raise ValueError(
            f"The first cell of '{path}' cannot be listed: a heading '# 10 · Title: question?' and "
            "a line 'About 45 minutes' are expected there, as CONTRIBUTING.md says."
        )
    number, title, question = head.groups()
    return Listed(path.stem, number, title, question[0].upper() + question[1:], minutes[1])


def _link(claim: Stated) -> str:
    return f"{claim.notebook}.html#{anchor(claim.cell)}"


def _build(source: Path, built: Path) -> None:
    try:
        from sphinx.application import Sphinx
        from sphinx.util.console import strip_colors
        from sphinx.util.docutils import docutils_namespace
    except ImportError as error:
        raise ValueError(
            "The site is built by Sphinx, which is not installed: make site installs it, or "
            "pip install -e '.[site]'."
        ) from error
    warnings = StringIO()
    where = source, None, built, source / ".doctrees", "html"
    with docutils_namespace():  # what Sphinx tells docutils, another site is told anew
        sphinx = Sphinx(*where, SETTINGS, status=None, warning=warnings)
        sphinx.connect("doctree-read", _mark_cells)
        sphinx.connect("html-page-context", _mend_tables)
        sphinx.build()
    if found := strip_colors(warnings.getvalue()).replace(f"{source}/", "").splitlines():
        raise ValueError(f"Sphinx finds {len(found)} faults; mend this one first: {found[0]}")
    for made_of in built.rglob("*.map"):  # for the theme's own developers, 3 MB
        made_of.unlink()


def _share_figures(built: Path) -> None:
    """Let the slides show the pages' own figures: they hold them all a second time, 13 MB."""

    def shared(found: re.Match) -> str:
        name = f"{sha256(b64decode(found[1])).hexdigest()}.png"  # as MyST-NB names them
        return f"../_images/{name}" if (built / "_images" / name).exists() else found[0]

    for deck in (built / "slides").glob("*.html"):
        write(deck, _EMBEDDED.sub(shared, deck.read_text(encoding="utf-8")))


def _mark_cells(sphinx, doctree) -> None:
    """Give each code cell its anchor, and its figures the alt text that the notebook keeps."""
    from docutils import nodes

    for cell in doctree.findall(nodes.container):
        if cell.get("nb_element") == "cell_code":
            marks = cell["cell_metadata"]["page"]
            cell["ids"].append(marks["anchor"])
            for image, alt in zip(cell.findall(nodes.image), marks["alts"], strict=True):
                image["alt"] = alt


def _mend_tables(sphinx, name, template, context, doctree) -> None:
    """A corner that heads nothing is no heading: screen readers would announce it."""
    if "body" in context:
        context["body"] = context["body"].replace('<th class="head"><p></p></th>', "<td></td>")
