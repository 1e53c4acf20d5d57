"""Links in the notebooks' Markdown, when a notebook is read from another place."""

import re
from collections.abc import Collection

_CODE_OR_LINK = re.compile(
    r"""(?P<code>`+).*?(?P=code)
    | (?P<before> \]\( | \b(?:src|href)=["'] | ^\[[^\]]+\]:[ ]+ ) (?P<target> [^)\s"'>]+ )""",
    re.VERBOSE | re.MULTILINE | re.DOTALL,
)
# Words, which code may be among, and a file; not a picture, and nothing within code or a formula.
_CODE_OR_WORDS = re.compile(
    r"(?P<code>(?<!\[)(?P<ticks>`+).*?(?P=ticks)|(?P<dollars>\$+)[^$]+(?P=dollars))"
    r"|(?<!!)\[(?P<words>[^\]\[]+)\]\((?P<target>[^)\s]+)\)",
    re.DOTALL,
)
_FROM_ANYWHERE = re.compile(r"[A-Za-z][\w+.-]*:|#|/")  # https:, attachment:, a heading, the root


def from_one_below(text: str, siblings: Collection[str]) -> str:
    """Markdown whose links lead to the same files from one folder further down.

    Parameters
    ----------
    text : str
    siblings : collection of str
        Names of files that are in the lower folder too: links to them stay.
    """

    def moved(found: re.Match) -> str:
        target = found["target"]
        if not target or _FROM_ANYWHERE.match(target) or target.partition("#")[0] in siblings:
            return found[0]
        return f"{found['before']}../{target}"

    return _CODE_OR_LINK.sub(moved, text)


def in_decks(text: str, decks: Collection[str]) -> str:
    """Markdown for slides: links to notebooks lead to their decks, others to files become words.

    Decks are copied as a folder of their own, so no other file lies beside them.

    Parameters
    ----------
    text : str
    decks : collection of str
        Names of the notebooks that are exported, ``"03_edit_the_latent.ipynb"``.
    """

    def shown(found: re.Match) -> str:
        if found["code"] or _FROM_ANYWHERE.match(found["target"]):
            return found[0]
        name = found["target"].partition("#")[0]
        if name not in decks:
            return found["words"]
        return f"[{found['words']}]({name.removesuffix('.ipynb')}.html)"

    return _CODE_OR_WORDS.sub(shown, text)
