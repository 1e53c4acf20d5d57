"""A pytest plugin that makes nbval compare a notebook as a reader would, figures included.

nbval collects the cells and reads their tags; nbclient, the tool that wrote the stored outputs,
runs them, so that displays updated in place (a live loss curve), ``clear_output`` and ``Output``
widgets come out the same on both sides; `output_compare` compares. A cell that takes too long or
ends its kernel fails whatever its tags, and no cell after it is compared. A cell in which the
kernel's memory grows beyond what small machines have fails too.
"""

import os
import re
import subprocess
import textwrap
from contextlib import ExitStack
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from jupyter_client import AsyncKernelManager
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat.v4 import new_code_cell, new_notebook
from nbval.kernel import CURRENT_ENV_KERNEL_NAME, NbvalKernelspecManager
from nbval.plugin import IPyNbCell, IPyNbFile, NbCellError

from course_lib.authoring.execute import Client
from tests.output_compare import Tolerance, differences

MEMORY = 2.5  # GB that a kernel may have at its peak, libraries and all; ours have 1.5 to 1.9


class NotebookCell(IPyNbCell):
    """A notebook's cell, run by nbclient and compared by `differences`."""

    def runtest(self) -> None:
        """Run the cell and compare; only the tag nbval-skip lets a cell pass by."""
        if self.options["skip"]:
            pytest.skip("tagged nbval-skip")
        if self.cell.execution_count is None:
            self.raise_cell_error("The stored cell was never run: run the notebook and save it.")
        before, fresh = self.peak, self.run()
        if self.peak > MEMORY >= before:
            self.raise_cell_error(
                f"The kernel took {self.peak:.2f} GB of memory in this cell, but at most {MEMORY} "
                "are there for a student: compute in batches."
            )
        raised = [output for output in fresh if output.output_type == "error"]
        if raised and not self.options["check_exception"]:
            self.raise_cell_error("The cell raised an exception.", "\n".join(raised[0].traceback))
        if self.options["check_exception"] and not raised:
            self.raise_cell_error("The cell is tagged raises-exception, but raised nothing.")
        if self.options["check"]:
            self.compare(fresh)

    @property
    def peak(self) -> float:
        """GB that the kernel has had at most; 0 where the system does not tell (all but Linux)."""
        status = Path(f"/proc/{self.parent.client.km.provisioner.pid}/status")
        if not status.exists():
            return 0.0
        return int(re.search(r"^VmHWM:\s+(\d+) kB", status.read_text(), re.MULTILINE)[1]) / 1e6

    def run(self) -> list:
        """Return the outputs of this run; the cell must end in time and leave the kernel alive."""
        notebook = self.parent
        if notebook.ended:
            self.raise_cell_error(f"Not checked: {notebook.ended}")
        fresh = notebook.client.nb.cells[self.cell_num]
        try:
            return notebook.client.execute_cell(fresh, self.cell_num).outputs
        except CellTimeoutError:
            end = f"took longer than {notebook.client.timeout} s."
        except DeadKernelError:
            end = "ended the kernel."
        notebook.ended = f"In [{self.cell.execution_count}] {end}"
        return self.raise_cell_error(f"The cell {end}")

    def compare(self, fresh: list) -> None:
        """Fail if this run's outputs are others than the stored ones."""
        name = f"{self.path.stem}-in-{self.cell.execution_count}"
        folder = self.config.rootpath / "build" / "notebook-diffs"
        tolerance = Tolerance.of(self.cell)
        if problems := differences(self.cell.outputs, fresh, tolerance, folder / name):
            self.raise_cell_error("Cell outputs differ", "\n".join(problems))

    def repr_failure(self, excinfo):
        """Tell a reader which cell failed and why."""
        error = excinfo.value
        if not isinstance(error, NbCellError):
            return pytest.Item.repr_failure(self, excinfo)  # with its traceback
        details = textwrap.indent(error.inner_traceback or "", "  ")
        return f"{self.where}\n{error}\n{details}"

    @property
    def where(self) -> str:
        first_line = self.cell.source.strip().partition("\n")[0]
        return f"{self.path.name}, In [{self.cell.execution_count}]: {first_line}"


class NotebookFile(IPyNbFile):
    """A notebook and its kernel, which is of the Python that runs pytest.

    Attributes
    ----------
    ended : str or None
        Which cell ended the run before the last one, and how.
    """

    def setup(self) -> None:
        """Start the kernel; without MPLBACKEND, which would turn off figures in the notebook."""
        self.ended = None
        limit = ceil(self.config.option.nbval_cell_timeout)
        # Cells without tags: what these allow is decided in `NotebookCell.runtest` alone.
        cells = [new_code_cell(c.source) for c in self.nb.cells if c.cell_type == "code"]
        self.client = Client(
            new_notebook(cells=cells),
            km=AsyncKernelManager(
                kernel_name=CURRENT_ENV_KERNEL_NAME, kernel_spec_manager=NbvalKernelspecManager()
            ),
            resources={"metadata": {"path": str(self.path.parent)}},
            extra_arguments=["--HistoryManager.hist_file=:memory:"],  # the user's is not ours
            startup_timeout=ceil(self.config.option.nbval_kernel_startup_timeout),
            # No interrupt: a cell may take it for a polite request to stop, and end as if well.
            interrupt_on_timeout=False,
            timeout=limit,
            iopub_timeout=limit,
            raise_on_iopub_timeout=True,
            shutdown_kernel="immediate",
            allow_errors=True,
            record_timing=False,
        )
        environment = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
        kernel = ExitStack()
        self.addfinalizer(kernel.close)
        nobody = kernel.enter_context(TemporaryDirectory())  # has predicted and tried nothing yet
        environment["COURSE_PROGRESS"] = str(Path(nobody) / "progress.json")
        kernel.enter_context(
            self.client.setup_kernel(cleanup_kc=True, env=environment, stderr=subprocess.DEVNULL)
        )

    def collect(self):
        """Yield the cells that nbval finds, as our kind of cell."""
        for item in super().collect():
            yield NotebookCell.from_parent(
                self, name=item.name, cell_num=item.cell_num, cell=item.cell, options=item.options
            )


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path, parent):
    """Put our notebook file in the place of nbval's."""
    found = yield
    return [
        NotebookFile.from_parent(parent, path=file_path) if type(item) is IPyNbFile else item
        for item in found
    ]


@pytest.hookimpl(wrapper=True, tryfirst=True)  # outside pytest's own, which makes the xfail
def pytest_runtest_makereport(item):
    """Fail a cell that ends as xfail or xpass: pytest would call such a run a success."""
    report = yield
    if isinstance(item, NotebookCell) and hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.where}\nA cell may not be expected to fail: {report.wasxfail}"
        del report.wasxfail
    return report
