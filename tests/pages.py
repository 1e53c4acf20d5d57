"""The pages for who teaches, and the notebooks that they speak of, taken apart."""

import re

import nbformat

from tests.test_notebooks import FOLDER, NOTEBOOKS

PAGES = ("TEACHING", "QUESTIONS", "ANSWERS", "HANDOUT", "GLOSSARY", "CLAIMS")
TEXT = {name: (FOLDER / f"{name}.md").read_text(encoding="utf-8") for name in PAGES}
NOTEBOOK = {path.name[:2]: nbformat.read(path, as_version=4) for path in NOTEBOOKS}
NAME = {path.name[:2]: path.name for path in NOTEBOOKS}

HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def markdown(number: str) -> list[str]:
    """The Markdown cells of a notebook."""
    return [cell.source for cell in NOTEBOOK[number].cells if cell.cell_type == "markdown"]


def headings(text: str) -> list[str]:
    return HEADING.findall(FENCED.sub("", text))


def slug(heading: str) -> str:
    """The name that a heading of a page has in a link."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def rows(text: str) -> list[list[str]]:
    """The cells of the tables in a text, without their heads."""
    lines = [line.strip()[1:-1] for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.split("|")] for line in lines]
    rules = [n for n, line in enumerate(cells) if set("".join(line)) <= set("-: ")]
    return [line for n, line in enumerate(cells) if n not in rules and n + 1 not in rules]


def sections(text: str, heading: str) -> dict[str, str]:
    """What stands below each heading that fits a pattern, by the pattern's group."""
    parts = re.split(rf"^{heading}$", text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def output(number: str, start: str) -> str:
    """The one text among a notebook's outputs that begins so."""
    shown = (
        each.get("data", {}) for cell in NOTEBOOK[number].cells for each in cell.get("outputs", [])
    )
    [found] = {text for data in shown if (text := data.get("text/plain", "")).startswith(start)}
    return found


def claimed(number: str, sentence: str) -> float:
    """What a claim measured, by the page of all claims."""
    [result] = [row[1] for row in rows(TEXT["CLAIMS"]) if row == [f"✓ {sentence}", row[1], number]]
    return float(re.match(r"[-\d.e]+", result)[0])
