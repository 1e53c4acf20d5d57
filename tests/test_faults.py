"""The fault scripts, each quick fault once: nothing is lost. More, and slow ones: faults/README."""

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tests.faults import processors, repeats

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "tests" / "faults" / "README.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| (.+?) \| ([\d,]+|not tried: .+?) \|(?: ([\d,]+))? \|(?: (\d+))? \|$", re.M)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the scripts fork, which Windows cannot")
def test_faults_are_survived_once_and_stand_in_the_readme():
    run = subprocess.run(
        [sys.executable, ROOT / "tests" / "faults" / "run.py", "--quick", "--times", "1"],
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    rows = ROW.findall(run.stdout)
    assert {name for name, *_ in rows} < {name for name, *_ in ROW.findall(README)}
    assert {lost for *_, lost in rows} <= {"0", ""}
    assert sum(int(survived.replace(",", "")) for _, _, survived, _ in rows if survived) > 1000


def test_what_is_lost_is_told(monkeypatch, capsys):
    monkeypatch.syspath_prepend(ROOT / "tests" / "faults")
    import trials

    def lossy(chance, folder):
        return "a picture" if chance.random() < 0.5 else None

    def failing(chance, folder):
        raise LookupError("no such picture")

    def absent(chance, folder):
        raise trials.Skipped("no disk")

    lost = trials.table({"lossy": lossy, "failing": failing, "absent": absent}, 8)
    told = capsys.readouterr().out
    lossy, failing, absent = ROW.findall(told)
    assert 0 < int(lossy[3]) < 8 and int(lossy[2]) == 8 - int(lossy[3])
    assert failing == ("failing", "8", "0", "8")
    assert absent == ("absent", "not tried: no disk", "", "")
    assert lost == 8 + int(lossy[3])
    assert "lossy, trial " in told and ": a picture" in told


def test_a_notebook_that_says_another_thing_each_time_is_told(tmp_path, capsys):
    steady, moody = new_code_cell("1 + 1"), new_code_cell("import os; os.urandom(8).hex()")
    stored = [new_code_cell("3", outputs=[]), steady, moody, new_code_cell("os.urandom(8).hex()")]
    stored[3].metadata["tags"] = ["nbval-ignore-output"]
    path = tmp_path / "moody.ipynb"
    nbformat.write(new_notebook(cells=stored), path)
    before = path.read_bytes()
    told, complaints = repeats.row(path, threads=1, times=2)
    assert told == "| moody | 1 | 2 | 4 | 1 | 3 |"
    assert complaints == 4 and str([moody.id]) in capsys.readouterr().err
    assert path.read_bytes() == before


def test_a_cell_that_another_processor_brings_near_its_limit_is_told(tmp_path, monkeypatch):
    """Of a processor all that a cell can ask here is what the libraries were told."""
    monkeypatch.delenv("ATEN_CPU_CAPABILITY", raising=False)  # whoever runs all tests as another
    other = "import os; other = 'ATEN_CPU_CAPABILITY' in os.environ"
    cells = [new_code_cell(source) for source in (other, "1 + 0.04 * other", "1 + 0.01 * other")]
    for cell in cells[1:]:
        cell.outputs = [nbformat.v4.new_output("execute_result", {"text/plain": "1.0"})]
    path = tmp_path / "made.ipynb"
    nbformat.write(new_notebook(cells=cells), path)
    [row] = processors.rows(path, "AVX2")
    assert f"| made | AVX2 | {cells[1].id} | 1 | text/plain" in row
    assert processors.rows(path, "this") == []
