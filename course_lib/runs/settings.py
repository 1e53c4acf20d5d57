"""What the settings of a run stand for: its pictures, transform, network and objective."""

from collections.abc import Callable
from functools import partial

from torch import nn

from course_lib import datasets, homework, training
from course_lib.likelihoods import Bernoulli, OptimalGaussian
from course_lib.models import FullyConnectedAutoencoder, FullyConnectedVAE
from course_lib.objectives import WarmUp, elbo, squared_error
from course_lib.transforms import FaceTransform, Pictures, face_transform

HOMEWORK = {  # its networks and losses, with sizes of their own
    "homework": (FullyConnectedAutoencoder, squared_error),
    "homework-fcn": (homework.fcn, squared_error),
    "homework-cnn": (homework.cnn, squared_error),
    "homework-vae": (homework.HomeworkVAE, homework.sample_loss),
}
MODELS = ["vae", "ae", *HOMEWORK]
WITH_PRIOR = ("vae", "homework-vae")
LIKELIHOODS = {"optimal": OptimalGaussian, "bernoulli": Bernoulli}
HIDDEN, LATENT = 1024, 64
CHECKED = 100  # pictures that are looked at whether they are black and white
WHOLE_NUMBER = (lambda told: type(told) is int and told > 0, "a whole number above 0")
YES_OR_NO = (lambda told: isinstance(told, bool), "true or false")
SENSIBLE = {  # what a run may be told, in code and in words
    "data": (lambda told: isinstance(told, str), "a name or path"),
    "model": (lambda told: told in MODELS, f"one of {', '.join(MODELS)}"),
    "hidden_dim": WHOLE_NUMBER,
    "latent_dim": WHOLE_NUMBER,
    "likelihood": (lambda told: told in [*LIKELIHOODS], f"one of {', '.join(LIKELIHOODS)}"),
    "crop": YES_OR_NO,
    "binarise": YES_OR_NO,
}


def misfit(settings: dict) -> str | None:
    """What no run can be told, in words that follow "its"; None if all makes sense."""
    for name, (fits, expected) in SENSIBLE.items():
        if not fits(told := settings.get(name)):
            return f"{name} is {told!r}, but {expected} is expected"
    return None


def pictures_of(data: str, binarise: bool) -> datasets.Splits:
    """The pictures of a run, in parts."""
    splits = datasets.load(data)
    if len(splits.test) < 2:
        raise ValueError(
            f"There is {len(splits.test)} test picture in {splits}, but at least 2 are needed to "
            "tell pictures apart: use a data set of 15 pictures or more."
        )
    return datasets.binarise(splits) if binarise else splits


def transform_of(images: Pictures, crop: bool) -> FaceTransform:
    """The homework's, or the whole picture, as large as it was loaded."""
    *_, height, width = images.shape
    return face_transform() if crop else face_transform(None, (height, width))


def shape_seen(images: Pictures, transform: FaceTransform) -> tuple[int, int, int]:
    """The shape of what the network sees of a picture."""
    return (images.shape[1], *transform.size)


def builder_of(
    model: str, shape: tuple[int, int, int], hidden_dim: int, latent_dim: int, likelihood: str
) -> Callable[[], nn.Module]:
    """What builds a run's network."""
    if model not in HOMEWORK:
        chosen = LIKELIHOODS[likelihood]()
        return partial(FullyConnectedVAE, shape, hidden_dim, latent_dim, chosen)
    if (hidden_dim, latent_dim, likelihood) != (HIDDEN, LATENT, "optimal"):
        raise ValueError(
            f"{model} has the homework's sizes and no likelihood: leave out --hidden-dim, "
            "--latent-dim and --likelihood, or train with --model vae or ae."
        )
    return partial(HOMEWORK[model][0], shape)


def objective_of(model: str, beta: float, warm_up: int, nll_samples: int) -> training.Objective:
    """What a run minimises."""
    if model == "vae":
        return WarmUp(warm_up, beta) if warm_up else partial(elbo, beta=beta)
    if beta != 1 or warm_up or nll_samples:
        raise ValueError(
            f"Only the course's VAE, and not {model}, has a rate to weigh and a log p(x) to "
            "estimate: leave out --beta, --warm-up and --nll-samples, or train with --model vae."
        )
    return HOMEWORK[model][1] if model in HOMEWORK else partial(elbo, sample=False)


def check_black_and_white(images: Pictures, transform: FaceTransform) -> None:
    """Refuse greys, of which a Bernoulli knows nothing."""
    x = transform(images[:CHECKED])
    if not (x.abs() == 1).all():
        raise ValueError(
            "There are greys in what the network sees, but the Bernoulli likelihood expects black "
            "and white only: add --binarise, and leave out --crop, which resizes and so makes "
            "greys again."
        )
