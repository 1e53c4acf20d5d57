"""How long each notebook takes, and how much memory its kernel needs.

    python tests/benchmarks/notebooks.py [02 07 …]

Each runs twice in a kernel of its own: from nothing, in an empty data folder of its own, and again
with what the first time left there. Time is wall time and that of all processors together; memory
is the kernel's peak as the system counts it, mapped files and libraries included, and beside it
the peak of what is the kernel's own: libraries that several kernels map are in memory once. It is
looked at twenty times a second. Nothing is written to the notebooks.
"""

import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import nbformat
import psutil

from course_lib.authoring.execute import Client

FOLDER = Path(__file__).resolve().parent.parent.parent / "notebooks"
ASK = """
import resource as _r, sys as _s
_u = _r.getrusage(_r.RUSAGE_SELF)
print(_u.ru_utime + _u.ru_stime, _u.ru_maxrss * (1 if _s.platform == "darwin" else 1024))
"""


@contextmanager
def own_memory(client: Client):
    """The most memory, in bytes, that a client's kernel has of its own, in a list of one."""
    peak, over = [0], threading.Event()

    def look():
        while not over.wait(0.05):
            kernel = getattr(client.km, "provisioner", None)
            if kernel and kernel.pid and psutil.pid_exists(kernel.pid):
                memory = psutil.Process(kernel.pid).memory_info()
                peak[0] = max(peak[0], memory.rss - memory.shared)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield peak
    finally:
        over.set()
        watcher.join()


def measure(path: Path) -> str:
    """A row: wall time, processor time, peak memory, own memory, and the slowest cell."""
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    notebook.cells.append(nbformat.v4.new_code_cell(ASK))
    started, seconds = {}, {}
    client = Client(
        notebook,
        timeout=1800,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        on_cell_start=lambda cell, cell_index: started.update({cell.id: time.perf_counter()}),
        on_cell_executed=lambda cell, cell_index, execute_reply: seconds.update(
            {cell.id: time.perf_counter() - started[cell.id]}
        ),
    )
    with own_memory(client) as own:
        client.execute()
    cpu, peak = map(float, notebook.cells[-1].outputs[0].text.split())
    slowest = max(code, key=lambda cell: seconds[cell.id])
    return (
        f"{sum(seconds.values()):5.0f} s | {cpu:5.0f} s | {peak / 1e9:5.2f} GB | "
        f"{own[0] / 1e9:5.2f} GB | {seconds[slowest.id]:4.0f} s, "
        f"In [{code.index(slowest) + 1}]"
    )


def main() -> None:
    """Print a table of the notebooks that were named by their numbers, or of all."""
    wanted = sys.argv[1:] or [""]
    print("| notebook | data | wall time | processors | peak memory | its own | slowest cell |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for path in sorted(FOLDER.glob("*.ipynb")):
        if not any(path.name.startswith(number) for number in wanted):
            continue
        with (
            tempfile.TemporaryDirectory() as data,
            mock.patch.dict("os.environ", COURSE_DATA=data),
        ):
            for state in ("from nothing", "cached"):
                print(f"| {path.stem} | {state} | {measure(path)} |", flush=True)


if __name__ == "__main__":
    main()
