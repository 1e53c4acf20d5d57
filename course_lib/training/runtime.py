"""The machine around a training run: device, random numbers, interrupts, memory."""

import ctypes
import signal
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from course_lib.transforms import Pictures


def choose_device(
    device: str | torch.device = "auto", count: int = 1
) -> tuple[str, int | list[int]]:
    """Pick where to compute: what was asked for, or the first there is of cuda, mps, cpu.

    Parameters
    ----------
    device : {"auto", "cuda", "cuda:1", "mps", "cpu"} or torch.device
    count : int
        How many of them. Of CPUs there are as many as one likes: each is a process.

    Returns
    -------
    kind : str
        "cuda", "mps" or "cpu".
    devices : int or list of int
        So many of that kind, or the one that a number was given of.

    Raises
    ------
    ValueError
        If the device is unknown or not on this machine, or there are not as many.
    """
    there = ["cuda"] * torch.cuda.is_available() + ["mps"] * torch.backends.mps.is_available()
    there.append("cpu")
    kind, _, number = (there[0] if str(device) == "auto" else str(device)).partition(":")
    here = torch.cuda.device_count() if kind == "cuda" else 1
    known = number == "" or (number.isdecimal() and int(number) < here)
    if kind not in there or not known:
        raise ValueError(
            f"There is no device {str(device)!r} here, only {', '.join(there)}: use one of them, "
            "or device='auto'."
        )
    if kind != "cpu" and count > (here := 1 if number else here):
        raise ValueError(
            f"{count} devices were asked for, but there is {here} of {str(device)!r} here: ask for "
            "so many, or for processes on the CPU with device='cpu'."
        )
    return kind, [int(number)] if number and kind == "cuda" else count


def on_the_device(images: Pictures, device: torch.device) -> Pictures:
    """Pictures that fit go to the graphics card once, and batches are gathered there.

    Parameters
    ----------
    images : Tensor or StoredImages
    device : torch.device

    Returns
    -------
    Tensor or StoredImages
        On the device, if it is a CUDA card and half of its free memory is enough; else as it was.
    """
    if device.type != "cuda" or not isinstance(images, Tensor):
        return images
    free, _ = torch.cuda.mem_get_info(device)
    return images.to(device) if images.nbytes <= free / 2 else images


@contextmanager
def own_random_numbers(seed: int) -> Generator[None]:
    """Run a block on random numbers of its own, and give the caller's stream back untouched."""
    before = random_state()  # torch.random.fork_rng would leave MPS's out
    try:
        torch.manual_seed(seed)
        yield
    finally:
        set_random_state(before)


def random_state() -> dict[str, torch.Tensor]:
    """The states of torch's random number generators, by device."""
    state = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state()
    if torch.backends.mps.is_available():
        state["mps"] = torch.mps.get_rng_state()
    return state


def set_random_state(state: dict[str, torch.Tensor]) -> None:
    """Put `random_state` back, for the devices that are here."""
    torch.set_rng_state(state["cpu"])
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])
    if "mps" in state and torch.backends.mps.is_available():
        torch.mps.set_rng_state(state["mps"])


@contextmanager
def evaluating(model: nn.Module) -> Generator[None]:
    """Evaluation mode and no gradients; the model is given back as it was, every part of it."""
    before = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, training in before:
            module.training = training


@contextmanager
def stop_on_interrupt() -> Generator[threading.Event]:
    """Turn the first Ctrl-C, or SIGTERM, into a polite request, so that no step is cut in two.

    Yields
    ------
    threading.Event
        Set once an interrupt has come. A second one raises KeyboardInterrupt at once. Outside
        the main thread, where Python allows no signal handlers, it is never set.
    """
    asked = threading.Event()

    def ask(*_) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    previous = {which: signal.signal(which, ask) for which in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for which, handler in previous.items():
            signal.signal(which, handler)


def keep_freed_memory() -> bool:
    """Let glibc keep the memory that gradients leave behind, instead of giving it back.

    A step of the homework's model frees and asks again for 100 MB of gradients. Above 32 MB
    glibc hands each block back to the kernel, which then clears 25,000 pages anew every step:
    about a fifth of the step's time.

    It holds for the whole process, whatever else runs in it, and until its end: blocks of up to
    1 GB that are freed stay with the process, to be used again.

    Returns
    -------
    bool
        Whether glibc agreed. Elsewhere than on Linux with glibc there is nothing to ask, and
        older ones allow no more than 32 MB: all then stays as it was.
    """
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "gnu_get_libc_version"):
        return False
    trim_threshold, mmap_threshold = -1, -3  # from malloc.h; mallopt answers 1 for yes
    # In this order: setting either ends glibc's own tuning, so refused means nothing was set.
    return all(libc.mallopt(which, 1 << 30) == 1 for which in (mmap_threshold, trim_threshold))
