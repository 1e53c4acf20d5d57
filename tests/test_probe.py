"""What a line reads from a code: against factors that are made to be in it, or not."""

import pytest
import torch

from course_lib.explorers.probe import Probe, fit_probe


@pytest.fixture(scope="module")
def known():
    """Codes (1000, 5), and factors that they hold wholly, in part, and not at all."""
    z = torch.randn(1000, 5, generator=torch.Generator().manual_seed(0)) * torch.tensor(
        [1.0, 3.0, 0.1, 20.0, 1.0]
    )
    noise = torch.randn(3, 1000, generator=torch.Generator().manual_seed(1))
    factors = {
        "tilt": 40 + 5 * z[:, 0] - 2 * z[:, 1],
        "light": z[:, 2] + 0.1 * noise[0],  # half of its variance
        "smile": noise[1],
        "still": torch.full((1000,), 7.0),
        "hair": 0.01 * z[:, 3] + 0.02 * noise[2],
    }
    return z, factors, fit_probe(z, factors)


def test_it_reads_in_the_factors_own_units(known):
    z, factors, probe = known
    assert probe.names == list(factors)
    read = z @ probe.weight.T + probe.bias
    assert torch.allclose(read[:, 0], factors["tilt"], atol=0.1)
    assert (read[:, 3] == 7).all(), "of what never changes, what it is"
    assert probe.deviations[0] == pytest.approx(factors["tilt"].std().item(), rel=0.01)


def test_it_says_how_well(known):
    tilt, light, smile, still, hair = known[2].r2.tolist()
    assert tilt > 0.99 and light == pytest.approx(0.5, abs=0.15) and smile < 0.1 and still == 0
    assert hair == pytest.approx(0.99, abs=0.02)


def test_the_most_changed_is_named_first_with_before_and_after(known):
    _, _, probe = known
    probe = probe._replace(r2=torch.tensor([1.0, 0.49, 0.9, 0.0, 0.5]))
    assert probe.readable.names == ["tilt", "smile", "hair"]
    before = torch.zeros(1, 5)
    after = before.clone()
    after[0, 0], after[0, 3] = 1.0, 40.0
    changes = probe.changes(before, after)
    assert list(changes) == ["hair", "tilt"]
    assert changes["tilt"] == pytest.approx((40, 45), abs=0.1)
    assert changes["hair"] == pytest.approx((0, 0.4), abs=0.02)
    assert probe.changes(after, after) == {}


def test_a_small_change_is_none_and_three_are_enough():
    probe = Probe(list("abcd"), torch.eye(4), torch.zeros(4), torch.ones(4), torch.ones(4))
    before = torch.zeros(1, 4)
    assert probe.changes(before, torch.full((1, 4), 0.29)) == {}
    changes = probe.changes(before, torch.tensor([[0.31, -2.0, 1.0, 0.5]]))
    assert list(changes) == ["b", "c", "d"] and changes["b"] == (0, -2)


def test_of_one_code_for_all_pictures_nothing_is_read():
    probe = fit_probe(torch.ones(100, 3), {"smile": torch.linspace(0, 1, 100)})
    assert probe.readable.names == []
    assert probe.changes(torch.ones(1, 3), torch.zeros(1, 3)) == {}
