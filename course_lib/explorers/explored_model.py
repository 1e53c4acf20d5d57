"""One of the models in a latent explorer: its codes, and what a view needs to decode them."""

from collections.abc import Iterable
from itertools import islice
from math import ceil, floor, log10

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from course_lib.explorers import decoders
from course_lib.explorers.atlas import Atlas, gaussians
from course_lib.explorers.exploration import edit, explore, prior_draw
from course_lib.explorers.state import ExplorerState
from course_lib.latents import encode


class ExploredModel:
    """A model, the codes of the pictures to choose from, and the map of its codes.

    Parameters
    ----------
    name : str
    model : nn.Module
        With ``encode`` and ``decode``.
    x : Tensor
        (n, C, H, W), the pictures as the model sees them.
    atlas : Atlas, or None
    point : bool
        Whether its code is to count as a point, even if the encoder gives a density.

    Attributes
    ----------
    codes : Tensor
        (n, K), of a posterior the means.
    spreads : Tensor (n, K), or None
        The posteriors' standard deviations, where there are some.
    travels : bool
        Whether its decoder can run in a browser; see `decoders.can_travel`.
    unit : float
        How much its codes vary: that of the noise.
    """

    def __init__(
        self,
        name: str,
        model: nn.Module,
        x: Tensor,
        atlas: Atlas | None = None,
        point: bool = False,
    ):
        self.name, self.model, self.atlas = name, model, atlas
        self.codes = encode(model, x)
        self.spreads = None if point else _spreads(model, x)
        self.travels = decoders.can_travel(model)
        self.unit = atlas.spread if atlas else 1.0

    def add(self, x: Tensor) -> None:
        """Encode more pictures."""
        self.codes = torch.cat([self.codes, encode(self.model, x)])
        if self.spreads is not None and (more := _spreads(self.model, x)) is not None:
            self.spreads = torch.cat([self.spreads, more])

    def code(self, origin: str, number: int, draw: int = 0) -> Tensor:
        """An unedited code, (1, K), or for the origin "posterior" a draw from a picture's."""
        mean = self.codes[number : number + 1]
        if origin == "image":
            return mean
        noise = prior_draw(draw if origin == "posterior" else number, self.codes.shape[1])
        if origin == "prior":
            return noise
        if origin == "posterior":
            return mean if self.spreads is None else mean + self.spreads[number] * noise
        return self._map().density.sample(1, seed=number)

    def _map(self) -> Atlas:
        if self.atlas is None:
            raise ValueError("There is no map of the codes: pass training pictures, training=….")
        return self.atlas

    def edited(self, state: ExplorerState, origin: tuple[str, int]) -> Tensor:
        """What the state makes of the code of an origin, (1, K)."""
        if state.origin == "image" and state.sample:
            start = self.code("posterior", state.image, state.sample)
        else:
            start = self.code(*origin)
        directions = self.atlas.directions if self.atlas else torch.zeros(2, 1)
        move = (directions, state.moves.get(self.name, (0.0, 0.0)))
        along = self.atlas.named if self.atlas else {}
        target = self.code("image", state.target)
        return edit(start, target, state, move, along, self.unit)

    def ends(self, count: int) -> tuple[Tensor, Tensor]:
        """From where to where the first elements go, (count,) each: where codes are, of training
        pictures and of those to choose from, and a spread beyond; not below zero where no code is,
        as behind a ReLU."""
        codes = self.codes if self.atlas is None else torch.cat([self.atlas.codes, self.codes])
        deviations = [codes.std(0, correction=0)]
        if self.spreads is not None:
            deviations.append(self.spreads.flatten())
        # The widest element's, as one that never moves has none of its own.
        widest, most = torch.cat(deviations).max().item(), codes.abs().max().item()
        beyond = widest if widest > 1e-6 * most else max(most, 1.0)
        low = codes.amin(0) - beyond if codes.min() < 0 else torch.zeros(codes.shape[1])
        return low[:count], (codes.amax(0) + beyond)[:count]

    def facts(self, count: int, encodes: bool) -> dict:
        """What the view is told in words and single numbers, of so many elements; `encodes` says
        whether the encoder goes along."""
        atlas = self.atlas
        facts = {
            "layers": decoders.layers(self.model) if self.travels else None,
            "encoder": decoders.layers(self.model, "encoder") if encodes else None,
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
                "factors": atlas.probe.readable.names if atlas.probe else None,
            },
        }

    def tensors(self, dtype: torch.dtype) -> dict[str, Tensor]:
        """The decoder, if it can go, and the map."""
        found = {"unit": torch.tensor([self.unit], dtype=torch.float32)}
        if self.travels:
            everywhere = torch.ones(1, self.codes.shape[1])
            found |= decoders.weights(self.model, dtype)
            found["all"] = decoders.along(self.model, everywhere)
            found["zero"] = decoders.first(self.model, 0 * everywhere)
        if self.atlas is not None:
            found |= _atlas_tensors(self.atlas)
            if self.travels:
                found["plane"] = decoders.along(self.model, self.atlas.directions)
        return found

    def alone(self, dtype: torch.dtype, encodes: bool) -> dict[str, Tensor]:
        """What no kernel will be there to compute: any code's decoding, a picture's code."""
        found = decoders.whole_first(self.model) if self.travels else {}
        if encodes:
            parts = decoders.weights(self.model, dtype, "encoder")
            found |= {f"encoder/{key}": tensor for key, tensor in parts.items()}
        return found

    def columns(self, columns: Iterable[int | str]) -> dict[str, Tensor]:
        """Of elements, by number, and of directions, by name."""
        found = {}
        for column in columns:
            if isinstance(column, str):
                vector = self._map().named[column].vector[None]
                found[f"direction/{column}"] = vector
                if self.travels:
                    found[f"direction/{column}/first"] = decoders.along(self.model, vector)
            elif self.travels:
                found[f"column/{column}"] = decoders.columns(self.model, [column])[0]
        return found

    def base(self, origin: str, *numbers: int) -> dict[str, Tensor]:
        """A code to start from, and the decoder's first layer or its picture."""
        if origin == "posterior" and self.spreads is None:
            return {}  # a point: every draw is the code that the view has
        code = self.code(origin, *numbers)
        at = "/".join(map(str, ("base", origin, *numbers)))
        found = {f"{at}/code": code}
        if origin == "image" and self.spreads is not None:
            found[f"{at}/spread"] = self.spreads[numbers[0] : numbers[0] + 1]
        if self.travels:
            return found | {f"{at}/first": decoders.first(self.model, code)}
        return found | {f"{at}/picture": explore(self.model, code, code).reconstruction}


