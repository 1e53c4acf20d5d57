"""Sets of pictures that are hardly any: all that the course does with codes ends in a number that
can be shown, or in a sentence that says what is missing."""

import math
import re

import pytest
import torch

from course_lib import datasets, evaluation, latents, training
from course_lib.explorers import LatentExplorer
from course_lib.models import FullyConnectedVAE, code
from course_lib.objectives import elbo
from course_lib.transforms import face_transform

SHAPE, ELEMENTS = (3, 8, 8), 6
see = face_transform(crop=None, size=SHAPE[1:])


def noise(n: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (n, *SHAPE), dtype=torch.uint8, generator=generator)


SETS = {
    "one picture": noise(1),
    "two pictures": noise(2),
    "one picture, many times": noise(1).repeat(20, 1, 1, 1),
    "black pictures": torch.zeros(20, *SHAPE, dtype=torch.uint8),
    "fewer pictures than elements": noise(ELEMENTS - 1),
    "two pictures, many times": noise(2).repeat(10, 1, 1, 1),
}


@pytest.fixture(scope="module", params=SETS.values(), ids=list(SETS))
def trained(request):
    """A VAE with its σ² in closed form, which such pictures drive towards nothing."""
    images = request.param
    data = datasets.Splits(images, images, images)
    torch.manual_seed(0)
    network = FullyConnectedVAE(SHAPE, 16, ELEMENTS)
    state = training.fit(
        network, elbo, data, epochs=30, batch_size=4, transform=see, device="cpu", progress=False
    )
    assert all(math.isfinite(loss) for loss in state.history["validation_loss"])
    return state.model.requires_grad_(False), images


ASKED = {
    "error": lambda model, x: evaluation.reconstruction_error(model, x),
    "rate": lambda model, x: model.encode(x).stddev.log(),
    "active units": lambda model, x: evaluation.active_units(model, x).sum(),
    "-log p(x)": lambda model, x: evaluation.nll(model, x, k=20),
    "-log p(x), refined": lambda model, x: evaluation.nll(
        model, x, k=20, proposal=evaluation.refined_posterior(model, x)
    ),
    "aggregate posterior": lambda model, x: evaluation.aggregate_posterior(model, x).kl_to_prior,
    "one Gaussian": lambda model, x: latents.fit_density(code(model, x), 1).sample(3),
    "ten": lambda model, x: latents.fit_density(code(model, x), 10).sample(3),
    "nearest": lambda model, x: evaluation.distance_to_nearest(model(x), x),
    "Fréchet distance": lambda model, x: evaluation.frechet_distance(
        model(x).flatten(1)[:, :4], x.flatten(1)[:, :4]
    ),
    "neighbours": lambda model, x: evaluation.two_sample_accuracy(
        model(x).flatten(1), x.flatten(1)
    ),
}


@pytest.mark.parametrize("ask", ASKED.values(), ids=list(ASKED))
def test_a_number_or_a_sentence(trained, ask):
    model, images = trained
    try:
        found = torch.as_tensor(ask(model, see(images)))
    except ValueError as refused:
        assert re.fullmatch(r"[^.].+: .+\.", str(refused), re.DOTALL), refused
        assert type(refused) is ValueError and "\n" not in str(refused)
    else:
        assert found.double().isfinite().all()


def test_an_explorer_of_them(trained):
    model, images = trained
    try:
        explorer = LatentExplorer(model, images, transform=see, training=images)
    except ValueError as refused:
        assert re.fullmatch(r"[^.].+: .+\.", str(refused)), refused
        explorer = LatentExplorer(model, images, transform=see)
    explorer.state.shift = 1.0
    assert explorer.seen["model"].edited.shape[1:] == SHAPE
    explorer.close()
