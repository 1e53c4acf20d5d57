"""Explorers that draw: sliders over a figure of a few numbers, and the course's own."""

from collections.abc import Callable, Mapping
from functools import partial
from html import escape
from typing import NamedTuple

import ipywidgets as w
from torch import Tensor
from traitlets import Float, HasTraits

from course_lib import densities
from course_lib.figures import AltFigure
from course_lib.widgets import LABEL, Picture, close_all


class Slider(NamedTuple):
    """A number to move."""

    min: float
    max: float
    start: float
    step: float
    label: str = ""  #: beside the slider; without it, the number's name


class Numbers(HasTraits):
    """Numbers that a figure depends on. Read them, set them, or ``observe`` them; no view is known.

    Parameters
    ----------
    sliders : mapping from name to Slider
        Each name becomes an attribute that takes any number within the slider's limits, not
        just its steps.

    Raises
    ------
    ValueError
        If a slider's own numbers are impossible, or one is set outside of its limits. Nothing
        changes then.
    """

    def __init__(self, sliders: Mapping[str, Slider]):
        super().__init__()
        for name, slider in sliders.items():
            if not (slider.min <= slider.start <= slider.max and slider.step > 0):
                raise ValueError(
                    f"The slider {name!r} starts at {slider.start:g}, between {slider.min:g} and "
                    f"{slider.max:g}, with steps of {slider.step:g}: put the start within the "
                    "limits, and let the step be positive."
                )
        self.add_traits(**{name: _Within(slider) for name, slider in sliders.items()})

    def __repr__(self) -> str:
        return ", ".join(f"{name} {value:g}" for name, value in self.trait_values().items())


class FigureExplorer(w.VBox):
    """Move numbers by hand and watch a figure follow.

    Parameters
    ----------
    draw : callable
        ``draw(**numbers)`` returns an `AltFigure`. Its ``alt`` text, which should give the key
        numbers, is the picture's name for screen readers and is printed below it. Called at each
        move, so it should take some hundredths of a second.
    sliders : mapping from name to Slider
        Plain tuples ``(min, max, start, step)`` will do.

    Attributes
    ----------
    state : Numbers
        ``explorer.state.mu = 0.5`` moves the slider and draws; a slider sets the state.
    figure : AltFigure
        What is on screen.

    Raises
    ------
    TypeError
        If `draw` returns something else.
    ValueError
        As `Numbers`.
    """

    def __init__(self, draw: Callable[..., AltFigure], sliders: Mapping[str, Slider | tuple]):
        ranges = {name: Slider(*slider) for name, slider in sliders.items()}
        self.state, self._draw = Numbers(ranges), draw
        self.figure = self._drawn()
        self._sliders = {name: _slider(name, slider) for name, slider in ranges.items()}
        for name, slider in self._sliders.items():
            slider.observe(partial(self._on_slider, name), "value")
        self._picture = Picture(layout={"align_self": "flex-start", "max_width": "100%"})
        self._numbers = w.HTML()
        super().__init__([*self._sliders.values(), self._picture, self._numbers])
        self._show()
        self.state.observe(self._refresh, list(ranges))

    def close(self) -> None:
        """Free the widgets and their callbacks; `state` stays usable."""
        if self.comm is not None:  # neither closed before nor failed while being built
            self.state.unobserve(self._refresh, list(self._sliders))
            for part in (*self.children, self.layout):
                close_all(part)
        super().close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}: {self.state}. Run this cell to move the sliders."

    def _repr_mimebundle_(self, include=None, exclude=None) -> tuple[dict, dict]:
        """The live view, and for readers without a kernel a still picture of it."""
        data, metadata = self.figure._repr_mimebundle_()
        return {**super()._repr_mimebundle_(), **data, "text/plain": repr(self)}, metadata

    def _drawn(self) -> AltFigure:
        figure = self._draw(**self.state.trait_values())
        if not isinstance(figure, AltFigure):
            raise TypeError(
                f"draw returned a {type(figure).__name__}, but a figure with its description is "
                "expected: return one of plots' figures, or an AltFigure."
            )
        return figure

    def _refresh(self, change) -> None:
        """Bring everything on screen in line with the state."""
        self.figure = self._drawn()
        self._show()

    def _show(self) -> None:
        for name, slider in self._sliders.items():
            _move(slider, getattr(self.state, name))
        with self._picture.hold_sync():  # one message
            self._picture.value, self._picture.tooltip = self.figure.png(), self.figure.alt
        self._numbers.value = f'<div role="status">{escape(self.figure.alt)}</div>'

    def _on_slider(self, name: str, change) -> None:
        if _apart(change.owner, getattr(self.state, name)):
            setattr(self.state, name, round(change.new, 6))


def kl_explorer(mu: float = 2.0, sigma: float = 1.0) -> FigureExplorer:
    """Move q(z) = N(μ, σ²) over the prior and watch KL(q ‖ prior)."""
    return FigureExplorer(densities.kl_figure, _of_q(mu, sigma))


def posterior_explorer(
    x: float = 1.5,
    decode: Callable[[Tensor], Tensor] = lambda z: z,
    noise: float = 1.0,
    mu: float = 0.4,
    sigma: float = 0.8,
) -> FigureExplorer:
    """Fit q(z|x) = N(μ, σ²) to a true posterior by hand, and watch ELBO and gap.

    The model is that of `densities.bound`.
    """
    draw = partial(densities.posterior_figure, x=x, decode=decode, noise=noise)
    return FigureExplorer(draw, _of_q(mu, sigma))


def _of_q(mu: float, sigma: float) -> dict[str, Slider]:
    return {
        "mu": Slider(-3, 3, mu, 0.05, label="μ of q"),
        "sigma": Slider(0.05, 3, sigma, 0.01, label="σ of q"),
    }


class _Within(Float):
    """A number within a slider's limits; NaN is in none."""

    def __init__(self, slider: Slider):
        super().__init__(slider.start)
        self.limits = slider.min, slider.max

    def validate(self, obj, value) -> float:
        value, (low, high) = super().validate(obj, value), self.limits
        if not low <= value <= high:
            raise ValueError(
                f"{self.name} is {value:g}, but this explorer goes from {low:g} to {high:g}: "
                "choose a number in between."
            )
        return value


def _slider(name: str, slider: Slider) -> w.FloatSlider:
    label, decimals = slider.label or name, len(f"{slider.step:g}".partition(".")[2])
    return w.FloatSlider(
        min=slider.min,
        max=slider.max,
        step=slider.step,
        readout_format=f".{decimals}f",
        description=label,
        tooltip=f"{label}, from {slider.min:g} to {slider.max:g}",
        style=LABEL,
        layout={"width": "44em"},  # as wide as the course's figures
    )


def _apart(slider: w.FloatSlider, value: float) -> bool:
    """Whether a slider should stand on another step for a value.

    The browser snaps a slider to its steps, rounds 0.1 to 0.09999, and sends both back as if a
    hand had moved it. Less than half a step is never a hand.
    """
    return abs(slider.value - value) > 0.5001 * slider.step


def _move(slider: w.FloatSlider, value: float) -> None:
    if _apart(slider, value):
        steps = round((value - slider.min) / slider.step)
        slider.value = min(slider.max, round(slider.min + steps * slider.step, 6))
