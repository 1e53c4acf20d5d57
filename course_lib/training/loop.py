"""The training loop, and what the numbers of a run depend on.

It runs on Lightning Fabric, which brings devices, mixed precision and several processes. Fabric and
not Accelerate, because a Fabric is an object of its own: a notebook may train once on the CPU and
once on a GPU, where Accelerate keeps one global state per process.
"""

import os
import time
from collections.abc import Callable
from functools import partial
from inspect import unwrap
from math import ceil
from pathlib import Path
from types import FunctionType

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from course_lib.files import check_place
from course_lib.objectives import Objective, Terms
from course_lib.training import checkpoints, processes
from course_lib.training.checkpoints import Mismatch, State, adam, save
from course_lib.training.checks import Data, check_data, check_numbers, check_objective
from course_lib.training.fingerprint import content, fingerprint
from course_lib.training.runtime import (
    evaluating,
    keep_freed_memory,
    on_the_device,
    own_random_numbers,
    random_state,
    set_random_state,
    stop_on_interrupt,
)
from course_lib.training.threads import multiply_adds, threads_worth
from course_lib.transforms import Pictures, whole_picture

# Fabric lets PyTorch look for an NVIDIA card through a library that is opened anew each time, and
# Adam looks at each step: 5 % of a small one. The plain way costs nothing, and nobody forks here.
os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "0"

TICK = 1e-9  # seconds; a coarse clock may stand still for as long as a small epoch takes
LOOK = 20  # steps between two looks at the loss: reading a number off a GPU makes the GPU wait


class Criterion(nn.Module):
    """Model and objective as one module, so that a step is one forward under any of Fabric's
    strategies: their wrappers see only what goes through ``forward``."""

    def __init__(self, model: nn.Module, objective: Objective):
        super().__init__()
        self.model, self.objective = model, objective

    def forward(self, x: Tensor, step: int) -> Terms:
        """The objective's terms of a batch."""
        at = getattr(self.objective, "at", None)  # an objective with a schedule, such as WarmUp
        objective = at(step) if at is not None else self.objective
        return objective(self.model, x)


