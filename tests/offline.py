"""A pytest plugin: the suite runs without a network, and a test that asks for one fails.

That holds for what the tests start too, notebooks' kernels among it: every Python that finds
`every_python` on its path.
"""

import os
import runpy
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

EVERY_PYTHON = Path(__file__).parent / "every_python"


def pytest_configure(config: pytest.Config) -> None:
    """From here on there is no network, for this process and all that it starts."""
    folder = TemporaryDirectory(prefix="course-asked-")
    config.add_cleanup(folder.cleanup)
    os.environ["COURSE_ASKED"] = str(Path(folder.name) / "hosts")
    others = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    path = dict.fromkeys([str(EVERY_PYTHON), *filter(None, others)])
    os.environ["PYTHONPATH"] = os.pathsep.join(path)
    runpy.run_path(str(EVERY_PYTHON / "sitecustomize.py"))


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown() -> None:
    """Fail the test during which somebody asked."""
    asked = Path(os.environ["COURSE_ASKED"])
    if asked.exists():
        hosts = ", ".join(dict.fromkeys(asked.read_text(encoding="utf-8").split()))
        asked.unlink()
        pytest.fail(f"The network was asked for {hosts}, but nothing may need it.", pytrace=False)
