"""The latent explorer: a view over `state` that decodes in the browser."""

from collections.abc import Mapping, Sequence
from itertools import islice
from math import ceil, floor, log10, prod

import safetensors.torch
import torch
from torch import Tensor, nn
from torch.distributions import Distribution
from traitlets import Dict

from course_lib import plots
from course_lib.datasets.faces import FACTORS
from course_lib.explorers import decoders
from course_lib.explorers.atlas import Atlas, chart, gaussians
from course_lib.explorers.live import LiveFigure
from course_lib.explorers.state import (
    GAIN,
    MOST_ELEMENTS,
    ORIGINS,
    Exploration,
    ExplorerState,
    edit,
    explore,
    prior_draw,
    snapshot,
)
from course_lib.latents import encode
from course_lib.plots.figure import AltFigure
from course_lib.plots.pictures import THRESHOLD
from course_lib.transforms import face_transform, to_image

SHIFT_RANGE = (-5.0, 5.0)
STEP = 0.1  # of sliders, or a tenth or hundredth of it; the state takes any number
MOST_TRAINING = 2000  # more pictures would not change the map


class LatentExplorer(LiveFigure, frontend="latent_explorer"):
    """Move the latent elements of a picture by hand and watch what becomes of it.

    The view gets the decoders, so that a slider moves the picture without asking the kernel.
    Only those of chained ``nn.Linear``, ReLU, tanh and sigmoid can go (`decoders.can_travel`);
    the kernel decodes for the others, and the view says so.

    Parameters
    ----------
    models : nn.Module, or mapping from name to nn.Module
        With ``encode`` and ``decode``; several are shown one below the other and moved by the
        same controls, as far as the smallest latent space reaches. The explorer looks at a copy
        in evaluation mode: after more training, make a new one.
    images : Tensor
        uint8 (n, C, H, W) to choose from; a few dozen, not a whole data set. `add` one's own.
    transform : nn.Module, optional
        From uint8 pictures to the models' input; the homework's by default.
    elements : sequence of int
        Elements that have a slider at the start.
    training : Tensor, optional
        uint8 (N, C, H, W), pictures that the models were trained on; the first 2,000 count. With
        them the explorer knows the map of the codes, a density fitted to them, how near the next
        training code is, how much each element is used, and in which directions codes vary most.
    factors : Tensor (N, 16) or mapping from name to Tensor (N,), optional
        What the training pictures were drawn from, named as `faces.FACTORS`; with them elements
        can be found by the factor that they track, and codes moved along a direction for each.
    points : sequence of str
        Names of models whose code is a point though their encoder gives a density: those that were
        trained without drawing from it, ``elbo(…, sample=False)``. Their σ means nothing.
    plain : bool
        Sliders, pictures and the map alone, for readers who have met no density yet: nothing to
        draw from, no way towards another face or along a direction, no scale and no noise, no
        picture of one's own to choose, and no verdict on the code.

    Attributes
    ----------
    state : ExplorerState
        What is chosen. Setting it from Python moves the controls, and the other way round.
    models : dict from name to nn.Module
        The copies that it looks at.
    x : Tensor (n, C, H, W)
        The images as the models see them.
    atlases : dict from name to Atlas
        Empty without `training`.
    units : dict from name to float
        What a noise of 1 is in each model: `Atlas.spread` of its codes, or 1 without `training`.

    Raises
    ------
    TypeError
        If a model cannot encode and decode.
    ValueError
        If there are no models or images, an element does not exist, there are factors without
        training pictures, or `points` names no model.
    """

    _setup = Dict().tag(sync=True)
    _choice = Dict().tag(sync=True)

    def __init__(
        self,
        models: nn.Module | Mapping[str, nn.Module],
        images: Tensor,
        *,
        transform: nn.Module | None = None,
        elements: Sequence[int] = (0,),
        training: Tensor | None = None,
        factors: Tensor | Mapping[str, Tensor] | None = None,
        points: Sequence[str] = (),
        plain: bool = False,
    ):
        self.models = {name: snapshot(model) for name, model in _named(models).items()}
        transform = transform or face_transform()
        self.x, self._transform, self._training = transform(images), transform, training
        self._image_shape = tuple(images.shape[1:])
        self._codes = {name: encode(model, self.x) for name, model in self.models.items()}
        if unknown := set(points) - self.models.keys():
            raise ValueError(
                f"points names {', '.join(sorted(unknown))}, but the models are "
                f"{', '.join(self.models)}: name those that were trained without noise."
            )
        self._spreads = {
            name: None if plain or name in points else _spread(model, self.x)
            for name, model in self.models.items()
        }
        self._travels = {name: decoders.can_travel(m) for name, m in self.models.items()}
        # Without a kernel, too, if all that the transform does is to scale.
        self._encodes = torch.equal(to_image(self.x), images) and all(
            self._travels[name] and decoders.encoder_can_travel(model, self._image_shape)
            for name, model in self.models.items()
        )
        self.atlases = _atlases(self.models, transform, training, factors)
        self.units = {
            name: self.atlases[name].spread if self.atlases else 1.0 for name in self.models
        }
        smallest = min(codes.shape[1] for codes in self._codes.values())
        origins = ORIGINS[:1] if plain else ORIGINS if self.atlases else ORIGINS[:2]
        names = tuple(next(iter(self.atlases.values())).named) if self.atlases else ()
        self.state = ExplorerState(len(images), smallest, tuple(self.atlases), origins, names)
        self.state.elements = list(elements)
        super().__init__(_setup=self._describe() | {"plain": plain}, _choice=self.state.choice)
        self.state.observe(self._show)
        self.observe(self._choose, "_choice")

    @property
    def seen(self) -> dict[str, Exploration]:
        """What each model makes of the state, decoded by the kernel."""
        origin, number = self._origin
        return {
            name: explore(model, self._code(name, origin, number), self._edited(name))
            for name, model in self.models.items()
        }

    def still(self) -> AltFigure:
        """The pictures on screen, with their difference; see `LiveFigure`."""
        seen = self.seen.values()
        columns = {
            name: torch.cat([getattr(one, name) for one in seen])
            for name in ("reconstruction", "edited")
        }
        if self.state.origin == "image":
            original = to_image(self.x[self.state.image : self.state.image + 1])
            columns = {"original": original.expand(len(seen), -1, -1, -1), **columns}
        return plots.comparison(
            columns,
            difference_of=("reconstruction", "edited"),
            gain=GAIN,
            title=f"Latent explorer: {self.state}{self._collapsed()}",
        )

    def add(self, image: Tensor) -> int:
        """Add a picture of one's own to the images, and show it.

        Parameters
        ----------
        image : Tensor
            uint8 (C, H, W), as one of the images: before the transform, which may cut its part out.
            Of the homework's band only rows 10 to 37 of 64 are seen: let the brows lie near row 20.

        Returns
        -------
        int
            Its number, for `ExplorerState.image`.

        Raises
        ------
        ValueError
            If it is none such. Nothing changes then.
        """
        kind = getattr(image, "dtype", type(image).__name__)
        shape = tuple(getattr(image, "shape", ()))
        if not isinstance(image, Tensor) or (kind, shape) != (torch.uint8, self._image_shape):
            raise ValueError(
                f"The picture is {kind} of shape {shape}, but a uint8 Tensor of shape "
                f"{self._image_shape} is expected, as the explorer's images are: resize it, "
                "channels first."
            )
        x = self._transform(image[None])
        for name, model in self.models.items():
            self._codes[name] = torch.cat([self._codes[name], encode(model, x)])
            if self._spreads[name] is not None:
                self._spreads[name] = torch.cat([self._spreads[name], _spread(model, x)])
        self.x = torch.cat([self.x, x])
        number = len(self.x) - 1
        self.state.image_count = len(self.x)
        self._setup = self._setup | {"images": len(self.x)}
        self.state.choice |= {"image": number, "origin": "image", "sample": 0}
        return number

    def answer(self, content: dict, buffers: Sequence[bytes] = ()) -> None:
        """Send what the view wants, or take the picture that it brings."""
        if content.get("kind") == "add":
            pixels = torch.frombuffer(bytearray(buffers[0]), dtype=torch.uint8)
            fits = pixels.numel() == prod(self._image_shape)
            self.add(pixels.view(self._image_shape) if fits else pixels)
            return
        if content.get("kind") != "want":
            super().answer(content)
        facts, tensors = self.parts(content)
        self.send({"kind": "have", "facts": facts}, [safetensors.torch.save(tensors)])
        if content["models"]:
            self._send_pictures()

    def parts(
        self, content: Mapping, dtype: torch.dtype = torch.float32
    ) -> tuple[list[dict] | None, dict[str, Tensor]]:
        """What a view needs: decoders, columns of elements or directions, codes, pictures.

        Parameters
        ----------
        content : mapping
            ``models``: whether the decoders, their maps and the facts are wanted; ``columns``: of
            which elements or, by name, directions; ``bases``: codes, each an origin and its
            numbers; ``pictures``, if any: each a kind, original or training, and its number;
            ``alone``, if true: what decodes any code where there is no kernel to ask, and the
            encoders if all can travel.
        dtype : torch.dtype
            Of the decoders' and encoders' weights.

        Returns
        -------
        facts : list of dict, or None
            Of each model.
        tensors : dict of Tensor
        """
        tensors, facts = {}, None
        if content["models"]:
            facts = [self._facts(name) for name in self.models]
            tensors |= self._of_all(lambda name: self._model_tensors(name, dtype))
            if content.get("alone"):
                tensors |= self._of_all(lambda name: self._alone(name, dtype))
        tensors |= self._of_all(lambda name: self._columns(name, content["columns"]))
        for base in content["bases"]:
            tensors |= self._of_all(lambda name, base=base: self._base(name, *base))
            if base[0] == "image":
                tensors[f"original/{base[1]}"] = self._picture("original", base[1])
        for kind, number in content.get("pictures", ()):
            tensors[f"{kind}/{number}"] = self._picture(kind, number)
        return facts, tensors

    def close(self) -> None:
        """Free the widget, its view and its callbacks; `state` stays usable."""
        if self.comm is not None:
            self.state.unobserve(self._show)
        super().close()

    def __repr__(self) -> str:
        return f"LatentExplorer of {', '.join(self.models)}: {self.state}{self._collapsed()}"

    def _collapsed(self) -> str:
        """In words, which models have."""
        names = [name for name, atlas in self.atlases.items() if atlas.collapsed]
        return f". Collapsed, one code for all pictures: {', '.join(names)}" if names else ""

    @property
    def _origin(self) -> tuple[str, int]:
        state = self.state
        return state.origin, state.image if state.origin == "image" else state.draw

    def _picture(self, kind: str, number: int) -> Tensor:
        """An image, or a training picture, as the models see it: uint8 (C, H, W)."""
        if kind == "original":
            return to_image(self.x[number])
        return to_image(self._transform(self._training[number : number + 1])[0])

    def _code(self, name: str, origin: str, number: int, draw: int = 0) -> Tensor:
        """An unedited code, (1, K), or for the origin "posterior" a draw from an image's."""
        mean = self._codes[name][number : number + 1]
        if origin == "image":
            return mean
        noise = prior_draw(draw if origin == "posterior" else number, mean.shape[1])
        if origin == "prior":
            return noise
        if origin == "posterior":
            spread = self._spreads[name]
            return mean if spread is None else mean + spread[number] * noise
        return self.atlases[name].density.sample(1, seed=number)

    def _edited(self, name: str) -> Tensor:
        state, base = self.state, self._origin
        if state.origin == "image" and state.sample:
            base = ("posterior", state.image, state.sample)
        target = self._code(name, "image", state.target)
        atlas = self.atlases.get(name)
        move = (atlas.directions if atlas else torch.zeros(2, 1), state.moves.get(name, (0.0, 0.0)))
        along = atlas.named if atlas else {}
        return edit(self._code(name, *base), target, state, move, along, self.units[name])

    def _describe(self) -> dict:
        return {
            "models": list(self.models),
            "images": len(self.x),
            "shape": list(self.x.shape[1:]),
            "image_shape": list(self._image_shape),
            "posteriors": [self._spreads[name] is not None for name in self.models],
            "elements": self.state.latent_dim,
            "most": MOST_ELEMENTS,
            "origins": list(self.state.origins),
            "shift": SHIFT_RANGE,
            "values": self._ranges(),
            "step": STEP,
            "gain": GAIN,
            "threshold": THRESHOLD,
        }

    def _ranges(self) -> list[tuple[float, float, float]]:
        """Of each element's slider the two ends and the step: where codes are in any model, of
        training pictures and of the images, and a spread beyond; not below zero where no code is,
        as behind a ReLU."""
        lows, highs, count = [], [], self.state.latent_dim
        for name, codes in self._codes.items():
            if name in self.atlases:
                codes = torch.cat([self.atlases[name].codes, codes])
            deviations = [codes.std(0, correction=0)]
            if self._spreads[name] is not None:
                deviations.append(self._spreads[name].flatten())
            # The widest element's, as one that never moves has none of its own.
            widest, most = torch.cat(deviations).max().item(), codes.abs().max().item()
            beyond = widest if widest > 1e-6 * most else max(most, 1.0)
            lows.append((codes.amin(0) - beyond)[:count] if codes.min() < 0 else torch.zeros(count))
            highs.append((codes.amax(0) + beyond)[:count])
        ends = zip(torch.stack(lows).amin(0), torch.stack(highs).amax(0), strict=True)
        return [_on_steps(low.item(), high.item()) for low, high in ends]

    def _facts(self, name: str) -> dict:
        """What the view is told in words and single numbers of a model."""
        model, atlas, count = self.models[name], self.atlases.get(name), self.state.latent_dim
        facts = {
            "layers": decoders.layers(model) if self._travels[name] else None,
            "encoder": decoders.layers(model, "encoder") if self._encodes else None,
            "atlas": None,
        }
        if atlas is None:
            return facts
        return facts | {
            "atlas": {
                "activity": atlas.activity[:count].tolist(),
                "tracks": list(islice(atlas.tracks, count)),
                "usual_log_density": atlas.usual_log_density,
                "usual_distance": atlas.usual_distance,
                "share": atlas.share,
                "extent": atlas.extent,
                "numbers": atlas.numbers,
                "collapsed": atlas.collapsed,
                "directions": [[key, direction.words] for key, direction in atlas.named.items()],
            },
        }

    def _of_all(self, tensors_of) -> dict[str, Tensor]:
        """Each model's tensors, named by its number."""
        return {
            f"{number}/{key}": tensor.contiguous()
            for number, name in enumerate(self.models)
            for key, tensor in tensors_of(name).items()
        }

    def _model_tensors(self, name: str, dtype: torch.dtype) -> dict[str, Tensor]:
        model, tensors = self.models[name], {}
        tensors["unit"] = torch.tensor([self.units[name]], dtype=torch.float32)
        if self._travels[name]:
            everywhere = torch.ones(1, self._codes[name].shape[1])
            tensors |= decoders.weights(model, dtype)
            tensors["all"] = decoders.along(model, everywhere)
            tensors["zero"] = decoders.first(model, 0 * everywhere)
        if (atlas := self.atlases.get(name)) is not None:
            tensors |= _atlas_tensors(atlas)
            if self._travels[name]:
                tensors["plane"] = decoders.along(model, atlas.directions)
        return tensors

    def _alone(self, name: str, dtype: torch.dtype) -> dict[str, Tensor]:
        """What no kernel will be there to compute: any code's decoding, a picture's code."""
        model = self.models[name]
        found = decoders.whole_first(model) if self._travels[name] else {}
        if self._encodes:
            parts = decoders.weights(model, dtype, "encoder")
            found |= {f"encoder/{key}": tensor for key, tensor in parts.items()}
        return found

    def _columns(self, name: str, columns: list[int | str]) -> dict[str, Tensor]:
        travels, tensors = self._travels[name], {}
        for column in columns:
            if isinstance(column, str):
                vector = self.atlases[name].named[column].vector[None]
                tensors[f"direction/{column}"] = vector
                if travels:
                    tensors[f"direction/{column}/first"] = decoders.along(self.models[name], vector)
            elif travels:
                tensors[f"column/{column}"] = decoders.columns(self.models[name], [column])[0]
        return tensors

    def _base(self, name: str, origin: str, *numbers: int) -> dict[str, Tensor]:
        if origin == "posterior" and self._spreads[name] is None:
            return {}  # a point: every draw is the code that the view has
        code = self._code(name, origin, *numbers)
        at = "/".join(map(str, ("base", origin, *numbers)))
        found = {f"{at}/code": code}
        if origin == "image" and (spread := self._spreads[name]) is not None:
            found[f"{at}/spread"] = spread[numbers[0] : numbers[0] + 1]
        if self._travels[name]:
            return found | {f"{at}/first": decoders.first(self.models[name], code)}
        decoded = explore(self.models[name], code, code).reconstruction
        return found | {f"{at}/picture": decoded}

    def _show(self, change) -> None:
        """The state has changed: tell the view, unless it comes from there."""
        if self._choice != self.state.choice:
            self._message = ""
            self._choice = self.state.choice
            with self._errors_told():
                self._send_pictures()

    def _choose(self, change) -> None:
        """The view has changed, or was told by `_show`."""
        if change.new == self.state.choice:
            return
        try:
            self.state.choice = change.new
        except ValueError as error:  # of a view that knows less than the state: put it back
            self._message = str(error)
            self._choice = self.state.choice
        else:
            self._message = ""
            with self._errors_told():
                self._send_pictures()

    def _send_pictures(self) -> None:
        """Decode for the models whose decoders cannot go to the browser."""
        for number, name in enumerate(self.models):
            if not self._travels[name]:
                code = self._code(name, *self._origin)
                edited = explore(self.models[name], code, self._edited(name)).edited
                content = {"kind": "picture", "model": number, "choice": self.state.choice}
                self.send(content, [edited.numpy().tobytes()])


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
def _spread(model: nn.Module, x: Tensor) -> Tensor | None:
    """Standard deviations (n, K) of the pictures' posteriors, where the model has some."""
    encoded = model.encode(x.to(next(model.parameters())))
    return encoded.stddev.float().cpu() if isinstance(encoded, Distribution) else None


def _on_steps(low: float, high: float) -> tuple[float, float, float]:
    """A slider's range, rounded outwards to its steps; narrow ones have smaller steps."""
    places = min(3, max(1, 2 - floor(log10((high - low) / 0.5))))
    tens = 10**places
    return floor(low * tens) / tens, ceil(high * tens) / tens, 1 / tens


def _atlases(models, transform, training, factors) -> dict[str, Atlas]:
    if training is None:
        if factors is not None:
            raise ValueError("factors belong to training pictures: pass training=faces.train too.")
        return {}
    if isinstance(factors, Tensor):
        factors = dict(zip(FACTORS, factors.T, strict=True))
    if factors is not None:
        factors = {name: values[:MOST_TRAINING] for name, values in factors.items()}
    images = training[:MOST_TRAINING]
    return {
        name: chart(model, images, factors, transform=transform) for name, model in models.items()
    }


def _atlas_tensors(atlas: Atlas) -> dict[str, Tensor]:
    tensors = {
        "atlas/codes": atlas.codes.half(),
        "atlas/mean": atlas.mean,
        "atlas/directions": atlas.directions,
        "atlas/picture": atlas.picture,
    }
    return tensors | {f"density/{key}": value for key, value in gaussians(atlas.density).items()}
