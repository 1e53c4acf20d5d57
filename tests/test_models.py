import pytest
import torch
from torch import nn

from course_lib.models import FullyConnectedAutoencoder, LinearAutoencoder


class Homework(nn.Module):
    """The homework's own words, for its checkpoints."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(12288, 1024), nn.ReLU())
        self.decoder = nn.Sequential(nn.Linear(1024, 12288), nn.Tanh())

    def forward(self, x):
        latent = self.encoder(x.view(x.size(0), -1))
        return self.decoder(latent).view(-1, 3, 64, 64)


def test_a_homework_checkpoint_loads_strictly_and_gives_the_same_pictures():
    torch.manual_seed(0)
    theirs, ours = Homework(), FullyConnectedAutoencoder()
    ours.load_state_dict(theirs.state_dict(), strict=True)
    x = torch.rand(2, 3, 64, 64) * 2 - 1
    assert torch.equal(ours(x), theirs(x))
    assert sum(p.numel() for p in ours.parameters()) == 25_179_136
    assert ours.encode(x[:1]).shape == torch.Size([1, 1024])


@pytest.mark.parametrize("build", [FullyConnectedAutoencoder, LinearAutoencoder])
def test_shapes(build):
    model = build(image_shape=(3, 5, 7), latent_dim=11)
    x = torch.rand(2, 3, 5, 7)
    assert model.encode(x).shape == (2, 11)
    assert model.decode(model.encode(x)).shape == (2, 3, 5, 7)
    assert torch.equal(model(x), model.decode(model.encode(x)))


def test_codes_are_not_negative_and_pictures_are_in_range():
    model = FullyConnectedAutoencoder((1, 5, 7), 13)
    x = 9 * torch.randn(17, 1, 5, 7)
    assert model.encode(x).min() >= 0
    assert model.decode(99 * torch.randn(17, 13)).abs().max() <= 1


def test_the_linear_autoencoder_is_affine():
    model = LinearAutoencoder((1, 5, 7), 3)
    a, b = torch.randn(2, 1, 5, 7), torch.randn(2, 1, 5, 7)
    torch.testing.assert_close(model((a + b) / 2), (model(a) + model(b)) / 2)


def test_wrong_shapes_are_named():
    model = FullyConnectedAutoencoder((3, 5, 7), 11)
    with pytest.raises(ValueError, match=r"\(2, 3, 7, 5\).*3, 5, 7"):
        model.encode(torch.rand(2, 3, 7, 5))
    with pytest.raises(ValueError, match=r"\(2, 12\).*11"):
        model.decode(torch.rand(2, 12))
