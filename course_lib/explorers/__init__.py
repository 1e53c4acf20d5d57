"""What is moved by hand: the latent explorer, and explorers that draw a figure of a few numbers."""

from course_lib.explorers.clouds import clouds_explorer, clouds_over_prior, point_and_cloud
from course_lib.explorers.crossfade import interpolation_strip
from course_lib.explorers.figure_explorer import FigureExplorer, Slider
from course_lib.explorers.latent_explorer import LatentExplorer
from course_lib.explorers.learning import Snapshots, learning_explorer
from course_lib.explorers.linear_vae import linear_vae_playground
from course_lib.explorers.one_latent import kl_explorer, posterior_explorer
from course_lib.explorers.state import ExplorerState
from course_lib.explorers.threshold import threshold_explorer

__all__ = [
    "ExplorerState",
    "FigureExplorer",
    "LatentExplorer",
    "Slider",
    "Snapshots",
    "clouds_explorer",
    "clouds_over_prior",
    "interpolation_strip",
    "kl_explorer",
    "learning_explorer",
    "linear_vae_playground",
    "point_and_cloud",
    "posterior_explorer",
    "threshold_explorer",
]
