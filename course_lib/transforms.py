"""From stored pictures to what a network sees, and back: the homework's pipeline."""

import os
from typing import Protocol

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor, nn
from torchvision.transforms.v2 import functional as F

# Top, left, height and width in shares of the picture's: (10, 0, 28, 64) of 64×64 pixels.
HOMEWORK_CROP = (10 / 64, 0.0, 28 / 64, 1.0)
BATCH = 500  # pictures of a large set that are transformed at a time


class Pictures(Protocol):
    """uint8 pictures (N, C, H, W): a tensor, or what stays on disk until it is indexed."""

    @property
    def shape(self) -> torch.Size:
        """(N, C, H, W)."""

    @property
    def device(self) -> torch.device:
        """Where what is indexed comes out."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: slice | Tensor, /) -> Tensor: ...


class FaceTransform(nn.Module):
    """Crop, resize and scale a batch of pictures. Built by `face_transform`."""

    def __init__(self, crop: tuple[float, float, float, float] | None, size: tuple[int, int]):
        super().__init__()
        self.crop, self.size = crop, size

    def forward(self, images: Tensor) -> Tensor:
        """Pictures (…, C, H, W), uint8, to float32 in [-1, 1]."""
        _check(images)
        if images.ndim == 4 and len(images) > BATCH:
            x = torch.empty(len(images), images.shape[1], *self.size, device=images.device)
            for done, part in zip(x.split(BATCH), images.split(BATCH), strict=True):
                done.copy_(self(part))
            return x
        x = images.to(torch.float32)
        if self.crop is not None:
            x = F.crop(x, *_pixels(self.crop, *x.shape[-2:]))
        x = F.resize(x, list(self.size), antialias=True)
        if x.is_contiguous(memory_format=torch.channels_last):
            x = x.contiguous()  # the networks flatten (channel, row, column)
        return x.mul_(2).div_(255).sub_(1)  # in place: floats take four times the pictures' memory

    def extra_repr(self) -> str:
        """Crop and size, when it is printed."""
        return f"crop={self.crop}, size={self.size}"


def face_transform(
    crop: tuple[float, float, float, float] | None = HOMEWORK_CROP,
    size: tuple[int, int] = (64, 64),
) -> FaceTransform:
    """The homework's transform, for one picture or a whole batch at once.

    To float32, crop, resize to `size`, then ``2 * x / 255 - 1``.

    Parameters
    ----------
    crop : (top, left, height, width) or None
        Rows and columns to keep: whole numbers are pixels, four floats shares of the picture. The
        default is the homework's band of eyes and brows, of pictures of any size the same part;
        None keeps the whole face.
    size : (height, width)
        Size of the result, in pixels.

    Returns
    -------
    FaceTransform
        Maps uint8 (..., C, H, W) to float32 (..., C, *size) in [-1, 1]. It raises TypeError if
        the pictures are not uint8 and ValueError if the crop does not fit into them.
    """
    return FaceTransform(crop, size)


def whole_picture(model: nn.Module, images: Pictures) -> FaceTransform:
    """The transform that is taken where none was asked for: nothing is cut off.

    Parameters
    ----------
    model : nn.Module
        If it has an ``image_shape`` (C, H, W), pictures are resized to that.
    images : Tensor
        (N, C, H, W). For other models they stay as large as they are.
    """
    *_, height, width = getattr(model, "image_shape", images.shape[1:])
    return face_transform(crop=None, size=(height, width))


def picture(source: str | os.PathLike | Image.Image, size: int = 64) -> Tensor:
    """One photograph as a data set has it: to `add` to an explorer, or to transform for a model.

    Parameters
    ----------
    source : path or PIL.Image.Image
    size : int
        Of the result, in pixels: the photograph's central square, shrunk.

    Returns
    -------
    Tensor
        uint8 (3, size, size), upright. ``transform(picture(path)[None])`` is what a model takes.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such file, or Pillow cannot open it.
    """
    try:
        with Image.open(source) if not isinstance(source, Image.Image) else source.copy() as image:
            return torch.from_numpy(square(image, size)).movedim(-1, 0).contiguous()
    except FileNotFoundError:
        raise
    except Exception as error:  # Pillow raises what a file's bytes lead it to
        reason = " ".join(str(error).split())
        raise ValueError(
            f"'{source}' cannot be opened as a photograph ({reason}): pass the path of a JPEG, PNG "
            "or another picture."
        ) from error


def square(image: Image.Image, size: int | None) -> np.ndarray:
    """A picture of Pillow's upright and in colours, (size, size, 3) uint8: its central square,
    shrunk, or without `size` all of it, as large as it is."""
    if size is not None:
        image.draft("RGB", (2 * size, 2 * size))  # a JPEG need not be decoded larger than this
    image = _in_colours(ImageOps.exif_transpose(image))
    if size is not None:
        image = ImageOps.fit(image, (size, size), Image.Resampling.BILINEAR)
    return np.array(image)


def _in_colours(image: Image.Image) -> Image.Image:
    """RGB; what is transparent is white, 16 bits become 8 (Pillow would clip them). ValueError for
    numbers of which one picture does not tell what is white."""
    if image.mode.startswith(("I", "F")):
        levels = np.asarray(image, dtype=np.float64)
        # Pillow has 16 bits in 32, too, of a PGM for example.
        sixteen = image.mode.startswith("I;16") or (
            image.mode == "I" and levels.min() >= 0 and 255 < levels.max() <= 65535
        )
        if not sixteen:
            raise ValueError(
                f"its numbers of 32 bits, {levels.min():g} to {levels.max():g}, do not say what is "
                "white, so pass datasets.load a list of all as arrays, numpy.asarray(picture)"
            )
        return Image.fromarray((levels * (255 / 65535)).round().astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")


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


def _check(images: Tensor) -> None:
    if not isinstance(images, Tensor):
        on_disk = getattr(images, "dtype", None) == torch.uint8
        part = f"a part of them, images[:{BATCH}]" if on_disk else "datasets.pictures(images)"
        raise TypeError(
            f"The transform got a {type(images).__name__}, but expects a tensor: pass {part}."
        )
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


def _pixels(
    crop: tuple[float, float, float, float], rows: int, columns: int
) -> tuple[int, int, int, int]:
    """A crop in pixels of pictures of a size, or ValueError where it does not fit into them."""
    top, left, height, width = crop
    if any(isinstance(edge, float) for edge in crop):
        below, right = round((top + height) * rows), round((left + width) * columns)
        top, left = round(top * rows), round(left * columns)
        height, width = below - top, right - left
    if not (0 <= top < top + height <= rows and 0 <= left < left + width <= columns):
        raise ValueError(  # torchvision would make up black pixels
            f"The crop (top, left, height, width) = {crop} does not fit into pictures of "
            f"{rows}×{columns}: keep rows and columns that they have, or use crop=None for the "
            "whole picture."
        )
    return top, left, height, width  # ty: ignore[invalid-explicit-return] (whole by now)
