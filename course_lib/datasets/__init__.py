"""One front door to all pictures (`loading`), the faces that the course draws (`faces`), and files
of one's own (`npy`)."""

from course_lib.datasets.loading import Splits, binarise, load, resized

__all__ = ["Splits", "binarise", "load", "resized"]
