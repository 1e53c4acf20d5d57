"""The homework's pipeline, compared with an independent spelling of it."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from course_lib.transforms import face_transform, to_image


def homework(images: torch.Tensor) -> torch.Tensor:
    """One channel of one picture at a time, resized by Pillow's float mode: nothing shared with
    torchvision's tensor code."""
    out = np.empty(images.shape, np.float32)
    for index in np.ndindex(*images.shape[:-2]):
        band = images[index].numpy().astype(np.float32)[10:38, 0:64]
        resized = Image.fromarray(band).resize((64, 64), Image.Resampling.BILINEAR)
        out[index] = 2 * np.asarray(resized) / 255 - 1
    return torch.from_numpy(out)


@given(st.integers(0, 2**32), st.integers(1, 5))
def test_equals_the_homework(seed, batch):
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (batch, 3, 64, 64), dtype=torch.uint8, generator=generator)
    torch.testing.assert_close(face_transform()(images), homework(images), rtol=0, atol=1e-5)


def test_one_picture_and_nested_batches():
    images = torch.randint(0, 256, (2, 5, 3, 64, 64), dtype=torch.uint8)
    transform = face_transform()
    assert transform(images).shape == (2, 5, 3, 64, 64)
    assert torch.equal(transform(images)[1, 4], transform(images[1, 4]))


def test_result_is_contiguous_for_pictures_stored_channels_last():
    images = torch.randint(0, 256, (4, 64, 64, 3), dtype=torch.uint8).permute(0, 3, 1, 2)
    for crop in (None, (10, 0, 28, 64)):
        x = face_transform(crop)(images)
        assert x.is_contiguous()
        torch.testing.assert_close(x, face_transform(crop)(images.contiguous()))


def test_whole_picture_round_trip_is_exact():
    levels = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16).expand(2, 3, 16, 16)
    x = face_transform(crop=None, size=(16, 16))(levels)
    assert x.min() == -1 and x.max() == 1
    assert torch.equal(to_image(x), levels)


def test_to_image_clips():
    assert to_image(torch.tensor([-7.0, 0.0, 7.0])).tolist() == [0, 128, 255]


@pytest.mark.parametrize(
    ("images", "error", "words"),
    [
        (torch.zeros(2, 3, 64, 64), TypeError, "uint8"),
        (torch.zeros(2, 64, 64, 3, dtype=torch.uint8), ValueError, "movedim"),
        (torch.zeros(64, 64, dtype=torch.uint8), ValueError, "channels"),
    ],
)
def test_bad_pictures(images, error, words):
    with pytest.raises(error, match=words):
        face_transform()(images)


@pytest.mark.parametrize(
    "crop",
    [
        (-1, 0, 28, 64), (10, -1, 28, 64), (10, 0, 0, 64), (10, 0, 28, 0), (10, 0, -5, 64),
        (10, 0, 28, -5), (64, 0, 1, 64), (37, 0, 28, 64), (10, 1, 28, 64),
    ],
)  # fmt: skip
def test_a_crop_holds_pixels_and_only_those_that_are_there(crop):
    with pytest.raises(ValueError, match="does not fit into pictures of 64×64"):
        face_transform(crop)(torch.zeros(2, 3, 64, 64, dtype=torch.uint8))


def test_the_smallest_crop_is_one_pixel():
    images = torch.zeros(2, 3, 64, 64, dtype=torch.uint8)
    images[..., 63, 63] = 255
    assert torch.equal(face_transform((63, 63, 1, 1), (1, 1))(images), torch.ones(2, 3, 1, 1))


def test_to_image_refuses_nan_and_integers():
    with pytest.raises(ValueError, match="NaN"):
        to_image(torch.tensor([0.0, float("nan")]))
    with pytest.raises(TypeError, match="floats"):
        to_image(torch.zeros(3, dtype=torch.uint8))


def test_a_large_set_is_transformed_as_its_pictures_are():
    generator = torch.Generator().manual_seed(3)
    images = torch.randint(256, (1101, 3, 40, 64), dtype=torch.uint8, generator=generator)
    before = images.clone()
    transform = face_transform(size=(20, 30))
    x = transform(images)
    assert torch.equal(x[[0, 500, 1100]], transform(images[[0, 500, 1100]]))
    assert torch.equal(images, before)
