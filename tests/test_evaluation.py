import math

import pytest
import torch

from course_lib.evaluation import pixel_change


def test_pixel_change_counts_pixels_not_channels():
    before = torch.full((2, 3, 5, 7), 100, dtype=torch.uint8)
    after = before.clone()
    after[0, :, 1, 2] = 141  # one pixel, three channels, 41 levels
    after[1, 0, 3, 4] = 140  # 40 is not more than 40
    result = pixel_change(before, after)
    assert result.changed == 0.5
    assert result.mean_absolute == pytest.approx((3 * 41 + 40) / (2 * 3 * 5 * 7))


def test_channel_correlation_tells_grey_points_from_coloured_ones():
    generator = torch.Generator().manual_seed(0)
    noise = torch.randint(0, 100, (4, 3, 32, 33), generator=generator, dtype=torch.uint8)
    before = torch.full_like(noise, 100)
    assert abs(pixel_change(before, before + noise).channel_correlation) < 0.05
    grey = before + noise[:, :1]
    assert pixel_change(before, grey).channel_correlation == pytest.approx(1)
    assert math.isnan(pixel_change(before, before).channel_correlation)


def test_pixel_change_refuses_floats_and_other_shapes():
    images = torch.zeros(2, 3, 5, 7, dtype=torch.uint8)
    with pytest.raises(ValueError, match="to_image"):
        pixel_change(images, images.float())
    with pytest.raises(ValueError, match="one shape"):
        pixel_change(images, images[:1])
