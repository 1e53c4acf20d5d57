"""The training loop (`loop`, `checks`), kept runs (`reuse`, `checkpoints`), the machine around."""

from course_lib.training.checkpoints import Mismatch, State, load, save
from course_lib.training.checks import Data, Objective
from course_lib.training.loop import evaluate, fit
from course_lib.training.reuse import fit_or_load

__all__ = [
    "Data",
    "Mismatch",
    "Objective",
    "State",
    "evaluate",
    "fit",
    "fit_or_load",
    "load",
    "save",
]
