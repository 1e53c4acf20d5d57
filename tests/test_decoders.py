"""Decoders by parts, as the browser computes them, against the whole decoder."""

import pytest
import torch
from torch import nn

from course_lib import latents
from course_lib.explorers import decoders
from course_lib.models import FullyConnectedAutoencoder, FullyConnectedVAE, LinearAutoencoder
from course_lib.transforms import to_image

SHAPE, HIDDEN, LATENT = (3, 6, 5), 13, 7
MODELS = {
    "homework": lambda: FullyConnectedAutoencoder(SHAPE, LATENT),
    "linear": lambda: LinearAutoencoder(SHAPE, LATENT),
    "vae": lambda: FullyConnectedVAE(SHAPE, HIDDEN, LATENT),
}


@pytest.fixture(params=MODELS)
def model(request):
    torch.manual_seed(0)
    return MODELS[request.param]()


def rest_of(model, x, dtype=torch.float32):
    """What the browser does after the first layer."""
    weights = decoders.weights(model, dtype)
    for number, kind in enumerate(decoders.layers(model), start=1):
        if kind == "linear":
            x = x @ weights[f"{number}/weight"].float() + weights[f"{number}/bias"]
        else:
            x = {"relu": torch.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid}[kind](x)
    return x


def test_the_parts_make_the_whole(model):
    code = torch.randn(1, LATENT, generator=torch.Generator().manual_seed(2))
    directions = torch.randn(2, LATENT, generator=torch.Generator().manual_seed(3))
    first = decoders.first(model, code)
    first = first + torch.tensor([[1.5, -0.5]]) @ decoders.along(model, directions)
    moved = latents.move(code, directions, (1.5, -0.5))
    first = first + (2.0 - moved[0, 4]) * decoders.columns(model, [1, 4])[1]
    whole = model.decode(latents.set_elements(moved, {4: 2.0})).flatten(1)
    assert torch.allclose(rest_of(model, first), whole, atol=1e-5)


def test_float16_moves_a_pixel_by_a_grey_level_at_most():
    torch.manual_seed(0)
    model = FullyConnectedVAE(hidden_dim=512, latent_dim=32)
    with torch.no_grad():
        model.decoder[2].weight *= 5  # outputs over all of the tanh, as those of a trained one
    codes = 3 * torch.randn(20, 32)
    ours = to_image(rest_of(model, decoders.first(model, codes), torch.float16)).int()
    kernels = to_image(model.decode(codes).detach()).flatten(1).int()
    assert kernels.float().std() > 40
    assert (ours - kernels).abs().max() <= 1


def test_a_layer_without_bias_has_a_bias_of_zero():
    torch.manual_seed(0)
    model = FullyConnectedVAE(SHAPE, HIDDEN, LATENT)
    model.decoder[2] = nn.Linear(HIDDEN, 90, bias=False)
    code = torch.ones(1, LATENT)
    whole = model.decode(code).flatten(1)
    assert torch.allclose(rest_of(model, decoders.first(model, code)), whole, atol=1e-5)


def test_what_can_travel(model):
    assert decoders.can_travel(model)


def test_what_cannot_travel():
    torch.manual_seed(0)
    model = FullyConnectedVAE(SHAPE, HIDDEN, LATENT)
    model.decoder[1] = nn.LeakyReLU()  # a function that the browser does not know
    assert not decoders.can_travel(model)

    class Brighter(FullyConnectedVAE):
        def decode(self, z):
            return super().decode(z) + 0.25  # more than its layers

    assert not decoders.can_travel(Brighter(SHAPE, HIDDEN, LATENT))
    assert not decoders.can_travel(nn.Linear(2, 3))


def test_an_encoder_by_its_layers_gives_the_code(model):
    x = 2 * torch.rand(4, *SHAPE, generator=torch.Generator().manual_seed(2)) - 1
    assert decoders.encoder_can_travel(model, SHAPE)
    weights, found = decoders.weights(model, torch.float32, "encoder"), x.flatten(1)
    for number, kind in enumerate(decoders.layers(model, "encoder"), start=1):
        if kind == "linear":
            found = found @ weights[f"{number}/weight"] + weights[f"{number}/bias"]
        else:
            found = {"relu": torch.relu}[kind](found)
    encoded = model.encode(x)
    if not isinstance(encoded, torch.Tensor):
        encoded = torch.cat([encoded.mean, 2 * encoded.stddev.log()], dim=1)
    assert torch.allclose(found, encoded, atol=1e-5)


def test_an_encoder_that_cannot_travel():
    torch.manual_seed(0)

    class Centred(FullyConnectedVAE):
        def encode(self, x):
            return super().encode(x - 0.25)  # more than its layers

    class Squared(FullyConnectedVAE):
        def encode(self, x):
            mean, spread = self.encoder(x.flatten(1)).chunk(2, dim=1)
            return torch.distributions.Normal(mean, spread.square() + 0.1)

    assert not decoders.encoder_can_travel(Centred(SHAPE, HIDDEN, LATENT), SHAPE)
    assert not decoders.encoder_can_travel(Squared(SHAPE, HIDDEN, LATENT), SHAPE)
    model = FullyConnectedVAE(SHAPE, HIDDEN, LATENT)
    assert not decoders.encoder_can_travel(model, (3, 6, 6))
    model.encoder[1] = nn.LeakyReLU()
    assert not decoders.encoder_can_travel(model, SHAPE)


def test_the_whole_first_layer_decodes_any_code(model):
    codes = torch.randn(3, LATENT, generator=torch.Generator().manual_seed(2))
    whole = decoders.whole_first(model)
    found = codes @ whole["0/weight"] + whole["0/bias"]
    assert torch.allclose(found, decoders.first(model, codes), atol=1e-5)


@pytest.mark.parametrize("limit", [0.05, 3, 9.5, 60])
def test_what_differs_far_out_only_cannot_travel(limit):
    """The sliders go to ±10, the shift adds 5, and Python sets any number."""

    class Clipped(FullyConnectedVAE):
        def decode(self, z):
            return super().decode(torch.cat([z[:, :3], z[:, 3:].clamp(-limit, limit)], dim=1))

    torch.manual_seed(0)
    model = Clipped(SHAPE, HIDDEN, 4)
    assert not decoders.can_travel(model)
    model = Clipped(SHAPE, HIDDEN, 3)  # whose elements none is clipped
    assert decoders.can_travel(model)


def test_what_travels_is_float32():
    torch.manual_seed(0)
    model = FullyConnectedVAE(SHAPE, HIDDEN, LATENT).double()
    assert decoders.can_travel(model)
    code = torch.ones(1, LATENT)
    sent = [
        *decoders.weights(model).values(),
        decoders.first(model, code),
        decoders.along(model, code),
        decoders.columns(model, [1]),
    ]
    assert {tensor.dtype for tensor in sent} == {torch.float32}
