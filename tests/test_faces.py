from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.datasets import faces, painting

EYES_AND_BROWS = slice(10, 38)  # the rows that the homework keeps
MOUTH = slice(39, 56)


def neutral(**changes: float) -> torch.Tensor:
    """An average face, light enough to tell brows and lips from skin."""
    factors = torch.full((1, 16), 0.5)
    for name, value in {"skin": 0.2, "hair_colour": 0.2, **changes}.items():
        factors[0, faces.FACTORS.index(name)] = value
    return factors


def picture(size: int = 64, **changes: float) -> torch.Tensor:
    return faces.render(neutral(**changes), size)[0].float()


def difference(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Largest change over the colour channels, in grey levels."""
    return (a.float() - b.float()).abs().amax(-3)


def test_sample_repeats_and_covers_the_unit_cube():
    factors = faces.sample(700, seed=4)
    assert factors.shape == (700, 16) and factors.dtype == torch.float32
    assert torch.equal(factors, faces.sample(700, seed=4))
    assert not torch.equal(factors, faces.sample(700, seed=5))
    assert factors.min() >= 0 and factors.max() <= 1
    assert ((factors.mean(0) - 0.5).abs() < 0.05).all()
    spread = dict(zip(faces.FACTORS, factors.std(0), strict=True))
    assert spread["skin"] == pytest.approx(12**-0.5, abs=0.02)  # uniform
    assert spread["yaw"] == pytest.approx(24**-0.5, abs=0.02)  # mean of two


@pytest.mark.parametrize(("n", "size"), [(0, 20), (1, 64), (35, 20), (2, 1), (2, 37)])
def test_render_gives_bytes_channels_first(n, size):
    images = faces.render(faces.sample(n), size)
    assert images.shape == (n, 3, size, size) and images.dtype == torch.uint8
    assert images.is_contiguous()


def test_double_precision_factors_are_welcome_and_unchanged():
    factors = faces.sample(3).double()
    before = factors.clone()
    assert torch.equal(faces.render(factors, 24), faces.render(before.float(), 24))
    assert torch.equal(factors, before)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 33), min_size=1, max_size=4), st.integers(5, 48), st.integers(0, 99))
def test_a_face_does_not_depend_on_its_batch(parts, size, seed):
    factors = faces.sample(sum(parts), seed)
    split = torch.cat([faces.render(part, size) for part in factors.split(parts)])
    assert torch.equal(faces.render(factors, size), split)


def test_rendering_leaves_the_number_of_threads_alone():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(before + 1)
        faces.render(faces.sample(3), 24)
        with pytest.raises(ValueError, match=r"found \(3, 15\)"):
            faces.render(torch.zeros(3, 15), 24)
        assert torch.get_num_threads() == before + 1
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(("size", "bound"), [(32, 2.2), (64, 1.6), (96, 1.3)])
def test_edges_are_smooth_at_any_size(size, bound, monkeypatch):
    factors = faces.sample(8, seed=6)
    finer = torch.nn.functional.avg_pool2d(faces.render(factors, 4 * size).float(), 4)
    smooth = (faces.render(factors, size) - finer).abs().mean()
    hard_edges = lambda canvas, distance: (distance < 0).float()  # noqa: E731
    monkeypatch.setattr(painting.Canvas, "cover", hard_edges)
    jagged = (faces.render(factors, size) - finer).abs().mean()
    assert smooth < bound
    assert smooth < 0.6 * jagged


@pytest.mark.parametrize("factor", range(16), ids=faces.FACTORS)
def test_factors_act_smoothly(factor):
    low, high = faces.sample(60, seed=7), faces.sample(60, seed=7)
    low[:, factor] *= 0.998
    high[:, factor] = low[:, factor] + 0.002
    change = difference(faces.render(low), faces.render(high))
    assert change.max() <= 20
    assert change.mean((1, 2)).max() <= 0.6


@pytest.mark.parametrize("name", faces.FACTORS)
def test_every_factor_is_visible_and_leads_steadily_away(name):
    steps = [picture(**{name: i / 4}) for i in range(5)]
    assert (difference(steps[0], steps[-1]) > 25).sum() >= 20
    for before, after in pairwise(steps):
        assert (difference(before, after) > 8).sum() >= 16
    way = [(step - steps[0]).abs().mean().item() for step in steps]
    if name != "background":  # hues go round in a circle
        assert way == sorted(way)


@pytest.mark.parametrize(
    ("rows", "names"),
    [
        (EYES_AND_BROWS, ("eye_size", "eye_dist", "gaze", "eye_open", "brow_angle")),
        (MOUTH, ("mouth_curve", "mouth_open")),
    ],
)
def test_parts_of_the_face_keep_to_their_rows(rows, names):
    for name in names:
        change = difference(picture(**{name: 0.0}), picture(**{name: 1.0}))
        change[rows] = 0
        assert change.max() <= 2, name


def test_the_usual_face_has_eyes_and_brows_in_the_homework_crop():
    usual = faces.sample(40, seed=8)
    for name in ("eye_open", "brow_angle"):
        low, high = usual.clone(), usual.clone()
        low[:, faces.FACTORS.index(name)], high[:, faces.FACTORS.index(name)] = 0, 1
        change = difference(faces.render(low), faces.render(high))
        assert change[:, EYES_AND_BROWS].sum() > 0.97 * change.sum()


def test_background_and_hair_leave_the_face_alone():
    cheeks = slice(36, 44), slice(22, 42)
    for name in ("background", "hair_colour", "hair_length"):
        change = difference(picture(**{name: 0.0}), picture(**{name: 1.0}))
        assert change[cheeks].max() == 0, name


def test_light_comes_from_the_side_it_should():
    left, right = picture(light=0.0)[:, 30:45, :], picture(light=1.0)[:, 30:45, :]
    assert left[..., 20:28].mean() > left[..., 36:44].mean() + 15
    assert right[..., 20:28].mean() < right[..., 36:44].mean() - 15


@pytest.mark.parametrize("light", [0.0, 0.5, 1.0])
def test_very_dark_skin_keeps_its_features(light):
    face = picture(skin=1.0, light=light, hair_colour=0.0)
    open_eyes = face - picture(skin=1.0, light=light, hair_colour=0.0, eye_open=0.0)
    assert (open_eyes.abs().amax(0) > 60).sum() >= 12
    lips = face[:, MOUTH, 24:40]
    assert lips.amax((1, 2))[0] - lips.amin((1, 2))[0] > 60
    assert face[0, 20:50, 20:44].median() > 45


def test_closed_eyes_show_no_white():
    blue = [picture(eye_open=value)[2, 26:36, 16:48].max() for value in (0.0, 0.9)]
    assert blue[1] > blue[0] + 25  # skin is never that blue


@pytest.mark.parametrize("seed", [0, 1])
def test_windows_cut_nothing_off(seed, monkeypatch):
    corners = torch.rand(50, 16, generator=torch.Generator().manual_seed(seed)).round()
    windowed = faces.render(corners)
    monkeypatch.setattr(painting.Canvas, "window", lambda canvas, *_: canvas)
    assert difference(windowed, faces.render(corners)).max() <= 4


@pytest.mark.parametrize(
    ("factors", "error", "message"),
    [
        (torch.zeros(16), ValueError, r"shape \(N, 16\), found \(16,\)"),
        (torch.zeros(5, 15), ValueError, r"found \(5, 15\)"),
        (torch.zeros(5, 16, dtype=torch.int64), TypeError, "found torch.int64"),
        ([[0.5] * 16], TypeError, "found list"),
        (neutral(yaw=float("nan")), ValueError, r"\[0, 1\], found yaw = nan in row 0"),
        (neutral(gaze=1.01), ValueError, "found gaze = 1.01 in row 0"),
        (neutral(jaw=-0.2), ValueError, "found jaw = -0.2 in row 0"),
        (neutral(tilt=float("inf")), ValueError, "found tilt = inf in row 0"),
    ],
)
def test_bad_factors_get_one_clear_sentence(factors, error, message):
    with pytest.raises(error, match=message) as caught:
        faces.render(factors)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("size", [0, -3, 6.5, "64"])
def test_bad_sizes_get_one_clear_sentence(size):
    with pytest.raises(ValueError, match="size must be a positive whole number"):
        faces.render(neutral(), size)
