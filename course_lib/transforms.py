"""From stored pictures to what a network sees, and back: the homework's pipeline."""

import torch
from torch import Tensor, nn
from torchvision.transforms.v2 import functional as F

HOMEWORK_CROP = (10, 0, 28, 64)  # top, left, height, width
BATCH = 500  # pictures of a large set that are transformed at a time


class FaceTransform(nn.Module):
    """Crop, resize and scale a batch of pictures. Built by `face_transform`."""

    def __init__(self, crop: tuple[int, int, int, int] | None, size: tuple[int, int]):
        super().__init__()
        self.crop, self.size = crop, size

    def forward(self, images: Tensor) -> Tensor:
        _check(images, self.crop)
        if images.ndim == 4 and len(images) > BATCH:
            x = torch.empty(len(images), images.shape[1], *self.size, device=images.device)
            for done, part in zip(x.split(BATCH), images.split(BATCH), strict=True):
                done.copy_(self(part))
            return x
        x = images.to(torch.float32)
        if self.crop is not None:
            x = F.crop(x, *self.crop)
        x = F.resize(x, list(self.size), antialias=True)
        if x.is_contiguous(memory_format=torch.channels_last):
            x = x.contiguous()  # the networks flatten (channel, row, column)
        return x.mul_(2).div_(255).sub_(1)  # in place: floats take four times the pictures' memory

    def extra_repr(self) -> str:
        return f"crop={self.crop}, size={self.size}"


def face_transform(
    crop: tuple[int, int, int, int] | None = HOMEWORK_CROP, size: tuple[int, int] = (64, 64)
) -> FaceTransform:
    """The homework's transform, for one picture or a whole batch at once.

    To float32, crop, resize to `size`, then ``2 * x / 255 - 1``.

    Parameters
    ----------
    crop : (top, left, height, width) or None
        Rows and columns to keep, in pixels. The default is the homework's band of eyes and
        brows; None keeps the whole face.
    size : (height, width)
        Size of the result, in pixels.

    Returns
    -------
    FaceTransform
        Maps uint8 (..., C, H, W) to float32 (..., C, *size) in [-1, 1]. It raises TypeError if
        the pictures are not uint8 and ValueError if the crop does not fit into them.
    """
    return FaceTransform(crop, size)


def to_image(x: Tensor) -> Tensor:
    """The way back: from [-1, 1] to grey levels.

    Parameters
    ----------
    x : Tensor
        Float, any shape. Values outside [-1, 1] are clipped.

    Returns
    -------
    Tensor
        uint8, same shape. It undoes the scaling, not the crop: what was cut away is gone.

    Raises
    ------
    TypeError
        If `x` is not a float tensor.
    ValueError
        If `x` holds NaN, which no grey level stands for.
    """
    if not x.is_floating_point():
        raise TypeError(f"to_image got {x.dtype}, but expects floats in [-1, 1]: pass a picture.")
    if x.isnan().any():
        raise ValueError("to_image got NaN: look for a diverged model before drawing its output.")
    return ((x + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def _check(images: Tensor, crop: tuple[int, int, int, int] | None) -> None:
    if images.dtype != torch.uint8:
        raise TypeError(
            f"The transform got {images.dtype} pictures, but expects uint8 in 0…255: pass the "
            "pictures as datasets.load gives them."
        )
    if images.ndim < 3 or images.shape[-3] not in (1, 3):
        raise ValueError(
            f"The transform got shape {tuple(images.shape)}, but expects (…, 3, H, W), channels "
            "before rows and columns: move the channel axis with images.movedim(-1, -3)."
        )
    if crop is None:
        return
    rows, columns = images.shape[-2:]
    top, left, height, width = crop
    inside = 0 <= top < top + height <= rows and 0 <= left < left + width <= columns
    if not inside:  # torchvision would make up black pixels
        raise ValueError(
            f"The crop (top, left, height, width) = {crop} does not fit into pictures of "
            f"{rows}×{columns}: keep rows and columns that they have, or use crop=None for the "
            "whole picture."
        )
