"""Explorers that draw: sliders over a figure of a few numbers, and the course's own."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

from torch import Tensor, nn
from traitlets import Bytes, Dict, Float, HasTraits, List, Unicode

from course_lib import densities, theory
from course_lib.explorer import snapshot
from course_lib.figures import AltFigure
from course_lib.interpolation import path, strip_figure
from course_lib.live import LiveFigure
from course_lib.theory import PCA
from course_lib.transforms import face_transform
from course_lib.waterline import MOST, waterline_figure


class Slider(NamedTuple):
    """A number to move."""

    min: float
    max: float
    start: float
    step: float
    label: str = ""  #: beside the slider; without it, the number's name
    log: bool = False  #: equal ways are equal factors; `step` then counts in decades


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
    _values = Dict().tag(sync=True)
    _picture = Bytes().tag(sync=True)
    _alt = Unicode().tag(sync=True)

    def __init__(self, draw: Callable[..., AltFigure], sliders: Mapping[str, Slider | tuple]):
        ranges = {name: Slider(*slider) for name, slider in sliders.items()}
        self.state, self._draw = Numbers(ranges), draw
        self.figure, picture = self._drawn()
        described = [_describe(name, slider) for name, slider in ranges.items()]
        super().__init__(_sliders=described, **picture, _values=self.state.trait_values())
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


def interpolation_strip(
    models: nn.Module | Mapping[str, nn.Module],
    a: Tensor,
    b: Tensor,
    transform: nn.Module | None = None,
    *,
    steps: int = 9,
    t: float = 0.5,
) -> FigureExplorer:
    """Walk on the straight line between the codes of two faces.

    Parameters
    ----------
    models : nn.Module, or mapping from name to nn.Module
        With ``encode`` and ``decode``; each has a row.
    a, b : Tensor
        uint8 (1, C, H, W), the two faces.
    transform : nn.Module, optional
        From uint8 pictures to the models' input; the homework's by default.
    steps : int
        Pictures in a row, both ends counted.
    t : float
        Where to start, from 0 at the first face to 1 at the second.

    Raises
    ------
    ValueError
        If there are no models, or as `interpolation.path`.
    """
    named = models if isinstance(models, Mapping) else {"model": models}
    if not named:
        raise ValueError("interpolation_strip got no models: pass one, or a dict from name to it.")
    transform = transform or face_transform()
    # A copy, because the codes of its ends are encoded once, and decoded at each move.
    paths = [path(name, snapshot(model), a, b, transform, steps) for name, model in named.items()]
    return FigureExplorer(partial(strip_figure, paths), {"t": Slider(0, 1, t, 0.01)})


def linear_vae_playground(
    pca: PCA,
    image_shape: tuple[int, int, int],
    *,
    latent_dim: int = 32,
    beta: float = 1.0,
    sigma2: float | None = None,
    observed: Mapping[str, tuple[float, float]] | None = None,
) -> FigureExplorer:
    """Raise the water over the eigenvalues, and watch a linear VAE's latents drown.

    Parameters
    ----------
    pca : theory.PCA
        Of pictures in [-1, 1].
    image_shape : (channels, height, width)
    latent_dim : int
    beta, sigma2 : float
        As `theory.linear_vae` takes them. Without `sigma2` the best one is where it starts.
    observed : mapping from name to (squared error, rate), optional
        As `waterline.waterline_figure` takes it.

    Raises
    ------
    ValueError
        As `theory.linear_vae` and `Numbers`.
    """
    if sigma2 is None:
        sigma2 = theory.linear_vae(pca.eigenvalues, latent_dim, beta).sigma2.item()
    latents = min(MOST, int((pca.eigenvalues > 0).sum()))

    def draw(latent_dim: float, beta: float, sigma2: float) -> AltFigure:
        shown = round(latent_dim), beta, sigma2
        return waterline_figure(pca, image_shape, *shown, observed=observed)

    return FigureExplorer(
        draw,
        {
            "latent_dim": Slider(1, latents, latent_dim, 1, label="latents"),
            "beta": Slider(0.01, 10_000, beta, 0.05, "β", log=True),
            "sigma2": Slider(min(sigma2, 1e-4), max(sigma2, 1.0), sigma2, 0.05, "σ²", log=True),
        },
    )


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


def _describe(name: str, slider: Slider) -> dict:
    """A slider as the view needs it."""
    decimals = len(f"{slider.step:g}".partition(".")[2])
    facts = {**slider._asdict(), "name": name, "label": slider.label or name, "decimals": decimals}
    del facts["start"]  # the view is told of all values at once
    return facts
