import torch

from course_lib.models import FullyConnectedAutoencoder
from course_lib.objectives import squared_error


def test_squared_error_is_one_number_per_picture_summed_over_pixels():
    torch.manual_seed(0)
    model = FullyConnectedAutoencoder((3, 5, 7), 11)
    x = torch.rand(2, 3, 5, 7)
    terms = squared_error(model, x)
    by_hand = [
        sum((a - b) ** 2 for a, b in zip(m.flatten(), y.flatten(), strict=True))
        for m, y in zip(model(x), x, strict=True)
    ]
    torch.testing.assert_close(terms.distortion, torch.stack(by_hand))
    assert torch.equal(terms.loss, terms.distortion)
    assert terms.rate.tolist() == [0, 0]
