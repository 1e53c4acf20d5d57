"""The set-up: three lists of packages that must agree, and the Makefile that installs them."""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from itertools import chain
from pathlib import Path

import pytest
import yaml

from tests.packages import CUDA, EXTRAS, PROJECT, REQUIRED, ROOT, needed, parse

pytest_plugins = ["pytester"]

needs_make = pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")

PINNED = parse(
    line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")
)


def test_environment_yml_asks_for_the_packages_of_pyproject():
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    pip = conda.pop()["pip"]
    assert pip.pop() == "-e ."
    found = parse(conda + pip)
    assert str(found.pop("python")[0].specifier) == PROJECT["requires-python"]
    found.pop("pip")
    assert {name: str(one.specifier) for name, [one] in found.items()} == {
        name: str(one.specifier) for name, [one] in REQUIRED.items()
    }


@pytest.mark.parametrize(
    "name, required", parse([*PROJECT["dependencies"], *chain(*EXTRAS.values())]).items()
)
def test_the_pinned_version_is_one_that_pyproject_accepts(name, required):
    assert PINNED.get(name), f"{name} is not in constraints.txt; run make constraints"
    for pin in PINNED[name]:
        [exact] = pin.specifier
        assert required[0].specifier.contains(exact.version), f"{pin} does not fit {required[0]}"


def test_the_uv_that_the_set_up_fetches_is_pinned():
    assert PINNED.get("uv"), "uv is not in constraints.txt; run make constraints"


def test_a_pin_is_an_exact_version_and_nothing_else():
    for pin in chain(*PINNED.values()):
        assert [one.operator for one in pin.specifier] == ["=="], pin
        assert pin.url is None and not pin.extras, pin
        assert not CUDA.match(pin.name), f"{pin.name} would keep CPU builds of PyTorch out"


def hashes(path) -> dict[str, set[str]]:
    """Of each pin, the hashes of the files that its version consists of."""
    found, name = {}, ""
    for line in path.read_text().splitlines():
        if pin := re.match(r"([a-z][\w.-]*==\S+(?: ; .+)?) \\$", line):
            name = pin[1]
            found[name] = set()
        elif one := re.fullmatch(r"    --hash=(sha256:[0-9a-f]{64})(?: \\)?", line):
            found[name].add(one[1])
        else:
            assert line.startswith("#"), line
    return found


HASHES = hashes(ROOT / "hashes.txt")
OTHER_BUILD = ("torch==", "torchvision==", "triton", "cuda-", "nvidia-")


def test_every_pin_has_hashes_and_every_hash_a_pin():
    assert all(HASHES.values())
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = {line for line in lines if not line.startswith("#")}
    assert {name for name in HASHES if not CUDA.match(name.partition("==")[0])} == pins


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13", "3.14"])
@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
def test_no_package_has_two_pins_at_once(python, system):
    here = {
        "python_version": python,
        "python_full_version": f"{python}.9",
        "sys_platform": system,
        "os_name": "nt" if system == "win32" else "posix",
    }
    for name, pins in PINNED.items():
        valid = [pin for pin in pins if not pin.marker or pin.marker.evaluate(here)]
        assert len(valid) <= 1, f"{name}: {valid}"


def test_everything_that_would_be_installed_is_pinned():
    def from_this_list(name):  # what conda installed may ask for other packages
        version = "" if CUDA.match(name) else importlib.metadata.version(name)
        return any(pin.specifier.contains(version) for pin in PINNED.get(name, []))

    names = {name for name in needed(from_this_list) if not CUDA.match(name)}
    assert not names - PINNED.keys(), "not in constraints.txt: run make constraints"
    assert len(names) > len(REQUIRED)


@pytest.fixture
def checkout(tmp_path):
    """The files that make looks at, before any set-up."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt", "hashes.txt"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def make(folder, *arguments, **settings):
    # Under `make test` its variables would reach this make too.
    env = {
        name: value
        for name, value in os.environ.items()
        if name not in {"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "PYTHON", "NB", "TORCH", "TORCH_INDEX"}
        and not name.startswith(("PIP_", "UV"))
    }
    return subprocess.run(
        ["make", *arguments],
        cwd=folder,
        env=env | settings,
        capture_output=True,
        text=True,
        timeout=60,
    )


FAKE_PYTHON = f"""#!/bin/sh
# A Python with pip but no network: it writes down what it would install.
all="$*"
case "$all" in
    "-m venv"*) mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
    "-m pip config list") exec "{sys.executable}" "$@" ;;
    "-m pip install -qqq"*" -r .venv/uv.txt") [ -f uv.wheel ] && cp uv.wheel .venv/bin/uv ;;
    "-m pip install"*) echo "pip ${{all#-m pip install }}" >> installed ;;
