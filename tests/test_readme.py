"""The texts beside the code say what the code says."""

import ast
import inspect
import re
from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest
import torch
from PIL import Image

from course_lib import datasets, homework, runs, transforms
from course_lib.datasets.loading import LOADERS
from course_lib.explorers import LatentExplorer
from course_lib.models import FullyConnectedAutoencoder, FullyConnectedVAE
from course_lib.transforms import face_transform
from tests.notebook_compare import MEMORY
from tests.test_notebooks import CODE_LINES, LARGEST, NOTEBOOKS, RULES

ROOT = Path(__file__).resolve().parent.parent
TEXTS = ["README.md", "CONTRIBUTING.md", "data/README.md", "tests/benchmarks/README.md"]
README, CONTRIBUTING, DATASHEET, BENCHMARKS = (
    (ROOT / name).read_text(encoding="utf-8") for name in TEXTS
)
NAME = re.compile(r"`([\w-]+/?)`")


def blocks(text: str) -> list[str]:
    """The Python in a text."""
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_the_readme_is_short():
    assert len(README.splitlines()) <= 150


def test_links_lead_somewhere():
    found = {
        (ROOT / name).parent / link
        for name in TEXTS
        for link in links((ROOT / name).read_text(encoding="utf-8"))
    }
    assert {ROOT / "CONTRIBUTING.md", ROOT / "notebooks" / "CLAIMS.md"} < found
    assert [path for path in found if not path.is_file()] == []


def test_paths_in_the_texts_exist():
    named = re.compile(r"`((?:course_lib|tests)/[\w./]+)`")
    found = {path for name in TEXTS for path in named.findall((ROOT / name).read_text("utf-8"))}
    assert len(found) > 5
    assert [path for path in sorted(found) if not (ROOT / path).exists()] == []


def links(text: str) -> list[str]:
    """Those to files, but for examples in code."""
    found = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", text))
    return [link for link in found if not link.startswith("https://")]


def test_the_readme_shows_the_explorer_before_all_else():
    first = re.search(r"!\[([^\]]+)\]\(([^)]+)\)", README)
    assert first.start() < README.index("\n## ")
    assert len(first[1]) > 100, "a picture is described"
    assert (ROOT / first[2]).stat().st_size < 200_000


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_readme_says_of_each_notebook_what_its_first_cell_says(path):
    first = nbformat.read(path, as_version=4).cells[0].source
    number, title, question = re.match(r"# (\d+) · ([^:\n]+): (.+)", first).groups()
    row = f"| [{int(number):02} {title}](notebooks/{path.name}) | {capital(question)} "
    assert f"{row}| {minutes(path)} |\n" in README


def test_the_readme_adds_the_minutes_up():
    hours, rest = divmod(sum(map(minutes, NOTEBOOKS)), 60)
    last = NOTEBOOKS[-1].name[:2]
    assert f"00 to {last} take {hours} h {rest:02} in all" in README


def capital(text: str) -> str:
    return text[0].upper() + text[1:]


def minutes(path: Path) -> int:
    first = nbformat.read(path, as_version=4).cells[0].source
    return int(re.search(r"^About (\d+) minutes", first, re.MULTILINE)[1])


def contents(folder: Path) -> set[str]:
    """What is in a wing or the library: modules by their name, folders with a stroke.

    Modules that are a notebook's own are not listed one by one.
    """
    own = {path.stem.partition("_")[2] for path in NOTEBOOKS}
    shown = [path for path in folder.iterdir() if not path.name.startswith(("__", "."))]
    shown = [path for path in shown if path.stem not in own]
    return {f"{path.name}/" if path.is_dir() else path.stem for path in shown}


def test_the_readme_lists_every_module():
    table = README.partition("| `course_lib/` | job |\n| --- | --- |\n")[2].partition("\n\n")[0]
    rows = [row.strip("| ").split(" | ") for row in table.splitlines()]
    places = [place for first, _ in rows for place in NAME.findall(first)]
    assert sorted(places) == sorted(contents(ROOT / "course_lib"))
    for first, job in rows:
        if first.endswith("/`"):
            wing = first.strip("`")
            assert sorted(NAME.findall(job)) == sorted(contents(ROOT / "course_lib" / wing)), wing


