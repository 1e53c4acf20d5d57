"""A browser that is on the machine, to print pages with."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from course_lib.files import written_beside

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "msedge")
ON_MAC = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
FLAGS = (
    "--headless",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--no-pdf-header-footer",
)
PATIENCE = 60  # seconds


def find() -> str | None:
    """A browser of the Chromium family, or None."""
    found = (path for name in NAMES if (path := shutil.which(name)))
    return next(found, ON_MAC if Path(ON_MAC).exists() else None)


def print_pdf(browser: str, page: Path, pdf: Path) -> None:
    """Print a page of this machine.

    Parameters
    ----------
    browser : str
        As `find` gives it.
    page, pdf : Path

    Raises
    ------
    OSError
        If the browser gives no file within a minute.
    """
    with tempfile.TemporaryDirectory() as profile, written_beside(pdf) as beside:
        # Root has no sandbox, as in a container; for anybody else scripts of a page stay in it.
        sandbox = ["--no-sandbox"] * (hasattr(os, "geteuid") and os.geteuid() == 0)
        asked = (f"--user-data-dir={profile}", f"--print-to-pdf={beside.absolute()}")
        try:
            done = subprocess.run(
                [browser, *FLAGS, *sandbox, *asked, page.absolute().as_uri()],
                capture_output=True,
                timeout=PATIENCE,
                check=False,
            )
            printed = done.returncode == 0 and beside.stat().st_size > 0
        except subprocess.TimeoutExpired:
            printed = False
        if not printed:
            raise OSError(
                f"{Path(browser).name} could not print '{page}': open the page and print it "
                "yourself."
            )
