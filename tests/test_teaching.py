"""What teachers are given agrees with the notebooks: plans, headings, claims, and licences."""

import re
import tomllib

import pytest
import yaml

from tests.pages import (
    FENCED,
    NAME,
    NOTEBOOK,
    PAGES,
    TEXT,
    claimed,
    headings,
    markdown,
    rows,
    sections,
    slug,
)
from tests.test_notebooks import FOLDER

ROOT = FOLDER.parent
LICENCE = (ROOT / "LICENSE-TEXT.md").read_text(encoding="utf-8")
LINK = re.compile(r"\]\(([^)\s]+)\)")
TEACHING = sections(TEXT["TEACHING"], r"### Notebook (\d\d)")


@pytest.mark.parametrize("page", [*PAGES, "LICENSE-TEXT"])
def test_every_link_leads_to_a_heading_that_is_there(page):
    folder, text = (ROOT, LICENCE) if page == "LICENSE-TEXT" else (FOLDER, TEXT[page])
    for link in LINK.findall(FENCED.sub("", text)):
        name, _, anchor = link.partition("#")
        path = folder / name if name else folder / f"{page}.md"
        assert path.is_file(), link
        if anchor and path.suffix == ".ipynb":  # as JupyterLab and GitHub name them
            found = [title for cell in markdown(path.name[:2]) for title in headings(cell)]
            assert anchor in [title.replace(" ", "-") for title in found], link
        elif anchor:
            assert anchor in map(slug, headings(path.read_text(encoding="utf-8"))), link


# Plans


def plans() -> dict[int, list[list[str]]]:
    """The rows of each plan, by the minutes in its heading."""
    found = sections(TEXT["TEACHING"], r"## Plan for (?:[\w ]+\()?(\d+) minutes\)?")
    return {int(minutes): rows(text.partition("\n## ")[0]) for minutes, text in found.items()}


def test_the_minutes_of_each_plan_add_up():
    assert list(plans()) == [90, 180, 840]
    for minutes, plan in plans().items():
        assert sum(int(row[0]) for row in plan) == minutes


def test_two_days_are_equally_long_and_give_each_notebook_its_minutes():
    plan = plans()[840]
    second = next(n for n, row in enumerate(plan) if row[1].startswith("*Second day.*"))
    assert sum(int(row[0]) for row in plan[:second]) == 420
    given = {row[2]: int(row[0]) for row in plan}
    for number, name in NAME.items():
        needed = re.search(r"^About (\d+) minutes", markdown(number)[0], re.MULTILINE)[1]
        assert given[f"[{number}]({name})"] == int(needed)


def test_each_notebook_has_objectives_mistakes_and_what_to_run():
    assert list(TEACHING) == list(NOTEBOOK)
    for number, text in TEACHING.items():
        text = text.partition("\n## ")[0]
        letters = re.findall(r"^- \*\*(\w+)\*\* [A-Z]", text, re.MULTILINE)
        assert len(letters) > 1
        assert letters == [f"{int(number)}{letter}" for letter in "abcd"[: len(letters)]]
        assert len(rows(text)) > 1 and all(row[0].startswith('"') for row in rows(text))
        live = text.partition("*Live:*")[2].partition("*Discuss:*")[0]
        assert f"({NAME[number]}#" in live, "what to run is named by its heading"
        assert text.partition("*Discuss:*")[2].strip()


# The handout's seven verdicts, and the claims that they show

FLOW = "latent flow, the VAE's decoder, worst of 3 seeds"
SEVEN = {
    "An autoencoder cannot generate.": [
        "a fitted density lets the AE draw as well as the VAE (Fréchet ratio)",
    ],
    "A VAE's latent space is continuous: between two faces lies a face.": [
        "halfway between two codes, the VAE shows an overlay (distance to it, share)",
        "the VAE's middle is nearly as far from the true halfway face as the overlay (ratio)",
    ],
    "A VAE overfits less.": [
        "with 50 faces, the VAE's gap is the AE's (ratio)",
        "with 50 faces, a dearer code has a smaller gap (ratio to the AE's)",
        "with 50 faces, a dearer code has no smaller test error (ratio)",
    ],
    "A VAE's reconstructions are worse than an AE's.": [
        "VAE's error on new faces over the AE's, mean of three seeds",
        "VAE with σ² = 1: its error on new faces over the AE's",
    ],
    "The KL term makes latent variables useless.": [
        "linear VAE: settings in which the active units are as predicted, of 4",
        "linear VAE, σ² = 0.1: elements worth their price at β = 1 that β = 14 silences",
    ],
    "Blur is in the nature of the VAE.": [
        "reconstructions: calibrated VAE as sharp as the AE (ratio of means)",
        "reconstructions from 2 numbers: the calibrated VAE's sharpness, in units of the "
        "faces' own",
    ],
    "What matters for drawing is the density of the codes.": [
        f"{FLOW}: share told apart, less than of ten Gaussians, by",
        f"{FLOW}: share told apart, less than of a second VAE, by",
    ],
}


def test_the_handouts_seven_verdicts_are_the_notebooks_with_what_was_measured():
    stated = {tuple(row) for row in rows(TEXT["CLAIMS"])}
    shown = rows(TEXT["HANDOUT"])
    assert [row[0].strip("“”") for row in shown] == list(SEVEN)
    for said, found, measured, number in shown:
        assert (said, f"✓ {found}", number) in stated
        numbers = re.findall(r"\*\*([\d.]+)\*\*", measured)
        for digits, sentence in zip(numbers, SEVEN[said.strip("“”")], strict=True):
            places = len(digits.partition(".")[2])
            value = claimed(number, sentence)
            assert float(digits) == pytest.approx(value, abs=0.51 * 10**-places), sentence


# Licences and citing


def test_the_licence_names_every_section_that_shows_a_photograph():
    named = {(row[0][1:3], row[1]) for row in rows(LICENCE)}
    shown = set()
    for number, notebook in NOTEBOOK.items():
        section = None
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                section = (headings(cell.source) or [section])[-1]
            for output in cell.get("outputs", []):
                told = str(output.get("metadata", {}).get("image/png", {}).get("alt", ""))
                drawn = re.search("photograph|orl:|person|people", told)
                if drawn and not re.search("Bars of|Line plot", told):
                    shown.add((number, section))
    assert len(shown) > 5
    assert shown <= named
    for number, section in named:
        assert section in [title for cell in markdown(number) for title in headings(cell)]


def test_the_course_can_be_cited():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors", "version", "license"} <= cited.keys()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (cited["version"], cited["license"]) == (project["version"], project["license"])
    [author] = cited["authors"]
    words = re.sub(r"\s+", " ", TEXT["TEACHING"])
    assert f"*{author['name']}, {cited['title']}, version {cited['version']}, 2026.*" in words
    copyright = f"Copyright (c) 2026 {author['name']}"
    for text in (LICENCE, (ROOT / "LICENSE").read_text(encoding="utf-8")):
        assert copyright in text
