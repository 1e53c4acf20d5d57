"""JupyterHub for a class on one machine; README.md beside this file says how to start it.

Shared, and read-only for users: the course's folder, and its data (drawn faces, trained models).
Everybody's own, in their home: copies of the notebooks, what they train, and progress
(`start-user.sh`).
"""

import os
import sys
from pathlib import Path

c = get_config()  # noqa: F821  # ty: ignore[unresolved-reference] (it is JupyterHub's)

HERE = Path(__file__).resolve().parent
COURSE = HERE.parents[2]

# Loopback only: a reverse proxy with a certificate stands before it, as JupyterHub's guide has it.
c.JupyterHub.bind_url = os.environ.get("COURSE_HUB_URL", "http://127.0.0.1:8000")

# Accounts, passwords and homes are the machine's own (PAM).
c.Authenticator.allow_all = True

c.Spawner.cmd = [str(HERE / "start-user.sh")]
c.Spawner.notebook_dir = "~/autoencoders"
c.Spawner.default_url = "/lab/tree/notebooks/mine/00_start_here.ipynb"
c.Spawner.environment = {
    "COURSE": str(COURSE),
    "COURSE_SHARED": os.environ.get("COURSE_DATA", str(COURSE / "data")),
    "OMP_NUM_THREADS": "1",  # threads that share cores only wait for each other
    "PYTHON": sys.executable,
    "PYTHONPATH": str(COURSE),
}
c.Spawner.args = [
    # A kernel that nobody used for an hour gives its memory back; the notebook keeps its outputs.
    "--MappingKernelManager.cull_idle_timeout=3600",
    "--MappingKernelManager.cull_connected=True",
]
c.Spawner.http_timeout = 300  # s: forty people log in at once
