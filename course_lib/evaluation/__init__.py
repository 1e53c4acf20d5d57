"""Numbers to set beside models (`of_models`) and pictures (`of_pictures`), the features that they
are compared by (`features`), whether an element means one thing (`disentanglement`), and how well a
score tells strange pictures (`detection`)."""

from course_lib.evaluation.detection import (
    Roc,
    auroc,
    auroc_interval,
    distance,
    error_map,
    roc,
)
from course_lib.evaluation.of_models import (
    AggregatePosterior,
    ImportanceEstimate,
    active_units,
    aggregate_posterior,
    factor_recovery,
    importance_sampling,
    nll,
    reconstruction_error,
    refined_posterior,
)
from course_lib.evaluation.of_pictures import (
    PixelChange,
    Sharpness,
    changed_squares,
    distance_to_nearest,
    frechet_distance,
    pixel_change,
    sharpness,
    two_sample_accuracy,
)

__all__ = [
    "AggregatePosterior",
    "ImportanceEstimate",
    "PixelChange",
    "Roc",
    "Sharpness",
    "active_units",
    "aggregate_posterior",
    "auroc",
    "auroc_interval",
    "changed_squares",
    "distance",
    "distance_to_nearest",
    "error_map",
    "factor_recovery",
    "frechet_distance",
    "importance_sampling",
    "nll",
    "pixel_change",
    "reconstruction_error",
    "refined_posterior",
    "roc",
    "sharpness",
    "two_sample_accuracy",
]
