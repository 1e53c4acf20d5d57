"""Notebooks as reveal.js slides that work without a network."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from nbconvert import SlidesExporter

from course_lib.authoring import browser
from course_lib.authoring.execute import clean, read
from course_lib.authoring.links import in_decks
from course_lib.files import write

_ASSETS = Path(__file__).parent / "assets"
PATIENCE = 300  # seconds for a deck's pages
_PAGE = b"/MediaBox [0 0 960 540]"  # in points: 1280×720 pixels, once a deck has laid itself out


def slides(
    paths: Iterable[str | os.PathLike], folder: str | os.PathLike, *, pdf: bool = False
) -> list[Path]:
    """Export notebooks as reveal.js decks that work without a network.

    What does not fit on a slide goes on further ones, in the browser (``assets/pages.js``).

    Parameters
    ----------
    paths : iterable of paths
        The notebooks, with their outputs; nothing is executed.
    folder : path
        Where the decks and their ``assets`` go; made if need be. Copied as a whole it opens
        anywhere, straight from the disk.
    pdf : bool
        Print each deck too, a page for a slide.

    Returns
    -------
    list of Path
        One HTML file for each notebook, and the PDFs behind them.

    Raises
    ------
    FileNotFoundError
        If there is no such notebook, or no browser to print with.
    OSError
        If the browser does not print a deck.
    """
    folder = Path(folder)
    notebooks = {Path(path): read(Path(path)) for path in paths}
    found = browser.find() if pdf else None
    if pdf and found is None:
        raise FileNotFoundError(
            "No Chromium or Chrome was found to print slides with: install one, or export without "
            "PDF, open a deck with ?print-pdf behind its name, and print it."
        )
    exporter = SlidesExporter(
        template_name="course",
        extra_template_basedirs=[str(_ASSETS / "template")],
        extra_template_paths=[str(_ASSETS / "template")],  # what both templates include
        reveal_url_prefix="assets/reveal.js",
        reveal_theme="white",
        embed_images=True,
    )
    for name in ("reveal.js", "mathjax"):
        shutil.copytree(_ASSETS / name, folder / "assets" / name, dirs_exist_ok=True)
    shutil.copy(_ASSETS / "pages.js", folder / "assets")
    decks, exported = [], {path.name for path in notebooks}
    for path, notebook in notebooks.items():
        clean(notebook)
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = in_decks(cell.source, exported)
        resources = {"metadata": {"name": path.stem, "path": str(path.parent)}}
        html, _ = exporter.from_notebook_node(notebook, resources=resources)
        decks.append(folder / f"{path.stem}.html")
        write(decks[-1], html)
    if found is None:
        return decks
    prints = [deck.with_suffix(".pdf") for deck in decks]
    for deck, printed in zip(decks, prints, strict=True):
        browser.print_pdf(found, deck, printed, query="print-pdf", patience=PATIENCE)
        if _PAGE not in printed.read_bytes():
            printed.unlink()
            raise OSError(f"'{deck}' was printed before it was laid out: print it again.")
    return decks + prints
