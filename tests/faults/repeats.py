"""Do the notebooks say the same each time?

    python -m tests.faults.repeats [--times 5] [--threads 1 --threads 2] [02 07 …]

Each notebook runs so many times from nothing, in an empty data folder, with so many threads. A row
counts the cells whose outputs are not the same to the bit in all of these runs, and those that
`make test` would refuse in any of them. Nothing is written to the notebooks.
"""

import argparse
import copy
import os
import sys
import tempfile
from pathlib import Path

import nbformat

from course_lib.authoring.execute import Client, clean
from tests.output_compare import Tolerance, differences

FOLDER = Path(__file__).resolve().parent.parent.parent / "notebooks"
HEAD = """\
| notebook | threads | runs | cells | not the same in all runs | beyond the limits of `make test` |
| --- | --- | --- | --- | --- | --- |"""


def run(path: Path, **variables: str) -> list[nbformat.NotebookNode]:
    """The code cells of a fresh run in such an environment, cleaned as those that are stored."""
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as empty:
        here = {"COURSE_DATA": empty, "COURSE_PROGRESS": str(Path(empty) / "progress.json")}
        client = Client(
            notebook,
            timeout=1800,
            kernel_name="python3",
            resources={"metadata": {"path": str(path.parent)}},
            coalesce_streams=True,
        )
        client.execute(env=os.environ | here | variables)
    clean(notebook)
    return code(notebook)


def code(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def refused(stored: nbformat.NotebookNode, fresh: nbformat.NotebookNode, folder: str) -> bool:
    """Whether `make test` would, by the tags and the limits of the stored cell."""
    if "nbval-ignore-output" in stored.metadata.get("tags", []):
        return False
    picture = Path(folder) / stored.id
    return bool(differences(stored.outputs, fresh.outputs, Tolerance.of(stored), picture))


def row(path: Path, threads: int, times: int) -> tuple[str, int]:
    """A row of the table, and how many cells it complains of; which they are goes to stderr."""
    stored = code(nbformat.read(path, as_version=4))
    runs = [run(path, OMP_NUM_THREADS=str(threads)) for _ in range(times)]
    compared = [[cell.outputs for cell in cells] for cells in runs]
    unequal = {
        cell.id
        for number, cell in enumerate(stored)
        if any(outputs[number] != compared[0][number] for outputs in compared)
        and "nbval-ignore-output" not in cell.metadata.get("tags", [])
    }
    with tempfile.TemporaryDirectory() as folder:
        beyond = {
            cell.id
            for number, cell in enumerate(stored)
            if any(refused(cell, copy.deepcopy(cells[number]), folder) for cells in runs)
        }
    for name, cells in {"not the same": unequal, "beyond": beyond}.items():
        if cells:
            print(f"{path.stem}, {threads} threads, {name}: {sorted(cells)}", file=sys.stderr)
    told = f"| {path.stem} | {threads} | {times} | {len(stored)} | {len(unequal)} | {len(beyond)} |"
    return told, len(unequal) + len(beyond)


def chosen(numbers: list[str]) -> list[Path]:
    """The notebooks that were asked for."""
    return [p for p in sorted(FOLDER.glob("*.ipynb")) if p.name.startswith(tuple(numbers))]


def main() -> None:
    """Print the table; the exit status is 1 if any cell is complained of."""
    asked = argparse.ArgumentParser()
    asked.add_argument("notebooks", nargs="*", default=[""], help="their numbers; all if none")
    asked.add_argument("--times", type=int, default=5)
    asked.add_argument("--threads", type=int, action="append")
    options = asked.parse_args()
    print(HEAD, flush=True)
    wrong = 0
    for path in chosen(options.notebooks):
        for threads in options.threads or (1, 2):
            told, complaints = row(path, threads, options.times)
            print(told, flush=True)
            wrong += complaints
    sys.exit(min(1, wrong))


if __name__ == "__main__":
    main()
