"""Codes of pictures: of a whole set by `encode` (of one batch: `models.code`); and what counts as a
batch of codes."""

import torch
from torch import Tensor, nn

from course_lib.models import code
from course_lib.transforms import Pictures

BATCH = 500  # pictures that are encoded at a time


@torch.no_grad()
def encode(model: nn.Module, images: Pictures, transform: nn.Module | None = None) -> Tensor:
    """The codes of a whole set of pictures, in batches; of a posterior, the means.

    Parameters
    ----------
    model : nn.Module
        With ``encode``.
    images : Tensor
        (N, C, H, W), as `transform` takes them, or the model if there is none.
    transform : nn.Module, optional
        Done to each batch; the whole set would fill the memory.

    Returns
    -------
    Tensor
        (N, K) float32, on the CPU.
    """
    weight, codes = next(model.parameters()), []
    for part in torch.arange(len(images)).split(BATCH):
        x = images[part] if transform is None else transform(images[part])
        codes.append(code(model, x.to(weight)).float().cpu())
    return torch.cat(codes)


def check_batch(z: Tensor, one: bool = False) -> None:
    """Refuse what is not a batch of codes (B, K), or not a single one, with a ValueError."""
    expected = "(1, K)" if one else "(B, K)"
    if z.ndim != 2 or (one and len(z) != 1):
        raise ValueError(
            f"The code has shape {tuple(z.shape)}, but {expected} is expected: "
            + (
                "pass a single one, z[:1]."
                if one and z.ndim == 2
                else "try z[None] or z.flatten(1)."
            )
        )
    if not z.isfinite().all():
        raise ValueError("The code holds NaN or infinity: look at what produced it.")
