"""What serves the course to others: a hub, an image, one click."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from traitlets.config import Config

ROOT = Path(__file__).resolve().parent.parent
HUB = ROOT / "course_lib" / "authoring" / "hub"
NOTEBOOK = "notebooks/mine/00_start_here.ipynb"
FOR_TEACHERS = {"ANSWERS.md", "TEACHING.md"}
SETTINGS = "labconfig/default_setting_overrides.json"  # of JupyterLab, for all who take the course


def configuration() -> Config:
    """What JupyterHub reads, with nothing of it but its `get_config`."""
    config, path = Config(), HUB / "jupyterhub_config.py"
    code = compile(path.read_text("utf-8"), path, "exec")
    exec(code, {"get_config": lambda: config, "__file__": str(path)})
    return config


def test_a_hub_is_seen_by_this_machine_alone(monkeypatch):
    monkeypatch.delenv("COURSE_HUB_URL", raising=False)
    config = configuration()
    assert config.JupyterHub.bind_url == "http://127.0.0.1:8000"
    assert config.Spawner.default_url == f"/lab/tree/{NOTEBOOK}"
    assert os.access(config.Spawner.cmd[0], os.X_OK)


@pytest.mark.skipif(os.name == "nt" or not shutil.which("cp"), reason="needs a Unix")
def test_a_user_reads_what_is_shared_and_writes_at_home(tmp_path, monkeypatch):
    shared, home = tmp_path / "shared", tmp_path / "home"
    (shared / "models").mkdir(parents=True)
    home.mkdir()
    for name in ("faces.safetensors", "models/one.safetensors"):
        (shared / name).write_text("shared")
    # In place of the server that would start: what the user's kernels will see.
    stub = tmp_path / "python"
    told = '{\\"data\\": \\"$COURSE_DATA\\", \\"progress\\": \\"$COURSE_PROGRESS\\"'
    seen = f'echo "{told}, \\"jupyter\\": \\"$JUPYTER_CONFIG_PATH\\"}}"'
    stub.write_text(f'#!/bin/sh\n[ "$2" = jupyterhub.singleuser ] && {seen} && exit\n'
                    f'exec "{sys.executable}" "$@"\n')  # fmt: skip
    stub.chmod(0o755)
    set_by_hub = configuration().Spawner.environment
    environment = os.environ | set_by_hub | {
        "HOME": str(home), "COURSE_SHARED": str(shared), "PYTHON": str(stub)
    }  # fmt: skip
    start = [HUB / "start-user.sh"]

    def started() -> SimpleNamespace:
        done = subprocess.run(start, env=environment, capture_output=True, text=True, check=True)
        return SimpleNamespace(**json.loads(done.stdout.splitlines()[-1]))

    seen = started()
    mine = home / "autoencoders"
    assert {seen.data, seen.progress} == {f"{mine}/data", f"{mine}/progress.json"}
    assert (Path(seen.jupyter) / SETTINGS).is_file()
    assert (mine / NOTEBOOK).is_file()
    assert (mine / "notebooks" / "CLAIMS.md").resolve() == ROOT / "notebooks" / "CLAIMS.md"
    kept = {path.name for path in (ROOT / "notebooks").glob("*.*")}
    assert kept - {path.name for path in (mine / "notebooks").iterdir()} == FOR_TEACHERS
    model = mine / "data" / "models" / "one.safetensors"
    assert model.read_text() == "shared"
    replaced = model.with_suffix(".part")
    replaced.write_text("my own")
    os.replace(replaced, model)  # as the library writes
    (mine / NOTEBOOK).write_text("my work")
    started()
    assert model.read_text() == "my own" and (mine / NOTEBOOK).read_text() == "my work"
    assert (shared / "models" / "one.safetensors").read_text() == "shared"


def test_the_values_for_kubernetes_start_the_same():
    values = yaml.safe_load((HUB / "values.yaml").read_text("utf-8"))
    image = (ROOT / "Dockerfile").read_text("utf-8")
    [course] = re.findall(r"^ENV COURSE=(\S+)", image, re.MULTILINE)
    [jupyter] = re.findall(r"^ENV JUPYTER_CONFIG_PATH=(\S+)", image, re.MULTILINE)
    assert (ROOT / Path(jupyter).relative_to(course) / SETTINGS).is_file()
    assert values["singleuser"]["cmd"] == [f"{course}/{(HUB / 'start-user.sh').relative_to(ROOT)}"]
    assert values["singleuser"]["defaultUrl"] == configuration().Spawner.default_url
    needed = set(re.findall(r"\$\{?([A-Z_]+)", (HUB / "start-user.sh").read_text("utf-8")))
    needed -= {"HOME", "COURSE_DATA", "COURSE_PROGRESS"}
    assert needed == {"COURSE", "COURSE_SHARED", "PYTHON"}
    assert needed <= set(re.findall(r"([A-Z_]+)=", image))
    assert needed <= set(configuration().Spawner.environment)


def test_an_image_checks_what_it_installs_as_the_set_up_does():
    image, makefile = ((ROOT / name).read_text("utf-8") for name in ("Dockerfile", "Makefile"))
    other_build = re.findall(r"^OTHER_BUILD = (.*)$", makefile, re.MULTILINE)
    rules = [rule.replace("$$", "$") for rule in re.findall(r"awk '(.*?)' hashes.txt", makefile)]
    expected = {rule for rule in rules if "(" not in rule} | set(other_build)
    assert set(re.findall(r"awk '(.*?)' hashes.txt", image)) == expected and len(expected) == 2


def test_what_an_image_made_is_not_hidden_by_ones_own_course():
    image = (ROOT / "Dockerfile").read_text("utf-8")
    [course, made, shared] = re.findall(r"^ENV COURSE=(\S+) COURSE_DATA=(\S+) COURSE_SHARED=(\S+)$",
                                        image, re.MULTILINE)[0]  # fmt: skip
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text("utf-8"))
    assert container["workspaceMount"].endswith(f"target={course},type=bind")
    assert made == shared and Path(course) not in Path(made).parents


def test_an_image_copies_no_set_up_and_nobodys_work():
    ignored, of_git = (
        {line.removeprefix("**/").rstrip("/") for line in lines if line and line[0] != "#"}
        for lines in (
            (ROOT / f".{name}ignore").read_text().splitlines() for name in ("docker", "git")
        )
    )
    assert {".git", *(f"notebooks/{name}" for name in FOR_TEACHERS), *of_git} <= ignored
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text("utf-8"))
    place = ROOT / ".devcontainer"
    assert (place / container["build"]["dockerfile"]).resolve() == ROOT / "Dockerfile"
    assert (place / container["build"]["context"]).resolve() == ROOT
