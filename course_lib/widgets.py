"""Live explorers for notebooks: the view over `explorer`'s state and figures."""

import io
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from html import escape
from math import ceil, floor

import ipywidgets as w
import torch
from PIL import Image
from torch import Tensor, nn
from traitlets import Unicode

from course_lib import plots
from course_lib.explorer import GAIN, Exploration, ExplorerState, explore, reproduce
from course_lib.models import code
from course_lib.plots import THRESHOLD
from course_lib.transforms import face_transform

ZOOM = 3  # screen pixels per picture pixel
SHIFT_RANGE = (-5.0, 5.0)
VALUE_RANGE = (-10.0, 10.0)  # widened where the codes of the images reach further
STEP, DECIMALS = 0.1, 1  # of sliders; the state takes any number
WATCHED = ["image", "shift", "edits", "elements"]
COLUMNS = ("original", "reconstruction", "edited", "difference")
LABEL = {"description_width": "8em"}  # wide enough for "element 1000"
WIDTH = {"width": "28em"}  # of a slider; in a slide, two must fit beside a button
STYLE = """<style>
.course-picture { image-rendering: pixelated; }
.course-numbers pre { user-select: text; white-space: pre-wrap; line-height: 1.4; }
</style>"""


class Picture(w.Image):
    """A picture with a name for screen readers, shown as its tooltip too.

    The browser's side gives a tooltip only to widgets with a description, and fails at one
    without; `ipywidgets.Image` has none, so an empty one is added here.
    """

    description = Unicode("").tag(sync=True)


