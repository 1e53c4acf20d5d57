"""What a model makes of what was chosen: the edited code, and the pictures before and after."""

from collections.abc import Mapping
from copy import deepcopy
from types import MappingProxyType
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from course_lib import latents
from course_lib.evaluation import PixelChange, pixel_change
from course_lib.explorers.directions import Direction
from course_lib.explorers.probe import Probe
from course_lib.explorers.state import ExplorerState
from course_lib.plots.figure import difference
from course_lib.plots.pictures import THRESHOLD
from course_lib.transforms import to_image

GAIN = 2.0  # of the difference picture; fixed, so that pictures can be compared while dragging


M = TypeVar("M", bound=nn.Module)


class Exploration(NamedTuple):
    """What a model makes of one code.

    Attributes
    ----------
    reconstruction, edited, difference : Tensor
        uint8 (1, C, H, W); the difference is edited minus reconstruction, amplified.
    code : Tensor
        The edited code, (1, K): what the decoder got.
    change : PixelChange
        From reconstruction to edited.
    reads : dict from factor to two numbers
        Known factors that change, read from the code before and after: `Probe.changes`.
    """

    reconstruction: Tensor
    edited: Tensor
    difference: Tensor
    code: Tensor
    change: PixelChange
    reads: dict[str, tuple[float, float]]


def edit(
    code: Tensor,
    target: Tensor,
    state: ExplorerState,
    move: tuple[Tensor, tuple[float, float]],
    along: Mapping[str, Direction] = MappingProxyType({}),
    unit: float = 1.0,
) -> Tensor:
    """The state's choices, done to a code (1, K) in the state's order; `unit` is that of noise."""
    if state.step:
        code = torch.lerp(code, target, state.step)
    directions, amounts = move
    if any(amounts):
        code = latents.move(code, directions, amounts)
    for name, amount in state.directions.items():
        if amount:
            code = latents.move(code, along[name].vector[None], [amount])
    if state.scale != 1:
        code = latents.scale(code, state.scale)
    code = latents.shift(code, state.shift)
    if state.noise:
        code = latents.jitter(code, state.noise * unit, state.noise_seed)
    return latents.set_elements(code, state.edits)


@torch.inference_mode()
def explore(
    model: nn.Module, code: Tensor, edited: Tensor, probe: Probe | None = None
) -> Exploration:
    """Decode a code before and after its edit, and compare.

    Parameters
    ----------
    model : nn.Module
        With ``decode``.
    code, edited : Tensor
        (1, K).
    probe : Probe, optional
        What reads known factors from its codes.

    Returns
    -------
    Exploration
        On the CPU.
    """
    weight = next(model.parameters())
    before, after = (to_image(model.decode(z.to(weight)).cpu()) for z in (code, edited))  # ty: ignore[not-callable]
    return Exploration(
        before,
        after,
        difference(before, after, gain=GAIN),
        edited.cpu(),
        pixel_change(before, after, threshold=THRESHOLD),
        probe.changes(code.cpu(), edited.cpu()) if probe else {},
    )


def snapshot(model: M) -> M:
    """A copy to look at: what becomes of the model's weights or its mode does not change it."""
    # What a forward pass left behind hangs on its graph, and cannot be copied with it.
    left = {
        id(value): value.detach().clone()
        for module in model.modules()
        for value in vars(module).values()
        if isinstance(value, Tensor) and not value.is_leaf
    }
    return deepcopy(model, left).requires_grad_(False).eval()


def prior_draw(draw: int, latent_dim: int) -> Tensor:
    """Draw number `draw` from N(0, I), (1, K) float32."""
    generator = torch.Generator().manual_seed(draw)
    return torch.randn(1, latent_dim, dtype=torch.float32, generator=generator)
