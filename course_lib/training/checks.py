"""What `fit` takes, and what it refuses."""

from collections.abc import Callable
from typing import Protocol

from torch import Tensor, nn

from course_lib.objectives import Terms
from course_lib.transforms import Pictures

Objective = Callable[[nn.Module, Tensor], Terms]


class Data(Protocol):
    """What `fit` needs of a data set."""

    @property
    def train(self) -> Pictures:
        """What to learn from."""

    @property
    def validation(self) -> Pictures:
        """What to try it on after each epoch."""


def check_kinds(data: Data, objective: Objective) -> None:
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
    of_pytorch = str(getattr(objective, "__module__", "")).startswith("torch.")
    if of_pytorch or not callable(objective):
        raise TypeError(
            f"fit got {str(objective)[:60]} as objective, but expects a function of a model and "
            "pictures, with terms for each of these: pass objectives.squared_error, which is the "
            "squared error of an autoencoder, or objectives.elbo for a VAE."
        )


def check_numbers(data: Data, **numbers: float) -> None:
    """Refuse what must be positive and is not, and a set without pictures."""
    for name, number in numbers.items():
        if not number > 0:
            raise ValueError(f"fit got {name}={number}, but it must be positive: correct the call.")
    if len(data.train) == 0 or len(data.validation) == 0:
        raise ValueError("fit got an empty train or validation set: pass datasets.load(…).")
