"""Tasks that answer: one module for each notebook, and what its reader has done so far.

A notebook imports its own module, ``from course_lib.exercises import vae_theory as your_turn``.
"""

from course_lib.exercises.progress import all_exercises, progress
from course_lib.lessons.record import reset

__all__ = ["all_exercises", "progress", "reset"]
