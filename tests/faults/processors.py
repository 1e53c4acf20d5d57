"""Would the notebooks pass on another processor?

    python -m tests.faults.processors [--as SSE2 …] [02 07 …]

Each notebook runs from nothing with the arithmetic of older processors: libraries choose among
several at run time, and can be told. Rounding differs in the seventh digit, training makes more of
it. A row is a cell that uses more than two thirds of one of its limits; 1 is the limit. As this
processor, with nothing changed, is one more: whoever stored the outputs had another, perhaps.
"""

import argparse
import sys
import tempfile
from dataclasses import replace
from math import inf
from pathlib import Path

import nbformat

from tests.faults.repeats import chosen, code, run
from tests.output_compare import Tolerance, differences

PROCESSORS = {
    "this": {},
    "AVX2": {
        "ATEN_CPU_CAPABILITY": "avx2",
        "MKL_CBWR": "AVX2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
    },
    "SSE2": {  # three times slower
        "ATEN_CPU_CAPABILITY": "default",
        "MKL_CBWR": "COMPATIBLE",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
    },
}
SHARES = (0.67, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0, inf)
HEAD = """\
| notebook | as | cell | share of its limits | what is nearest |
| --- | --- | --- | --- | --- |"""


def used(stored: nbformat.NotebookNode, fresh: nbformat.NotebookNode) -> tuple[float, str]:
    """The least of `SHARES` of a cell's limits that lets its outputs pass, and what is past the
    share before it."""
    limits, nearest = Tolerance.of(stored), ""
    with tempfile.TemporaryDirectory() as folder:
        for share in SHARES:
            part = replace(
                limits,
                rel=limits.rel * share,
                abs=limits.abs * share,
                figure=limits.figure * share,
                overall=(limits.figure / 5 if limits.overall is None else limits.overall) * share,
            )
            problems = differences(stored.outputs, fresh.outputs, part, Path(folder) / "cell")
            if not problems:
                break
            nearest = problems[0].partition("\n")[0]
    return share, nearest


def rows(path: Path, processor: str) -> list[str]:
    """A row for each cell that is compared and comes near its limits."""
    told = []
    before, now = code(nbformat.read(path, as_version=4)), run(path, **PROCESSORS[processor])
    for stored, fresh in zip(before, now, strict=True):
        if "nbval-ignore-output" in stored.metadata.get("tags", []):
            continue
        share, nearest = used(stored, fresh)
        if share > SHARES[0]:
            told.append(f"| {path.stem} | {processor} | {stored.id} | {share:g} | {nearest} |")
    return told


def main() -> None:
    """Print the table; the exit status is 1 if it has any row."""
    asked = argparse.ArgumentParser()
    asked.add_argument("notebooks", nargs="*", default=[""], help="their numbers; all if none")
    asked.add_argument("--as", dest="processors", action="append", choices=PROCESSORS)
    options = asked.parse_args()
    print(HEAD, flush=True)
    near = 0
    for path in chosen(options.notebooks):
        for processor in options.processors or PROCESSORS:
            told = rows(path, processor)
            print("\n".join(told), flush=True)
            near += len(told)
    sys.exit(min(1, near))


if __name__ == "__main__":
    main()
