"""Explorers that draw: sliders over a figure of a few numbers."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from traitlets import Bytes, Dict, Float, HasTraits, List, Unicode

from course_lib.explorers.live import LiveFigure
from course_lib.plots.figure import AltFigure


class Slider(NamedTuple):
    """A number to move."""

    min: float
    max: float
    start: float
    step: float
    label: str = ""  #: beside the slider; without it, the number's name
    log: bool = False  #: equal ways are equal factors; `step` then counts in decades
    frames: tuple[str, ...] = ()  #: what to write for each step, the least first; can be played


class Handle(NamedTuple):
    """A logarithmic axis of the figure by which a slider can be dragged, too, up and down."""

    slider: str  #: the slider's name
    box: tuple[float, float, float, float]  #: left, bottom, width, height: shares of the figure
    low: float  #: what stands at the axis' lower end
    high: float  #: and at its upper end
    divisor: str = ""  #: a slider by whose number the axis is divided: at θ = βσ² it is σ²'s β


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
            if slider.log and slider.min <= 0:
                raise ValueError(
                    f"The slider {name!r} is logarithmic and starts at {slider.min:g}: let its "
                    "limits be above 0."
                )
            count = round((slider.max - slider.min) / slider.step) + 1
            if slider.frames and len(slider.frames) != count:
                raise ValueError(
                    f"The slider {name!r} has {count} steps and {len(slider.frames)} frames: name "
                    "a frame for each step."
                )
        self.add_traits(**{name: _Within(slider) for name, slider in sliders.items()})

    def __repr__(self) -> str:
        return ", ".join(f"{name} {value:g}" for name, value in self.trait_values().items())


class FigureExplorer(LiveFigure, frontend="figure_explorer"):
    """Move numbers by hand and watch a figure follow.

    Parameters
    ----------
    draw : callable
        ``draw(**numbers)`` returns an `AltFigure`. Its ``alt`` text, which should give the key
        numbers, is the picture's name for screen readers and is printed below it. Called at each
        move, so it should take some hundredths of a second.
    sliders : mapping from name to Slider
        Plain tuples ``(min, max, start, step)`` will do.
    handle : Handle, optional
        Where in the picture one of them can be dragged.

    Attributes
    ----------
    state : Numbers
        ``explorer.state.mu = 0.5`` moves the slider and draws; a slider sets the state.
    figure : AltFigure
        What is on screen: where `draw` raises, the last figure it made, under its error.

    Raises
    ------
    TypeError
        If `draw` returns something else.
    ValueError
        As `Numbers`.
    """

    _sliders = List().tag(sync=True)
    _handle = Dict().tag(sync=True)
    _values = Dict().tag(sync=True)
    _picture = Bytes().tag(sync=True)
    _alt = Unicode().tag(sync=True)

    def __init__(
        self,
        draw: Callable[..., AltFigure],
        sliders: Mapping[str, Slider | tuple],
        *,
        handle: Handle | None = None,
    ):
        ranges = {name: Slider(*slider) for name, slider in sliders.items()}
        self.state, self._draw = Numbers(ranges), draw
        self.figure, picture = self._drawn()
        described = [_describe(name, slider) for name, slider in ranges.items()]
        super().__init__(
            _sliders=described,
            _handle=handle._asdict() if handle else {},
            **picture,
            _values=self.state.trait_values(),
        )
        self.state.observe(self._refresh)
        self.observe(self._move, "_values")

    def still(self) -> AltFigure:
        """What is on screen; see `LiveFigure`."""
        return self.figure

    def close(self) -> None:
        """Free the widget, its view and its callbacks; `state` stays usable."""
        if self.comm is not None:  # neither closed before nor failed while being built
            self.state.unobserve(self._refresh)
        super().close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}: {self.state}"

    def _drawn(self) -> tuple[AltFigure, dict]:
        figure = self._draw(**self.state.trait_values())
        if not isinstance(figure, AltFigure):
            raise TypeError(
                f"draw returned a {type(figure).__name__}, but a figure with its description is "
                "expected: return one of plots' figures, or an AltFigure."
            )
        return figure, {
            "_picture": figure.png(compression=1), "_alt": figure.alt, "_message": "",
        }  # fmt: skip

    def _refresh(self, change) -> None:
        """The state has changed: draw, and bring the view in line, even if there is no picture."""
        news = {}
        try:
            self.figure, news = self._drawn()
        except Exception as error:
            news = {
                "_message": f"At {self.state}, draw raised {type(error).__name__}: {error}. The "
                "picture is the last one that it drew."
            }
            raise
        finally:
            with self.hold_sync():  # one message
                for name, value in {"_values": self.state.trait_values(), **news}.items():
                    setattr(self, name, value)

    def _move(self, change) -> None:
        """The view has changed, or was told by `_refresh`."""
        try:
            with self.state.hold_trait_notifications():
                for name, value in change.new.items():
                    self.state.set_trait(name, value)
        finally:  # what the state refuses, the view takes back
            self._values = self.state.trait_values()


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


def _describe(name: str, slider: Slider) -> dict:
    """A slider as the view needs it."""
    decimals = len(f"{slider.step:g}".partition(".")[2])
    facts = {**slider._asdict(), "name": name, "label": slider.label or name, "decimals": decimals}
    facts["frames"] = list(slider.frames)
    del facts["start"]  # the view is told of all values at once
    return facts
