"""JupyterLab as `make lab` starts it, for the length of a test."""

import json
import os
import re
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]


@contextmanager
def jupyterlab(folder: Path, *options: str) -> Iterator[dict]:
    """Run the last command of `make lab` in a folder, on a free port.

    Yields
    ------
    dict
        What the server tells about itself: ``url``, ``token``, ``pid`` and more.
    """
    log = folder / "lab.log"
    with log.open("w") as file:
        server = psutil.Popen(
            [*commands()[-1], "--no-browser", "--allow-root", f"--port={_free_port()}", *options],
            cwd=folder,
            env=_environment(folder),
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        yield _wait_for(server, folder / "runtime", log)
    finally:
        _stop(server)


def commands() -> list[list[str]]:
    """What `make lab` runs once everything is set up: copies first, JupyterLab last."""
    makefile = (ROOT / "Makefile").read_text()
    [recipe] = re.findall(r"^lab:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    lines = re.findall(r"^\t@?\$\(BIN\)/python (.*?)(?: \$\(AS_ROOT\))?$", recipe, re.MULTILINE)
    return [[sys.executable, *shlex.split(line)] for line in lines]


def _config_path() -> str:
    """Where the recipe lets JupyterLab find what is set for all."""
    makefile = (ROOT / "Makefile").read_text()
    return re.findall(r"^lab: export JUPYTER_CONFIG_PATH := (.*)$", makefile, re.M)[0].replace(
        "$(CURDIR)", str(ROOT)
    )


def _environment(folder: Path) -> dict[str, str]:
    """Ours without what would reach the notebooks, and with nothing of the user's Jupyter."""
    ours = {
        name: value
        for name, value in os.environ.items()
        if name not in {"MPLBACKEND", "JUPYTER_TOKEN"} and not name.startswith("PYTEST_")
    }
    return ours | {
        "COURSE_PROGRESS": str(folder / "progress.json"),
        "JUPYTER_CONFIG_PATH": _config_path(),
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_for(server: psutil.Popen, runtime: Path, log: Path) -> dict:
    """Wait until the server listens: it then writes its address and token to a file."""
    patience = time.monotonic() + 120
    while server.poll() is None and time.monotonic() < patience:
        for file in runtime.glob("jpserver-*.json"):
            if (text := file.read_text()).endswith("}"):  # written to its end
                return json.loads(text)
        time.sleep(0.1)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()}")


def _stop(server: psutil.Popen) -> None:
    """End the server and its kernels, by force if they will not go."""
    if not server.is_running():
        return
    family = [server, *server.children(recursive=True)]
    server.terminate()
    for process in psutil.wait_procs(family, timeout=20)[1]:
        process.kill()
    psutil.wait_procs(family, timeout=20)
