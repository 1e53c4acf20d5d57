"""One JupyterLab for all tests in a browser: what is open in it, each of them opens itself."""

from pathlib import Path

import nbformat
import pytest

from tests.browser.lab import ROOT, jupyterlab


@pytest.fixture(scope="session")
def lab(tmp_path_factory) -> dict:
    """What the server tells about itself; it serves the notebooks as before anybody ran them."""
    folder: Path = tmp_path_factory.mktemp("lab")
    (folder / "notebooks").mkdir()
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        nbformat.write(notebook, folder / "notebooks" / path.name)
    # The option lets a test ask what the notebook on a page holds.
    with jupyterlab(folder, "--LabApp.expose_app_in_browser=True") as lab:
        yield lab
