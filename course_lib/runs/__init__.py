"""Training runs from the command line: trained (`command`), read back (`folder`), looked at
(`results`), and used to score (`scoring`)."""

from course_lib.runs.command import train
from course_lib.runs.folder import Run, default_folder, open

__all__ = ["Run", "default_folder", "open", "train"]
