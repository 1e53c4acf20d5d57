"""Latent codes: what a model makes of pictures (`codes`), edited by hand (`edits`), or drawn anew
(`densities`)."""

from course_lib.latents.codes import encode
from course_lib.latents.densities import Density, fit_density, fit_gaussian
from course_lib.latents.edits import interpolate, jitter, move, scale, set_elements, shift

__all__ = [
    "Density",
    "encode",
    "fit_density",
    "fit_gaussian",
    "interpolate",
    "jitter",
    "move",
    "scale",
    "set_elements",
    "shift",
]
