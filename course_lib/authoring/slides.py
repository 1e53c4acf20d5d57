"""Notebooks as reveal.js slides that work without a network."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from nbconvert import SlidesExporter

from course_lib.authoring.execute import clean, read, write

_ASSETS = Path(__file__).parent / "slides_assets"


def slides(paths: Iterable[str | os.PathLike], folder: str | os.PathLike) -> list[Path]:
    """Export notebooks as reveal.js decks that work without a network.

    Parameters
    ----------
    paths : iterable of paths
        The notebooks, with their outputs; nothing is executed.
    folder : path
        Where the decks and their ``assets`` go; made if need be. Copied as a whole it opens
        anywhere, straight from the disk.

    Returns
    -------
    list of Path
        One HTML file for each notebook.

    Raises
    ------
    FileNotFoundError
        If there is no such notebook.
    """
    folder = Path(folder)
    notebooks = {Path(path): read(Path(path)) for path in paths}
    exporter = SlidesExporter(
        template_name="course",
        extra_template_basedirs=[str(_ASSETS / "template")],
        reveal_url_prefix="assets/reveal.js",
        reveal_theme="white",
        embed_images=True,
    )
    for name in ("reveal.js", "mathjax"):
        shutil.copytree(_ASSETS / name, folder / "assets" / name, dirs_exist_ok=True)
    shutil.copy(_ASSETS / "pages.js", folder / "assets")
    decks = []
    for path, notebook in notebooks.items():
        clean(notebook)
        resources = {"metadata": {"name": path.stem, "path": str(path.parent)}}
        html, _ = exporter.from_notebook_node(notebook, resources=resources)
        decks.append(folder / f"{path.stem}.html")
        write(decks[-1], html)
    return decks
