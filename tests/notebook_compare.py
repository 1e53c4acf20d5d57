"""A pytest plugin that makes nbval compare a notebook as a reader would, figures included.

nbval collects and runs the notebooks as ever; its file and cell classes are subclassed, so that
outputs are compared by `output_compare` and that what a cell shows is worked out by nbclient, the
tool that wrote the stored outputs: displays updated in place (a live loss curve), ``clear_output``
and ``Output`` widgets then come out the same on both sides.
"""

import os
import textwrap
from functools import partial
from unittest import mock

import nbformat
import pytest
from nbclient import NotebookClient
from nbval.plugin import IPyNbCell, IPyNbFile, NbCellError

from tests.output_compare import Tolerance, differences


class NotebookCell(IPyNbCell):
    """A notebook's cell, compared by `differences`."""

    @property
    def fresh(self) -> list:
        """The outputs of this run, as nbclient would store them."""
        return self.parent.replay.nb.cells[self.cell_num].outputs

    def runtest(self) -> None:
        """Run the cell and compare; fail where nbval would be content with too little."""
        if self.cell.execution_count is None and not self.options["skip"]:
            self.raise_cell_error("The stored cell was never run: run the notebook and save it.")
        self.parent.start(self.cell_num)
        super().runtest()
        raised = any(output.output_type == "error" for output in self.fresh)
        if self.options["check_exception"] and not raised:
            self.raise_cell_error("The cell is tagged raises-exception, but raised nothing.")

    def compare_outputs(self, test, ref, skip_compare=None) -> bool:
        """Compare what nbclient made of the kernel's messages, instead of nbval's `test`."""
        name = f"{self.path.stem}-in-{self.cell.execution_count}"
        folder = self.config.rootpath / "build" / "notebook-diffs"
        self.comparison_traceback = differences(
            ref, self.fresh, Tolerance.of(self.cell), folder / name
        )
        return not self.comparison_traceback

    def repr_failure(self, excinfo):
        """Tell a reader which cell failed and why."""
        error = excinfo.value
        if not isinstance(error, NbCellError):
            return pytest.Item.repr_failure(self, excinfo)  # with its traceback
        first_line = self.cell.source.strip().partition("\n")[0]
        details = textwrap.indent(error.inner_traceback or "", "  ")
        where = f"{self.path.name}, In [{self.cell.execution_count}]: {first_line}"
        return f"{where}\n{error}\n{details}"


class NotebookFile(IPyNbFile):
    """A notebook whose kernel's messages are also followed by nbclient."""

    def setup(self) -> None:
        """Start the kernel; without MPLBACKEND, which would turn off figures in the notebook."""
        with mock.patch.dict(os.environ):
            os.environ.pop("MPLBACKEND", None)
            super().setup()
        # nbval keeps no history; without it IPython does not see that a last ";" hides a value.
        self.kernel.execute_cell_input = partial(
            self.kernel.kc.execute, store_history=True, stop_on_error=False
        )
        cells = [nbformat.v4.new_code_cell() for _ in self.nb.cells]
        self.replay = NotebookClient(nbformat.v4.new_notebook(cells=cells), record_timing=False)
        self.replay.kc = self.kernel.kc

    def start(self, cell_num: int) -> None:
        """Keep the messages of the next request for a cell, by its number among the code cells."""
        self.running, self.request = cell_num, None
        self.replay.clear_before_next_output = False

    def collect(self):
        """Yield the cells that nbval finds, as our kind of cell."""
        for item in super().collect():
            yield NotebookCell.from_parent(
                self, name=item.name, cell_num=item.cell_num, cell=item.cell, options=item.options
            )

    def get_kernel_message(self, timeout=None, stream="iopub"):
        """Show a message to nbclient, then to nbval if it knows what to do with it."""
        while True:
            message = super().get_kernel_message(timeout, stream)
            request = message["parent_header"].get("msg_id")
            kind = message["msg_type"]
            if kind == "execute_input":
                self.request = request
            if request == self.request and kind != "status":
                cell = self.replay.nb.cells[self.running]
                self.replay.process_message(message, cell, self.running)
            if kind not in ("update_display_data", "clear_output"):
                return message


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path, parent):
    """Put our notebook file in the place of nbval's."""
    found = yield
    return [
        NotebookFile.from_parent(parent, path=file_path) if type(item) is IPyNbFile else item
        for item in found
    ]
