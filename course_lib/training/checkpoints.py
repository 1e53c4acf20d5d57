"""A training run at rest: its state, written to one safetensors file and read back."""

import json
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from course_lib import checksum
from course_lib.files import written_beside
from course_lib.objectives import Terms

FORMAT = "course_lib training state 2"
PLAIN = ("settings", "history", "step")  # what a file says in words and plain numbers
# What a run may go on with in another way: nothing that it has learned depends on them.
CHANGEABLE = ("lr", "batch_size")


@dataclass
class State:
    """A training run between two steps: all that is needed to go on as if never stopped.

    Attributes
    ----------
    model : nn.Module
    optimizer : torch.optim.Optimizer
    settings : dict
        What the run's numbers depend on; a resumed run must have the same.
    history : dict of lists of numbers
        One entry per finished epoch: ``epoch``, ``train_loss``, ``train_distortion``,
        ``train_rate``, the same for ``validation_``, and ``images_per_second``. Train figures
        are means over the epoch, taken while the weights move; validation figures are means
        over the whole set at its end.
    step : int
        Optimiser steps taken.
    sums : Tensor
        Loss, distortion and rate, summed over the examples of the epoch under way.
    rng : dict of Tensor
        States of the random number generators, by device.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    settings: dict
    history: dict[str, list] = field(default_factory=dict)
    step: int = 0
    sums: Tensor = field(default_factory=lambda: torch.zeros(len(Terms._fields)))
    rng: dict[str, Tensor] = field(default_factory=dict)

    def add(self, terms: Terms) -> None:
        """Count one batch's terms in; they stay on their device, so that a GPU need not wait."""
        precise = torch.float32 if terms.loss.device.type == "mps" else torch.float64
        self.sums = self.sums.to(terms.loss.device, precise) + torch.stack(terms).detach().sum(
            1, dtype=precise
        )

    def check(self, loss: float) -> None:
        """Refuse to go on with a loss that is no finite number."""
        if not isfinite(loss):
            raise FloatingPointError(f"The loss is {loss} at step {self.step}: try a smaller lr.")

    def finish_epoch(self, n: int, validation: dict[str, float], images_per_second: float) -> None:
        """Write an epoch of `n` examples into the history, or refuse one that is not finite."""
        train = (self.sums / n).tolist()
        self.sums = torch.zeros_like(self.sums)
        row: dict[str, float] = {"epoch": len(self.history.get("epoch", [])) + 1}
        row |= {f"train_{name}": mean for name, mean in zip(Terms._fields, train, strict=True)}
        row |= {f"validation_{name}": mean for name, mean in validation.items()}
        row["images_per_second"] = images_per_second
        for name, number in row.items():
            if not isfinite(number):
                raise FloatingPointError(
                    f"The {name} is {number} after epoch {row['epoch']}: try a smaller lr."
                )
        for name, number in row.items():
            self.history.setdefault(name, []).append(number)


class Mismatch(ValueError):
    """A file that cannot continue this run: damaged, or of another run."""


def adam(model: nn.Module, lr: float) -> torch.optim.Adam:
    """The course's optimiser: Adam, fused into one pass over the weights."""
    return torch.optim.Adam(model.parameters(), lr=lr, fused=True)


def save(state: State, path: str | Path) -> None:
    """Write a state: weights, optimiser, random numbers and history in one safetensors file.

    One file and not three, so that weights and optimiser can never be of different steps. A
    process killed meanwhile leaves the old file or the new one. Without moments in its optimiser
    a state can be read, but not resumed.

    Parameters
    ----------
    state : State
    path : path
        Its folder is made if need be.

    Raises
    ------
    FloatingPointError
        If any number is not finite; what was in the file stays.
    OSError
        If it cannot be written, as on a full disk; what was in the file stays.
    """
    tensors = {f"model.{name}": t for name, t in state.model.state_dict().items()}
    for index, moments in state.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": t for name, t in moments.items()}
    tensors["sums"] = state.sums
    tensors |= {f"rng.{device}": t for device, t in state.rng.items()}
    tensors = {name: t.detach().cpu().contiguous() for name, t in tensors.items()}
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise FloatingPointError(
                f"After step {state.step} there is NaN or infinity in {name}, so nothing was "
                "written: go on from an earlier state, with a smaller lr."
            )
    plain = {key: getattr(state, key) for key in PLAIN}
    try:
        with written_beside(Path(path)) as beside:
            checksum.save_file(tensors, beside, {"format": FORMAT, "state": json.dumps(plain)})
    except (OSError, SafetensorError) as error:  # of the second kind is a full disk
        raise OSError(
            f"The state after step {state.step} could not be written to {path} ({error}), and what "
            "was there before stays: make room, or choose another place, and go on from there."
        ) from error


def load(path: str | Path, model: nn.Module | Callable[[], nn.Module]) -> State:
    """Read a state back. Nothing is unpickled.

    Parameters
    ----------
    path : path
        A file written by `save`.
    model : nn.Module or callable
        A network of the saved one's shape, or a function that builds one.

    Returns
    -------
    State
        Its model is set to evaluate.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    Mismatch
        If it is no saved state, is damaged (not a bit has changed unnoticed: the file has a
        checksum), or holds another model's weights.
    """
    plain, tensors = _read(path)
    network = model if isinstance(model, nn.Module) else model()
    state = State(network, adam(network, plain["settings"]["lr"]), plain["settings"])
    _fill(state, plain, tensors, path)
    network.eval()
    return state


def check_ours(path: str | Path) -> None:
    """Raise FileExistsError if a file is there that is no training state, whole or damaged: it is
    somebody's, and not to be replaced."""
    path = Path(path)
    if path.exists() and not is_ours(path):
        raise FileExistsError(
            f"{path} is not a training run of this course's, and stays as it is: choose another "
            "name or folder, or move it away."
        )


