"""The latent explorer: a view over `state` that decodes in the browser."""

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn
from traitlets import Dict

from course_lib import plots
from course_lib.datasets import Splits, pictures
from course_lib.explorers import decoders, given
from course_lib.explorers.atlas import INACTIVE
from course_lib.explorers.exploration import GAIN, Exploration, explore, snapshot
from course_lib.explorers.explored_model import ExploredModel, ranges
from course_lib.explorers.live import LiveFigure
from course_lib.explorers.state import MOST_ELEMENTS, ORIGINS, ExplorerState
from course_lib.plots.figure import AltFigure
from course_lib.plots.pictures import THRESHOLD
from course_lib.transforms import to_image, whole_picture

SHIFT_RANGE = (-5.0, 5.0)
STEP = 0.1  # of sliders, or a tenth or hundredth of it; the state takes any number
FEW = 24  # pictures of a data set to choose from
MOST_TRAINING = 2000  # more pictures would not change the map


class LatentExplorer(LiveFigure, frontend="latent_explorer"):
    """Move the latent elements of a picture by hand and watch what becomes of it.

    The view gets the decoders, so that a slider moves the picture without asking the kernel.
    Only those of chained ``nn.Linear``, ReLU, tanh and sigmoid can go (`decoders.can_travel`);
    the kernel decodes for the others, and the view says so.

    Parameters
    ----------
    models : nn.Module, or mapping from name to nn.Module, or list
        With ``encode`` and ``decode``, or with an ``encoder`` and a ``decoder`` for such pictures
        (see `models.wrap`), or the `State` of a run; several are shown one below the
        other and moved by the same controls, as far as the smallest latent space reaches. The
        explorer looks at a copy in evaluation mode: after more training, make a new one.
    images : Tensor
        uint8 (n, C, H, W) to choose from, or whatever `datasets.pictures` takes; a few dozen, not a
        whole data set (of `Splits`, or a set's name, the first of the test set). `add` one's own.
    transform : nn.Module, optional
        From uint8 pictures to the models' input; by default `transforms.whole_picture`.
    elements : sequence of int
        Elements that have a slider at the start.
    training : Tensor, optional
        uint8 (N, C, H, W), pictures that the models were trained on, or `Splits` or a set's name
        for its training set; the first 2,000 count. With
        them the explorer knows the map of the codes, a density fitted to them, how near the next
        training code is, how much each element is used, and in which directions codes vary most.
    factors : Tensor (N, 16) or mapping from name to Tensor (N,), optional
        What the training pictures were drawn from, named as `faces.FACTORS`; with them elements
        can be found by the factor that they track, codes moved along a direction for each, and
        what an edit changes is said in factors, as a linear `Probe` reads them from the code.
    points : sequence of str
        Names of models whose code is a point though their encoder gives a density: those that were
        trained without drawing from it, ``elbo(…, sample=False)``. Their σ means nothing.
    densities : bool
        Whether codes can be drawn from N(0, I) or a fitted density, and the edited code's log
        density is told. Notebook 3 asks for neither: they are taught from notebook 4 on.
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
        images: Any,
        *,
        transform: nn.Module | None = None,
        elements: Sequence[int] = (0,),
        training: Any = None,
        factors: Tensor | Mapping[str, Tensor] | None = None,
        points: Sequence[str] = (),
        densities: bool = True,
        plain: bool = False,
    ):
        images, training = given.in_parts(images), given.in_parts(training)
        images = pictures(images.test[:FEW] if isinstance(images, Splits) else images)[:]
        by_name = given.named(models)
        if training is not None:
            training = pictures(training.train if isinstance(training, Splits) else training)
            training = training[:MOST_TRAINING]
        transform = transform or whole_picture(next(iter(by_name.values())), images)
        self.x, self._transform, self._training = transform(images), transform, training
        self.models = {
            name: snapshot(given.with_codes(name, model, tuple(self.x.shape[1:])))
            for name, model in by_name.items()
        }
        self._image_shape = tuple(images.shape[1:])
        self._taken: dict[int, int] = {}  # training pictures that became images, and which
        given.check_points(points, self.models)
        self.atlases = given.atlases(self.models, transform, training, factors)
        self._explored = {
            name: ExploredModel(
                name, model, self.x, self.atlases.get(name), point=plain or name in points
            )
            for name, model in self.models.items()
        }
        self.units = {name: one.unit for name, one in self._explored.items()}
        # Pictures are encoded without a kernel, too, if all that the transform does is to scale.
        self._encodes = torch.equal(to_image(self.x), images) and all(
            one.travels and decoders.encoder_can_travel(one.model, self._image_shape)
            for one in self._explored.values()
        )
        smallest = min(one.codes.shape[1] for one in self._explored.values())
        origins = ORIGINS if self.atlases else ORIGINS[:2]
        origins = origins if densities and not plain else ORIGINS[:1]
        names = tuple(next(iter(self.atlases.values())).named) if self.atlases else ()
        self.state = ExplorerState(len(images), smallest, tuple(self.atlases), origins, names)
        self.state.elements = list(elements)
        super().__init__(_setup=self._describe() | {"plain": plain}, _choice=self.state.choice)
        self.state.observe(self._show)
        self.observe(self._choose, "_choice")

    @property
    def seen(self) -> dict[str, Exploration]:
        """What each model makes of the state, decoded by the kernel."""
        return {name: self._explore(one) for name, one in self._explored.items()}

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
            rows=list(self.models) if len(self.models) > 1 else None,
            title=f"Latent explorer: {self.state}{self._collapsed()}",
        )

    def add(self, image: Tensor) -> int:
        """Add a picture of one's own to the images, and show it.

        Parameters
        ----------
        image : Tensor, array or PIL picture
            uint8 (C, H, W), as one of the images (`transforms.picture` makes one of a photograph):
            before the transform, which may cut its part out. Of the homework's band only rows 10 to
            37 of 64 are seen: let the brows lie near row 20.

        Returns
        -------
        int
            Its number, for `ExplorerState.image`.

        Raises
        ------
        ValueError
            If it is none such. Nothing changes then.
        """
        image = given.one_picture(image, self._image_shape)
        x = self._transform(image[None])
        for one in self._explored.values():
            one.add(x)
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
        if content.get("kind") == "take":
            self._take(content["number"])
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
            count = self.state.latent_dim
            facts = [one.facts(count, self._encodes) for one in self._explored.values()]
            tensors |= self._of_all(lambda one: one.tensors(dtype))
            if content.get("alone"):
                tensors |= self._of_all(lambda one: one.alone(dtype, self._encodes))
        tensors |= self._of_all(lambda one: one.columns(content["columns"]))
        for base in content["bases"]:
            tensors |= self._of_all(lambda one, base=base: one.base(*base))
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

    def _take(self, number: int) -> None:
        """Show a training picture, among the images from now on, as it is."""
        if number in self._taken:
            self.state.choice |= {"image": self._taken[number]}
        else:
            self._taken[number] = self.add(self._training[number])
        self.state.reset()

    def _explore(self, one: ExploredModel) -> Exploration:
        code, edited = one.code(*self._origin), one.edited(self.state, self._origin)
        return explore(one.model, code, edited, one.atlas and one.atlas.probe)

    def _describe(self) -> dict:
        return {
            "models": list(self.models),
            "images": len(self.x),
            "shape": list(self.x.shape[1:]),
            "image_shape": list(self._image_shape),
            "posteriors": [one.spreads is not None for one in self._explored.values()],
            "elements": self.state.latent_dim,
            "most": MOST_ELEMENTS,
            "origins": list(self.state.origins),
            "shift": SHIFT_RANGE,
            "values": ranges(self._explored.values(), self.state.latent_dim),
            "step": STEP,
            "gain": GAIN,
            "threshold": THRESHOLD,
            "inactive": INACTIVE,
        }

    def _of_all(
        self, tensors_of: Callable[[ExploredModel], dict[str, Tensor]]
    ) -> dict[str, Tensor]:
        """Each model's tensors, named by its number."""
        return {
            f"{number}/{key}": tensor.contiguous()
            for number, one in enumerate(self._explored.values())
            for key, tensor in tensors_of(one).items()
        }

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
        except Exception as error:  # of a view that knows less than the state: put it back
            self._message = " ".join(str(error).split())
            self._choice = self.state.choice
        else:
            self._message = ""
            with self._errors_told():
                self._send_pictures()

    def _send_pictures(self) -> None:
        """Decode for the models whose decoders cannot go to the browser."""
        for number, one in enumerate(self._explored.values()):
            if not one.travels:
                content = {"kind": "picture", "model": number, "choice": self.state.choice}
                self.send(content, [self._explore(one).edited.numpy().tobytes()])
