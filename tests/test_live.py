"""The front end as one text."""

import re

import pytest

from course_lib.explorers.live import FRONTEND, bundle, style

WIDGETS = ("latent_explorer", "figure_explorer")


@pytest.mark.parametrize("entry", WIDGETS)
def test_a_bundle_stands_alone(entry):
    text = bundle(entry)
    assert not re.search(r"^\s*import\b|\bimport\(", text, re.MULTILINE)
    assert len(re.findall(r"^export ", text, re.MULTILINE)) == 1
    assert re.search(r"^export default ", text, re.MULTILINE)
    assert not re.search("https?://", text + style())  # nothing is fetched


@pytest.mark.parametrize("entry", (*WIDGETS, "demo"))
def test_no_two_files_declare_one_name(entry):
    names = re.findall(
        r"^(?:async )?(?:const|let|function|class) (\w+)", bundle(entry), re.MULTILINE
    )
    assert len(names) > 5
    assert sorted(names) == sorted(set(names))


def test_each_file_comes_once_and_before_those_that_need_it():
    text = bundle("latent_explorer")
    openings = {path.stem: path.read_text().splitlines()[0] for path in FRONTEND.glob("*.js")}
    used = [name for name, opening in openings.items() if opening in text]
    assert {"controls", "decoder", "latent_view", "tensors"} <= set(used)
    needs = {
        name: re.findall(r'from "./(\w+)\.js"', (FRONTEND / f"{name}.js").read_text())
        for name in used
    }
    assert len(needs["latent_view"]) > 1
    for name in used:
        assert text.count(openings[name]) == 1
        for needed in needs[name]:
            assert text.index(openings[needed]) < text.index(openings[name])


def test_an_unknown_file_is_missed():
    with pytest.raises(FileNotFoundError, match="nothing.js"):
        bundle("nothing")
