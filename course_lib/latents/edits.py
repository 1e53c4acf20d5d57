"""Edit latent codes by hand. Every function returns a new tensor and leaves its input alone."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from course_lib.latents.codes import check_batch


def shift(z: Tensor, amount: float) -> Tensor:
    """Add the same amount to every latent element (the homework's first edit).

    Parameters
    ----------
    z : Tensor
        Codes (B, K).
    amount : float

    Returns
    -------
    Tensor
        (B, K).

    Raises
    ------
    ValueError
        If `z` is not (B, K), or NaN or infinity is among the numbers.
    """
    check_batch(z)
    _check_number(amount, "The amount")
    return z + amount


def scale(z: Tensor, factor: float, elements: Sequence[int] | None = None) -> Tensor:
    """Multiply latent elements by a factor: all of them, or chosen ones (``z[0] = 2*z[0]``).

    Towards zero, that is, or away from it; to shrink codes towards their mean instead,
    ``mean + scale(z - mean, 0.5)``.

    Parameters
    ----------
    z : Tensor
        Codes (B, K).
    factor : float
    elements : sequence of int, optional
        All by default.

    Returns
    -------
    Tensor
        (B, K).

    Raises
    ------
    IndexError
        If there is no such element.
    ValueError
        If `z` is not (B, K), or NaN or infinity is among the numbers.
    """
    check_batch(z)
    _check_number(factor, "The factor")
    if elements is None:
        return factor * z
    for element in elements:
        _check_element(element, z.shape[1])
    scaled = z.clone()
    scaled[:, list(elements)] *= factor
    return scaled


def jitter(z: Tensor, amount: float, seed: int = 0) -> Tensor:
    """Add noise to every latent element, a draw from N(0, amount²) for each.

    Parameters
    ----------
    z : Tensor
        Codes (B, K).
    amount : float
        Standard deviation of the noise.
    seed : int
        The same seed draws the same.

    Returns
    -------
    Tensor
        (B, K).

    Raises
    ------
    ValueError
        If `z` is not (B, K), `amount` is negative, or NaN or infinity is among the numbers.
    """
    check_batch(z)
    _check_number(amount, "The amount")
    if amount < 0:
        raise ValueError(
            f"The amount is {amount}, but a standard deviation of 0 or more is expected."
        )
    generator = torch.Generator().manual_seed(seed)
    return z + amount * torch.randn(z.shape, dtype=torch.float32, generator=generator).to(z)


def set_elements(z: Tensor, values: Mapping[int, float]) -> Tensor:
    """Set chosen latent elements of every code (the homework's second edit).

    Parameters
    ----------
    z : Tensor
        Codes (B, K).
    values : mapping from element to value
        For example ``{3: 2.0, 1000: 8.0}``. Elements count from 0 to K - 1.

    Returns
    -------
    Tensor
        (B, K).

    Raises
    ------
    IndexError
        If there is no such element.
    ValueError
        If `z` is not (B, K), or NaN or infinity is among the numbers.
    """
    check_batch(z)
    edited = z.clone()
    for element, value in values.items():
        _check_element(element, z.shape[1])
        _check_number(value, f"The value for element {element}")
        edited[:, element] = value
    return edited


def interpolate(start: Tensor, end: Tensor, steps: int) -> Tensor:
    """Codes on the straight line between two codes.

    Parameters
    ----------
    start, end : Tensor
        One code each, (1, K).
    steps : int
        Number of codes, both ends counted; at least 2.

    Returns
    -------
    Tensor
        (steps, K); the first is `start`, the last is `end`.

    Raises
    ------
    ValueError
        If a shape is wrong, NaN or infinity is among the numbers, or `steps` is below 2.
    """
    check_batch(start, one=True)
    check_batch(end, one=True)
    if start.shape != end.shape:
        raise ValueError(
            f"The codes have {start.shape[1]} and {end.shape[1]} elements, but a line needs both "
            "ends in one latent space: encode both faces with the same model."
        )
    if steps < 2:
        raise ValueError(f"interpolate got steps={steps}, but a line has two ends: use 2 or more.")
    return torch.lerp(start, end, torch.linspace(0, 1, steps).to(start)[:, None])


def move(z: Tensor, directions: Tensor, amounts: Sequence[float]) -> Tensor:
    """Move every code along given directions.

    Parameters
    ----------
    z : Tensor
        Codes (B, K).
    directions : Tensor
        (D, K), for example principal axes of many codes.
    amounts : D numbers
        How far along each, in units of its length.

    Returns
    -------
    Tensor
        (B, K).

    Raises
    ------
    ValueError
        If a shape is wrong, or NaN or infinity is among the numbers.
    """
    check_batch(z)
    if directions.shape != (len(amounts), z.shape[1]):
        raise ValueError(
            f"move got {len(amounts)} amounts and directions of shape {tuple(directions.shape)}, "
            f"but expects one amount for each row of ({len(amounts)}, {z.shape[1]})."
        )
    for amount in amounts:
        _check_number(amount, "An amount")
    return z + torch.as_tensor(amounts).to(z) @ directions.to(z)


def _check_element(element: int, latent_dim: int) -> None:
    if not 0 <= element < latent_dim:
        raise IndexError(
            f"There is no element {element}: this code has {latent_dim}, so choose one from 0 to "
            f"{latent_dim - 1}."
        )


def _check_number(value: float, name: str) -> None:
    if not torch.isfinite(torch.as_tensor(value)).all():
        raise ValueError(f"{name} is {value}, but a finite number is expected.")
