"""A decoder as a browser can run it: its first layer by parts, the others as they are.

The first layer is linear, so an edited code needs no product with its whole matrix: its output is
that of the unedited code plus, for each edited element, a multiple of one column. The homework's
decoder has no other product. What follows the first layer is computed once per picture.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

# What frontend/decoder.js can compute, and the name it has there.
FUNCTIONS = {nn.ReLU: "relu", nn.Tanh: "tanh", nn.Sigmoid: "sigmoid"}
REACH = (0.1, 1.0, 10.0, 100.0)  # scales of the codes that a decoder is tried with


def can_travel(model: nn.Module) -> bool:
    """Whether ``model.decode`` is a chain of layers that a browser can run."""
    decoder = getattr(model, "decoder", None)
    if not isinstance(decoder, nn.Sequential) or not len(decoder):
        return False
    kinds = [type(layer) for layer in decoder]
    if kinds[0] is not nn.Linear or not all(k is nn.Linear or k in FUNCTIONS for k in kinds):
        return False
    # Nothing may come before, between or after the layers, however far the sliders go: a decoder
    # that clips its code is its layers near zero only.
    weight, generator = decoder[0].weight, torch.Generator().manual_seed(0)
    z = torch.randn(len(REACH), 8, decoder[0].in_features, generator=generator)
    z = (z * torch.tensor(REACH)[:, None, None]).flatten(0, 1).to(weight)
    with torch.inference_mode():
        return torch.equal(decoder(z).flatten(1), model.decode(z).flatten(1))


def layers(model: nn.Module) -> list[str]:
    """Names of the layers after the first: ``"linear"``, ``"relu"``, ``"tanh"``, ``"sigmoid"``."""
    return [FUNCTIONS.get(type(layer), "linear") for layer in model.decoder[1:]]


def weights(model: nn.Module, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """Weights of the layers after the first, ``"1/weight"`` for the first of these and so on.

    Weights are (in, out), so that what one unit adds lies together. As float16 they are half the
    bytes, and move a pixel of a trained model by a grey level at most (a test measures it); biases
    stay float32.
    """
    found = {}
    for number, layer in enumerate(model.decoder[1:], start=1):
        if isinstance(layer, nn.Linear):
            found[f"{number}/weight"] = layer.weight.detach().T.to(dtype).contiguous().cpu()
            found[f"{number}/bias"] = _bias(layer).cpu()
    return found


@torch.inference_mode()
def first(model: nn.Module, codes: Tensor) -> Tensor:
    """The first layer's output for codes (n, K): (n, H)."""
    layer = model.decoder[0]
    return layer(codes.to(layer.weight)).float().cpu()


def along(model: nn.Module, directions: Tensor) -> Tensor:
    """What a step along each direction (n, K) adds to the first layer's output: (n, H)."""
    weight = model.decoder[0].weight.detach()
    return (directions.to(weight) @ weight.T).float().cpu()


def columns(model: nn.Module, elements: Iterable[int]) -> Tensor:
    """`along` the axes of some latent elements: (n, H)."""
    return model.decoder[0].weight.detach()[:, list(elements)].T.float().contiguous().cpu()


def _bias(layer: nn.Linear) -> Tensor:
    if layer.bias is None:
        return torch.zeros(layer.out_features, dtype=torch.float32)
    return layer.bias.detach().float()
