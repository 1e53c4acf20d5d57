"""Sentences in a notebook, broken between words: Jupyter breaks a long line anywhere."""

import textwrap
from functools import partial

WIDTH = 88  # letters; beside its list of files, JupyterLab shows so many on a laptop


def say(*words: object) -> None:
    """Print, in lines that no window breaks within a word."""
    print(wrapped(" ".join(map(str, words))))


def wrapped(text: str) -> str:
    """The lines of a text, those that are too long broken between words."""
    fill = partial(textwrap.fill, width=WIDTH, break_long_words=False, break_on_hyphens=False)
    return "\n".join(map(fill, text.split("\n")))
