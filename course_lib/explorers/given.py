"""What people give an explorer: models of many kinds, pictures, the name of a data set."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from course_lib import sources
from course_lib.datasets import load, pictures
from course_lib.datasets.faces import FACTORS
from course_lib.explorers.atlas import Atlas, chart
from course_lib.models import wrap
from course_lib.training import State


def in_parts(source):
    """A set's name as its `Splits`, anything else as it is."""
    if isinstance(source, str) and isinstance(sources.find(source), str):
        return load(source)
    return source


def named(models: nn.Module | Mapping[str, nn.Module]) -> dict[str, nn.Module]:
    """The models by their names, runs as what they trained."""
    if isinstance(models, list | tuple):
        models = {f"model {number}": model for number, model in enumerate(models, start=1)}
    by_name = dict(models) if isinstance(models, Mapping) else {"model": models}
    if not by_name:
        raise ValueError("LatentExplorer got no models: pass one, or a dict from name to model.")
    return {name: one.model if isinstance(one, State) else one for name, one in by_name.items()}


def with_codes(name: str, model: nn.Module, shape: tuple[int, int, int]) -> nn.Module:
    """The model itself, or what its encoder and decoder make of pictures of this shape."""
    if hasattr(model, "encode") and hasattr(model, "decode"):
        return model
    if hasattr(model, "encoder") and hasattr(model, "decoder"):
        return wrap(model.encoder, model.decoder, shape)
    raise TypeError(
        f"{name!r} is a {type(model).__name__}, but a model with encode and decode, or with an "
        "encoder and a decoder, is expected: pass one of course_lib.models, or "
        "models.wrap(encoder, decoder, shape)."
    )


def check_points(points: Collection[str], models: Mapping[str, nn.Module]) -> None:
    """Refuse names of models without noise that are no models."""
    if unknown := set(points) - models.keys():
        raise ValueError(
            f"points names {', '.join(sorted(unknown))}, but the models are {', '.join(models)}: "
            "name those that were trained without noise."
        )


def atlases(models, transform, training, factors) -> dict[str, Atlas]:
    """The map of each model's codes; none without training pictures."""
    if training is None:
        if factors is not None:
            raise ValueError("factors belong to training pictures: pass training=faces.train too.")
        return {}
    if factors is not None and not isinstance(factors, Mapping):
        factors = torch.as_tensor(factors)
        if factors.ndim != 2 or factors.shape[1] != len(FACTORS):
            raise ValueError(
                f"factors has shape {tuple(factors.shape)}, but (N, {len(FACTORS)}) is expected: "
                "pass faces.factors['train'], or a mapping from name to N numbers."
            )
        factors = dict(zip(FACTORS, factors.T, strict=True))
    if factors is not None:
        most = len(training)
        factors = {name: torch.as_tensor(values)[:most] for name, values in factors.items()}
    return {
        name: chart(model, training, factors, transform=transform) for name, model in models.items()
    }


def one_picture(image: Any, shape: tuple[int, ...]) -> Tensor:
    """A picture of one's own as uint8 (C, H, W), if it has this shape."""
    if isinstance(image, np.ndarray | Image.Image):
        brought = pictures(image)
        if len(brought) != 1:
            raise ValueError(
                f"add got {len(brought)} pictures, but takes one: add them one after another."
            )
        image = brought[0]
    kind = getattr(image, "dtype", type(image).__name__)
    found = tuple(getattr(image, "shape", ()))
    if not isinstance(image, Tensor) or (kind, found) != (torch.uint8, shape):
        raise ValueError(
            f"The picture is {kind} of shape {found}, but a uint8 Tensor of shape "
            f"{shape} is expected, as the explorer's images are: resize it, "
            "channels first."
        )
    return image
