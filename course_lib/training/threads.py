"""How many threads a computation is worth.

Threads wait for one another after every operation. Where an operation is short they wait longer
than they work, and beside any other busy program, when one of them has no core, all wait for it:
small networks were seen up to ten times slower on two threads than on one.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager

import torch
from threadpoolctl import threadpool_limits
from torch import nn

# Multiply-adds of a forward pass that are worth a second thread. Below, two threads gain next to
# nothing on two free cores; see tests/benchmarks/threads.py.
WORTH = 650_000_000


@contextmanager
def one_thread() -> Generator[None]:
    """Run a block on one thread, PyTorch, NumPy and scikit-learn alike, then as before.

    Also a decorator: ``@one_thread()``.
    """
    threads = torch.get_num_threads()
    with threadpool_limits(1):
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)


@contextmanager
def threads_worth(work: int) -> Generator[None]:
    """Run a block on one thread if it is little work, else on as many as PyTorch would take.

    Parameters
    ----------
    work : int
        `multiply_adds` of what the block does again and again.
    """
    if work >= WORTH:
        yield
        return
    with one_thread():
        yield


def multiply_adds(network: nn.Module, run: Callable[[], object]) -> int:
    """Multiplications with weights that a network does meanwhile.

    PyTorch's own counter, ``FlopCounterMode``, counts the rest too, but has to load PyTorch's
    compiler for it, which takes a second and a half.

    Parameters
    ----------
    network : nn.Module
    run : callable
        Does a forward pass.

    Returns
    -------
    int
        Of all linear and convolutional layers.
    """
    counted = 0

    def count(layer: nn.Module, inputs: tuple[torch.Tensor], output: torch.Tensor) -> None:
        nonlocal counted
        # A transposed convolution spreads each number that comes in.
        numbers = inputs[0] if isinstance(layer, nn.ConvTranspose2d) else output
        counted += numbers.numel() * layer.weight[0].numel()  # ty: ignore[not-subscriptable]

    layers = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d)
    hooks = [m.register_forward_hook(count) for m in network.modules() if isinstance(m, layers)]
    try:
        run()
    finally:
        for hook in hooks:
            hook.remove()
    return counted
