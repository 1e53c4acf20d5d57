"""What `fit` takes, and what it refuses."""

from typing import Protocol

from course_lib.objectives import Objective
from course_lib.transforms import Pictures


class Data(Protocol):
    """What `fit` needs of a data set."""

    @property
    def train(self) -> Pictures:
        """What to learn from."""

    @property
    def validation(self) -> Pictures:
        """What to try it on after each epoch."""


def check_data(data: Data) -> None:
    """Refuse what people pass by the habits of other libraries, with the line that mends it."""
    if not (hasattr(data, "train") and hasattr(data, "validation")):
        fix = "pass datasets.load(images), which takes arrays, tensors, lists, folders and files"
        if hasattr(data, "batch_sampler"):
            labelled = isinstance(next(iter(data.dataset), None), tuple | list)
            picture = "item[0]" if labelled else "item"
            fix = (
                "fit makes batches itself, so pass "
                f"datasets.load(torch.stack([{picture} for item in loader.dataset]))"
            )
        raise TypeError(
            f"fit got a {type(data).__name__} as data, but expects pictures in parts, .train and "
            f".validation: {fix}."
        )


def check_objective(objective: Objective, asked: str = "fit") -> None:
    """Refuse a loss of PyTorch's, which knows no model and has one number for all pictures."""
    of_pytorch = str(getattr(objective, "__module__", "")).startswith("torch.")
    if of_pytorch or not callable(objective):
        raise TypeError(
            f"{asked} got {str(objective)[:60]} as objective, but expects a function of a model "
            "and pictures, with terms for each of these: pass objectives.squared_error, which is "
            "the squared error of an autoencoder, or objectives.elbo for a VAE."
        )


def check_numbers(data: Data, **numbers: float) -> None:
    """Refuse what must be positive and is not, and a set without pictures."""
    for name, number in numbers.items():
        if not number > 0:
            raise ValueError(
                f"fit got {name}={number}, but expects a number above 0: correct the call."
            )
    for part in ("train", "validation"):
        if len(getattr(data, part)) == 0:
            raise ValueError(
                f"fit got no pictures in .{part}: pass datasets.load(…), which leaves some in each."
            )
