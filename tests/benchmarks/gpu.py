"""What share of a card's matrix products does `training.fit` reach, and what takes the rest?

    python tests/benchmarks/gpu.py

The limit is measured for each kind of number: products of square matrices as large as the card does
them best. A training picture costs the multiplications that PyTorch's own counter finds in a step,
forward and back; images/s times these, by the limit, is the share. Networks are those of the course
at 64 × 64: the homework's autoencoder, the VAE, the convolutional VAE, this one also with its
weights in the order that cards prefer, ``.to(memory_format=torch.channels_last)``, and two with a
compiled objective. Pictures lie on the card. The first of the epochs is left out as warm-up; of the
others the median counts. In the end PyTorch's profiler says where the time of a step goes. Without
a card it prints a line and ends.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from inspect import unwrap
from types import SimpleNamespace

import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from course_lib import training
from course_lib.models import ConvolutionalVAE, FullyConnectedAutoencoder, FullyConnectedVAE
from course_lib.objectives import elbo, squared_error

NO_CARD = "No NVIDIA card was found, so there is nothing to measure."
KINDS = {"fp32": "32-true", "tf32": "32-true", "bf16": "bf16-mixed"}
BATCHES, STEPS, EPOCHS = (128, 1024), 40, 4
SIDES, PRODUCTS = (4096, 8192), 10


def channels_last(shape: tuple[int, int, int]) -> nn.Module:
    return ConvolutionalVAE(shape).to(memory_format=torch.channels_last)


NETWORKS = {
    "autoencoder": (FullyConnectedAutoencoder, squared_error),
    "VAE": (FullyConnectedVAE, elbo),
    "convolutional VAE": (ConvolutionalVAE, elbo),
    "convolutional VAE, channels last": (channels_last, elbo),
    "VAE, compiled": (FullyConnectedVAE, torch.compile(elbo)),
    "convolutional VAE, compiled": (ConvolutionalVAE, torch.compile(elbo)),
}


@contextmanager
def numbers(kind: str) -> Iterator[None]:
    """Let products of float32 be rounded to tf32, or not."""
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = kind == "tf32"
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


def wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def limit(kind: str, device: str, sides: tuple[int, ...]) -> float:
    """The most multiplications with additions, two operations each, in a second."""
    best = 0.0
    for side in sides:
        dtype = torch.bfloat16 if kind == "bf16" else torch.float32
        a, b = (torch.randn(side, side, dtype=dtype, device=device) for _ in "ab")
        for _ in range(2):
            a @ b
        wait(device)
        start = time.perf_counter()
        for _ in range(PRODUCTS):
            a @ b
        wait(device)
        best = max(best, PRODUCTS * 2 * side**3 / (time.perf_counter() - start))
    return best


def operations(build: Callable, objective: Callable, shape: tuple[int, int, int]) -> float:
    """Of a training step, for one picture."""
    network, x = build(shape), torch.rand(2, *shape)
    with FlopCounterMode(display=False) as counter:
        unwrap(objective)(network, x).loss.mean().backward()
    return counter.get_total_flops() / len(x)


def run(build, objective, shape, batch: int, kind: str, device: str, steps: int) -> float:
    """Pictures a second of `training.fit`."""
    images = torch.randint(0, 256, (batch * steps, *shape), dtype=torch.uint8)
    data = SimpleNamespace(train=images, validation=images[:batch])
    settings = {"epochs": EPOCHS, "batch_size": batch, "device": device, "progress": False}
    with numbers(kind):
        state = training.fit(
            partial(build, shape), objective, data, precision=KINDS[kind], **settings
        )
    return statistics.median(state.history["images_per_second"][1:])


def table(device: str, shape=(3, 64, 64), batches=BATCHES, steps=STEPS, sides=SIDES) -> None:
    limits = {}
    for kind in KINDS:
        with numbers(kind):
            limits[kind] = limit(kind, device, sides)
    print("Matrix products:", ", ".join(f"{k} {v / 1e12:.3g} TFLOP/s" for k, v in limits.items()))
    print(
        "\n| network | batch | " + " | ".join(f"{kind}, images/s (share)" for kind in KINDS) + " |"
    )
    print("| --- | --- |" + " --- |" * len(KINDS))
    for name, (build, objective) in NETWORKS.items():
        cost = operations(build, objective, shape)
        for batch in batches:
            row = f"| {name} | {batch:,} |"
            for kind in KINDS:
                speed = run(build, objective, shape, batch, kind, device, steps)
                row += f" {speed:,.0f} ({speed * cost / limits[kind]:.2f}) |"
            print(row, flush=True)


def where(device: str, shape=(3, 64, 64), batch=BATCHES[-1], steps=STEPS, rows=8) -> None:
    """Print what takes the time of the autoencoder's and the convolutional VAE's steps."""
    on_card = device == "cuda"
    activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * on_card
    for name in ("autoencoder", "convolutional VAE"):
        with profile(activities=activities) as profiled:
            run(*NETWORKS[name], shape, batch, "bf16", device, steps)
        spent = {
            one.key: one.self_device_time_total if on_card else one.self_cpu_time_total
            for one in profiled.key_averages()
        }
        print(f"\n| {name}, batch {batch:,}, bf16 | share of the time |\n| --- | --- |")
        for key, microseconds in sorted(spent.items(), key=lambda item: -item[1])[:rows]:
            print(f"| `{key[:70]}` | {microseconds / sum(spent.values()):.3f} |")


def main() -> None:
    if not torch.cuda.is_available():
        print(NO_CARD)
        return
    print(f"{torch.cuda.get_device_name()}, PyTorch {torch.__version__}")
    table("cuda")
    where("cuda")


if __name__ == "__main__":
    main()