def test_every_text_lists_every_data_set():
    door = README.partition("`datasets.load(name_or_path)`: ")[2].partition(", or the path")[0]
    assert NAME.findall(door) == list(LOADERS)
    assert re.findall(r"^\| `([\w-]+)` \|", DATASHEET, re.MULTILINE) == list(LOADERS)
    assert re.findall(r'``"([\w-]+)"``', inspect.getdoc(datasets.load).partition("seed :")[0]) == (
        list(LOADERS)
    )


def test_every_benchmark_is_described():
    listed = re.findall(r"^\| \[`(\w+\.py)`\]\(\1\) \|", BENCHMARKS, re.MULTILINE)
    assert sorted(listed) == sorted(p.name for p in (ROOT / "tests" / "benchmarks").glob("*.py"))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_rule_is_told_before_it_is_broken(rule):
    assert f"\n- {rule.__doc__}" in CONTRIBUTING


def test_the_rules_limits_are_told():
    assert f"At most {CODE_LINES} lines" in CONTRIBUTING
    assert f"Fewer than {LARGEST:,} bytes" in CONTRIBUTING
    assert f"{MEMORY} GB at its peak" in CONTRIBUTING


def test_the_readme_makes_an_explorer():
    [explorer, _] = blocks(README)
    generator = torch.Generator().manual_seed(0)
    pictures = torch.randint(256, (60, 3, 8, 8), dtype=torch.uint8, generator=generator)
    given = {
        "faces": SimpleNamespace(
            train=pictures,
            test=pictures,
            factors={"train": torch.rand(60, 16, generator=generator)},
        ),
        "ae": FullyConnectedAutoencoder((3, 8, 8), 7),
        "vae": FullyConnectedVAE((3, 8, 8), 11, 5),
        "transform": face_transform(crop=None, size=(8, 8)),
    }
    made = value(explorer, given)
    assert isinstance(made, LatentExplorer) and set(made.atlases) == {"AE", "VAE"}


def test_the_readme_opens_a_run_a_photograph_and_a_file_of_others(tmp_path, monkeypatch):
    [_, own] = blocks(README)
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    np.save("my_faces.npy", random.integers(256, size=(30, 64, 64, 3), dtype="u1"))
    Image.fromarray(random.integers(256, size=(90, 120, 3), dtype="u1")).save("me.jpg")
    torch.save(homework.HomeworkVAE().state_dict(), "best_model_vae.pt")
    folder = Path("build/runs/my_faces-ae")
    runs.train("my_faces.npy", folder, model="ae", epochs=1, hidden_dim=9, latent_dim=4)
    given = {}
    exec(own, given)
    x = given["run"].transform(transforms.picture("me.jpg")[None])
    assert torch.equal(given["explorer"].x[-1:], x)
    with torch.no_grad():
        assert torch.equal(given["run"].model(x), runs.open(folder).model(x))
        weights = torch.load("best_model_vae.pt")
    assert torch.equal(given["model"].encoder[0].weight, weights["encoder.0.weight"])


def test_the_likelihood_that_contributors_are_shown_scores():
    [likelihood, _] = blocks(CONTRIBUTING)
    given = {"__name__": "example"}
    exec(likelihood, given)
    assert given["terms"].loss.shape == (5,) and given["terms"].loss.isfinite().all()
    x, means = torch.rand(2, 3, 4, 5), torch.rand(6, 2, 3, 4, 5)
    found = given["Laplace"]().log_prob(x, means)
    assert found.shape == (6, 2)
    torch.testing.assert_close(given["Laplace"]().log_prob(x, means[1]), found[1])


def test_the_explorer_that_contributors_are_shown_draws():
    [_, explorer] = blocks(CONTRIBUTING)
    made = value(explorer, {"__name__": "example"})
    before = made.figure.alt
    made.state.height = 1.0
    assert made.figure.alt != before


def value(code: str, given: dict):
    """What a cell with this code would show: its last expression."""
    tree = ast.parse(code)
    last = ast.Expression(tree.body.pop().value)
    exec(compile(tree, "README", "exec"), given)
    return eval(compile(last, "README", "eval"), given)
