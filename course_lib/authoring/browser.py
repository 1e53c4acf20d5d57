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
# A page may take its time to lay itself out: the browser's clock stands still until it has.
SCRIPTS = ("--run-all-compositor-stages-before-draw", "--virtual-time-budget=600000")


def find() -> str | None:
    """A browser of the Chromium family, or None."""
    found = (path for name in NAMES if (path := shutil.which(name)))
    return next(found, ON_MAC if Path(ON_MAC).exists() else None)


def print_pdf(
    browser: str, page: Path, pdf: Path, *, query: str = "", patience: int = PATIENCE
) -> None:
    """Print a page of this machine.

    Parameters
    ----------
    browser : str
        As `find` gives it.
    page, pdf : Path
    query : str
        What the page's scripts are told behind its address; they are waited for.
    patience : int
        Seconds.

    Raises
    ------
    OSError
        If the browser gives no file in that time.
    """
    with tempfile.TemporaryDirectory() as profile, written_beside(pdf) as beside:
        # Root has no sandbox, as in a container; for anybody else scripts of a page stay in it.
        sandbox = ["--no-sandbox"] * (hasattr(os, "geteuid") and os.geteuid() == 0)
        asked = (f"--user-data-dir={profile}", f"--print-to-pdf={beside.absolute()}")
        address = page.absolute().as_uri() + (query and f"?{query}")
        try:
            done = subprocess.run(
                [browser, *FLAGS, *sandbox, *(SCRIPTS if query else ()), *asked, address],
                capture_output=True,
                timeout=patience,
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


def with_pdf(page: Path) -> list[Path]:
    """A page, and its PDF beside it where a browser is found; raises as `print_pdf`."""
    if (found := find()) is None:
        return [page]
    pdf = page.with_suffix(".pdf")
    print_pdf(found, page, pdf)
    return [page, pdf]
