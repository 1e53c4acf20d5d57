"""The linear VAE in one picture, held against its theory."""

import re
from itertools import pairwise
from types import MappingProxyType

import pytest
import torch

from course_lib import theory
from course_lib.explorers.linear_vae import GAP, MOST, WIDTH, fading, spread, waterline_figure

SHAPE = (3, 4, 5)
# The design's example: each axis a picture of one white pixel.
SMALL = theory.PCA(
    torch.zeros(6, dtype=torch.float64),
    torch.tensor([5, 3, 1.5, 0.6, 0.2, 0.05], dtype=torch.float64),
    torch.eye(6, dtype=torch.float64),
)


@pytest.fixture(scope="module")
def pca():
    """Of 40 pictures of 60 values: 39 eigenvalues are above 0."""
    generator = torch.Generator().manual_seed(0)
    scale = torch.logspace(0, -1.5, 60)
    return theory.pca((torch.randn(40, 60, generator=generator) * scale).view(40, *SHAPE) / 4)


def numbers(text):
    return [float(number) for number in re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", text)]


def test_the_designs_numbers():
    figure = waterline_figure(SMALL, (1, 2, 3), 5, beta=3, sigma2=0.4)
    assert "θ = βσ² = 1.2, and 3 latents are active" in figure.alt
    assert "Rate 1.28 nats, squared error 4.45 (0.742 per value)" in figure.alt
    [error], [rate] = figure.axes[1].lines[1].get_data()
    assert (error, rate) == pytest.approx((4.45, 1.283275), abs=5e-7)
    assert figure.texts[0].get_text() == "3 of 5 latents active, rate 1.3 nats, squared error 4.45"


@pytest.mark.parametrize(("latent_dim", "beta", "sigma2"), [(7, 1, 1e-3), (23, 4, 2e-3)])
def test_the_description_gives_the_theorys_numbers(pca, latent_dim, beta, sigma2):
    found = theory.linear_vae(pca.eigenvalues, latent_dim, beta, sigma2)
    said = waterline_figure(pca, SHAPE, latent_dim, beta, sigma2).alt
    [*given, active, rate, error, per_value, distortion, elbo] = numbers(said)
    assert given == [latent_dim, beta, sigma2, beta * sigma2]
    assert active == found.active_units
    assert rate == pytest.approx(found.rate.item(), abs=0.005)
    assert error == pytest.approx(found.squared_error.item(), rel=1e-3)
    assert per_value == pytest.approx(found.squared_error.item() / 60, rel=1e-2)
    assert distortion == pytest.approx(found.distortion.item(), abs=0.05)
    assert elbo == pytest.approx(found.elbo.item(), abs=0.05)


def test_everything_drowns_without_a_minus_zero(pca):
    figure = waterline_figure(pca, SHAPE, 7, beta=1e4, sigma2=1)
    assert "0 latents are active. Rate 0.00 nats" in figure.alt


def test_the_eigenvalues_are_drawn_in_three_kinds(pca):
    spectrum = pca.eigenvalues[:39]
    level = spectrum[20].item()  # a level like its eigenvalue drowns it
    axes = waterline_figure(pca, SHAPE, 7, 1, level).axes[0]
    active, left, drowned = (
        torch.as_tensor(stairs.get_data().values) for stairs in axes.patches[:3]
    )
    low = axes.get_ylim()[0]
    assert torch.equal(active[:7], spectrum[:7]) and (active[7:] == low).all()
    assert torch.equal(left[7:20], spectrum[7:20]) and (left[20:] == low).all()
    assert torch.equal(drowned[20:], spectrum[20:]) and (drowned[:20] == low).all()
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels[:3] == ["active: 7", "no latent left for it: 13", "drowned: 19"]
    assert axes.lines[0].get_ydata()[0] == level
    assert len({stairs.get_hatch() for stairs in axes.patches[:3]}) == 2  # not by colour alone


def test_the_legend_counts_what_is_too_thin_to_draw():
    many = theory.PCA(
        torch.zeros(100, dtype=torch.float64),
        torch.linspace(10, 0.1, 100, dtype=torch.float64),
        torch.eye(100, dtype=torch.float64),
    )
    axes = waterline_figure(many, (1, 10, 10), 7, 1, many.eigenvalues[80].item()).axes[0]
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels[:3] == ["active: 7", "no latent left for it: 73", "drowned: 20"]
    assert axes.get_xlim() == (0.5, MOST + 0.5)


def test_with_latents_enough_the_optimum_is_on_the_curve_and_else_above(pca):
    def above(latent_dim):
        axes = waterline_figure(pca, SHAPE, latent_dim, 2, 1e-3).axes[1]
        curve, [[error], [rate]] = axes.lines[0], axes.lines[1].get_data()
        least = theory.rate_distortion(pca.eigenvalues, error).rate.item()
        errors, rates = map(torch.as_tensor, curve.get_data())
        drawn = theory.rate_distortion(pca.eigenvalues, errors).rate
        torch.testing.assert_close(rates, drawn)
        return rate - least

    assert above(39) == pytest.approx(0, abs=1e-9)
    assert above(3) > 0.1


def test_other_models_are_marked_and_those_off_the_map_on_its_edge(pca):
    observed = {"ours": (0.5, 12.5), "theirs": (1e6, 1e6), "collapsed": (0.5, 0.0)}
    figure = waterline_figure(pca, SHAPE, 7, 1, 1e-3, observed=observed)
    axes = figure.axes[1]
    _, _, ours, theirs, collapsed = axes.lines
    assert ([*ours.get_xdata()], [*ours.get_ydata()]) == ([0.5], [12.5])
    assert [*theirs.get_xdata()] == [axes.get_xlim()[1]]
    assert [*theirs.get_ydata()] == [axes.get_ylim()[1]]
    assert [*collapsed.get_ydata()] == [axes.get_ylim()[0]]
    assert len({line.get_marker() for line in axes.lines[1:]}) == 4
    assert figure.alt.endswith("Marked beside it: ours; theirs; collapsed.")
    many = {f"model {i}": (0.5, i) for i in range(9)}  # more than there are colours
    axes = waterline_figure(pca, SHAPE, 7, 1, 1e-3, observed=MappingProxyType(many)).axes[1]
    assert len(axes.lines) == 11


def test_a_latents_picture_fades_as_the_water_rises(pca):
    latents, level = [0, 4, 11], pca.eigenvalues[9].item()
    found = theory.linear_vae(pca.eigenvalues, 13, 1, level)
    faded = fading(pca, latents, found.squared_norms)
    strength = (1 - level / pca.eigenvalues[:9]).sqrt()[[0, 4]]
    torch.testing.assert_close(faded.abs().amax(1)[:2], strength)
    assert (faded[2] == 0).all()
    weights = pca.axes[[0, 4]] * found.squared_norms[[0, 4], None].sqrt()
    cosine = torch.nn.functional.cosine_similarity(faded[:2], weights)
    torch.testing.assert_close(cosine, torch.ones_like(cosine))


def test_pictures_are_grey_where_drowned_and_each_has_its_number():
    figure = waterline_figure(SMALL, (1, 2, 3), 4, beta=1, sigma2=2)
    row = torch.as_tensor(figure.images[0].get_array())
    width = (row.shape[1] + GAP) // 4
    assert row.shape[1] == 4 * width - GAP  # of the six, four have a latent
    first, second, *drowned = (row[:, i * width : (i + 1) * width - GAP] for i in range(4))
    assert {*first.flatten().tolist()} == {128, round(127.5 * (1 + (3 / 5) ** 0.5))}
    assert {*second.flatten().tolist()} == {128, round(127.5 * (1 + (1 / 3) ** 0.5))}
    for picture in drowned:
        assert (picture == 128).all()
    assert [text.get_text() for text in figure.texts[1:5]] == ["1", "2", "3", "4"]


def test_large_pictures_are_fewer():
    generator = torch.Generator().manual_seed(0)
    pca = theory.pca(torch.randn(9, 1, 150, 130, generator=generator))
    figure = waterline_figure(pca, (1, 150, 130), 8, 1, 1e-3)
    assert torch.as_tensor(figure.images[0].get_array()).shape[1] <= WIDTH


@pytest.mark.parametrize(("count", "most"), [(1, 10), (2, 10), (6, 10), (17, 5), (64, 10), (64, 1)])
def test_latents_to_show_are_spread(count, most):
    chosen = spread(count, most)
    assert len(chosen) == min(count, most)
    assert chosen[0] == 0 and chosen[-1] == (count - 1 if most > 1 else 0)
    steps = [after - before for before, after in pairwise(chosen)]
    assert all(step > 0 for step in steps) and steps == sorted(steps)


def test_what_cannot_be_drawn_gets_one_clear_sentence(pca):
    flat = pca._replace(eigenvalues=torch.zeros(60))
    with pytest.raises(ValueError, match="All eigenvalues are 0: the pictures must differ"):
        waterline_figure(flat, SHAPE, 7, 1, 1)
    with pytest.raises(ValueError, match=r"60 values, but image_shape \(3, 4, 6\) has 72: give"):
        waterline_figure(pca, (3, 4, 6), 7, 1, 1)
    with pytest.raises(ValueError, match="beta"):
        waterline_figure(pca, SHAPE, 7, 0, 1)


def test_more_eigenvalues_than_fit_are_cut():
    spectrum = torch.logspace(1, -1, 100, dtype=torch.float64)
    many = theory.PCA(torch.zeros(100), spectrum, torch.eye(100, dtype=torch.float64))
    figure = waterline_figure(many, (1, 10, 10), 80, 1, 0.01)
    assert len(figure.axes[0].patches[0].get_data().values) == MOST
