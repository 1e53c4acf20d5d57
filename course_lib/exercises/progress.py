"""All exercises of the course, and how far a student has come with them."""

import importlib
import pkgutil
from pathlib import Path

import pandas as pd

from course_lib.exercises.exercise import Exercise
from course_lib.lessons import record

_NOT_A_NOTEBOOK = {"exercise", "progress"}


def all_exercises() -> dict[str, list[Exercise]]:
    """The exercises of each notebook, in order; a notebook goes by its name without number."""
    found = {}
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if module.name not in _NOT_A_NOTEBOOK:
            named = vars(importlib.import_module(f"course_lib.exercises.{module.name}"))
            found[module.name] = [one for one in named.values() if isinstance(one, Exercise)]
    return found


def progress() -> pd.DataFrame:
    """What has been done: a row for each notebook, and one for the predictions of all."""
    kept, rows = record.read(), {}
    for notebook, exercises in all_exercises().items():
        entries = [kept["exercises"].get(one.name, {}) for one in exercises]
        rows[notebook.replace("_", " ")] = {
            "solved": sum(entry.get("solved", False) for entry in entries),
            "of": len(exercises),
            "attempts": sum(entry.get("attempts", 0) for entry in entries),
        }
    predicted = kept["predictions"].values()
    rows["predictions"] = {
        "solved": sum(entry.get("right", False) for entry in predicted),
        "of": len(predicted),
        "attempts": len(predicted),
    }
    return pd.DataFrame.from_dict(rows, orient="index")
