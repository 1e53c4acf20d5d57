"""One front door to all pictures (`loading`): the sets that have a name (`sets`), among them the
faces that the course draws (`faces`), and one's own files and arrays."""

from course_lib.datasets.loading import load, pictures
from course_lib.datasets.splits import Splits, binarise, resized

__all__ = ["Splits", "binarise", "load", "pictures", "resized"]
