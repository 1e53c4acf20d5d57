"""Runs of the command line: what they are told (`settings`), trained (`command`), read back
(`folder`), looked at (`results`), and used to score pictures (`scoring`)."""

from course_lib.runs.command import train
from course_lib.runs.folder import Run, default_folder
from course_lib.runs.folder import open_run as open
from course_lib.runs.scoring import score

__all__ = ["Run", "default_folder", "open", "score", "train"]
