"""The explorers' front end, as one text: a browser is given a single module, without any network.

The files in ``frontend`` are plain ES modules that any browser runs as they are, so nobody needs
node to install the course, and there is no build to keep up to date.
"""

import re
from pathlib import Path

FRONTEND = Path(__file__).parent / "frontend"
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./([\w]+)\.js";\n', re.MULTILINE)


def bundle(name: str) -> str:
    """One module with all that it imports, each file before those that need it.

    Names must differ across files: a browser refuses a module that declares one twice.

    Parameters
    ----------
    name : str
        Of a file in ``frontend``, without its ``.js``.

    Returns
    -------
    str
        JavaScript without imports; only what the named file exports as its default is exported.
    """
    texts: dict[str, str] = {}

    def add(name: str) -> None:
        if name not in texts:
            text = (FRONTEND / f"{name}.js").read_text(encoding="utf-8")
            for needed in _IMPORT.findall(text):
                add(needed)
            texts[name] = re.sub("^export (?!default)", "", _IMPORT.sub("", text), flags=re.M)

    add(name)
    return "\n".join(texts.values())


def style() -> str:
    """The explorers' style sheet."""
    return (FRONTEND / "explorers.css").read_text(encoding="utf-8")
