"""Several processes that train one model: started, given their parts, ended together.

Each runs the same loop on its part of every batch, as Lightning Fabric's ``ddp`` has it. They are
told of one another by the variables that ``torchrun`` sets, so that it may start them too; where it
did not, `started_for_each_device` does.
"""

import logging
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import partial, wraps
from inspect import signature
from pathlib import Path
from tempfile import TemporaryDirectory

import cloudpickle
import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies import DDPStrategy
from torch import Tensor, nn

from course_lib.training import checkpoints
from course_lib.training.checkpoints import State
from course_lib.training.runtime import choose_device, own_random_numbers, stop_on_interrupt

WORKER = """
import pickle, sys
sys.path[:] = pickle.load(sys.stdin.buffer)
from course_lib.training import processes
processes.work()
"""
LOOK_AFTER = 0.05  # seconds between two looks at the processes
PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")
LAST_WORDS = 5  # seconds that the others have to end by themselves once one has failed


def under_way() -> bool:
    """Whether this is one of several processes already, as ``torchrun`` starts them."""
    return "TORCHELASTIC_RUN_ID" in os.environ and int(os.environ["WORLD_SIZE"]) > 1


def is_first() -> bool:
    """Whether this process is the one that writes and talks: the only one, or the first."""
    return not under_way() or os.environ["RANK"] == "0"


