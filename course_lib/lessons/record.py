"""What one student has predicted and tried, in one local file that outlives the kernel."""

import json
import os
import re
import warnings
from pathlib import Path

from course_lib.files import write

_FILE = "progress.json"


def record_file() -> Path:
    """``$COURSE_PROGRESS`` where that is set, else ``data/progress.json`` beside ``course_lib/``.

    Not in `data_folder`: a class shares data sets and trained models, and nobody's answers.
    """
    chosen = os.environ.get("COURSE_PROGRESS")
    return Path(chosen) if chosen else Path(__file__).resolve().parents[2] / "data" / _FILE


def read() -> dict[str, dict[str, dict]]:
    """All entries, as ``{"predictions": {question: …}, "exercises": {name: …}}``.

    A file that is damaged is set aside under another name, with a warning.
    """
    path = record_file()
    empty = {"predictions": {}, "exercises": {}}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if not all(isinstance(found[kind][key], dict) for kind in empty for key in found[kind]):
            raise ValueError("its entries are no objects")
    except FileNotFoundError:
        return empty
    except OSError as error:
        warnings.warn(f"Your progress could not be read: {error}.", stacklevel=2)
        return empty
    except (ValueError, KeyError, TypeError, RecursionError):
        aside = path.with_suffix(".damaged.json")
        path.replace(aside)
        warnings.warn(f"{path.name} was damaged: it is {aside.name} now, and you start anew.",
                      stacklevel=2)  # fmt: skip
        return empty
    return found


def entry(kind: str, name: str) -> dict:
    """What is kept of one prediction or exercise; empty where there is nothing yet."""
    return read()[kind].get(name, {})


def keep(kind: str, name: str, **fields) -> None:
    """Add fields to one entry. Where nothing can be written, a warning says so."""
    everything = read()
    everything[kind].setdefault(name, {}).update(fields)
    try:
        write(record_file(), json.dumps(everything, indent=1, ensure_ascii=False) + "\n")
    except OSError as error:
        warnings.warn(f"Your progress could not be kept: {error}.", stacklevel=2)


def reset() -> None:
    """Start anew: predictions can be made again, and no exercise counts as tried.

    The old file stays beside it, as ``progress.old.json``.
    """
    path = record_file()
    if path.exists():
        path.replace(path.with_suffix(".old.json"))


def notebook() -> str:
    """The name, without number, of the notebook that this kernel runs, where Jupyter tells it."""
    name = re.search(r"\d\d+_([^/\\]*)\.ipynb$", os.environ.get("JPY_SESSION_NAME", ""))
    return name[1] if name else ""
