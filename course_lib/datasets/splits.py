"""A data set in three parts that share no picture, and what can be done to all of it at once."""

from collections.abc import Iterable
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from course_lib.datasets.stored import StoredImages
from course_lib.transforms import BATCH, FaceTransform, Pictures, to_image


@dataclass(frozen=True, eq=False, repr=False)
class Splits:
    """A data set in three parts that share no picture.

    Attributes
    ----------
    train, validation, test : Tensor or StoredImages
        uint8, shape (n, C, H, W); to be sliced, or indexed with a tensor.
    factors : dict of Tensor, optional
        For rendered faces: under ``"train"``, ``"validation"`` and ``"test"`` the float32
        factors (n, 16) that each picture was drawn from, named by `faces.FACTORS`.
    """

    train: Tensor | StoredImages
    validation: Tensor | StoredImages
    test: Tensor | StoredImages
    factors: dict[str, Tensor] | None = None

    def __repr__(self) -> str:
        parts = [f"{f.name}={tuple(getattr(self, f.name).shape)}" for f in fields(self)[:3]]
        return f"Splits({', '.join(parts)}, factors {'known' if self.factors else 'unknown'})"


def parted(images: Tensor | StoredImages, rows: Iterable[Tensor]) -> Splits:
    """Pictures in three parts, each by its row numbers."""
    take = images.at if isinstance(images, StoredImages) else images.__getitem__
    train, validation, test = map(take, rows)
    return Splits(train, validation, test)


def split(n: int, seed: int) -> tuple[Tensor, ...]:
    """Shuffled row numbers in proportion 80 : 10 : 10, at least one in each part."""
    tenth = max(1, round(n / 10))
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    return order.split([n - 2 * tenth, tenth, tenth])


def split_by_person(person: Tensor, seed: int) -> list[Tensor]:
    """Row numbers for which the *people* are in proportion 80 : 10 : 10, in shuffled order."""
    people = person.unique()
    if len(people) < 3:
        raise ValueError(
            f"Photographs of {len(people)} people were found, but at least 3 were expected, to "
            "train, validate and test on different people: add people, or download again."
        )
    order = torch.randperm(len(person), generator=torch.Generator().manual_seed(seed))
    return [order[torch.isin(person[order], people[chosen])] for chosen in split(len(people), seed)]


def resized(splits: Splits, transform: FaceTransform) -> Splits:
    """A whole data set cropped and resized, in grey levels again: a small one to train on quickly.

    Parameters
    ----------
    splits : Splits
        As `load` gives them; they are left alone.
    transform : FaceTransform
        Says what to keep, and its size.

    Returns
    -------
    Splits
        uint8 tensors, in memory.
    """

    def shrink(images: Pictures) -> Tensor:
        parts = torch.arange(len(images)).split(BATCH)
        return torch.cat([to_image(transform(images[part])) for part in parts])

    parts = (splits.train, splits.validation, splits.test)
    return Splits(*map(shrink, parts), splits.factors)


def binarise(splits: Splits, seed: int = 0) -> Splits:
    """Black and white only: a pixel becomes white with a probability of its grey level / 255.

    Drawn once and kept, so that everybody is scored on the same pictures (Salakhutdinov and
    Murray 2008; Larochelle and Murray 2011). Not a threshold: the mean of many draws is the grey.

    Parameters
    ----------
    splits : Splits
        As `load` gives them; they are left alone.
    seed : int
        Of the draw.

    Returns
    -------
    Splits
        uint8 tensors of 0 and 255, in memory; the transform makes -1 and +1 of them.
    """
    generator = torch.Generator().manual_seed(seed)

    def draw(images: Tensor) -> Tensor:
        # Of the 255 thresholds 0 … 254 as many lie below a grey level as the level says.
        thresholds = torch.randint(255, images.shape, dtype=torch.uint8, generator=generator)
        return (images > thresholds).to(torch.uint8) * 255

    parts = (splits.train, splits.validation, splits.test)
    return Splits(*(draw(part[:]) for part in parts), splits.factors)