def is_ours(path: Path) -> bool:
    """Whether `save` wrote a file, even if its end is missing."""
    try:
        return FORMAT.rpartition(" ")[0].encode() in checksum.header(path)
    except OSError:
        return False


def epochs_done(path: str | Path) -> int:
    """How many epochs a file's run has finished; raises as `load`."""
    with _opened(path) as file:
        return len(_plain(file, path)["history"].get("epoch", []))


def is_finished(path: str | Path) -> bool:
    """Whether a file holds weights to read and no moments to go on with; raises as `load`."""
    with _opened(path) as file:
        return _is_finished(_plain(file, path), file.keys())


def _is_finished(plain: dict, names: Iterable[str]) -> bool:
    return plain["step"] > 0 and not any(name.startswith("optimizer.") for name in names)


def check_fits(path: str | Path, model: nn.Module) -> None:
    """Raise Mismatch if a file holds another model's weights than this one's, which needs no
    memory for its own: on the device ``meta`` it may be of any size."""
    with _opened(path) as file:
        weights = [name for name in file.keys() if name.startswith("model.")]  # noqa: SIM118
        there = {n.removeprefix("model."): file.get_slice(n).get_shape() for n in weights}
        if there != _shapes(model):
            raise _of_another(path, model, _plain(file, path))


def _shapes(model: nn.Module) -> dict[str, list[int]]:
    return {name: list(tensor.shape) for name, tensor in model.state_dict().items()}


def _of_another(path: str | Path, model: nn.Module, plain: dict) -> Mismatch:
    return Mismatch(
        f"{path} holds the weights of another model than this {type(model).__name__}: "
        f"build the one that was saved ({plain['settings'].get('model')})."
    )


def check_same_run(path: str | Path, settings: dict) -> dict:
    """Raise Mismatch, which names what differs, if a file is of a run with other settings; else
    return the file's."""
    with _opened(path) as file:
        return _check_same_run(path, _plain(file, path), settings)


def _check_same_run(path: str | Path, plain: dict, settings: dict) -> dict:
    there = plain["settings"] | {"epochs": len(plain["history"].get("epoch", []))}
    differing = [
        f"{key} (there {there.get(key)}, here {value})"
        for key, value in settings.items()
        if there.get(key) != value
    ]
    if differing:
        raise Mismatch(
            f"{path} is of another run, with a different {', '.join(differing)}: resume with the "
            "same settings, or train afresh."
        )
    return there


def restore(state: State, path: str | Path) -> dict:
    """Fill the state of a run that is about to go on; raises as `load`, and Mismatch where the
    file's settings are not the run's or it holds weights only. Returns the file's settings: those
    in `CHANGEABLE` may be others."""
    kept = {key: value for key, value in state.settings.items() if key not in CHANGEABLE}
    plain, tensors = _read(path)
    there = _check_same_run(path, plain, kept)
    if _is_finished(plain, tensors):
        raise Mismatch(f"{path} holds weights only, nothing to go on with: train afresh.")
    _fill(state, plain, tensors, path)
    return there


@contextmanager
def _opened(path: str | Path) -> Generator[safe_open]:
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}: train first, or correct the path.")
    if is_ours(path) and (wrong := checksum.misfit(path)):
        raise Mismatch(f"{path} {wrong}; train again, or put a copy in its place.")
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise Mismatch(
            f"{path} is not a whole safetensors file ({error}): train again, or correct the path."
        ) from error


def _plain(file: safe_open, path: str | Path) -> dict:
    """What a file says in words and plain numbers."""
    metadata = file.metadata() or {}
    if metadata.get("format") != FORMAT:
        raise Mismatch(
            f"{path} is a safetensors file, but not a training state: use one that "
            "training.save wrote."
        )
    plain = json.loads(metadata.get("state", "null"))
    if not isinstance(plain, dict) or not plain.keys() >= set(PLAIN):
        raise Mismatch(f"{path} says nothing of its settings, history and step: train again.")
    return plain


def _read(path: str | Path) -> tuple[dict, dict[str, Tensor]]:
    with _opened(path) as file:
        return _plain(file, path), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def _fill(state: State, plain: dict, tensors: dict[str, Tensor], path: str | Path) -> None:
    parts: dict[str, dict[str, Tensor]] = {"model": {}, "optimizer": {}, "rng": {}}
    for name, tensor in tensors.items():
        part, _, rest = name.partition(".")
        parts.setdefault(part, {})[rest] = tensor
    weights, moments = list(state.model.parameters()), {}
    for name, tensor in parts["optimizer"].items():
        index, key = name.split(".")
        moments.setdefault(int(index), {})[key] = tensor
    # Nothing is changed before all of it is known to fit.
    there = {name: list(tensor.shape) for name, tensor in parts["model"].items()}
    if (
        there != _shapes(state.model)
        or "sums" not in tensors
        or not all(i < len(weights) for i in moments)
    ):
        raise _of_another(path, state.model, plain)
    state.model.load_state_dict(parts["model"])
    for index, of_weight in moments.items():
        for key, tensor in of_weight.items():
            # Copies, because the file is still mapped and will be replaced; of the weights'
            # layout, because fused Adam walks weights and moments in step through memory.
            like = torch.empty_like(weights[index] if tensor.ndim else tensor, device="cpu")
            of_weight[key] = like.copy_(tensor)
    state.optimizer.load_state_dict(state.optimizer.state_dict() | {"state": moments})
    state.sums = tensors["sums"].clone()
    state.rng = {device: tensor.clone() for device, tensor in parts["rng"].items()}
    state.history, state.step = plain["history"], plain["step"]
