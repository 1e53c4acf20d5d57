"""One JupyterLab for all tests in a browser: what is open in it, each of them opens itself."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.browser.lab import ROOT, commands, jupyterlab


@pytest.fixture(autouse=True)
def _not_traced(no_cover):
    """What a browser does is not the library's Python, and tracing this process while it waits and
    reads pictures took a fifth of these tests' processor time."""


@pytest.fixture(scope="module")
def lab(server) -> dict:
    """What the server tells about itself. Each file of tests meets it with the settings of a first
    start: a slideshow that another left open would open every later notebook as slides."""
    settings = Path(server["root_dir"]) / "settings"
    if settings.exists():
        shutil.rmtree(settings)
    return server


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> dict:
    """It serves the course, with copies as `make lab` makes them."""
    folder = tmp_path_factory.mktemp("lab")
    without = shutil.ignore_patterns("mine", ".ipynb_checkpoints")
    shutil.copytree(ROOT / "notebooks", folder / "notebooks", ignore=without)
    [make_copies, _] = commands()
    subprocess.run(make_copies, cwd=folder, check=True)
    # The option lets a test ask what the notebook on a page holds.
    with jupyterlab(folder, "--LabApp.expose_app_in_browser=True") as server:
        yield server
