"""A notebook made for a test, open in JupyterLab, and what one does with it."""

from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

from tests.browser.test_lab import KERNEL, SECOND

THEMES = ("JupyterLab Light", "JupyterLab Dark")
IN_KERNEL = """async code => {
    const {kernel} = jupyterapp.shell.currentWidget.sessionContext.session;
    const request = kernel.requestExecute({code, store_history: false});
    let said = '';
    request.onIOPub = ({header, content}) => {
        if (header.msg_type === 'stream') said += content.text;
        if (header.msg_type === 'error') said += `${content.ename}: ${content.evalue}`;
    };
    await request.done;
    return said.trim();
}"""


def write(folder: Path, *cells: str, name: str = "made.ipynb") -> str:
    """Write a notebook of code cells into a folder's ``notebooks``; returns its name."""
    (folder / "notebooks").mkdir(exist_ok=True)
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    notebook = new_notebook(
        cells=[new_code_cell(source) for source in cells], metadata={"kernelspec": kernel}
    )
    nbformat.write(notebook, folder / "notebooks" / name)
    return name


def open_in(page, lab: dict, name: str) -> None:
    """Open a notebook in a workspace of its own, without others' tabs; wait for its kernel."""
    workspace = name.partition(".")[0]
    page.goto(f"{lab['url']}lab/workspaces/{workspace}/tree/notebooks/{name}?token={lab['token']}")
    page.wait_for_function(f"() => ({KERNEL})() === 'idle'", timeout=120 * SECOND)


def run_all(page) -> None:
    """Run every cell, through Jupyter's command."""
    page.evaluate("() => jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_function(f"() => ({KERNEL})() === 'idle'", timeout=120 * SECOND)


def in_kernel(page, code: str) -> str:
    """What a line of Python prints in the notebook's kernel."""
    return page.evaluate(IN_KERNEL, code)


def shut_down(page) -> None:
    """End the notebook's kernel, and leave."""
    page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    page.context.close()


def set_theme(page, theme: str) -> None:
    page.evaluate("theme => jupyterapp.commands.execute('apputils:change-theme', {theme})", theme)
    light = "false" if "Dark" in theme else "true"
    page.wait_for_selector(f'body[data-jp-theme-light="{light}"]', state="attached")