def fabric(
    device: str | torch.device, precision: str, devices: int, nodes: int, strategy: str
) -> Fabric:
    """Where to compute, and with whom. Raises ValueError for what is not there."""
    _check_strategy(strategy)
    if under_way():
        everybody, here = (int(os.environ[name]) for name in ("WORLD_SIZE", "LOCAL_WORLD_SIZE"))
        if (devices, nodes) not in {(1, 1), (here, everybody // here)}:
            raise ValueError(
                f"fit got devices={devices}, nodes={nodes}, but torchrun started {everybody} "
                f"processes, {here} of them here: let both say the same, or leave these two out."
            )
        devices, nodes = here, everybody // here
    kind, chosen = choose_device(device, devices)
    _check_precision(precision, kind)
    build = partial(Fabric, accelerator=kind, devices=chosen, precision=precision)
    if devices * nodes == 1:
        return build()
    # Some objectives leave parameters without a gradient: an encoder's variance, a frozen decoder.
    together = DDPStrategy(find_unused_parameters=True)
    several = build(num_nodes=nodes, strategy=together)
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # a banner for each process
    several.launch()
    return several


def _check_strategy(strategy: str) -> None:
    if strategy not in ("auto", "ddp"):
        raise ValueError(
            f"fit got strategy={strategy!r}, but every process holds the whole model here: use "
            "'ddp', or 'auto', which is that for several devices."
        )


def _check_precision(precision: str, kind: str) -> None:
    # Fabric would take 16-mixed on a CPU for bf16-mixed, and the run would be stored as another.
    possible = [one for one in PRECISIONS if (one, kind) != ("16-mixed", "cpu")]
    if precision not in possible:
        raise ValueError(
            f"fit got precision={precision!r}, but on {kind} one of {', '.join(possible)} is "
            "expected: mixed ones compute in 16 bits what needs no more."
        )


def share(fabric: Fabric, chosen: Tensor) -> tuple[Tensor, int]:
    """The process's part of a batch, and how many of its pictures count.

    All parts together are the batch; they differ by one picture at most. Of a last batch that is
    smaller than the processes are many some get nothing: they look at all of it, and none counts.
    """
    part = chosen.tensor_split(fabric.world_size)[fabric.global_rank]
    return (part, len(part)) if len(part) else (chosen, 0)


def total(fabric: Fabric, numbers: Tensor) -> Tensor:
    """The sum over all processes, which all of them get."""
    if fabric.world_size == 1:
        return numbers
    return fabric.all_reduce(numbers.detach().clone(), reduce_op="sum")  # ty: ignore[invalid-explicit-return] (of a tensor, a tensor)


def agreed(fabric: Fabric, asked: bool, now: bool = True) -> bool:
    """Whether any process was asked to stop. Several have to wait for one another to know, so
    they look only where `now` says so, and go on otherwise."""
    if fabric.world_size == 1:
        return asked
    return now and total(fabric, torch.tensor(float(asked))).item() > 0


def own_noise(fabric: Fabric, seed: int, step: int) -> None:
    """Let each of several processes draw noise of its own, which follows from seed, step and place
    alone: a resumed run finds it again. A single process goes on with its stream."""
    if fabric.world_size > 1:
        place = (seed * 1_000_003 + step) * fabric.world_size + fabric.global_rank
        torch.manual_seed(place % 2**63)


def started_for_each_device(fit: Callable[..., State]) -> Callable[..., State]:
    """Let a call of `fit` that asks for several devices start a process for each, which makes the
    same call, and wait for them: it returns, raises and calls ``on_epoch`` like a call for one.

    Model, objective, data and transform go there by cloudpickle, those of a notebook too.
    """

    @wraps(fit)
    def call(*args, **kwargs) -> State:
        asked = signature(fit).bind(*args, **kwargs)
        asked.apply_defaults()
        several = asked.arguments
        if under_way() or several["devices"] * several["nodes"] <= 1:
            return fit(*args, **kwargs)
        if several["nodes"] > 1:
            raise ValueError(
                f"fit got nodes={several['nodes']}, but no machine knows of the others: start the "
                f"same command on each with torchrun --nnodes {several['nodes']} --nproc-per-node "
                f"{several['devices']} --rdzv-backend c10d --rdzv-endpoint FIRST_MACHINE:29400."
            )
        _check_strategy(several["strategy"])
        choose_device(several["device"], several["devices"])
        return _start(call, several, "on_epoch" in kwargs)

    return call


def _start(fit: Callable[..., State], asked: dict, told_of_epochs: bool) -> State:
    model, checkpoint = asked["model"], asked["checkpoint"]
    with own_random_numbers(asked["seed"]):
        network = model if isinstance(model, nn.Module) else model()
    with TemporaryDirectory() as temporary, stop_on_interrupt() as interrupted:
        folder, seen, asked_to_stop = Path(temporary), 0, False
        on_epoch = partial(_tell, folder) if told_of_epochs else _nothing
        same_call = partial(fit, **asked | {"on_epoch": on_epoch})
        message = pickle.dumps(sys.path) + cloudpickle.dumps((folder, same_call))
        workers = _workers(asked["devices"])
        pipes = [worker.stdin for worker in workers if worker.stdin]
        try:
            for pipe in pipes:
                with suppress(BrokenPipeError):  # it is dead, which is noticed below
                    pipe.write(message)
                    pipe.flush()
            running = True
            while running:
                codes = [worker.poll() for worker in workers]
                running = None in codes and not any(codes)
                if interrupted.is_set() and not asked_to_stop:
                    asked_to_stop = True
                    for worker in workers:
                        worker.terminate()
                while (epoch := folder / str(seen + 1)).exists():
                    asked["on_epoch"](checkpoints.load(epoch, network))
                    epoch.unlink()
                    seen += 1
                time.sleep(LOOK_AFTER)
            if any(codes):
                _raise_what_failed(workers, folder, checkpoint)
            return checkpoints.load(folder / "state", network)
        finally:
            for worker in workers:
                worker.kill()
                worker.wait()
            for pipe in pipes:
                with suppress(BrokenPipeError):
                    pipe.close()


def _workers(size: int) -> list[subprocess.Popen]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    everybody = {
        "TORCH_CPP_LOG_LEVEL": "ERROR",  # no word on what find_unused_parameters costs
        "OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // size)),
        **os.environ,
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": str(size),
        "LOCAL_WORLD_SIZE": str(size),
        "GROUP_RANK": "0",
        "TORCHELASTIC_RUN_ID": f"course_lib-{os.getpid()}",
    }
    return [
        subprocess.Popen(
            [sys.executable, "-c", WORKER],
            stdin=subprocess.PIPE,
            env=everybody | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            start_new_session=True,  # a Ctrl-C reaches them once: from here
        )
        for rank in range(size)
    ]


def _raise_what_failed(workers: list[subprocess.Popen], folder: Path, checkpoint) -> None:
    """Raise what the first process that failed raised, or say how it ended."""
    until = time.monotonic() + LAST_WORDS
    for worker in workers:
        with suppress(subprocess.TimeoutExpired):
            worker.wait(max(0, until - time.monotonic()))
    kept = (
        f"go on from its last whole epoch with resume_from={str(checkpoint)!r} (the command: "
        "--resume)"
        if checkpoint is not None and Path(checkpoint).exists()
        else "train again, with checkpoint= to lose one epoch at most"
    )
    for rank, worker in enumerate(workers):
        if worker.returncode is not None and worker.returncode < 0:
            name = signal.Signals(-worker.returncode).name
            raise ChildProcessError(
                f"Process {rank + 1} of {len(workers)} was ended by {name}, and the run with it: "
                f"{kept}."
            )
    if raised := sorted(folder.glob("error-*"), key=lambda file: file.stat().st_mtime_ns):
        raise pickle.loads(raised[0].read_bytes())
    codes = [worker.returncode for worker in workers]
    raise ChildProcessError(f"The processes ended with {codes}, where 0 was expected: {kept}.")


def work() -> None:
    """Do one process's part of a run that `started_for_each_device` has sent."""
    folder, fit = pickle.load(sys.stdin.buffer)
    threading.Thread(target=_end_with_the_starter, daemon=True).start()
    try:
        state = fit()
        if is_first():
            checkpoints.save(state, folder / "state")
    except Exception as error:
        error.add_note(traceback.format_exc())
        try:
            told = cloudpickle.dumps(error)
            pickle.loads(told)
        except Exception:  # one that cannot travel
            told = pickle.dumps(RuntimeError("".join(traceback.format_exception_only(error))))
        (folder / f"error-{os.environ['RANK']}").write_bytes(told)
        sys.exit(1)


def _end_with_the_starter() -> None:
    """Stop in good order when the process that waits for this one is gone."""
    os.read(sys.stdin.fileno(), 1)  # nothing more will come; at its end there is an end to wait
    os.kill(os.getpid(), signal.SIGTERM)


def _tell(folder: Path, state: State) -> None:
    checkpoints.save(state, folder / str(len(state.history["epoch"])))


def _nothing(state: State) -> None:
    pass
