"""What all tests share: no windows, a browser, and examples that are the same in every run."""

import os
import shutil
from pathlib import Path

import hypothesis
import matplotlib
import pytest
import torch

# By name, not by MPLBACKEND: the notebooks' kernels would inherit that, and show no figures.
matplotlib.use("Agg")

# No time limit per example (machines differ), and no random ones (a failure must come back).
hypothesis.settings.register_profile("course", deadline=None, derandomize=True)
hypothesis.settings.load_profile("course")

SEED = 0

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROME_ON_MAC = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
NO_BROWSER = (
    "No Chromium or Chrome was found: install one, or run `python -m playwright install chromium`."
)
FLAGS = (
    "--no-sandbox",  # there is none for root in a container
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


@pytest.fixture(autouse=True)
def _seeded():
    """Let no test depend on what drew random numbers before it: a failure comes back alone, too."""
    torch.manual_seed(SEED)


@pytest.fixture(autouse=True)
def _nobody(tmp_path, monkeypatch):
    """Keep what tests predict and try apart, and away from the developer's own record."""
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.json"))


@pytest.fixture(scope="session")
def chromium_path(request) -> str:
    """A browser of the Chromium family; without one the test is skipped, but fails in CI."""
    if (path := find_browser()) is not None:
        return path
    if os.environ.get("CI"):
        pytest.fail(NO_BROWSER, pytrace=False)
    return pytest.skip(NO_BROWSER)


def find_browser() -> str | None:
    """One that is installed, else the one that Playwright downloaded, else None."""
    for name in (*BROWSERS, CHROME_ON_MAC):
        if found := shutil.which(name):
            return found
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        downloaded = playwright.chromium.executable_path
    return downloaded if Path(downloaded).is_file() else None


@pytest.fixture
def page(chromium_path):
    """A page in a browser of its own, which does nothing but what the test tells it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=FLAGS)
        yield browser.new_page(viewport={"width": 1400, "height": 1000})
        browser.close()


def pytest_terminal_summary(terminalreporter):
    """Say loudly that tests in a browser did not run."""
    skipped = terminalreporter.stats.get("skipped", [])
    count = sum(NO_BROWSER in str(report.longrepr) for report in skipped)
    if count:
        line = f"{count} TEST(S) IN A BROWSER DID NOT RUN. {NO_BROWSER}"
        terminalreporter.write_line(line, red=True, bold=True)
