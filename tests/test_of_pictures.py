"""Changes, sharpness and the Fréchet distance, against closed forms and other libraries."""

import math

import numpy as np
import pytest
import scipy.linalg
import scipy.ndimage
import torch
from sklearn.neighbors import NearestNeighbors
from torchvision.transforms.v2 import functional as F

from course_lib.evaluation import (
    changed_squares,
    distance_to_nearest,
    frechet_distance,
    pixel_change,
    sharpness,
    two_sample_accuracy,
)


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def stripes(frequency, size=(48, 64), axis=1):
    """A wave of so many cycles per pixel along an axis."""
    steps = torch.arange(size[axis], dtype=torch.float64)
    wave = torch.sin(2 * torch.pi * frequency * steps)
    shape = [1, 1, 1, 1]
    shape[2 + axis] = -1
    return wave.reshape(shape).expand(1, 3, *size).clone()


def test_distance_to_nearest_is_scikit_learns():
    pictures, others = noise(30, 3, 5, 7), noise(40, 3, 5, 7, seed=1)
    search = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(others.flatten(1).double())
    distances, _ = search.kneighbors(pictures.flatten(1).double())
    expected = 127.5 * torch.from_numpy(distances[:, 0]) / 105**0.5
    torch.testing.assert_close(distance_to_nearest(pictures, others), expected.float())


def test_a_picture_among_the_others_is_at_no_distance():
    others = 0.9 + 0.01 * noise(40, 3, 64, 64)
    assert distance_to_nearest(others[7:], others).tolist() == [0] * 33
    one_level_off = others[:30] + 2 / 255
    torch.testing.assert_close(distance_to_nearest(one_level_off, others), torch.ones(30))


@pytest.mark.parametrize("others", [torch.zeros(4, 3, 5, 6), torch.zeros(0, 3, 5, 7)])
def test_the_nearest_of_other_shapes_or_none_is_refused(others):
    with pytest.raises(ValueError, match="one transform for both"):
        distance_to_nearest(torch.zeros(2, 3, 5, 7), others)


def test_laplacian_is_scipys():
    pictures = noise(2, 3, 7, 9)
    expected = [
        scipy.ndimage.laplace(p.mean(0).double().numpy())[1:-1, 1:-1].var() for p in pictures
    ]
    torch.testing.assert_close(sharpness(pictures).laplacian, torch.tensor(expected))


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize(("frequency", "expected"), [(0.1, 0), (0.2, 0), (0.3, 1), (0.45, 1)])
def test_waves_are_sharp_above_half_the_nyquist_frequency(frequency, expected, axis):
    # A Hann window lets less than 1e-3 of the power leak as far as 0.05 cycles per pixel.
    assert sharpness(stripes(frequency, axis=axis)).spectral.item() == pytest.approx(
        expected, abs=1e-3
    )


def test_blur_lowers_both_and_brightness_neither():
    sharp = noise(1, 3, 32, 40) / 4
    blurred = [F.gaussian_blur(sharp, [9, 9], [sigma, sigma]) for sigma in (0.5, 1.0, 2.0)]
    for measure in (0, 1):
        values = [sharpness(p)[measure].item() for p in [sharp, *blurred]]
        assert values == sorted(values, reverse=True) and values[-1] < values[0] / 10
    for a, b in zip(sharpness(sharp), sharpness(sharp + 0.3), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=0)


def test_noise_counts_as_sharp():
    smooth = stripes(0.1) / 2
    for clean, noisy in zip(
        sharpness(smooth), sharpness(smooth + 0.2 * noise(1, 3, 48, 64)), strict=True
    ):
        assert noisy > 1.5 * clean


def test_an_even_picture_is_not_sharp_at_all():
    found = sharpness(torch.full((2, 1, 8, 12), 0.3))
    assert found.spectral.tolist() == [0, 0]
    assert found.laplacian.max() < 1e-12


@pytest.mark.parametrize("bad", [torch.zeros(3, 8, 8), torch.zeros(1, 3, 2, 8)])
def test_sharpness_names_what_it_cannot_take(bad):
    with pytest.raises(ValueError, match="float pictures"):
        sharpness(bad)
    with pytest.raises(ValueError, match="uint8"):
        sharpness(torch.zeros(1, 3, 8, 8, dtype=torch.uint8))


def test_frechet_distance_is_the_textbook_formula():
    mix = noise(5, 5, seed=1)
    a, b = noise(40, 5) @ mix + 1, noise(60, 5, seed=2)
    A, B = np.cov(a.double().T), np.cov(b.double().T)
    shift = (a.double().mean(0) - b.double().mean(0)).square().sum().item()
    expected = shift + np.trace(A + B - 2 * scipy.linalg.sqrtm(A @ B).real)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(b, a) == pytest.approx(expected, rel=1e-6)


