"""Numbers to set beside models (`of_models`) and pictures (`of_pictures`), the features that they
are compared by (`features`), and whether an element means one thing (`disentanglement`)."""

from course_lib.evaluation.of_models import (
    AggregatePosterior,
    ImportanceEstimate,
    active_units,
    aggregate_posterior,
    auroc,
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
    "Sharpness",
    "active_units",
    "aggregate_posterior",
    "auroc",
    "changed_squares",
    "distance_to_nearest",
    "factor_recovery",
    "frechet_distance",
    "importance_sampling",
    "nll",
    "pixel_change",
    "reconstruction_error",
    "refined_posterior",
    "sharpness",
    "two_sample_accuracy",
]
