"""`models.wrap`: any encoder and decoder, as explorers, evaluation and latents take them."""

import pytest
import torch
from torch import nn
from torch.distributions import Normal

from course_lib import evaluation, homework, latents
from course_lib.explorers import LatentExplorer
from course_lib.models import FullyConnectedAutoencoder, code, wrap
from course_lib.transforms import face_transform, to_image

SHAPE = (3, 8, 12)


def flat():
    encoder = nn.Sequential(nn.Linear(288, 7), nn.ReLU())
    return encoder, nn.Sequential(nn.Linear(7, 288), nn.Tanh())


def spatial():
    encoder = nn.Sequential(nn.Conv2d(3, 4, 4, 2, 1), nn.BatchNorm2d(4), nn.ReLU())
    return encoder, nn.Sequential(nn.ConvTranspose2d(4, 3, 4, 2, 1), nn.Tanh())


class Heads(nn.Module):
    """An encoder with two outputs, as most VAEs on the web have it."""

    def __init__(self):
        super().__init__()
        self.mean, self.log_variance = nn.Conv2d(3, 4, 4, 2, 1), nn.Conv2d(3, 4, 4, 2, 1)

    def forward(self, x):
        return self.mean(x), self.log_variance(x)


class Density(Heads):
    def forward(self, x):
        return Normal(self.mean(x), (self.log_variance(x) / 2).exp())


class Whole(Heads):
    def forward(self, x):
        return x, self.mean(x), self.log_variance(x)


def rows():
    """Codes of 8 rows with 7 numbers, decoded row by row."""
    encoder = nn.Sequential(nn.Unflatten(1, (8, 36)), nn.Linear(36, 7))
    return encoder, nn.Sequential(nn.Linear(7, 36), nn.Tanh())


@pytest.fixture
def images():
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (60, *SHAPE), dtype=torch.uint8, generator=generator)


@pytest.fixture
def whole():
    return face_transform(None, SHAPE[1:])


def test_flat_rows_and_pictures(images, whole):
    torch.manual_seed(0)
    for encoder, decoder in (flat(), spatial()):
        model, x = wrap(encoder, decoder, SHAPE).eval(), whole(images[:5])
        first = encoder(x.flatten(1) if model.flat else x)
        assert model.encode(x).shape == (5, model.latent_dim)
        assert torch.equal(model.encode(x), first.flatten(1))
        assert torch.equal(model(x).flatten(1), decoder(first).flatten(1))
        assert model(x).shape == x.shape
        assert next(iter(model.state_dict())).startswith("encoder.0.")
    assert model.code_shape == (4, 4, 6)


def test_what_is_tried_leaves_no_trace():
    encoder, decoder = spatial()
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    wrap(encoder, decoder, SHAPE)
    assert encoder.training
    assert all(torch.equal(before[name], t) for name, t in encoder.state_dict().items())


@pytest.mark.parametrize("encoder", [Heads, Density])
def test_means_and_log_variances_are_a_posterior(encoder, images, whole):
    model, x = wrap(encoder(), spatial()[1], SHAPE), whole(images[:5])
    q, mean, log_variance = model.encode(x), model.encoder.mean(x), model.encoder.log_variance(x)
    assert isinstance(q, Normal)
    assert torch.equal(q.mean, mean.flatten(1)) and torch.equal(code(model, x), q.mean)
    torch.testing.assert_close(q.variance.log(), log_variance.flatten(1))
    assert torch.equal(model(x), model.decode(q.mean))


@pytest.mark.parametrize("pair", [flat(), spatial(), (Heads(), spatial()[1]), rows()])
def test_it_opens_in_the_explorer_and_in_evaluation(pair, images, whole):
    model = wrap(*pair, SHAPE)
    explorer = LatentExplorer(
        {"mine": model, "course": FullyConnectedAutoencoder(SHAPE, 5)},
        images[:4],
        transform=whole,
        training=images,
        elements=[0, 3],
    )
    explorer.state.edits = {3: 2.0}
    assert latents.encode(model, images, whole).shape == (60, model.latent_dim)
    x = whole(images)
    assert evaluation.active_units(model, x).shape == (model.latent_dim,)
    assert evaluation.reconstruction_error(model, x).shape == (60,)


def test_a_module_with_an_encoder_and_a_decoder_opens_as_it_is(images, whole):
    bare = nn.Module()
    bare.encoder, bare.decoder = spatial()
    small = face_transform(None, SHAPE[1:])
    large = torch.nn.functional.interpolate(images[:4], scale_factor=2.0)
    explorer = LatentExplorer(bare, large, transform=small)
    [seen] = explorer.seen.values()
    [codes] = [one.codes for one in explorer._explored.values()]
    bare.eval()
    assert torch.equal(codes, bare.encoder(small(large)).flatten(1))
    expected = bare.decoder(bare.encoder(small(large[:1])))
    assert torch.equal(seen.reconstruction, to_image(expected))
    with pytest.raises(TypeError, match="'model' is a Linear, but a model with encode and decode"):
        LatentExplorer(nn.Linear(3, 3), images[:4])


def test_the_homeworks_open_in_the_explorer():
    torch.manual_seed(0)
    images = torch.randint(256, (50, 3, 64, 64), dtype=torch.uint8)
    models = {"fcn": homework.fcn(), "cnn": homework.cnn(), "vae": homework.HomeworkVAE()}
    explorer = LatentExplorer(models, images[:2], transform=face_transform(None), training=images)
    assert explorer.state.latent_dim == 3
    assert {name: atlas.codes.shape[1] for name, atlas in explorer.atlases.items()} == {
        "fcn": 3,
        "cnn": 3072,
        "vae": 3072,
    }


@pytest.mark.parametrize(
    ("pair", "shape", "words"),
    [
        ((nn.Flatten(-3, 5), flat()[1]), SHAPE, "encoder takes neither pictures"),
        ((spatial()[0], nn.Flatten(1, 5)), SHAPE, "decoder does not take the encoder's codes"),
        (flat(), (3, 8, 8), r"neither pictures \(batch, 3, 8, 8\) nor.*\(batch, 192\)"),
        ((flat()[0], spatial()[1]), SHAPE, r"decoder does not take .*codes, \(batch, 7\)"),
        ((flat()[0], nn.Linear(7, 5)), SHAPE, "makes 5 numbers of a code, but a picture 3×8×12"),
    ],
)
def test_what_does_not_fit_together_is_told(pair, shape, words):
    with pytest.raises(ValueError, match=words):
        wrap(*pair, shape)


def test_an_encoder_that_gives_something_else_is_told():
    with pytest.raises(TypeError, match="gives a tuple, but a tensor of codes"):
        wrap(Whole(), spatial()[1], SHAPE)
    model = wrap(*spatial(), SHAPE)
    with pytest.raises(ValueError, match=r"\(2, 3, 12, 8\).*3, 8, 12"):
        model.encode(torch.zeros(2, 3, 12, 8))
    with pytest.raises(ValueError, match=r"\(2, 4\).*96"):
        model.decode(torch.zeros(2, 4))
