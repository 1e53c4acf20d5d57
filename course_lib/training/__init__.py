"""The training loop (`loop`), what it refuses (`checks`), runs kept (`reuse`, `checkpoints`,
`fingerprint`), and the machine around it (`runtime`, `threads`, `processes`)."""

from course_lib.objectives import Objective
from course_lib.training.checkpoints import Mismatch, State, load, save
from course_lib.training.checks import Data
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
