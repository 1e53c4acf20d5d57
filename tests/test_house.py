"""How the library is built: no import runs upward, and no modules import one another."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HOUSE = ROOT / "course_lib"
# From the bottom: a file or wing imports what stands before it, and nothing that stands after it.
ORDER = """
    __init__ checksum files sources transforms likelihoods models objectives homework theory
    training latents descendants gan datasets evaluation plots lessons exercises explorers runs
    authoring __main__
""".split()


def imports(house: Path) -> dict[str, set[str]]:
    """Which modules of a package each of its modules imports, wherever in its text."""
    files = {_name(path, house): path for path in sorted(house.rglob("*.py"))}
    found = {}
    for name, path in files.items():
        used = set(_imported(ast.parse(path.read_text(encoding="utf-8")), house.name))
        found[name] = {module for one in used if (module := _module(one, files))}
    return found


def _name(path: Path, house: Path) -> str:
    """``course_lib.training.loop``; a package is named as its folder."""
    parts = (house.name, *path.relative_to(house).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imported(tree: ast.Module, package: str):
    """Every dotted name that is imported from the package: ``course_lib.training.fit``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"write {package}.… in full, not {'.' * node.level}{node.module}"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _module(name: str, files: dict[str, Path]) -> str | None:
    """The module that has a name: itself, or the one that defines or shows it."""
    while name and name not in files:
        name = name.rpartition(".")[0]
    return name or None


def place(module: str) -> str:
    """A module's file or wing."""
    return module.split(".")[1] if "." in module else "__init__"


def upward(house: Path) -> list[str]:
    """Imports of what stands above."""
    return [
        f"{module} imports {used}"
        for module, all_used in imports(house).items()
        for used in sorted(all_used)
        if ORDER.index(place(used)) > ORDER.index(place(module))
    ]


def circle(house: Path) -> list[str] | None:
    """Modules that import one another, if there are any."""
    try:
        TopologicalSorter(imports(house)).prepare()
    except CycleError as error:
        return error.args[1]
    return None


def test_every_file_and_wing_has_its_place():
    assert {place(module) for module in imports(HOUSE)} == set(ORDER)


def test_no_import_runs_upward():
    assert upward(HOUSE) == []


def test_no_modules_import_one_another():
    assert circle(HOUSE) is None


def test_what_authors_need_is_imported_by_the_command_alone():
    users = {place(m) for m, used in imports(HOUSE).items() if "authoring" in map(place, used)}
    assert users == {"authoring", "__main__"}


@pytest.fixture
def house(tmp_path):
    """A small house in good order."""
    files = {
        "__init__": "",
        "models": "import torch",
        "plots/__init__": "from course_lib.plots.curves import curve",
        "plots/curves": "from course_lib import models\nfrom course_lib.plots import figure",
        "plots/figure": "import course_lib.models",
    }
    for name, text in files.items():
        path = tmp_path / "course_lib" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "course_lib"


def test_imports_are_found_in_every_spelling(house):
    assert imports(house) == {
        "course_lib": set(),
        "course_lib.models": set(),
        "course_lib.plots": {"course_lib.plots.curves"},
        "course_lib.plots.curves": {"course_lib.models", "course_lib.plots.figure"},
        "course_lib.plots.figure": {"course_lib.models"},
    }
    assert upward(house) == [] and circle(house) is None


def test_an_import_that_runs_upward_is_found_inside_a_function_too(house):
    (house / "models.py").write_text("def draw():\n    from course_lib.plots import curve")
    assert upward(house) == ["course_lib.models imports course_lib.plots"]


@pytest.mark.parametrize("text", ["from course_lib.plots import curve", "import course_lib.plots"])
def test_a_circle_within_a_wing_is_found(house, text):
    (house / "plots" / "figure.py").write_text(text)
    assert upward(house) == []
    assert {"course_lib.plots", "course_lib.plots.curves"} < set(circle(house))
