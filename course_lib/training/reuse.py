"""Train once, and read the result the next time."""

import re
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from inspect import signature
from pathlib import Path

from torch import nn
from tqdm.auto import tqdm

from course_lib.files import check_writable, data_folder, one_at_a_time
from course_lib.objectives import Objective
from course_lib.training import checkpoints
from course_lib.training.checkpoints import Mismatch, State
from course_lib.training.checks import Data
from course_lib.training.fingerprint import fingerprint
from course_lib.training.loop import fit, identity
from course_lib.training.processes import under_way
from course_lib.training.runtime import own_random_numbers


def fit_or_load(
    name: str,
    model: nn.Module | Callable[[], nn.Module],
    objective: Objective,
    data: Data,
    *,
    epochs: int,
    afresh: bool = False,
    **settings,
) -> State:
    """Train once; the second time, read what the first time wrote.

    It is the same run only if everything is the same that its numbers depend on: starting
    weights, objective and network down to their code, pictures, settings (see `fingerprint`).
    Otherwise it trains, says what differs, and replaces the stored runs of that name, but for the
    longest if that is longer; where it only reads, it says that too. A run that was interrupted or
    killed goes on from its last epoch. While another program trains it, this one waits.

    Parameters
    ----------
    name : str
        What to call it. The weights are kept in ``models/NAME-FINGERPRINT.safetensors`` in the
        `data_folder`; Adam's moments only as long as the run is unfinished.
    model, objective, data, epochs, **settings
        As `fit` takes them, without `checkpoint` and `resume_from`.
    afresh : bool
        Train again in any case, and replace a longer run too.

    Returns
    -------
    State

    Raises
    ------
    ValueError
        If the name cannot be a file's.
    OSError
        If something else is in the file's place, or nothing can be written there.
    RuntimeError
        In one of several processes that ``torchrun`` started.
    """
    if not name or re.search(r'[/\\:*?"<>|]', name):
        raise ValueError(
            f"fit_or_load got the name {name!r}, but a file will be called so: leave out / and "
            "other signs that names of files may not have."
        )
    if under_way():
        raise RuntimeError(
            "fit_or_load trains once for all programs, and torchrun has started several: start "
            "it without, with devices=, or call fit with a checkpoint."
        )
    asked = signature(fit).bind(model, objective, data, epochs=epochs, **settings)
    asked.apply_defaults()

    def build() -> nn.Module:
        with own_random_numbers(asked.arguments["seed"]):
            return model if isinstance(model, nn.Module) else model()

    # Not kept: `fit` builds one too, and a large network would be in memory twice.
    settled = identity(build(), **asked.arguments) | {"epochs": epochs}
    path = data_folder() / "models" / f"{name}-{fingerprint(settled)}.safetensors"

    checkpoints.check_ours(path)

    def kept() -> State | None:
        """The run, if it is there and finished; Mismatch if its file is damaged."""
        if not (path.exists() and checkpoints.is_finished(path)):
            return None
        state = checkpoints.load(path, build)
        # A bar where one would have run: no output that depends on what lies in a folder.
        style = f"{name}: trained before, its weights are read: {{percentage:3.0f}}%|{{bar}}|"
        shown = asked.arguments["progress"]
        tqdm(total=epochs, initial=epochs, bar_format=style, disable=not shown).close()
        return state

    with suppress(Mismatch):  # which is told below
        if not afresh and (state := kept()) is not None:
            return state
    check_writable(path.parent)
    with one_at_a_time(path):
        others = [
            file
            for file in sorted(path.parent.glob("*.safetensors"))
            if re.fullmatch(re.escape(name) + "-[0-9a-f]{16}", file.stem)
            and file != path
            and checkpoints.is_ours(file)
        ]
        train = partial(fit, model, objective, data, epochs=epochs, checkpoint=path, **settings)
        try:
            if afresh:
                state = train()
            elif (state := kept()) is not None:  # by now
                return state
            elif path.exists():
                state = train(resume_from=path)
            else:
                for other in others[:1]:
                    checkpoints.check_same_run(other, settled)
                state = train()
        except Mismatch as reason:
            warnings.warn(f"{reason} Training afresh.", stacklevel=2)
            state = train()
        if len(state.history.get("epoch", [])) == epochs:
            state.optimizer.state.clear()
            checkpoints.save(state, path)
            longest = None if afresh else max(others, key=_epochs, default=None)
            for other in others:
                if other != longest or _epochs(other) <= epochs:
                    other.unlink(missing_ok=True)
    return state


def _epochs(path: Path) -> int:
    with suppress(Mismatch):  # a damaged one is of use to nobody
        return checkpoints.epochs_done(path)
    return 0
