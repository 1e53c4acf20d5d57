"""A class on a running JupyterHub: everybody logs in, runs notebook 03 and moves a slider.

    python tests/benchmarks/hub.py http://127.0.0.1:8000 --users anna ben cleo --password …

Prints for each user what came of it and, where the hub runs on this machine, how much memory their
processes have of their own (libraries that all map are in memory once). How to start such a hub:
`course_lib/authoring/hub/README.md`.
"""

import argparse
import re
import time

import psutil
from playwright.sync_api import Page, sync_playwright

from course_lib.authoring import browser

NOTEBOOK = "notebooks/mine/03_edit_the_latent.ipynb"
CELLS = """() => window.jupyterapp.shell.currentWidget.content.widgets
    .filter(({model}) => model.type === 'code' && model.sharedModel.getSource().trim())
    .map(({model}) => ({
        ran: model.executionCount !== null && model.executionState !== 'running',
        errors: model.outputs.toJSON().filter(output => output.output_type === 'error').length,
    }))"""
SHOW = """() => {
    const {content} = window.jupyterapp.shell.currentWidget;
    const explores = ({model}) => model.type === 'code' && model.outputs.toJSON().some(
        output => output.data?.['text/plain']?.startsWith('LatentExplorer'));
    return content.scrollToItem(content.widgets.findIndex(explores), 'center');
}"""
PIXELS = "canvas => canvas.toDataURL()"
PATIENCE = 600_000  # ms


def log_in(page: Page, hub: str, user: str, password: str) -> None:
    page.goto(f"{hub}/hub/login?next=/hub/spawn")
    page.locator("#username_input").fill(user)
    page.locator("#password_input").fill(password)
    page.locator("#login_submit").click()
    page.wait_for_url(f"**/user/{user}/lab**", timeout=PATIENCE)
    page.goto(f"{hub}/user/{user}/lab/tree/{NOTEBOOK}")
    kernel = "window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status"
    page.wait_for_function(f"() => {kernel} === 'idle'", timeout=PATIENCE)


def ran(page: Page) -> str:
    """Wait until every cell did, or one failed."""
    done = f"() => ({CELLS})().every(cell => cell.ran) || ({CELLS})().some(cell => cell.errors)"
    page.wait_for_function(done, timeout=PATIENCE)
    cells = page.evaluate(CELLS)
    return f"{sum(c['ran'] and not c['errors'] for c in cells)} of {len(cells)} cells"


def slide(page: Page) -> str:
    page.evaluate(SHOW)
    explorer = page.locator(".course-latent").first
    slider = explorer.get_by_role("slider", name=re.compile(r"^element \d+$")).first
    explorer.locator("section canvas").nth(4).wait_for(timeout=PATIENCE)  # the map comes last
    edited = explorer.locator("section canvas").nth(2)
    slider.press("End")
    page.wait_for_timeout(2000)
    before = edited.evaluate(PIXELS)
    slider.press("Home")
    page.wait_for_timeout(2000)
    return "the picture changed" if edited.evaluate(PIXELS) != before else "NOTHING CHANGED"


def memory(user: str) -> str:
    own = 0
    for process in psutil.process_iter(["username"]):
        if process.info["username"] == user:
            counted = process.memory_info()
            own += counted.rss - counted.shared
    return f"{own / 1e9:.2f} GB" if own else "not on this machine"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("hub")
    parser.add_argument("--users", nargs="+", required=True)
    parser.add_argument("--password", required=True)
    asked = parser.parse_args()
    started = time.perf_counter()
    print("| user | notebook 03 | a slider | memory of one's own |\n| --- | --- | --- | --- |")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=browser.find(), args=["--no-sandbox", "--disable-gpu"]
        )
        pages = {}
        for user in asked.users:  # logged in, and all of them working, before one is waited for
            pages[user] = chromium.new_context(viewport={"width": 1280, "height": 800}).new_page()
            log_in(pages[user], asked.hub.rstrip("/"), user, asked.password)
            pages[user].evaluate("() => void jupyterapp.commands.execute('notebook:run-all-cells')")
        rows = {user: (ran(page), slide(page)) for user, page in pages.items()}
        for user, row in rows.items():
            print("|", " | ".join([user, *row, memory(user)]), "|", flush=True)
        chromium.close()
    print(f"\n{len(rows)} users in {time.perf_counter() - started:.0f} s.")


if __name__ == "__main__":
    main()
