"""What came after the VAE: each changes a line or two of the objective, and little of the model.

All share `FullyConnectedVAE`'s encoder and decoder, `training.fit`, and `objectives.Terms`: one
number per example, in nats.

=====================  ==================================================================
regularised            no noise on the code; a price on its length and on the decoder's weights
vector_quantised       no noise on the code; it is rounded to the vectors of a codebook
second_stage           the prior is another VAE, trained on the codes of a finished one
hierarchical_elbo      the prior is another VAE, trained together with the first
=====================  ==================================================================
"""

from course_lib.descendants.quantised import VectorQuantisedVAE, vector_quantised
from course_lib.descendants.regularisation import regularised
from course_lib.descendants.two_levels import (
    CodeVAE,
    HierarchicalVAE,
    hierarchical_elbo,
    log_prior,
    second_stage,
    two_stage_sample,
)

__all__ = [
    "CodeVAE",
    "HierarchicalVAE",
    "VectorQuantisedVAE",
    "hierarchical_elbo",
    "log_prior",
    "regularised",
    "second_stage",
    "two_stage_sample",
    "vector_quantised",
]
