"""A decoder as a browser can run it: its first layer by parts, the others as they are.

The first layer is linear, so an edited code needs no product with its whole matrix: its output is
that of the unedited code plus, for each edited element, a multiple of one column. The homework's
decoder has no other product. What follows the first layer is computed once per picture.

Where there is no kernel to ask, an encoder can go too, and then the decoder's first layer as it is.
"""

from collections.abc import Iterable
from typing import TypeGuard

import torch
from torch import Tensor, nn
from torch.distributions import Normal

# What frontend/decoder.js can compute, and the name it has there.
FUNCTIONS = {nn.ReLU: "relu", nn.Tanh: "tanh", nn.Sigmoid: "sigmoid"}
REACH = (0.1, 1.0, 10.0, 100.0)  # scales of the codes that a decoder is tried with


def can_travel(model: nn.Module) -> bool:
    """Whether ``model.decode`` is a chain of layers that a browser can run."""
    decoder = getattr(model, "decoder", None)
    if not _is_chain(decoder) or len(getattr(model, "code_shape", "1")) > 1:  # not of one row
        return False
    # Nothing may come before, between or after the layers, however far the sliders go: a decoder
    # that clips its code is its layers near zero only.
    layer, generator = _first(model), torch.Generator().manual_seed(0)
    z = torch.randn(len(REACH), 8, layer.in_features, generator=generator)
    z = (z * torch.tensor(REACH)[:, None, None]).flatten(0, 1).to(layer.weight)
    with torch.inference_mode():
        return torch.equal(decoder(z).flatten(1), model.decode(z).flatten(1))  # ty: ignore[not-callable]


def encoder_can_travel(model: nn.Module, shape: tuple[int, ...]) -> bool:
    """Whether ``model.encode`` is such a chain on flattened pictures (C, H, W): of a posterior, one
    that ends in the means and then the log variances."""
    encoder = getattr(model, "encoder", None)
    if not _is_chain(encoder):
        return False
    x = 2 * torch.rand(8, *shape, generator=torch.Generator().manual_seed(0)) - 1
    layer = _first(model, "encoder")
    x = x.to(layer.weight)
    if layer.in_features != x[0].numel():
        return False
    with torch.inference_mode():
        found, encoded = encoder(x.flatten(1)), model.encode(x)  # ty: ignore[not-callable]
    if isinstance(encoded, Normal):
        encoded = torch.cat([encoded.mean, encoded.stddev.log() * 2], dim=1)
        return found.shape == encoded.shape and torch.allclose(found, encoded, atol=1e-4)
    return isinstance(encoded, Tensor) and torch.equal(found, encoded)


def layers(model: nn.Module, part: str = "decoder") -> list[str]:
    """Names of the layers, of a decoder of those after the first: ``"linear"``, ``"relu"``,
    ``"tanh"``, ``"sigmoid"``."""
    return [FUNCTIONS.get(type(layer), "linear") for layer in _chain(model, part)]


def weights(
    model: nn.Module, dtype: torch.dtype = torch.float32, part: str = "decoder"
) -> dict[str, Tensor]:
    """Weights of the same layers, ``"1/weight"`` for the first of these and so on.

    Weights are (in, out), so that what one unit adds lies together. As float16 they are half the
    bytes, and move a pixel of a trained model by a grey level at most (a test measures it); biases
    stay float32.
    """
    found = {}
    for number, layer in enumerate(_chain(model, part), start=1):
        if isinstance(layer, nn.Linear):
            found[f"{number}/weight"] = layer.weight.detach().T.to(dtype).contiguous().cpu()
            found[f"{number}/bias"] = _bias(layer).cpu()
    return found


def whole_first(model: nn.Module) -> dict[str, Tensor]:
    """The decoder's first layer, for codes that nobody has decoded yet: ``"0/weight"`` (in, out)
    and ``"0/bias"``, float32."""
    layer = _first(model)
    return {
        "0/weight": layer.weight.detach().T.float().contiguous().cpu(),
        "0/bias": _bias(layer).cpu(),
    }


@torch.inference_mode()
def first(model: nn.Module, codes: Tensor) -> Tensor:
    """The first layer's output for codes (n, K): (n, H)."""
    layer = _first(model)
    return layer(codes.to(layer.weight)).float().cpu()


def along(model: nn.Module, directions: Tensor) -> Tensor:
    """What a step along each direction (n, K) adds to the first layer's output: (n, H)."""
    weight = _first(model).weight.detach()
    return (directions.to(weight) @ weight.T).float().cpu()


def columns(model: nn.Module, elements: Iterable[int]) -> Tensor:
    """`along` the axes of some latent elements: (n, H)."""
    return _first(model).weight.detach()[:, list(elements)].T.float().contiguous().cpu()


def _chain(model: nn.Module, part: str) -> nn.Sequential:
    layers = getattr(model, part)
    return layers if part == "encoder" else layers[1:]


def _first(model: nn.Module, part: str = "decoder") -> nn.Linear:
    return getattr(model, part)[0]


def _is_chain(layers: nn.Module | None) -> TypeGuard[nn.Sequential]:
    if not isinstance(layers, nn.Sequential) or not len(layers):
        return False
    kinds = [type(layer) for layer in layers]
    return kinds[0] is nn.Linear and all(k is nn.Linear or k in FUNCTIONS for k in kinds)


def _bias(layer: nn.Linear) -> Tensor:
    if layer.bias is None:
        return torch.zeros(layer.out_features, dtype=torch.float32)
    return layer.bias.detach().float()
