"""Scores of disentanglement where they are known, and against their published definitions."""

import numpy as np
import pytest
import torch
from scipy.stats import entropy
from sklearn.metrics import mutual_info_score

from course_lib.evaluation.disentanglement import (
    completeness,
    dci,
    disentanglement,
    mutual_information,
    mutual_information_gap,
)

torch.set_num_threads(1)


def draw(*size, seed=0):
    return torch.rand(size, generator=torch.Generator().manual_seed(seed))


def grid():
    """Every combination of 5, 6 and 7 levels of three factors: exactly independent, (210, 3)."""
    return torch.cartesian_prod(*(torch.linspace(0, 1, levels) for levels in (5, 6, 7)))


# --- mutual information, and its gap


def test_mutual_information_is_scikit_learns():
    factors = draw(300, 3)
    codes = factors @ draw(3, 4, seed=1) + 0.1 * draw(300, 4, seed=2)
    found = mutual_information(codes, factors, bins=6)
    assert found.shape == (4, 3)
    for (k, f), nats in np.ndenumerate(found.numpy()):
        cut = [
            np.digitize(column, np.histogram_bin_edges(column, 6)[1:-1])
            for column in (codes[:, k].double().numpy(), factors[:, f].double().numpy())
        ]
        assert nats == pytest.approx(mutual_info_score(*cut), abs=1e-12)
    assert mutual_information(factors, factors).diagonal().min() > found.max()


def test_the_gap_is_one_for_one_element_per_factor():
    factors = grid()
    codes = torch.cat([3 - 2 * factors[:, [2, 0, 1]], torch.zeros(210, 1)], 1)
    assert mutual_information_gap(codes, factors) == pytest.approx(1, abs=1e-12)


def test_the_gap_is_zero_where_every_element_has_a_double():
    codes = torch.cat([grid(), -4 * grid()], 1)
    assert mutual_information_gap(codes, grid()) == pytest.approx(0, abs=1e-12)


def test_the_gap_is_the_mean_over_factors():
    """One factor of three has two elements to itself, one has none."""
    factors = grid()
    codes = torch.stack([factors[:, 0], factors[:, 0], factors[:, 2]], 1)
    assert mutual_information_gap(codes, factors) == pytest.approx(1 / 3, abs=1e-12)


def test_the_gap_is_measured_against_the_factors_entropy():
    """An element that knows only whether a factor of 6 levels is in the upper half tells 1 bit
    of log₂ 6."""
    factors = grid()
    codes = torch.stack([factors[:, 0], (factors[:, 1] > 0.5).float(), factors[:, 2]], 1)
    expected = (1 + np.log(2) / np.log(6) + 1) / 3
    assert mutual_information_gap(codes, factors) == pytest.approx(expected, abs=1e-12)


def test_codes_that_know_nothing_have_no_gap():
    assert mutual_information_gap(draw(5000, 4, seed=1), draw(5000, 3)) < 0.01


@pytest.mark.parametrize("bins", [7, 20])
def test_the_gap_is_the_published_one(bins):
    """Written down as disentanglement_lib has it: a loop over factors, histograms, a sort."""
    factors = draw(500, 3)
    mixed = factors @ draw(3, 5, seed=1) + 0.1 * draw(500, 5, seed=2)
    codes = torch.cat([mixed, factors[:, :1] ** 2], 1)
    gaps = []
    for factor in factors.double().numpy().T:
        factor = np.digitize(factor, np.histogram(factor, bins)[1][:-1])
        told = []
        for element in codes.double().numpy().T:
            element = np.digitize(element, np.histogram(element, bins)[1][:-1])
            told.append(mutual_info_score(factor, element))
        *_, second, first = sorted(told)
        counts = np.bincount(factor)
        gaps.append((first - second) / entropy(counts[counts > 0]))
    assert mutual_information_gap(codes, factors, bins) == pytest.approx(np.mean(gaps), abs=1e-12)
    assert 0.05 < np.mean(gaps) < 0.95


def test_the_gap_depends_on_no_order_scale_or_sign():
    factors = draw(500, 3)
    codes = factors @ draw(3, 5, seed=1) + 0.1 * draw(500, 5, seed=2)
    expected = mutual_information_gap(codes, factors)
    for other in (
        mutual_information_gap(codes[:, [3, 0, 4, 1, 2]], factors),
        mutual_information_gap(codes, factors[:, [2, 0, 1]]),
        mutual_information_gap(8 * codes, factors / 4),
    ):
        assert other == pytest.approx(expected, abs=1e-12)
    # A value on a bin's edge falls into the bin above it: on the other side of zero, another.
    assert mutual_information_gap(-codes, factors) == pytest.approx(expected, abs=1e-3)


# --- disentanglement, completeness, informativeness


@pytest.mark.parametrize("score", [disentanglement, completeness])
def test_scores_of_a_table_with_one_entry_per_row_and_column_are_one(score):
    assert score(np.eye(4)) == 1
    assert score(torch.diag(torch.tensor([0.2, 3, 1, 0.5]))[:, [2, 0, 3, 1]]) == pytest.approx(1)


