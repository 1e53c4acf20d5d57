"""Run notebooks from top to bottom and clean them, ready to be committed."""

import ast
import asyncio
import os
import re
import signal
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
import zmq
from nbclient import NotebookClient
from nbclient.exceptions import CellControlSignal, CellExecutionError, DeadKernelError
from nbclient.output_widget import OutputWidget
from nbformat import ValidationError

from course_lib.files import write
from course_lib.lessons import MARKS

_KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
# JupyterLab's slideshow, and nothing else, in letters for the last row: `jupyterlab-fonts`, which
# `jupyterlab-slideshow` asks for, sets these styles.
_SLIDESHOW = {
    "styles": {
        ".jp-Notebook:is(.jp-Deck *)": {
            "--jp-code-font-size": "19px",
            "--jp-content-font-size1": "20px",
        },
        ".jp-RenderedHTMLCommon table:is(.jp-Deck *)": {"font-size": "18px"},
        ".jp-RenderedImage img:is(.jp-Deck *)": {"max-height": "42vh", "width": "auto"},
    }
}
_WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
_PROGRESS = re.compile(r".*\d+%\|")
# What is meant about a cell; editors and kernels add when it ran, how it was folded and more.
_CELL_METADATA = {"course", "jupyter", "slideshow", "tags"}


class HeardOutput(OutputWidget):
    """nbclient's stand-in for an Output widget, without its waits.

    What it sends goes past pyzmq's event loop, which may then sleep over a reply that has come in
    the same moment, until the cell's time is up. To ask for the socket's events wakes it.
    """

    def _publish_msg(self, *args, **kwargs) -> None:
        super()._publish_msg(*args, **kwargs)
        self.kernel_client.shell_channel.socket.get(zmq.EVENTS)


class Client(NotebookClient):
    """Runs notebooks with Output widgets in them, such as those of ``ipywidgets.interact``."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.widget_registry["@jupyter-widgets/output"]["OutputModel"] = HeardOutput
        self.stopped = False

    async def async_start_new_kernel(self, **kwargs) -> None:
        """Start it, and from then on take Ctrl-C and SIGTERM: the cell under way is given up, and
        the kernel is ended as always. nbclient would end the kernel alone, and wait for it."""
        loop, running = asyncio.get_running_loop(), asyncio.current_task()

        def stop() -> None:
            self.stopped, self.shutdown_kernel = True, "immediate"  # else it tells of its end
            running.cancel()  # ty: ignore[missing-union-attribute] (what runs a coroutine is a task)

        with suppress(RuntimeError):  # not in the main thread, or on Windows
            for which in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(which, stop)
        await super().async_start_new_kernel(**kwargs)


class NotebookError(ValueError):
    """A notebook that does not run to its end, or is none."""


def clean(notebook: nbformat.NotebookNode) -> None:
    """Remove, in place, what changes from run to run or from machine to machine.

    Cell ids, tags, slide types and outputs stay. Warnings (the stream ``stderr``) and progress
    bars go. A live widget becomes its name, and its picture if it gives one: without a
    kernel it would show an error. Its output's metadata then say ``"widget": true``. The code of a
    cell that states claims and nothing else is folded.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        A notebook of format 4.
    """
    notebook.metadata = nbformat.from_dict(
        {
            "@deathbeds/jupyterlab-fonts": _SLIDESHOW,
            "kernelspec": _KERNELSPEC,
            "language_info": {"name": "python"},
        }
    )
    for cell in notebook.cells:
        for key in cell.metadata.keys() - _CELL_METADATA:
            del cell.metadata[key]
        if cell.cell_type != "code":
            continue
        cell.outputs = [
            output
            for output in cell.outputs
            if output.get("name") != "stderr" and not is_progress_bar(output)
        ]
        for output in cell.outputs:
            if output.get("data", {}).pop(_WIDGET_VIEW, None):
                name, *_ = output.data.get("text/plain", "Widget").partition("(")
                output.data["text/plain"] = f"{name} (run the notebook to use it)"
                output.metadata["widget"] = True
        cell.metadata.pop("jupyter", None)  # folds by hand go, this one stays
        if states_claims_only(cell):
            cell.metadata["jupyter"] = {"source_hidden": True}


def states_claims_only(cell: nbformat.NotebookNode) -> bool:
    """Whether the lines of claims are all that a cell shows, and it defines no function."""
    if any(output.output_type != "stream" for output in cell.outputs):
        return False
    lines = "".join(output.text for output in cell.outputs).splitlines()
    if not lines or not all(line.startswith(tuple(MARKS.values())) for line in lines):
        return False
    plain = ast.Expr | ast.Assign
    return all(isinstance(one, plain) for one in ast.parse(cell.source).body)


def is_progress_bar(output: nbformat.NotebookNode) -> bool:
    """Whether an output is one of tqdm's bars, which are never the same twice."""
    data = output.get("data", {})
    return _WIDGET_VIEW in data and _PROGRESS.match(data.get("text/plain", "")) is not None


def execute(path: str | os.PathLike, *, timeout: int = 600) -> None:
    """Run a notebook in its own folder, clean it and write it back.

    The file changes only if every cell ran; cells tagged ``raises-exception`` may raise.

    Parameters
    ----------
    path : path
        The notebook.
    timeout : int
        Seconds a single cell may take.

    Raises
    ------
    FileNotFoundError
        If there is no such notebook.
    NotebookError
        If a cell raises, takes too long or ends the kernel, or the file is no notebook.
    KeyboardInterrupt
        If it is interrupted, in one sentence.
    """
    path = Path(path)
    notebook = read(path)
    running = 0

    def note_cell(cell, cell_index):
        nonlocal running
        running = cell_index

    client = Client(
        notebook,
        timeout=timeout,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        on_cell_start=note_cell,
        record_timing=False,
        extra_arguments=["--log-level=ERROR"],
        coalesce_streams=True,  # how prints are cut into pieces depends on timing
    )
    try:
        with TemporaryDirectory() as nobody:  # who has predicted and tried nothing yet
            progress = str(Path(nobody) / "progress.json")
            client.execute(env=os.environ | {"COURSE_PROGRESS": progress})
    except CellExecutionError as error:
        what = f"raised {error.ename}: {error.evalue}"
    except (DeadKernelError, asyncio.CancelledError):
        if client.stopped:
            raise KeyboardInterrupt(
                f"{path.name}: stopped in cell {running + 1}; nothing was written."
            ) from None
        what = "ended the kernel"
    except CellControlSignal:
        what = f"took longer than {timeout} s"
    else:
        clean(notebook)
        write(path, nbformat.writes(notebook) + "\n")
        return
    raise NotebookError(
        f"{path.name}: cell {running + 1} (id {notebook.cells[running].get('id')}) {what}; "
        "nothing was written."
    )


def read(path: Path) -> nbformat.NotebookNode:
    """A notebook, or a FileNotFoundError that says what was expected."""
    if not path.is_file():
        raise FileNotFoundError(f"There is no notebook {path}; give the path of an .ipynb file.")
    try:
        return nbformat.read(path, as_version=4)
    except (
        ValueError,
        ValidationError,
        AttributeError,
    ) as error:  # no text, no JSON, or other JSON
        raise NotebookError(f"{path} is no notebook: give the path of an .ipynb file.") from error
