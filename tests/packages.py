"""What the course asks for, by pyproject.toml, and all that comes with it."""

import importlib.metadata
import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PYPI_NAME = {"matplotlib-base": "matplotlib", "pytorch-cpu": "torch"}
# PyTorch pins these for itself, and its CPU builds do without.
CUDA = re.compile("cuda|nvidia|triton")


def parse(lines):
    """Map package names to their requirements; a constraint list has several for some names."""
    found = {}
    for line in lines:
        requirement = Requirement(line)
        name = canonicalize_name(PYPI_NAME.get(requirement.name, requirement.name))
        found.setdefault(name, []).append(requirement)
    return found


EXTRAS = PROJECT["optional-dependencies"]
REQUIRED = parse(PROJECT["dependencies"] + EXTRAS["test"])


def needed(goes_on=lambda name: True):
    """All that the course asks for, what that asks for, and so on: names of packages."""
    waiting, seen = [(name, frozenset()) for name in REQUIRED], set()
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        for line in importlib.metadata.requires(name) or [] if goes_on(name) else []:
            need = Requirement(line)
            if not need.marker or any(need.marker.evaluate({"extra": e}) for e in ("", *extras)):
                waiting.append((canonicalize_name(need.name), frozenset(need.extras)))
    return {name for name, _ in seen}