@pytest.mark.parametrize("score", [disentanglement, completeness])
def test_scores_of_a_table_without_any_order_are_zero(score):
    assert score(np.full((4, 3), 0.2)) == pytest.approx(0, abs=1e-12)


def test_a_split_factor_costs_completeness_and_a_mixed_element_disentanglement():
    split = np.array([[1, 0], [1, 0], [0, 1], [0, 0]])
    assert disentanglement(split) == 1
    by_factor = np.array([1 - np.log(2) / np.log(4), 1])
    assert completeness(split) == pytest.approx(by_factor @ [2, 1] / 3)
    assert completeness(split.T) == 1
    assert disentanglement(split.T) == completeness(split)


def test_scores_are_the_published_ones():
    """Written down as disentanglement_lib has them, less the 1e-11 that it adds to each entry."""
    for seed in range(20):
        importance = np.random.default_rng(seed).gamma(0.3, size=(6, 4))
        importance[importance < 0.01] = 0
        of_elements = importance.sum(1) > 0
        per_element = 1 - entropy(importance[of_elements].T, base=4)
        weights = importance[of_elements].sum(1) / importance.sum()
        expected = np.sum(per_element * weights)
        assert disentanglement(importance) == pytest.approx(expected, abs=1e-12)
        per_factor = 1 - entropy(importance, base=6)
        expected = np.sum(per_factor * importance.sum(0) / importance.sum())
        assert completeness(importance) == pytest.approx(expected, abs=1e-12)
        assert 0.1 < expected < 0.9


def test_scores_of_a_table_depend_on_no_order():
    importance = np.random.default_rng(0).gamma(0.3, size=(6, 4))
    shuffled = importance[[3, 0, 5, 1, 2, 4]][:, [2, 0, 3, 1]]
    for score in (disentanglement, completeness):
        assert score(shuffled) == pytest.approx(score(importance), abs=1e-12)


def codes_and_factors(n=400, mixed=False):
    factors = draw(n, 3)
    turned = (factors - 0.5) @ torch.linalg.qr(draw(3, 3, seed=4)).Q if mixed else factors
    return torch.cat([turned, draw(n, 2, seed=1)], 1), factors


def test_dci_prefers_one_element_per_factor():
    (codes, factors), (mixed, _) = codes_and_factors(), codes_and_factors(mixed=True)
    straight = dci(codes[:300], factors[:300], codes[300:], factors[300:])
    turned = dci(mixed[:300], factors[:300], mixed[300:], factors[300:])
    assert min(straight[:3]) > 0.95
    assert straight.importance.argmax(0).unique().numel() == 3, "each factor has its own"
    assert turned.disentanglement < 0.7 and turned.completeness < 0.7
    assert turned.informativeness > 0.95, "a rotation loses nothing"


def test_dci_depends_on_no_order_and_repeats():
    codes, factors = codes_and_factors(mixed=True)
    expected = dci(codes[:300], factors[:300], codes[300:], factors[300:])
    again = dci(codes[:300], factors[:300], codes[300:], factors[300:])
    assert again[:3] == expected[:3] and torch.equal(again.importance, expected.importance)
    assert torch.allclose(expected.importance.sum(0), torch.ones(3).double())
    for elements, order in (([3, 0, 4, 1, 2], [0, 1, 2]), ([0, 1, 2, 3, 4], [2, 0, 1])):
        c, f = codes[:, elements], factors[:, order]
        found = dci(c[:300], f[:300], c[300:], f[300:])
        assert found[:3] == pytest.approx(expected[:3], abs=1e-12)
        assert torch.allclose(found.importance, expected.importance[elements][:, order])


def test_informativeness_is_of_pictures_that_the_trees_have_not_seen():
    codes, factors = draw(300, 4, seed=1), draw(300, 3)
    assert dci(codes, factors, codes, factors).informativeness > 0.2
    assert dci(codes[:200], factors[:200], codes[200:], factors[200:]).informativeness < 0.05


# --- what cannot be


def test_what_cannot_be_scored_is_named():
    codes, factors = draw(50, 4), draw(50, 3)
    broken = codes.clone()
    broken[7, 2] = float("nan")
    constant = factors.clone()
    constant[:, 1] = 0.5
    for arguments, message in [
        ((codes[:49], factors), r"\(49, 4\).*\(50, 3\)"),
        ((codes[:, 0], factors), r"\(50,\)"),
        ((broken, factors), "NaN"),
        ((codes, constant), "same for all pictures"),
        ((codes[:, :1], factors), "1 latent element"),
        ((codes, factors, 1), "bins=1"),
    ]:
        with pytest.raises(ValueError, match=message):
            mutual_information_gap(*arguments)
    with pytest.raises(ValueError, match="4 and 3.*5 and 3"):
        dci(codes, factors, draw(50, 5), factors)
    with pytest.raises(ValueError, match="NaN"):
        dci(codes, factors, broken, factors)


@pytest.mark.parametrize(
    "table", [np.ones(4), np.ones((4, 1)), -np.eye(3), np.zeros((4, 3)), np.full((4, 3), np.nan)]
)
def test_what_is_no_table_of_importances_is_refused(table):
    with pytest.raises(ValueError, match="a table of elements"):
        disentanglement(table)
