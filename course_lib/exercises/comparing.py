"""When two answers are the same, and in what they differ if not."""

from functools import partial
from typing import Any

import torch
from torch import Tensor


def alike(given: Any, expected: Any) -> bool:
    """Whether two answers are the same up to rounding: numbers, tensors, or tuples of them."""
    if isinstance(expected, tuple):
        return (
            isinstance(given, tuple | list)
            and len(given) == len(expected)
            and all(map(alike, given, expected))
        )
    try:
        given, expected = _tensor(given), _tensor(expected)
    except (TypeError, ValueError, RuntimeError):
        return False
    same = partial(torch.allclose, rtol=1e-4, atol=1e-6, equal_nan=True)
    return given.shape == expected.shape and same(given, expected)


def difference(given: Any, expected: Any) -> str:
    """In what a wrong answer differs, in a sentence."""
    if isinstance(expected, tuple):
        if not isinstance(given, tuple | list) or len(given) != len(expected):
            return f"{len(expected)} results are asked for."
        pairs = enumerate(zip(given, expected, strict=True), 1)
        n, (one, other) = next((n, pair) for n, pair in pairs if not alike(*pair))
        return f"Result {n}: {difference(one, other)}"
    try:
        given = _tensor(given)
    except (TypeError, ValueError, RuntimeError):
        return f"Your function gave {type(given).__name__}, but numbers are asked for."
    expected = _tensor(expected)
    if given.shape != expected.shape:
        return (
            f"Your result has the shape {tuple(given.shape)}, but {tuple(expected.shape)} "
            "is asked for: sum or average over something else?"
        )
    worst = (given - expected).abs().nan_to_num(torch.inf).argmax()
    mine, other = given.flatten()[worst], expected.flatten()[worst]
    return f"Where they differ most, yours is {mine:.4g} and the right number {other:.4g}."


def _tensor(value: Any) -> Tensor:
    return torch.as_tensor(value).detach().double()