class LatentExplorer(w.VBox):
    """Move the latent elements of a picture by hand and watch what becomes of it.

    Parameters
    ----------
    models : nn.Module, or mapping from name to nn.Module
        With ``encode`` and ``decode``; several are shown one below the other and moved by the
        same controls, as far as the smallest latent space reaches.
    images : Tensor
        uint8 (n, C, H, W) to choose from; a few dozen, not a whole data set.
    transform : nn.Module, optional
        From uint8 pictures to the models' input; the homework's by default.
    elements : sequence of int
        Elements that have a slider at the start.

    Attributes
    ----------
    state : ExplorerState
        What is chosen. Setting it from Python moves the controls, and the other way round.
    seen : dict from name to Exploration
        What is on screen.

    Raises
    ------
    TypeError
        If a model cannot encode and decode.
    ValueError
        If there are no models or images, or an element does not exist.
    """

    def __init__(
        self,
        models: nn.Module | Mapping[str, nn.Module],
        images: Tensor,
        *,
        transform: nn.Module | None = None,
        elements: Sequence[int] = (0,),
    ):
        self._models = _named(models)
        self._x = (transform or face_transform())(images)
        codes = [_codes(model, self._x) for model in self._models.values()]
        self.state = ExplorerState(len(images), min(code.shape[1] for code in codes))
        self.state.elements = list(elements)
        self._range = (
            min(VALUE_RANGE[0], *(floor(code.min()) for code in codes)),
            max(VALUE_RANGE[1], *(ceil(code.max()) for code in codes)),
        )
        self._refreshing = False
        self.seen: dict[str, Exploration] = {}
        self._build()
        super().__init__([self._controls, self._sliders, *self._rows, self._message, self._text])
        self._refresh()
        self.state.observe(self._refresh, WATCHED)

    def close(self) -> None:
        """Free the widgets and their callbacks; `state` stays usable."""
        if self.comm is not None:  # neither closed before nor failed while being built
            self.state.unobserve(self._refresh, WATCHED)
            for part in (*self.children, self.layout):
                close_all(part)
        super().close()

    def __repr__(self) -> str:
        return (
            f"LatentExplorer of {', '.join(self._models)}: {self.state}. "
            "Run this cell to move the sliders."
        )

    def _repr_mimebundle_(self, include=None, exclude=None) -> tuple[dict, dict]:
        """The live view, and for readers without a kernel a still picture of it."""
        still = plots.comparison(
            {
                name: torch.cat([getattr(seen, name) for seen in self.seen.values()])
                for name in COLUMNS[:-1]
            },
            difference_of=("reconstruction", "edited"),
            gain=GAIN,
            title=f"Latent explorer: {self.state}",
        )
        data, metadata = still._repr_mimebundle_()
        return {**super()._repr_mimebundle_(), **data, "text/plain": repr(self)}, metadata

    def _build(self) -> None:
        state = self.state
        self._image = w.IntSlider(
            max=state.image_count - 1,
            description="image",
            tooltip="which image",
            style=LABEL,
            layout=WIDTH,
        )
        self._shift = _slider("shift all", "added to every latent element", SHIFT_RANGE)
        self._element = w.BoundedIntText(
            max=state.latent_dim - 1,
            description="element",
            tooltip="number of a latent element",
            style=LABEL,
        )
        self._add = w.Button(description="Add slider")
        self._reset = w.Button(description="Reset all")
        self._controls = w.VBox(
            [
                w.HTML(STYLE),
                w.HBox([self._image, self._shift, self._reset]),
                w.HBox([self._element, self._add]),
            ]
        )
        self._sliders, self._by_element = w.VBox(), {}
        self._pictures = {name: [Picture() for _ in COLUMNS] for name in self._models}
        self._numbers = {name: w.HTML() for name in self._models}
        self._rows = [self._row(name) for name in self._models]
        self._message = w.HTML()
        self._text = w.HTML().add_class("course-numbers")

        self._image.observe(self._on_image, "value")
        self._shift.observe(self._on_shift, "value")
        self._add.on_click(self._on_add)
        self._reset.on_click(self._on_reset)

    def _row(self, name: str) -> w.VBox:
        columns = [
            w.VBox([w.HTML(f"<b>{caption}</b>"), picture.add_class("course-picture")])
            for caption, picture in zip(
                (*COLUMNS[:-1], f"difference ×{GAIN:g}"), self._pictures[name], strict=True
            )
        ]
        heading = [w.HTML(f"<b>{escape(name)}</b>")] if len(self._models) > 1 else []
        return w.VBox([*heading, w.HBox(columns), self._numbers[name]])

    def _slider_row(self, element: int) -> w.HBox:
        slider = _slider(f"element {element}", f"value of latent element {element}", self._range)
        slider.observe(partial(self._on_element, element), "value")
        own = w.Button(description="Own value", tooltip=f"element {element} back to its own value")
        own.on_click(lambda _: self.state.forget(element))
        remove = w.Button(description="Remove", tooltip=f"remove the slider of element {element}")
        remove.on_click(lambda _: self.state.hide(element))
        return w.HBox([slider, own, remove])

    def _refresh(self, change=None) -> None:
        """Bring everything on screen in line with the state."""
        state = self.state
        x = self._x[state.image : state.image + 1]
        self.seen = {name: explore(model, x, state) for name, model in self._models.items()}
        with self._quiet():
            self._show_sliders()
            _move(self._image, state.image)
            _move(self._shift, state.shift)
            values = next(iter(self.seen.values())).code[0]  # the first model's
            for element, row in self._by_element.items():
                _move(row.children[0], values[element].item())
        for name, seen in self.seen.items():
            for column, picture in zip(COLUMNS, self._pictures[name], strict=True):
                pixels = getattr(seen, column)[0]
                with picture.hold_sync():  # one message each
                    picture.value = _png(pixels)
                    picture.height, picture.width = (str(ZOOM * s) for s in pixels.shape[1:])
                    picture.tooltip = f"{column} of image {state.image}, {name}"
            self._numbers[name].value = f'<div role="status">{_numbers(seen)}</div>'
        self._message.value = ""
        self._text.value = f"<pre><code>{escape(reproduce(state))}</code></pre>"

    def _show_sliders(self) -> None:
        elements = self.state.elements
        for element in [e for e in self._by_element if e not in elements]:
            close_all(self._by_element.pop(element))
        for element in [e for e in elements if e not in self._by_element]:
            self._by_element[element] = self._slider_row(element)
        self._sliders.children = [self._by_element[element] for element in elements]

    @contextmanager
    def _quiet(self):
        """Move controls without hearing of it."""
        self._refreshing = True
        try:
            yield
        finally:
            self._refreshing = False

    def _on_image(self, change) -> None:
        if not self._refreshing:
            self.state.image = change.new

    def _on_shift(self, change) -> None:
        if self._by_hand(change):
            self.state.shift = round(change.new, 6)  # 0.30000000000000004 is no slider's fault

    def _by_hand(self, change) -> bool:
        """A hand moves by whole steps; less is the browser's rounding, as from 0.1 to 0.09999."""
        return not self._refreshing and abs(change.new - change.old) > STEP / 2

    def _on_element(self, element: int, change) -> None:
        if self._by_hand(change):
            self.state.set_element(element, round(change.new, 6))

    def _on_add(self, button) -> None:
        try:
            self.state.show(self._element.value)
        except ValueError as error:
            self._message.value = f'<div role="alert">{escape(str(error))}</div>'

    def _on_reset(self, button) -> None:
        self.state.reset()


