"""Scores of single pictures and how well they tell two kinds apart, held against counting."""

import math

import numpy as np
import pytest
import torch

from course_lib import plots
from course_lib.evaluation import auroc, auroc_interval, distance, error_map, roc
from course_lib.explorers.threshold import threshold_explorer, threshold_figure
from course_lib.models import FullyConnectedAutoencoder


@pytest.fixture
def scores():
    generator = torch.Generator().manual_seed(0)
    return (
        torch.randint(0, 9, (23,), generator=generator).float(),
        torch.randint(2, 12, (31,), generator=generator).float(),
    )


def test_the_distance_is_the_root_of_the_summed_squared_error_and_the_map_says_where():
    torch.manual_seed(0)
    model, x = FullyConnectedAutoencoder((3, 5, 4), 7), torch.rand(6, 3, 5, 4) * 2 - 1
    with torch.no_grad():
        by_hand = torch.stack([(model(x)[i] - x[i]).norm() for i in range(6)])
    torch.testing.assert_close(distance(model, x), by_hand)
    where = error_map(model, x)
    assert where.shape == (6, 5, 4)
    torch.testing.assert_close(where.flatten(1).sum(1).sqrt(), by_hand)


def test_auroc_is_the_share_of_pairs_in_the_right_order(scores):
    normal, strange = scores
    pairs = np.sign(strange[:, None].numpy() - normal[None].numpy())
    assert auroc(normal, strange) == pytest.approx((pairs.mean() + 1) / 2)
    assert auroc(torch.tensor([1.0, 2.0]), torch.tensor([3.0])) == 1


def test_five_of_six_pairs_are_the_lectures_0_8333():
    normal, strange = torch.tensor([0.1, 0.3, 0.6]), torch.tensor([0.5, 0.9])
    assert roc(normal, strange).auc == pytest.approx(0.8333, abs=5e-5)


def test_each_threshold_of_a_roc_counts_hits_and_false_alarms(scores):
    normal, strange = scores
    curve = roc(normal, strange)
    assert len(curve.thresholds) == 1 + len(torch.cat(scores).unique())
    for threshold, false_alarms, hits in zip(*curve[:3], strict=True):
        assert false_alarms == pytest.approx((normal >= threshold).float().mean().item())
        assert hits == pytest.approx((strange >= threshold).float().mean().item())
    area = np.trapezoid(curve.hits, curve.false_alarms)
    assert curve.auc == pytest.approx(area)


def test_an_interval_holds_the_auc_and_narrows_with_more_pictures(scores):
    low, high = auroc_interval(*scores)
    assert low < auroc(*scores) < high
    assert (low, high) == auroc_interval(*scores)
    more = [torch.cat([kind] * 9) for kind in scores]
    narrow = auroc_interval(*more)
    assert narrow[1] - narrow[0] == pytest.approx((high - low) / 3, rel=0.3)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: auroc(torch.zeros(0), torch.zeros(3)), r"shape \(0,\) and \(3,\)"),
        (lambda: roc(torch.zeros(2, 1), torch.zeros(3, 1)), "one number per picture"),
        (lambda: auroc(torch.zeros(2), torch.tensor([math.nan])), "NaN or infinity"),
        (lambda: auroc_interval(torch.zeros(1), torch.ones(3)), "got 1 and 3 scores"),
        (lambda: plots.roc({}), "nothing to draw"),
        (lambda: threshold_explorer(torch.ones(3), torch.ones(2)), "All scores are 1"),
    ],
)
def test_what_cannot_be_judged_is_refused_in_a_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()


def test_a_moved_threshold_is_counted_in_pictures(scores):
    normal, strange = scores
    explorer = threshold_explorer(normal, strange, label="distance")
    explorer.state.threshold = 5.0
    found, alarms = int((strange >= 5).sum()), int((normal >= 5).sum())
    assert f"{found} of 31 strange pictures are found" in explorer.figure.alt
    assert f"{alarms} of 23 normal ones are false alarms" in explorer.figure.alt
    explorer.state.threshold = 0.0
    assert "31 of 31 strange" in explorer.figure.alt
    assert "23 of 23 normal" in explorer.figure.alt
    explorer.close()


def test_the_point_lies_on_the_roc_curve(scores):
    curve = roc(*scores)
    right = threshold_figure(*scores, 5.0, "distance", curve).axes[1]
    ((x,), (y,)) = right.lines[-1].get_data()
    place = np.flatnonzero(curve.thresholds == 5)[0]
    assert (x, y) == pytest.approx((curve.false_alarms[place], curve.hits[place]))


def test_the_figure_tells_areas_and_hits_in_words(scores):
    curve = roc(*scores)
    alt = plots.roc({"AE": curve}, title="Long hair").alt
    at_most = curve.hits[curve.false_alarms <= 0.2].max()
    assert f"area {curve.auc:.3f}" in alt
    assert f"{at_most:.0%} at 20% false alarms" in alt
