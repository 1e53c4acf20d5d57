"""The command stopped, or started with less than usual: short words, the right exit."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
SMALL = ["--hidden-dim", "9", "--latent-dim", "4", "--batch-size", "16", "--device", "cpu"]
pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows sends no signals")


@pytest.fixture
def photos(tmp_path):
    random = np.random.default_rng(1)
    np.save(tmp_path / "photos.npy", random.integers(0, 256, (70, 6, 5, 3), np.uint8))
    return tmp_path / "photos.npy"


def command(*words, shell="", **settings):
    """The command as its own process, told through a shell where its streams are to be closed."""
    line = [sys.executable, "-m", "course_lib", *map(str, words)]
    if shell:
        line = ["sh", "-c", f'exec "$@" {shell}', "sh", *line]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(line, env=environment, **pipes | settings)


def once(happened, process):
    """Wait until something has happened."""
    while not happened():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


def test_sigterm_in_training_keeps_the_epoch_and_two_runs_do_not_share_a_folder(photos, tmp_path):
    folder = tmp_path / "run"
    words = ["train", "--data", photos, "--folder", folder, *SMALL, "--epochs"]
    first = command(*words, 1_000_000)
    once((folder / "state.safetensors").exists, first)
    second = command(*words, 2, "--resume")
    _, told = second.communicate()
    assert second.returncode == 1
    assert told.startswith("Error: Another program is writing to") and told.count("\n") == 1
    first.send_signal(signal.SIGTERM)
    _, told = first.communicate()
    assert first.returncode == 130
    assert " of 1000000 passes, at step " in told.strip().splitlines()[-1]
    assert {path.name for path in folder.iterdir()} == {"run.json", "state.safetensors"}


def test_ctrl_c_while_a_notebook_runs_is_one_sentence(tmp_path):
    path = tmp_path / "long.ipynb"
    source = "import pathlib, time\npathlib.Path('runs').touch()\ntime.sleep(60)"
    cells = [nbformat.v4.new_code_cell("1"), nbformat.v4.new_code_cell(source)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    before = path.read_bytes()
    process = command("execute", path)
    once((tmp_path / "runs").exists, process)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate()
    assert process.returncode == 130
    assert told == "long.ipynb: stopped in cell 2; nothing was written.\n"
    assert path.read_bytes() == before


INTERRUPTED_IMPORT = """
import os, signal, sys
class Interrupt:
    def find_spec(self, name, path, target=None):
        if name == sys.argv.wanted:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupt())
class Words(list):
    wanted = {wanted!r}
sys.argv = Words(["course_lib", "train", "--data", "faces"])
import runpy
runpy.run_module("course_lib", run_name="__main__", alter_sys=False)
"""


@pytest.mark.parametrize("module", ["typer.core", "lightning_fabric"])
def test_ctrl_c_during_imports_is_no_traceback(module, tmp_path):
    script = INTERRUPTED_IMPORT.format(wanted=module)
    line = [sys.executable, "-c", script]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(line, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 130
    assert done.stderr in ("", "Stopped.\n") and done.stdout == ""


def test_a_pipe_as_data_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    process = command("train", "--data", tmp_path / "pipe")
    _, told = process.communicate()
    assert process.returncode == 1
    assert "is a pipe or a device, but a file or a folder was expected" in told


def test_closed_streams_are_no_obstacle(photos, tmp_path):
    words = ["train", "--data", photos, "--folder", tmp_path / "run", *SMALL, "--epochs", 1]
    process = command(*words, shell=">&- 2>&-")
    process.communicate()
    assert process.returncode == 0
    assert (tmp_path / "run" / "figures.json").is_file()