def _slider(name: str, tooltip: str, limits: tuple[float, float]) -> w.FloatSlider:
    return w.FloatSlider(
        min=limits[0],
        max=limits[1],
        step=STEP,
        readout_format=f".{DECIMALS}f",
        description=name,
        tooltip=tooltip,
        style=LABEL,
        layout=WIDTH,
    )


def _named(models: nn.Module | Mapping[str, nn.Module]) -> dict[str, nn.Module]:
    named = dict(models) if isinstance(models, Mapping) else {"model": models}
    if not named:
        raise ValueError("LatentExplorer got no models: pass one, or a dict from name to model.")
    for name, model in named.items():
        if not (hasattr(model, "encode") and hasattr(model, "decode")):
            raise TypeError(
                f"{name!r} is a {type(model).__name__}, but a model with encode and decode is "
                "expected: pass models.FullyConnectedAutoencoder(), or a dict from name to model."
            )
    return named


@torch.inference_mode()
def _codes(model: nn.Module, x: Tensor) -> Tensor:
    return code(model, x.to(next(model.parameters()).device)).cpu()


def _numbers(seen: Exploration) -> str:
    change = seen.change
    return (
        f"code: {tuple(seen.code.shape)}. From reconstruction to edited, {change.changed:.0f} of "
        f"{seen.edited[0, 0].numel()} pixels change by more than {THRESHOLD} grey levels; "
        f"mean change {change.mean_absolute:.1f} grey levels."
    )


def _png(picture: Tensor) -> bytes:
    file = io.BytesIO()
    pixels = picture.movedim(0, -1).squeeze(-1).numpy()
    Image.fromarray(pixels).save(file, format="png", compress_level=1)  # speed before size
    return file.getvalue()


def _move(control: w.Widget, value: float) -> None:
    """Bring a control to the step nearest to a value, and widen its range if need be.

    The browser snaps a slider to its steps and sends the result back as if a hand had moved it,
    which would make an edit. And a slider that stands right already is being dragged, perhaps:
    setting it again would pull it out of the hand.
    """
    if abs(control.value - value) > control.step / 2:
        control.max = max(control.max, ceil(value))
        control.min = min(control.min, floor(value))
        control.value = round(value, DECIMALS)


def close_all(widget: w.Widget) -> None:
    """Close a widget and all that was made along with it."""
    parts = [getattr(widget, name, None) for name in ("layout", "style")]
    for part in (*getattr(widget, "children", ()), *filter(None, parts)):
        close_all(part)
    widget.unobserve_all()
    widget.close()
