"""All exercises of the course, and how far a student has come with them."""

import importlib
import pkgutil
from pathlib import Path

import pandas as pd

from course_lib.exercises.exercise import Exercise
from course_lib.lessons import record

_NOT_A_NOTEBOOK = {"comparing", "exercise", "progress"}


def all_exercises() -> dict[str, list[Exercise]]:
    """The exercises of each notebook, in order; a notebook goes by its name without number."""
    names = {module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)])}
    modules = {
        name: importlib.import_module(f"course_lib.exercises.{name}")
        for name in names - _NOT_A_NOTEBOOK
    }
    return {
        name: [one for one in vars(module).values() if isinstance(one, Exercise)]
        # A module's docstring begins with its notebook's number: the course's order.
        for name, module in sorted(modules.items(), key=lambda item: item[1].__doc__)
    }


def progress() -> pd.DataFrame:
    """What has been done, a row for each notebook.

    The last row counts predictions of notebooks that Jupyter did not name.
    """
    kept, rows = record.read(), {}
    predicted = list(kept["predictions"].values())
    for notebook, exercises in all_exercises().items():
        entries = [kept["exercises"].get(one.name, {}) for one in exercises]
        rows[notebook.replace("_", " ")] = {
            "exercises": len(exercises),
            "solved": sum(entry.get("solved", False) for entry in entries),
            "attempts": sum(entry.get("attempts", 0) for entry in entries),
        } | _counted([one for one in predicted if one.get("notebook") == notebook])
    others = [one for one in predicted if one.get("notebook") not in all_exercises()]
    rows["elsewhere"] = dict.fromkeys(("exercises", "solved", "attempts"), 0) | _counted(others)
    return pd.DataFrame.from_dict(rows, orient="index")


def _counted(predicted: list[dict]) -> dict[str, int]:
    return {
        "predictions": len(predicted),
        "right": sum(entry.get("right", False) for entry in predicted),
    }
