"""What a second thread is worth to networks of the course, alone and beside another program.

    python tests/benchmarks/threads.py

For each network a training step is timed on one thread and on as many as PyTorch takes, first
alone, then beside one program per core but one that never rests. `threads.WORTH` was chosen from
this table: from there on the second thread pays on free cores.
"""

import contextlib
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from functools import partial

import torch

from course_lib.models import (
    ConvolutionalVAE,
    FullyConnectedAutoencoder,
    FullyConnectedVAE,
    LinearAutoencoder,
)
from course_lib.objectives import elbo, squared_error
from course_lib.training.threads import multiply_adds

SECONDS = 2.0  # of each timing
SMALL, MIDDLE, WHOLE = (3, 16, 16), (3, 24, 24), (3, 64, 64)
NETWORKS = {
    "linear autoencoder, 8×8": (LinearAutoencoder((3, 8, 8), 8), squared_error, 128),
    "VAE, 16×16": (FullyConnectedVAE(SMALL, 128, 16), elbo, 64),
    "VAE, 32×32": (FullyConnectedVAE((3, 32, 32), 256, 32), elbo, 50),
    "convolutional VAE, 24×24, 16 channels": (ConvolutionalVAE(MIDDLE, 16, 16), elbo, 64),
    "convolutional VAE, 24×24, 32 channels": (ConvolutionalVAE(MIDDLE, 32, 16), elbo, 64),
    "VAE, 64×64, 512 hidden units": (FullyConnectedVAE(WHOLE, 512, 32), elbo, 64),
    "the homework's": (FullyConnectedAutoencoder(), squared_error, 128),
}


def work_for_ever() -> None:
    """Keep a core busy."""
    while True:
        pass


@contextlib.contextmanager
def busy(programs: int) -> Iterator[None]:
    """Run other programs meanwhile."""
    others = [multiprocessing.Process(target=work_for_ever, daemon=True) for _ in range(programs)]
    for other in others:
        other.start()
    yield
    for other in others:
        other.kill()
        other.join()


def seconds_per_step(step: Callable[[], None], threads: int) -> float:
    """Mean wall time of a training step."""
    torch.set_num_threads(threads)
    for _ in range(3):
        step()
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < SECONDS:
        step()
        count += 1
    return (time.perf_counter() - start) / count


def main() -> None:
    """Print the table."""
    threads, cores = torch.get_num_threads(), os.cpu_count() or 1
    print(f"{threads} threads against one, {cores} cores; ms per step, and how much faster\n")
    print("| network | million multiply-adds | alone: 1, all | | busy: 1, all | |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, (network, objective, batch) in NETWORKS.items():
        x = 2 * torch.rand(batch, *network.image_shape) - 1
        optimizer = torch.optim.Adam(network.parameters(), fused=True)

        def step(network=network, objective=objective, x=x, optimizer=optimizer) -> None:
            objective(network, x).loss.mean().backward()
            optimizer.step()
            optimizer.zero_grad()

        work = multiply_adds(network, partial(objective, network, x)) / 1e6
        row = f"| {name} | {work:.0f} |"
        for programs in (0, max(1, cores - 1)):
            with busy(programs):
                one, all_ = (1e3 * seconds_per_step(step, n) for n in (1, threads))
            row += f" {one:.1f}, {all_:.1f} | {one / all_:.2f}× |"
        print(row, flush=True)


if __name__ == "__main__":
    main()
