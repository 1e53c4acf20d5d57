"""Maps of codes: against closed forms, and numbers made to order."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from torch import nn

from course_lib import latents
from course_lib.explorers.atlas import MOST, Atlas, chart, gaussians


class Codes(nn.Module):
    """The code is the picture."""

    def __init__(self):
        super().__init__()
        self.device = nn.Parameter(torch.zeros(1))

    def encode(self, x):
        return x.flatten(1)

    def decode(self, z):
        return z


def normal(n, scales, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, len(scales), generator=generator) * torch.tensor(scales)


def of(codes, **options) -> Atlas:
    return chart(Codes(), codes[:, None, None], **options)


def by_formula(parts, z):
    """log p(z) as the browser computes it."""
    d = z - parts["means"]
    inside = (torch.einsum("crk,ck->cr", parts["rows"], d) ** 2).sum(1)
    squared = parts["round"] * (d**2).sum(1) + parts["sign"] * inside
    return (parts["constant"] - 0.5 * squared).logsumexp(0).item()


@pytest.fixture(scope="module")
def atlas():
    return of(normal(1500, [3.0, 2.0, 0.5, 1.0]))


def test_the_map_has_the_principal_directions(atlas):
    assert atlas.directions.abs().argmax(1).tolist() == [0, 1]
    assert torch.allclose(atlas.directions @ atlas.directions.T, torch.eye(2), atol=1e-5)
    assert atlas.share == pytest.approx(13 / 14.25, abs=0.02)
    assert torch.allclose(atlas.activity, torch.tensor([9.0, 4.0, 0.25, 1.0]), rtol=0.15)
    assert atlas.mean.abs().max() < 0.3


def test_it_remembers_whose_codes_it_keeps(atlas):
    codes = normal(1500, [3.0, 2.0, 0.5, 1.0])
    assert len(atlas.numbers) == MOST
    assert torch.equal(codes[atlas.numbers], atlas.codes)


def test_the_picture_is_dense_where_codes_are(atlas):
    assert atlas.picture.shape == (48, 48)
    assert atlas.picture.max() == 255
    middle, corner = atlas.picture[20:28, 20:28], atlas.picture[:6, :6]
    assert middle.float().mean() > 100 > 5 > corner.float().mean()


def test_up_and_right_on_the_map_are_more():
    codes = normal(400, [3.0, 2.0, 0.1])
    atlas = of(torch.where(codes[:, :1] > 0, codes, torch.zeros(3)))
    first = atlas.directions[0]
    right = atlas.picture[:, 30:].sum().item() > atlas.picture[:, :18].sum().item()
    assert right == (first[0] > 0)  # codes spread to where the first element is positive
    skewed = normal(400, [3.0, 2.0, 0.1])
    skewed[:, 1] = skewed[:, 1].abs()
    atlas = of(skewed)
    tail_is_up = atlas.picture[:16].sum().item() > atlas.picture[32:].sum().item()
    assert tail_is_up == (atlas.directions[1, 1] > 0)


def test_usual_is_what_new_codes_are(atlas):
    new = normal(400, [3.0, 2.0, 0.5, 1.0], seed=9)
    low, high = atlas.usual_log_density
    logs = atlas.density.log_prob(new)
    inside = ((logs > low) & (logs < high)).double().mean().item()
    assert inside == pytest.approx(0.9, abs=0.06)  # three standard errors: 0.045, of both samples
    distance = torch.cdist(new, atlas.codes).amin(1).median().item()
    assert atlas.usual_distance == pytest.approx(distance, rel=0.15)
    assert len(atlas.codes) == MOST


def test_elements_track_factors():
    codes = normal(300, [1.0, 1.0, 1.0])
    noise = normal(300, [1.0], seed=5)[:, 0]
    factors = {
        "smile": -2 * codes[:, 2] + 7,
        "gaze": codes[:, 0] + noise,
        "still": torch.zeros(300),
    }
    tracks = of(codes, factors=factors).tracks
    assert tracks[2] == ("smile", pytest.approx(1))
    assert tracks[0][0] == "gaze"
    expected = np.corrcoef(codes[:, 0], factors["gaze"])[0, 1] ** 2
    assert tracks[0][1] == pytest.approx(expected, abs=1e-6)
    assert tracks[1][1] < 0.1


def test_a_silent_element_tracks_nothing():
    codes = normal(300, [1.0, 0.0, 1.0])
    tracks = of(codes, factors={"smile": codes[:, 0]}).tracks
    assert tracks[1] == ("smile", 0)


def test_principal_directions_are_told_in_the_codes_spread(atlas):
    assert list(atlas.named) == [f"principal {number}" for number in (1, 2, 3, 4)]
    lengths = [direction.vector.norm().item() for direction in atlas.named.values()]
    assert lengths == pytest.approx([3, 2, 1, 0.5], rel=0.1)
    first = atlas.named["principal 1"]
    assert torch.allclose(first.vector / lengths[0], atlas.directions[0], atol=1e-5)
    assert first.share == pytest.approx(9 / 14.25, abs=0.05)
    assert first.words == f"{100 * first.share:.0f} % of the codes' variance"
    assert atlas.spread == pytest.approx(math.sqrt(14.25 / 4), rel=0.05)


def test_a_factors_direction_is_how_the_codes_move_with_it():
    """With it alone: a second factor, that comes along with it, has a direction of its own."""
    smile, other, noise = (normal(1500, [1.0], seed)[:, 0] for seed in (1, 2, 3))
    gaze = 0.8 * smile + 0.6 * other
    # Element 1 is noise, which a probe reads only to take it off element 0.
    codes = torch.stack([2 * smile + noise, noise, 3 * gaze], dim=1)
    named = of(codes, factors={"smile": 5 * smile, "gaze": gaze}).named
    assert named["smile"].vector.tolist() == pytest.approx([2, 0, 0], abs=0.15)
    assert named["gaze"].vector.tolist() == pytest.approx([0, 0, 3], abs=0.15)
    assert named["smile"].share > 0.99, "a line reads it all"
    assert named["smile"].words == "R² 1.00, read from the code by a line"


def test_a_factor_that_the_code_lacks_is_not_read_from_it():
    codes = normal(400, [1.0] * 30)
    factors = {"smile": normal(400, [1.0], seed=5)[:, 0], "still": torch.ones(400)}
    named = of(codes, factors=factors).named
    assert named["smile"].share < 0.1, "on pictures that the line was not fitted to"
    assert named["still"].share == 0 and not named["still"].vector.any()


def test_codes_with_fewer_directions_have_some_that_lead_nowhere():
    named = of(normal(100, [1.0, 2.0])).named
    assert [bool(direction.vector.any()) for direction in named.values()] == [
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize("k", [4, 90])  # few elements: a mixture; many: one Gaussian
def test_the_parts_of_a_density_make_its_density(k):
    codes = normal(400, np.linspace(0.2, 2, k).tolist())
    atlas = of(codes)
    parts = gaussians(atlas.density)
    assert len(parts["constant"]) == (10 if k == 4 else 1)
    for z in (codes[7], torch.zeros(k), codes[9] + 1.5):
        exact = atlas.density.log_prob(z[None]).item()
        assert by_formula(parts, z) == pytest.approx(exact, rel=1e-4, abs=1e-2)


def test_one_gaussian_is_probabilistic_pca():
    codes = normal(500, [3.0, 2.0, 0.5, 0.5, 0.5])
    density = latents.fit_gaussian(codes, directions=2)
    x = codes.double().numpy()
    values, axes = np.linalg.eigh(np.cov(x.T))
    spread = values[:3].mean()
    clipped = axes @ np.diag([spread] * 3 + list(values[3:])) @ axes.T
    exact = multivariate_normal(x.mean(0), clipped).logpdf(x[:20])
    assert np.allclose(density.log_prob(codes[:20]), exact, atol=1e-6)
    drawn = density.sample(4000, seed=1)
    assert torch.equal(drawn, density.sample(4000, seed=1))
    assert drawn.var(0)[:2].numpy() == pytest.approx(x.var(0)[:2], rel=0.1)


def test_a_code_of_one_element_has_a_map():
    codes = normal(300, [2.0])
    atlas = of(codes, factors={"smile": codes[:, 0]})
    assert atlas.directions.abs().tolist() == [[1.0], [0.0]]
    assert atlas.share == pytest.approx(1) and not atlas.collapsed
    rows = atlas.picture.sum(1).nonzero()
    assert rows.min() > 18 and rows.max() < 28  # a line through the middle
    assert by_formula(gaussians(atlas.density), codes[7]) == pytest.approx(
        atlas.density.log_prob(codes[7:8]).item(), rel=1e-4, abs=1e-2
    )
    assert atlas.tracks == [("smile", pytest.approx(1))]


class Deaf(Codes):
    """Its decoder does not listen to the code, as after a posterior collapse."""

    def decode(self, z):
        return 1e-3 * z


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("k", [1, 2, 4, 90])
@pytest.mark.parametrize(("model", "spread"), [(Deaf(), 0.0), (Deaf(), 0.05), (Codes(), 0.0)])
def test_a_collapsed_code_has_a_map_that_says_so(model, spread, k):
    codes = 0.3 + spread * normal(400, [1.0] * k)
    atlas = chart(model, codes[:, None, None], factors={"smile": normal(400, [1.0])[:, 0]})
    assert atlas.collapsed
    assert atlas.extent == 3  # of the prior's, not a point enlarged
    lit = atlas.picture.nonzero()
    assert lit.min() > 15 and lit.max() < 33  # but a point in the middle
    numbers = [*atlas.usual_log_density, atlas.usual_distance, atlas.share, atlas.extent]
    numbers += [direction.share for direction in atlas.named.values()]
    assert not any(atlas.named[f"principal {n}"].vector.any() for n in (1, 2, 3, 4))
    assert atlas.spread == 1
    assert all(map(math.isfinite, numbers))
    assert (atlas.density.sample(5) - 0.3).abs().max() < max(0.01, 6 * spread)
    for z in (codes[7], codes[7] + 1):
        exact = atlas.density.log_prob(z[None]).item()
        assert by_formula(gaussians(atlas.density), z) == pytest.approx(exact, rel=1e-3, abs=0.1)


def test_codes_that_a_decoder_tells_apart_have_not_collapsed():
    assert not of(normal(400, [0.03, 0.05])).collapsed
    assert not chart(Deaf(), normal(400, [3.0, 0.0])[:, None, None]).collapsed
    assert of(1000 + 1e-5 * normal(400, [1.0, 1.0])).collapsed  # rounding


def test_a_map_does_not_follow_the_default_type(atlas):
    torch.set_default_dtype(torch.float64)
    try:
        codes = normal(1500, [3.0, 2.0, 0.5, 1.0]).float()
        again = of(codes, factors={"smile": codes[:, 0].double()})
        parts = gaussians(again.density)
    finally:
        torch.set_default_dtype(torch.float32)
    tensors = [again.codes, again.mean, again.directions, again.activity, *parts.values()]
    tensors += [direction.vector for direction in again.named.values()]
    assert {tensor.dtype for tensor in tensors} == {torch.float32}


def test_wrong_codes_get_one_clear_sentence():
    with pytest.raises(ValueError, match="A map of 20 training pictures says little"):
        of(normal(20, [1.0, 1.0]))
    with pytest.raises(ValueError, match="'smile' has shape"):
        of(normal(60, [1.0, 1.0]), factors={"smile": torch.zeros(59)})
    with pytest.raises(ValueError, match="choose from 1 to 1"):
        latents.fit_gaussian(normal(60, [1.0, 1.0]), directions=2)
    with pytest.raises(ValueError, match="All 60 codes are the same"):
        latents.fit_gaussian(torch.ones(60, 4), directions=2)


def test_codes_that_use_few_directions_still_have_a_density():
    codes = normal(60, [1.0, 1.0, 0.0, 0.0])
    density = latents.fit_gaussian(codes, directions=2)
    off = codes[:1] + torch.tensor([0.0, 0.0, 1.0, 0.0])
    assert density.log_prob(off).item() < density.log_prob(codes[:1]).item() - 1000