esac
"""
FAKE_UV = """#!/bin/sh
all="$*"
all="${all#pip install --python .venv/bin/python --compile-bytecode }"
echo "$(basename $0) $all index=$UV_DEFAULT_INDEX" >> installed
[ ! -f offline ]
"""
WANTED = "-c constraints.txt -e .[test]"
HASHED = f"-b hashes.txt -c hashes.txt {WANTED}"


@pytest.fixture
def fresh(checkout):
    """A checkout on a machine where uv is neither on the PATH nor to be had."""
    executable(checkout / "python", FAKE_PYTHON)
    return checkout


def executable(path, text):
    path.write_text(text)
    path.chmod(0o755)


def set_up(folder, *arguments, **settings):
    """Run the set-up; return how it ended and the commands that would have installed."""
    run = make(
        folder,
        ".venv/.installed",
        "PYTHON=./python",
        *([] if any(one.startswith("UV=") for one in arguments) else ["UV=uv-of-the-user"]),
        *arguments,
        **{"PIP_CONFIG_FILE": os.devnull} | settings,
    )
    assert (folder / ".venv" / ".installed").exists() is (run.returncode == 0), run.stderr
    log = folder / "installed"
    return run, log.read_text().splitlines() if log.exists() else []


@needs_make
def test_uv_installs_where_it_is_there(fresh):
    executable(fresh / "uv-of-the-user", FAKE_UV)
    executable(fresh / "uv.wheel", FAKE_UV)
    _, installed = set_up(fresh, PATH=f"{fresh}:{os.environ['PATH']}")
    assert installed == [f"uv-of-the-user {HASHED} index="]
    assert not (fresh / ".venv/bin/uv").exists()


@needs_make
def test_uv_is_fetched_where_it_is_not_there(fresh):
    executable(fresh / "uv.wheel", FAKE_UV)
    run, installed = set_up(fresh)
    assert installed == [f"uv {HASHED} index="]
    assert "uv could not be installed" not in run.stdout
    [(name, found)] = hashes(fresh / ".venv/uv.txt").items()
    assert name.startswith("uv==") and found == HASHES[name]


@needs_make
def test_pip_installs_where_uv_cannot_be_had(fresh):
    run, installed = set_up(fresh)
    assert installed == [f"pip {WANTED}"]
    assert run.stdout == "uv could not be installed: pip takes longer.\n" and not run.stderr


@needs_make
def test_pip_installs_where_uv_is_not_wanted(fresh):
    executable(fresh / "uv.wheel", FAKE_UV)
    run, installed = set_up(fresh, "UV=")
    assert installed == [f"pip {WANTED}"]
    assert not run.stdout and not run.stderr


@needs_make
def test_torch_names_the_build_of_pytorch(fresh):
    executable(fresh / "uv.wheel", FAKE_UV)
    wanted = f"--torch-backend=cpu -b .venv/hashes.txt -c .venv/hashes.txt {WANTED}"
    assert set_up(fresh, "TORCH=cpu")[1] == [f"uv {wanted} index="]
    left = hashes(fresh / ".venv/hashes.txt")
    assert {"torch", "torchvision"} <= {n.partition("==")[0] for n in HASHES.keys() - left.keys()}
    assert {name: found for name, found in HASHES.items() if name in left} == left
    assert all(name.startswith(OTHER_BUILD) for name in HASHES.keys() - left.keys())


@needs_make
@pytest.mark.parametrize("uv", [[], ["UV="]])
def test_torch_without_uv_names_the_other_way(fresh, uv):
    run, installed = set_up(fresh, "TORCH=cpu", *uv)
    assert run.returncode != 0 and not installed
    assert "TORCH=cpu needs uv, which is not there; name an index" in run.stderr
    assert "TORCH_INDEX=" in run.stderr


@needs_make
def test_another_index_for_pytorch_is_added_by_uv_and_by_pip(fresh):
    _, [pip] = set_up(fresh, "TORCH_INDEX=cpu-wheels")
    assert pip == f"pip --extra-index-url cpu-wheels {WANTED}"
    (fresh / ".venv/.installed").unlink()
    executable(fresh / "uv.wheel", FAKE_UV)
    _, [_, uv] = set_up(fresh, TORCH_INDEX="cpu-wheels")
    first, hashes = "--index-strategy unsafe-best-match", ".venv/hashes.txt"
    wanted = f"-b {hashes} -c {hashes} --extra-index-url cpu-wheels {WANTED}"
    assert uv == f"uv {first} {wanted} index="


@needs_make
def test_uv_takes_the_index_that_pip_is_set_to_unless_it_has_its_own(fresh):
    executable(fresh / "uv.wheel", FAKE_UV)
    (fresh / "pip.conf").write_text(
        "[download]\nindex-url = of-downloads\n"
        "[global]\nindex-url = of-the-file\nextra-index-url = of-extras\n"
    )
    settings = {"PIP_CONFIG_FILE": str(fresh / "pip.conf")}
    for more in ({}, {"PIP_INDEX_URL": "of-the-shell"}, {"UV_DEFAULT_INDEX": "of-uv"}):
        settings |= more
        _, installed = set_up(fresh, **settings)
        (fresh / ".venv/.installed").unlink()
    assert [line.split("index=")[1] for line in installed] == [
        "of-the-file",
        "of-the-shell",
        "of-uv",
    ]


@needs_make
def test_a_failed_set_up_says_what_else_to_try_and_is_not_taken_for_a_whole_one(fresh):
    executable(fresh / "uv.wheel", FAKE_UV)
    (fresh / "offline").touch()
    run, _ = set_up(fresh, "TORCH=cpu")
    assert run.returncode != 0
    assert "Set-up failed, see above; TORCH_INDEX=… names another index" in run.stderr
    (fresh / "offline").unlink()
    assert set_up(fresh, "TORCH=cpu")[0].returncode == 0


@needs_make
def test_set_up_runs_again_only_for_another_list_of_packages(checkout):
    assert "pip install" in make(checkout, "-n", "test").stdout
    stamp = checkout / ".venv" / ".installed"
    stamp.parent.mkdir()
    stamp.touch()
    newest = stamp.stat().st_mtime + 10
    os.utime(stamp, (newest, newest))
    for target in ("lab", "test", "slides"):
        assert "pip install" not in make(checkout, "-n", target).stdout
    os.utime(checkout / "constraints.txt", (newest + 10, newest + 10))
    assert "pip install" in make(checkout, "-n", "test").stdout


@needs_make
def test_help_lists_every_target(checkout):
    makefile = (checkout / "Makefile").read_text()
    targets = re.findall(r"^([a-z]+):(?! export)", makefile, re.MULTILINE)
    assert {"help", "lab", "test"} <= set(targets)
    listed = re.findall(r"^make (\w+) +\w", make(checkout, "help").stdout, re.MULTILINE)
    assert listed == targets
    assert make(checkout).stdout == make(checkout, "help").stdout


@needs_make
def test_an_old_python_is_refused_in_one_sentence(checkout):
    old = checkout / "old-python"
    old.write_text(
        '#!/bin/sh\nexec python3 -c \'import sys; sys.version_info = (3, 9, 2, "final", 0); '
        'sys.version = "3.9.2"; exec(sys.argv[2])\' "$@"\n'
    )
    old.chmod(0o755)
    run = make(checkout, "lab", "PYTHON=./old-python")
    assert run.returncode != 0
    assert "needs Python 3.11 or newer, but ./old-python is 3.9.2" in run.stderr
    assert not (checkout / ".venv").exists()


@needs_make
def test_a_notebook_that_is_not_there_is_named(checkout):
    (checkout / ".venv").mkdir()
    (checkout / ".venv" / ".installed").touch()
    run = make(checkout, "notebook", "NB=99")
    assert run.returncode != 0
    assert "No notebook starts with 99" in run.stdout


def test_files_come_in_the_same_order_from_every_make():
    """GNU make 3.82 to 4.2 leave the order to the file system, and the claims follow it."""
    makefile = (ROOT / "Makefile").read_text()
    assert makefile.count("$(wildcard ") == makefile.count("$(sort $(wildcard ") > 0


@pytest.mark.skipif(Path("/Applications/Google Chrome.app").exists(), reason="a browser is there")
@pytest.mark.parametrize("ci, result", [("", {"skipped": 1}), ("true", {"errors": 1})])
def test_without_a_browser_its_tests_are_loudly_skipped_but_fail_in_ci(
    ci, result, pytester, monkeypatch, tmp_path
):
    pytester.makeconftest((ROOT / "tests" / "conftest.py").read_text())
    pytester.makepyfile("def test_in_a_browser(page): pass")
    monkeypatch.setenv("CI", ci)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))
    run = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:xdist")
    run.assert_outcomes(**result)
    said = run.stdout.str()
    assert "No Chromium or Chrome was found" in said
    assert ("1 TEST(S) IN A BROWSER DID NOT RUN" in said) is not bool(ci)
