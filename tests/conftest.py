"""What all tests share: no windows, a browser, and examples that are the same in every run."""

import os
import shutil
from pathlib import Path

import hypothesis
import matplotlib
import pytest

# By name, not by MPLBACKEND: the notebooks' kernels would inherit that, and show no figures.
matplotlib.use("Agg")

# No time limit per example (machines differ), and no random ones (a failure must come back).
hypothesis.settings.register_profile("course", deadline=None, derandomize=True)
hypothesis.settings.load_profile("course")

SEED = 0

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROME_ON_MAC = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
NO_SITE = "The extra `site` is not installed: `make site` installs it."
NO_BROWSER = (
    "No Chromium or Chrome was found: install one, or run `python -m playwright install chromium`."
)
FLAGS = (
    "--no-sandbox",  # there is none for root in a container
    "--disable-gpu",
    "--disable-background-networking",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",  # no network
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


@pytest.fixture(autouse=True)
def _seeded():
    """Let no test depend on what drew random numbers before it: a failure comes back alone, too."""
    import torch  # here, for a run of notebooks alone has no use for it

    torch.manual_seed(SEED)


@pytest.fixture(autouse=True)
def _nobody(tmp_path, monkeypatch):
    """Keep what tests predict and try apart, and away from the developer's own record."""
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.json"))


@pytest.fixture(scope="session")
def sphinx():
    """What the site is built with; without it the test is skipped: it is 80 MB, and an extra."""
    pytest.importorskip("myst_nb", reason=NO_SITE)


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


@pytest.fixture(scope="module")
def browser(chromium_path):
    """One for all tests of a file; no longer, for Playwright keeps this thread's event loop."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    """A page without a past, which does nothing but what the test tells it."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    yield context.new_page()
    context.close()


def pytest_terminal_summary(terminalreporter):
    """Say loudly which tests did not run."""
    skipped = terminalreporter.stats.get("skipped", [])
    for kind, reason in (("IN A BROWSER", NO_BROWSER), ("OF THE SITE", NO_SITE)):
        if count := sum(reason in str(report.longrepr) for report in skipped):
            line = f"{count} TEST(S) {kind} DID NOT RUN. {reason}"
            terminalreporter.write_line(line, red=True, bold=True)
