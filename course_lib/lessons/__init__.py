"""What a notebook says to its reader: predict first, then see what the measurement bears out."""

from course_lib.lessons.claims import MARKS, VERDICTS, Claim, claim, verdict
from course_lib.lessons.predictions import Estimate, Prediction, Sketch

__all__ = ["MARKS", "VERDICTS", "Claim", "Estimate", "Prediction", "Sketch", "claim", "verdict"]
