"""The explorer without its view: what was chosen, and what the model makes of it."""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from traitlets import Dict, Float, HasTraits, Int, List, observe, validate

from course_lib import latents, models
from course_lib.evaluation import PixelChange, pixel_change
from course_lib.figures import difference
from course_lib.plots import THRESHOLD
from course_lib.transforms import to_image

MOST_ELEMENTS = 12  # more sliders do not fit on a screen
GAIN = 2.0  # of the difference picture; fixed, so that pictures can be compared while dragging


class ExplorerState(HasTraits):
    """What the user has chosen. Read it, set it, or ``observe`` it; it knows of no view.

    Parameters
    ----------
    image_count, latent_dim : int
        Bounds of what can be chosen.

    Attributes
    ----------
    image : int
        Which of the images.
    shift : float
        Added to every latent element, before the edits.
    edits : dict from element to value
        Elements set by hand. Assign a new dict, or use `set_element` and `forget`.
    elements : list of int
        Elements with a slider; those in `edits` are always among them.

    Raises
    ------
    ValueError
        If an image, an element or a number is impossible. Nothing changes then.
    """

    image = Int(0)
    shift = Float(0.0)
    edits = Dict(key_trait=Int(), value_trait=Float())
    elements = List(Int())

    def __init__(self, image_count: int, latent_dim: int):
        if image_count < 1 or latent_dim < 1:
            raise ValueError(
                f"ExplorerState got {image_count} images and {latent_dim} latent elements, but "
                "needs at least one of each."
            )
        super().__init__()
        self.image_count, self.latent_dim = image_count, latent_dim

    def set_element(self, element: int, value: float) -> None:
        """Set one latent element by hand."""
        self.edits = {**self.edits, element: value}

    def forget(self, element: int) -> None:
        """Give one latent element its own value back."""
        self.edits = {e: value for e, value in self.edits.items() if e != element}

    def show(self, element: int) -> None:
        """Give one more element a slider."""
        if element not in self.elements:
            self.elements = [*self.elements, element]

    def hide(self, element: int) -> None:
        """Take an element's slider away, and its edit with it."""
        with self.hold_trait_notifications():
            self.forget(element)
            self.elements = [e for e in self.elements if e != element]

    def reset(self) -> None:
        """Undo all edits and the shift; image and sliders stay."""
        with self.hold_trait_notifications():
            self.shift, self.edits = 0.0, {}

    def __repr__(self) -> str:
        return f"image {self.image}, shift {self.shift:g}, edits {self.edits}"

    @validate("image")
    def _check_image(self, proposal):
        return _within(proposal.value, self.image_count, "image")

    @validate("shift")
    def _check_shift(self, proposal):
        return _finite(proposal.value, "The shift")

    @validate("elements")
    def _check_elements(self, proposal):
        elements = [_within(e, self.latent_dim, "element") for e in proposal.value]
        return _few([*elements, *self.edits])

    @validate("edits")
    def _check_edits(self, proposal):
        for element, value in proposal.value.items():
            _within(element, self.latent_dim, "element")
            _finite(value, f"The value for element {element}")
        _few([*self.elements, *proposal.value])
        return proposal.value

    @observe("edits")
    def _show_edits(self, change):
        self.elements = [*self.elements, *(e for e in change.new if e not in self.elements)]


class Exploration(NamedTuple):
    """What a model makes of one picture.

    Attributes
    ----------
    original, reconstruction, edited, difference : Tensor
        uint8 (1, C, H, W); the difference is edited minus reconstruction, amplified.
    code : Tensor
        The edited code, (1, K): what the decoder got.
    change : PixelChange
        From reconstruction to edited.
    """

    original: Tensor
    reconstruction: Tensor
    edited: Tensor
    difference: Tensor
    code: Tensor
    change: PixelChange


@torch.inference_mode()
def explore(model: nn.Module, x: Tensor, state: ExplorerState) -> Exploration:
    """Encode one picture, edit its code, decode both.

    Parameters
    ----------
    model : nn.Module
        With ``encode`` and ``decode``; of a posterior, the mean is edited.
    x : Tensor
        One transformed picture, (1, C, H, W), float in [-1, 1].
    state : ExplorerState
        Only ``shift`` and ``edits`` are used.

    Returns
    -------
    Exploration
        On the CPU.
    """
    code = models.code(model, x.to(next(model.parameters()).device))
    edited = latents.set_elements(latents.shift(code, state.shift), state.edits)
    original, before, after = (
        to_image(picture.cpu()) for picture in (x, model.decode(code), model.decode(edited))
    )
    return Exploration(
        original,
        before,
        after,
        difference(before, after, gain=GAIN),
        edited.cpu(),
        pixel_change(before, after, threshold=THRESHOLD),
    )


def reproduce(state: ExplorerState) -> str:
    """Python code that makes the edited picture of this state.

    It expects ``model``, ``images`` and ``transform`` to be there, and leaves ``edited``, a uint8
    picture (1, C, H, W).
    """
    lines = [
        f"x = transform(images[{state.image}:{state.image + 1}])",
        "z = models.code(model, x)",
        f"z = latents.shift(z, {state.shift!r})" if state.shift else "",
        f"z = latents.set_elements(z, {state.edits})" if state.edits else "",
        "edited = transforms.to_image(model.decode(z))",
    ]
    return "\n".join(filter(None, lines))


def _within(value: int, count: int, name: str) -> int:
    if not 0 <= value < count:
        raise ValueError(f"There is no {name} {value}: choose one from 0 to {count - 1}.")
    return value


def _finite(value: float, name: str) -> float:
    if not math.isfinite(value):
        raise ValueError(f"{name} is {value}, but a finite number is expected.")
    return value


def _few(elements: list[int]) -> list[int]:
    elements = list(dict.fromkeys(elements))
    if len(elements) > MOST_ELEMENTS:
        raise ValueError(
            f"{len(elements)} elements were chosen, but at most {MOST_ELEMENTS} fit on the screen: "
            "remove one, or use latents.set_elements for many."
        )
    return elements
