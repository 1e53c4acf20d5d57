"""What is moved by hand: the latent explorer, and explorers that draw a figure of a few numbers."""

from course_lib.explorers.crossfade import interpolation_strip
from course_lib.explorers.figure_explorer import FigureExplorer, Slider
from course_lib.explorers.latent_explorer import LatentExplorer
from course_lib.explorers.linear_vae import linear_vae_playground
from course_lib.explorers.one_latent import kl_explorer, posterior_explorer
from course_lib.explorers.state import ExplorerState

__all__ = [
    "ExplorerState",
    "FigureExplorer",
    "LatentExplorer",
    "Slider",
    "interpolation_strip",
    "kl_explorer",
    "linear_vae_playground",
    "posterior_explorer",
]
