"""What conftest promises to every test."""

import pytest
import torch

from tests.conftest import SEED


@pytest.mark.parametrize("time", ["first", "again"])
def test_random_numbers_are_the_same_whatever_ran_before(time):
    assert torch.equal(torch.rand(3), torch.rand(3, generator=torch.Generator().manual_seed(SEED)))