@processes.started_for_each_device
def fit(
    model: nn.Module | Callable[[], nn.Module],
    objective: Objective,
    data: Data,
    *,
    epochs: int,
    batch_size: int = 128,
    lr: float = 1e-3,
    seed: int = 0,
    device: str | torch.device = "auto",
    devices: int = 1,
    nodes: int = 1,
    strategy: str = "auto",
    precision: str = "32-true",
    transform: nn.Module | None = None,
    resume_from: str | Path | None = None,
    checkpoint: str | Path | None = None,
    progress: bool = True,
    on_epoch: Callable[[State], None] = lambda state: None,
) -> State:
    """Train a model with Adam.

    Interrupting (Ctrl-C, the notebook's stop button, or the signal SIGTERM) ends the run after the
    step under way and returns its state, which can be used, saved and resumed. A second interrupt
    raises.

    Parameters
    ----------
    model : nn.Module or callable
        A network, or a function that builds one. Give the function, and the initial weights
        follow from `seed` too.
    objective : callable
        ``objective(model, x)`` gives per-example `Terms`; their mean loss is minimised. One with
        a method ``at(step)`` gives the objective of each step. ``torch.compile(elbo)`` will do as
        well: that may pay on a graphics card and hardly does on a CPU (tests/benchmarks/README.md).
    data : Splits
        ``train`` and ``validation`` of uint8 pictures (N, C, H, W).
    epochs : int
        Passes over the training set, those of a resumed run counted in.
    batch_size : int
    lr : float
        Adam's learning rate.
    seed : int
        Fixes the weights (see `model`), the order of the pictures, and all noise. The same call
        on the CPU of one machine gives the same bits; with another number of threads it adds in
        another order, and the last digits differ.
    device : {"auto", "cuda", "cuda:1", "mps", "cpu"} or torch.device
        Where to train; "auto" takes the first there is.
    devices : int
        How many of them, a process each: on CPUs processes alone. Each takes its part of every
        batch, so that `batch_size`, the pictures, their order and the mean loss are those of one;
        the noise is another, as by another seed, and batch normalisation sees its part only.
        Validation is done by all alike. The processes stop together, within 20 steps. Where
        ``torchrun`` started them, `devices` and `nodes` can be left out.
    nodes : int
        How many machines with so many devices each; ``torchrun`` has to start them.
    strategy : {"auto", "ddp"}
        How several share the work; both mean that each holds the whole model.
    precision : {"32-true", "bf16-mixed", "16-mixed"}
        As Fabric's; the last is for GPUs. Weights and losses have 32 bits in all.
    transform : nn.Module, optional
        From uint8 pictures to the network's input; by default `whole_picture`, which cuts nothing
        off. The homework's is `face_transform`.
    resume_from : path, optional
        A file that `save` or `checkpoint` wrote, in a run of the same settings. `lr` and
        `batch_size` may be others; with another `batch_size` an epoch that was interrupted begins
        again, and steps are counted as if all had been of that size.
    checkpoint : path, optional
        Write the state there after every epoch, and on an interrupt.
    progress : bool
        Show a bar with loss and images per second.
    on_epoch : callable
        Called with the `State` after every epoch, for example a `plots.LiveCurve`; once, however
        many processes there are.

    Returns
    -------
    State
        Its model is back on the CPU, where the pictures are, and set to evaluate.

    Raises
    ------
    TypeError
        For data that are not split yet, or a loss of PyTorch's in place of an objective.
    ValueError
        For an impossible setting or a device that is not there.
    Mismatch
        If `resume_from` is a file of another run, or damaged.
    FloatingPointError
        If the loss stops being a finite number, within 20 steps. What `checkpoint` holds is then
        still the last state that was whole.
    OSError
        If nothing can be written where `checkpoint` is: before training. One of several processes
        that was killed is a ChildProcessError; what `checkpoint` holds is whole.
    """
    check_data(data)
    check_objective(objective)
    check_numbers(data, epochs=epochs, batch_size=batch_size, lr=lr, devices=devices, nodes=nodes)
    if checkpoint is not None:
        check_place(Path(checkpoint))
    keep_freed_memory()
    fabric = processes.fabric(device, precision, devices, nodes, strategy)
    first = fabric.is_global_zero
    n, per_epoch = len(data.train), ceil(len(data.train) / batch_size)

    with (
        own_random_numbers(seed),
        stop_on_interrupt() as interrupted,
    ):
        network = fabric.to_device(model if isinstance(model, nn.Module) else model())
        transform = transform or whole_picture(network, data.train)
        settings = identity(network, objective, data, transform, batch_size, lr, seed, precision)
        state = State(network, adam(network, lr), settings)
        if resume_from is not None:
            there = checkpoints.restore(state, resume_from)
            if there["batch_size"] != batch_size:
                _recount(state, per_epoch)
            _check_not_past(state, epochs * per_epoch, resume_from)
            set_random_state(state.rng)
            state.sums *= first  # or every process would count in what all have summed
        criterion, optimizer = fabric.setup(Criterion(network, objective), state.optimizer)
        work = batch_size * _work(network, objective, data.train, transform)
        train, held_out = (
            on_the_device(part, fabric.device) for part in (data.train, data.validation)
        )

        bar = tqdm(
            total=epochs * n,
            initial=n * state.step // per_epoch,  # not of now: they say nothing of the speed
            unit=" images",
            disable=not (progress and first),
        )
        with bar, threads_worth(work // fabric.world_size):
            for epoch in range(state.step // per_epoch, epochs):
                network.train()
                started, done = time.perf_counter(), 0
                batches = _batches(n, batch_size, seed, epoch, train.device)
                for chosen in batches[state.step % per_epoch :]:
                    if processes.agreed(fabric, interrupted.is_set(), state.step % LOOK == 0):
                        break
                    mine, own = processes.share(fabric, chosen)
                    images = fabric.to_device(train[mine])
                    processes.own_noise(fabric, seed, state.step)
                    terms = Terms(*(t[:own] for t in criterion(transform(images), state.step)))
                    loss = terms.loss.sum() / len(chosen)
                    fabric.backward(loss * fabric.world_size)  # of which all take the mean
                    optimizer.step()
                    optimizer.zero_grad()

                    state.step += 1
                    state.add(terms)
                    done += len(chosen)
                    bar.update(len(chosen))
                    if state.step % LOOK == 1:
                        loss = processes.total(fabric, loss).item()
                        state.check(loss)
                        bar.set_postfix(loss=f"{loss:.4g}", refresh=False)
                state.sums = processes.total(fabric, state.sums)
                if state.step == (epoch + 1) * per_epoch:
                    speed = done / max(time.perf_counter() - started, TICK)
                    validation = evaluate(network, objective, held_out, transform, seed=seed)
                    state.finish_epoch(n, validation, images_per_second=speed)
                    if first:
                        on_epoch(state)
                state.rng = random_state()
                if checkpoint is not None and first:
                    save(state, checkpoint)
                if processes.agreed(fabric, interrupted.is_set()):
                    if first:
                        tqdm.write(f"Interrupted after step {state.step}: the state is whole.")
                    break
    network.eval().cpu()
    return state


def evaluate(
    model: nn.Module,
    objective: Objective,
    images: Pictures,
    transform: nn.Module | None = None,
    *,
    batch_size: int = 500,
    seed: int = 0,
) -> dict[str, float]:
    """Mean of each term of an objective over a whole set of pictures.

    Every picture counts the same, whatever the batch size.

    Parameters
    ----------
    model : nn.Module
    objective : callable
    images : Tensor
        uint8 (N, C, H, W).
    transform : nn.Module, optional
        As `fit` takes it.
    batch_size : int
    seed : int
        For objectives that draw noise; the caller's random numbers are left alone.

    Returns
    -------
    dict of float
        ``loss``, ``distortion`` and ``rate``, in the objective's units per picture.

    Raises
    ------
    TypeError
        For a loss of PyTorch's in place of an objective.
    ValueError
        If there are no pictures.
    """
    check_objective(objective, "evaluate")
    if len(images) == 0:
        raise ValueError("evaluate got no pictures: pass one of the splits of datasets.load(…).")
    transform = transform or whole_picture(model, images)
    device = next(model.parameters()).device
    sums = torch.zeros(len(Terms._fields), dtype=torch.float64)
    work = batch_size * _work(model, objective, images, transform)
    with evaluating(model), own_random_numbers(seed), threads_worth(work):
        for start in range(0, len(images), batch_size):
            terms = objective(model, transform(images[start : start + batch_size].to(device)))
            sums += torch.stack(terms).cpu().double().sum(1)
    return dict(zip(Terms._fields, (sums / len(images)).tolist(), strict=True))


def _batches(
    n: int, batch_size: int, seed: int, epoch: int, device: str | torch.device = "cpu"
) -> tuple[Tensor, ...]:
    """The epoch's batches, as indices. They follow from seed and epoch alone, so that two models
    see the same pictures in the same order, and a resumed run finds its place."""
    generator = torch.Generator().manual_seed(seed + 1_000_003 * (epoch + 1))
    return torch.randperm(n, generator=generator).to(device).split(batch_size)


def _work(model: nn.Module, objective: Objective, images: Pictures, transform: nn.Module) -> int:
    """Multiply-adds of a forward pass, for one picture."""
    x = transform(images[:1].to(next(model.parameters()).device))
    with evaluating(model), own_random_numbers(0):
        return multiply_adds(model, lambda: objective(model, x))


def _recount(state: State, per_epoch: int) -> None:
    state.step = per_epoch * len(state.history.get("epoch", []))
    state.sums = torch.zeros_like(state.sums)


def _check_not_past(state: State, steps: int, path: str | Path) -> None:
    if state.step > steps:
        raise Mismatch(
            f"{path} has trained for {state.step} steps already, but {steps} are asked for: ask "
            "for more epochs, or train afresh."
        )


def _steps(loop: FunctionType) -> tuple:
    """What the loop does, without what it says: its names and numbers, and the order of both."""
    code = loop.__code__
    numbers = [number for number in code.co_consts if isinstance(number, int | float)]
    return code.co_code, code.co_names, numbers


def identity(
    network, objective, data, transform, batch_size, lr, seed, precision, **_
) -> dict[str, str | float]:
    """What a run's numbers depend on, so that it is taken for no other."""
    check_data(data)
    check_objective(objective)
    called = objective.func if isinstance(objective, partial) else objective
    transform = transform or whole_picture(network, data.train)
    return {
        "batch_size": batch_size,
        "lr": lr,
        "seed": seed,
        "precision": precision,
        "model": " ".join(repr(network).split()),
        "starting weights": fingerprint(network),
        "objective": f"{getattr(called, '__name__', type(called).__name__)} "
        + fingerprint(objective),
        "transform": f"{type(transform).__name__} {fingerprint(transform)}",
        "training pictures": content(data.train),
        "validation pictures": content(data.validation),
        "training loop": fingerprint(
            Criterion, _batches, adam, processes.share, processes.own_noise, *_steps(unwrap(fit))
        ),
        "PyTorch": torch.__version__,
    }