def test_frechet_distance_in_closed_forms():
    a = noise(50, 4).double()
    assert frechet_distance(a, a.flip(0)) == pytest.approx(0, abs=1e-9)
    moved = torch.tensor([3.0, 0, -4, 0])
    assert frechet_distance(a, a + moved) == pytest.approx(25, rel=1e-9)
    # Stretched by s about its mean, a Gaussian is off by tr(A) (s - 1)²; F = 1 works as well.
    for features in (a - a.mean(0), (a - a.mean(0))[:, :1]):
        spread = features.var(0).sum().item()
        assert frechet_distance(features, 3 * features) == pytest.approx(4 * spread, rel=1e-9)


def test_frechet_distance_of_fewer_examples_than_features():
    few = noise(3, 8).double()
    assert frechet_distance(few, few + 1) == pytest.approx(8, rel=1e-6)


@pytest.mark.parametrize(
    ("a", "b", "sentence"),
    [
        (torch.zeros(3, 2), torch.zeros(3, 4), r"\(3, 2\) and \(3, 4\)"),
        (torch.zeros(1, 2), torch.zeros(3, 2), "two examples or more"),
        (torch.zeros(3, 2), torch.full((3, 2), torch.nan), "NaN or infinity"),
    ],
)
def test_frechet_distance_names_what_it_cannot_take(a, b, sentence):
    with pytest.raises(ValueError, match=sentence):
        frechet_distance(a, b)


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
    for constant in (before, before + 7, before[:, :1]):
        assert math.isnan(
            pixel_change(before[:, : constant.shape[1]], constant).channel_correlation
        )


def test_pixel_change_of_many_pictures_is_that_of_all_at_once():
    generator = torch.Generator().manual_seed(0)
    draw = lambda: torch.randint(256, (120, 3, 5, 7), generator=generator, dtype=torch.uint8)  # noqa: E731
    before, after = draw(), draw()
    after[:, 1] = before[:, 1] // 2 + after[:, 0] // 2
    change = after.double() - before.double()
    matrix = torch.corrcoef(change.transpose(0, 1).flatten(1))
    found = pixel_change(before, after)
    assert found.changed == (change.abs() > 40).any(1).sum().item() / 120
    assert found.mean_absolute == pytest.approx(change.abs().mean().item(), rel=1e-12)
    mean = (matrix[0, 1] + matrix[0, 2] + matrix[1, 2]).item() / 3
    assert found.channel_correlation == pytest.approx(mean, rel=1e-9)


def test_changed_squares_counts_where_and_not_how_much():
    before = torch.full((3, 3, 8, 12), 100, dtype=torch.uint8)
    after = before.clone()
    after[0, 1, 0, 0] = 141  # one pixel in one channel of the first square
    after[0, 2, 4:8, 0:5] = 0  # the lower left square, and one column of its neighbour
    after[1] = 60  # by 40 everywhere, which is not more than 40
    after[2] = 59
    assert changed_squares(before, after, size=4).tolist() == [3, 0, 6]
    assert changed_squares(after, before, size=4).tolist() == [3, 0, 6]
    assert changed_squares(before, after, size=4, threshold=39).tolist() == [3, 6, 6]


def test_changed_squares_refuses_what_squares_do_not_fill():
    images = torch.zeros(2, 3, 8, 12, dtype=torch.uint8)
    with pytest.raises(ValueError, match="8 × 12 are not filled by squares of 8 × 8"):
        changed_squares(images, images)
    with pytest.raises(ValueError, match="changed_squares got torch.float32"):
        changed_squares(images.float(), images.float(), size=4)


def test_pixel_change_refuses_floats_and_other_shapes():
    images = torch.zeros(2, 3, 5, 7, dtype=torch.uint8)
    with pytest.raises(ValueError, match="to_image"):
        pixel_change(images, images.float())
    with pytest.raises(ValueError, match="one shape"):
        pixel_change(images, images[:1])


def test_a_nearest_neighbour_tells_two_sets_apart_as_far_as_they_are_apart():
    a, b = noise(400, 3), noise(400, 3, seed=1)
    assert two_sample_accuracy(a, b) == pytest.approx(0.5, abs=0.05)
    assert 0.6 < two_sample_accuracy(a, b + 1) < 0.9
    assert two_sample_accuracy(a, b + 100) == 1
    assert two_sample_accuracy(a, a + 1e-6) == 0  # copies: the nearest is of the other set
    same_moments = 0.01 * b + 0.9999**0.5 * b.sign()  # eight heaps
    assert frechet_distance(a, same_moments) < 0.1
    assert two_sample_accuracy(a, same_moments) > 0.7


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (noise(4, 3), noise(5, 3), "as many examples of each kind"),
        (noise(4), noise(4), "as many examples of each kind"),
        (noise(1, 3), noise(1, 3), "two or more"),
        (noise(4, 3), torch.full((4, 3), torch.nan), "got NaN or infinity"),
    ],
)
def test_two_sets_that_cannot_be_compared_are_refused(a, b, message):
    with pytest.raises(ValueError, match=message):
        two_sample_accuracy(a, b)
