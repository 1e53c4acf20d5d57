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
    distance_to_nearest,
    frechet_distance,
    nearest_neighbour_accuracy,
    pixel_change,
    sharpness,
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
    assert math.isnan(pixel_change(before, before).channel_correlation)


def test_pixel_change_refuses_floats_and_other_shapes():
    images = torch.zeros(2, 3, 5, 7, dtype=torch.uint8)
    with pytest.raises(ValueError, match="to_image"):
        pixel_change(images, images.float())
    with pytest.raises(ValueError, match="one shape"):
        pixel_change(images, images[:1])


def test_the_nearest_neighbour_tells_apart_what_lies_apart_and_finds_copies():
    real, alike = noise(400, 2, 3), noise(400, 2, 3, seed=1)
    assert nearest_neighbour_accuracy(real, alike) == pytest.approx(0.5, abs=0.06)
    assert nearest_neighbour_accuracy(real, alike + 9) == 1
    assert nearest_neighbour_accuracy(real, real + 1e-4) < 0.01


def test_the_nearest_neighbour_sees_what_moments_do_not():
    """Two lumps, and a Gaussian of the same mean and covariance."""
    lumps = torch.cat([noise(200, 1) / 50 - 1, noise(200, 1, seed=1) / 50 + 1])
    smooth = noise(400, 1, seed=2)
    smooth = (smooth - smooth.mean()) / smooth.std() * lumps.std()
    assert frechet_distance(lumps, smooth) < 1e-3
    assert nearest_neighbour_accuracy(lumps, smooth) > 0.8


def test_the_nearest_neighbour_is_scikit_learns():
    real, generated = noise(30, 4), 0.5 * noise(30, 4, seed=1)
    both, made = torch.cat([real, generated]).numpy(), np.arange(60) >= 30
    found = NearestNeighbors(n_neighbors=1).fit(both).kneighbors(return_distance=False)[:, 0]
    expected = (made[found] == made).mean()
    assert nearest_neighbour_accuracy(real, generated) == pytest.approx(expected)


@pytest.mark.parametrize("b", [torch.zeros(4, 2), torch.full((3, 2), torch.nan)])
def test_the_nearest_neighbour_needs_equally_many_finite_pictures(b):
    with pytest.raises(ValueError, match="shape|NaN"):
        nearest_neighbour_accuracy(torch.zeros(3, 2), b)
