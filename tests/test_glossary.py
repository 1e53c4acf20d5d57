"""The glossary's words, and the places in the notebooks where each is explained first."""

import re

import pytest

from tests.pages import NAME, NOTEBOOK, TEXT, markdown, sections, slug

ENTRY = re.compile(r"\*\*([^*\n]+)\*\* · notebook \[(\d\d)\]\(([\w.]+)\)\. (.+)")
TERMS = {
    term: ENTRY.fullmatch(text.strip()).groups()
    for term, text in sections(TEXT["GLOSSARY"], r"## (.+)").items()
}
LINK = re.compile(r"\[([^\]]+)\]\(GLOSSARY\.md#([\w-]+)\)")
CHINESE = re.compile(r"[\u4e00-\u9fff]{2}")


def linked(number: str) -> list[tuple[str, str]]:
    """Words and anchors of a notebook's links to the glossary, in their order."""
    return [link for text in markdown(number) for link in LINK.findall(text)]


def test_a_term_has_its_chinese_its_notebook_and_a_sentence():
    assert len(TERMS) >= 60
    assert list(TERMS) == sorted(TERMS)
    for term, (chinese, number, name, sentence) in TERMS.items():
        assert CHINESE.search(chinese) or chinese == "left in English", term
        assert name == NAME[number]
        assert sentence[0].isupper() and sentence.endswith("."), term


def test_a_heading_has_the_same_anchor_everywhere():
    """GitHub makes small letters of a heading, JupyterLab does not."""
    for term in TERMS:
        assert slug(term) == term.replace(" ", "-") and term.isascii()


@pytest.mark.parametrize("number", NOTEBOOK)
def test_every_link_has_its_term(number):
    anchors = [anchor for _, anchor in linked(number)]
    assert anchors
    assert set(anchors) <= set(map(slug, TERMS))


def test_every_term_is_linked_once_from_the_notebook_that_it_names():
    links = [(anchor, number) for number in NOTEBOOK for _, anchor in linked(number)]
    named = [(slug(term), number) for term, (_, number, _, _) in TERMS.items()]
    assert sorted(links) == sorted(named)


def test_no_linked_word_was_explained_before():
    """What is explained stands in bold."""
    before = ""
    for number in NOTEBOOK:
        for text in markdown(number):
            for found in LINK.finditer(text):
                word = found[1].strip("*`")
                earlier = before + text[: found.start()]
                assert not re.search(rf"\*\*{re.escape(word)}\*\*", earlier), (number, word)
            before += text


def test_the_first_notebook_says_that_there_is_a_glossary():
    assert "](GLOSSARY.md)" in "".join(markdown("00"))