def ranges(models: Iterable[ExploredModel], count: int) -> list[tuple[float, float, float]]:
    """Of each element's slider the two ends and the step, wide enough for all models."""
    lows, highs = zip(*(model.ends(count) for model in models), strict=True)
    ends = zip(torch.stack(lows).amin(0), torch.stack(highs).amax(0), strict=True)
    return [_on_steps(low.item(), high.item()) for low, high in ends]


def _on_steps(low: float, high: float) -> tuple[float, float, float]:
    """A slider's range, rounded outwards to its steps; narrow ones have smaller steps."""
    places = min(3, max(1, 2 - floor(log10((high - low) / 0.5))))
    tens = 10**places
    return floor(low * tens) / tens, ceil(high * tens) / tens, 1 / tens


@torch.inference_mode()
def _spreads(model: nn.Module, x: Tensor) -> Tensor | None:
    encoded = model.encode(x.to(next(model.parameters())))  # ty: ignore[not-callable]
    return encoded.stddev.float().cpu() if isinstance(encoded, Distribution) else None


def _atlas_tensors(atlas: Atlas) -> dict[str, Tensor]:
    tensors = {
        "atlas/codes": atlas.codes.half(),
        "atlas/mean": atlas.mean,
        "atlas/directions": atlas.directions,
        "atlas/picture": atlas.picture,
    }
    if atlas.probe:
        read = atlas.probe.readable
        parts = {"weight": read.weight, "bias": read.bias, "deviations": read.deviations}
        tensors |= {f"probe/{key}": tensor for key, tensor in parts.items()}
    return tensors | {f"density/{key}": value for key, value in gaussians(atlas.density).items()}
