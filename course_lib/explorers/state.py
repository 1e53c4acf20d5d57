"""The latent explorer without its view: what was chosen (`exploration` makes pictures of it)."""

from collections.abc import Mapping

from traitlets import Dict, Enum, Float, HasTraits, Int, List, Unicode, observe, validate

MOST_ELEMENTS = 12  # more sliders do not fit on a screen
ORIGINS = ("image", "prior", "density")
CHOICE = (
    "image", "origin", "draw", "sample", "target", "step", "moves", "directions", "scale", "shift",
    "noise", "noise_seed", "edits", "elements",
)  # fmt: skip
LARGEST = 1e6  # of what is done to a code: larger numbers would leave none that can be decoded
DRAWS = 2**32  # seeds that every generator takes
NOISE_SEED = 1000  # with a draw's number, the noise would be that draw from N(0, I) again


class ExplorerState(HasTraits):
    """What the user has chosen. Read it, set it, or ``observe`` it; it knows of no view.

    Parameters
    ----------
    image_count, latent_dim : int
        Bounds of what can be chosen; the count may grow.
    models : sequence of str
        Names of the models that have a map to move on.
    origins : sequence of str
        Where codes can come from, of `ORIGINS`.
    names : sequence of str
        Names of the directions that codes can be moved along.

    Attributes
    ----------
    image : int
        Which of the images.
    origin : {"image", "prior", "density"}
        Whose code is edited: the image's, draw number `draw` from N(0, I), or from the density
        fitted to the codes of the training pictures.
    draw : int
        Which draw; the same number draws the same code.
    sample : int
        Of a face, 0 edits the mean of its posterior q(z|x), 1 or more a draw from it. A model
        without a posterior has nothing to draw from.
    target, step : int, float
        A step of 0 to 1 from this code towards the code of the image `target`.
    moves : dict from model to two numbers
        How far its code is moved along the two directions of its map.
    directions : dict from name to number
        How far all codes are moved along named directions, each model's along its own; those that
        are named have a slider, at 0 too.
    scale : float
        Every latent element is multiplied by it.
    shift : float
        Added to every latent element.
    noise, noise_seed : float, int
        So much noise is added, as `latents.jitter` does, in units of each model's own codes; and
        which noise.
    edits : dict from element to value
        Elements set by hand. Assign a new dict.
    elements : list of int
        Elements with a slider; those in `edits` are always among them.

    They are done to a code in this order: a draw from the posterior, step, moves, directions,
    scale, shift, noise, edits. Of all numbers six decimals are kept.

    Raises
    ------
    ValueError
        If an image, an element or a number is impossible. Nothing changes then.
    """

    image = Int(0)
    origin = Enum(ORIGINS, "image")
    draw = Int(0)
    sample = Int(0)
    target = Int(0)
    step = Float(0.0)
    moves = Dict()
    directions = Dict(key_trait=Unicode(), value_trait=Float())
    scale = Float(1.0)
    shift = Float(0.0)
    noise = Float(0.0)
    noise_seed = Int(NOISE_SEED)
    edits: "Dict[int, float]" = Dict(key_trait=Int(), value_trait=Float())
    elements = List(Int())

    def __init__(
        self,
        image_count: int,
        latent_dim: int,
        models: tuple[str, ...] = (),
        origins: tuple[str, ...] = ORIGINS,
        names: tuple[str, ...] = (),
    ):
        if image_count < 1 or latent_dim < 1:
            raise ValueError(
                f"ExplorerState got {image_count} images and {latent_dim} latent elements, but "
                "needs at least one of each."
            )
        super().__init__()
        self.image_count, self.latent_dim = image_count, latent_dim
        self.models, self.origins, self.names = tuple(models), tuple(origins), tuple(names)
        self.target = min(1, image_count - 1)  # a step towards the face itself would go nowhere

    def reset(self) -> None:
        """Back to the image, with nothing done to its code; the sliders stay."""
        done = {"origin": "image", "sample": 0, "step": 0.0, "moves": {}, "edits": []}
        done |= {"scale": 1.0, "shift": 0.0, "noise": 0.0}
        self.choice |= done | {"directions": [[name, 0.0] for name in self.directions]}

    @property
    def choice(self) -> dict:
        """All of the above as plain numbers, lists and texts, to send or to store; assign one to
        choose all at once."""
        choice = {name: getattr(self, name) for name in CHOICE}
        return choice | {
            "moves": {name: list(move) for name, move in self.moves.items()},
            "directions": [[name, amount] for name, amount in self.directions.items()],
            "edits": [[element, value] for element, value in self.edits.items()],
        }

    @choice.setter
    def choice(self, choice: Mapping) -> None:
        if choice.keys() != set(CHOICE):
            raise ValueError(
                f"The choice names {', '.join(map(str, choice)) or 'nothing'}, but exactly "
                f"{', '.join(CHOICE)} are expected: change a copy of state.choice."
            )
        edits = {int(element): float(value) for element, value in choice["edits"]}
        directions = {str(name): float(amount) for name, amount in choice["directions"]}
        values = {**choice, "edits": edits, "directions": directions}
        trial = ExplorerState(
            self.image_count, self.latent_dim, self.models, self.origins, self.names
        )
        for name, value in values.items():  # what is impossible is refused here
            setattr(trial, name, value)
        with self.hold_trait_notifications():
            for name, value in values.items():
                setattr(self, name, value)

    def __repr__(self) -> str:
        start = f"image {self.image}" if self.origin == "image" else f"{self.origin} {self.draw}"
        if self.origin == "image" and self.sample:
            start += f", draw {self.sample} from its posterior"
        if self.step:
            start += f", {self.step:g} of the way to image {self.target}"
        moved = f", moves {self.moves}" if self.moves else ""
        along = {name: amount for name, amount in self.directions.items() if amount}
        moved += f", along {along}" if along else ""
        scale = f", scale {self.scale:g}" if self.scale != 1 else ""
        noise = f", noise {self.noise:g} (seed {self.noise_seed})" if self.noise else ""
        return f"{start}{moved}{scale}, shift {self.shift:g}{noise}, edits {self.edits}"

    @validate("image", "target")
    def _check_image(self, proposal):
        return _within(proposal.value, self.image_count, "image")

    @validate("origin")
    def _check_origin(self, proposal):
        if proposal.value not in self.origins:
            raise ValueError(
                f"There is no {proposal.value} to draw from: give the explorer training pictures, "
                "training=faces.train, and neither plain=True nor densities=False."
            )
        return proposal.value

    @validate("draw", "sample", "noise_seed")
    def _check_draw(self, proposal):
        return _within(proposal.value, DRAWS, "draw")

    @validate("step")
    def _check_step(self, proposal):
        if not 0 <= proposal.value <= 1:
            raise ValueError(
                f"A step of {proposal.value:g} leads off the line: choose one from 0, this face, "
                "to 1, that one."
            )
        return round(proposal.value, 6)

    @validate("moves")
    def _check_moves(self, proposal):
        if proposal.value and not self.models:
            raise ValueError(
                "There is no map to move on: give the explorer training pictures, "
                "training=faces.train."
            )
        for name, move in proposal.value.items():
            if name not in self.models or len(move) != 2:
                raise ValueError(
                    f"There is no move {move} of a model {name!r}: give two numbers to one of "
                    f"{', '.join(self.models)}."
                )
        return {
            name: tuple(_sensible(float(amount), f"The move of {name}") for amount in move)
            for name, move in proposal.value.items()
        }

    @validate("directions")
    def _check_directions(self, proposal):
        if proposal.value and not self.names:
            raise ValueError(
                "There are no directions to move along: give the explorer training pictures, "
                "training=faces.train."
            )
        for name in proposal.value:
            if name not in self.names:
                raise ValueError(
                    f"There is no direction {name!r}: choose one of {', '.join(self.names)}."
                )
        _few([*self.elements, *proposal.value])
        return {
            name: _sensible(amount, f"The amount along {name}")
            for name, amount in proposal.value.items()
        }

    @validate("scale", "shift")
    def _check_number(self, proposal):
        return _sensible(proposal.value, f"The {proposal.trait.name}")

    @validate("noise")
    def _check_noise(self, proposal):
        if proposal.value < 0:
            raise ValueError(f"The noise is {proposal.value}, but one of 0 or more is expected.")
        return _sensible(proposal.value, "The noise")

    @validate("elements")
    def _check_elements(self, proposal):
        elements = [_within(e, self.latent_dim, "element") for e in proposal.value]
        elements = list(dict.fromkeys([*elements, *self.edits]))
        _few([*elements, *self.directions])
        return elements

    @validate("edits")
    def _check_edits(self, proposal):
        _few([*self.elements, *proposal.value, *self.directions])
        return {
            _within(element, self.latent_dim, "element"): _sensible(
                value, f"The value for element {element}"
            )
            for element, value in proposal.value.items()
        }

    @observe("edits")
    def _show_edits(self, change):
        self.elements = [*self.elements, *(e for e in change.new if e not in self.elements)]


def _within(value: int, count: int, name: str) -> int:
    if not 0 <= value < count:
        raise ValueError(f"There is no {name} {value}: choose one from 0 to {count - 1}.")
    return value


def _sensible(value: float, name: str) -> float:
    if not abs(value) <= LARGEST:
        raise ValueError(
            f"{name} is {value}, but a number from -{LARGEST:,.0f} to {LARGEST:,.0f} is expected."
        )
    # As the view writes them: a slider of ipywidgets answers 0.3 with 0.30000000000000004, which,
    # were it news, would go back to the view and take back what a quick hand has done since.
    return round(value, 6)


def _few(sliders: list[int | str]) -> None:
    if (count := len(set(sliders))) > MOST_ELEMENTS:
        raise ValueError(
            f"{count} elements and directions were chosen, but at most {MOST_ELEMENTS} sliders fit "
            "on the screen: remove one, or use latents.set_elements for many."
        )
