"""What the fault scripts share: a fault is tried so many times, and each time something is lost or
nothing is.

A fault is a function of a `random.Random` and an empty folder, which tries it once and returns what
was lost, in words, or None. What is killed, filled or starved is a fork of the script: everything
is imported by then, so that a trial takes tenths of a second.
"""

import argparse
import os
import random
import re
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch

from course_lib.datasets import Splits
from course_lib.models import FullyConnectedVAE
from course_lib.objectives import elbo
from course_lib.training import State, fit_or_load
from course_lib.training.fingerprint import fingerprint
from course_lib.transforms import face_transform

SHAPE = (3, 8, 8)
WHOLE = face_transform(None, SHAPE[1:])
LONGEST = 120  # seconds until a trial counts as hanging
STOPPED = 130  # the exit status of what was interrupted
Fault = Callable[[random.Random, Path], str | None]

torch.set_num_threads(1)  # a fork of a program with threads would wait for those that it lost


class Ended(NamedTuple):
    """How a fork ended: its exit status, or minus the signal that ended it, and its last words."""

    status: int
    told: str


def forked(
    work: Callable[[], object], *, after: float | None = None, by: int = signal.SIGKILL
) -> Ended:
    """Run something in a fork of this process, and after so many seconds send it a signal."""
    child, told = begun(work)
    if after is not None:
        time.sleep(after)
        os.kill(child, by)
    return ended(child, told)


def begun(work: Callable[[], object]) -> tuple[int, int]:
    """A fork that has begun: its number, and a file of what it tells."""
    told = os.memfd_create("told") if hasattr(os, "memfd_create") else _unnamed()
    sys.stdout.flush()
    if (child := os.fork()) == 0:
        status = 1
        try:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            signal.alarm(LONGEST)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.dup2(told, 2)
            sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
            work()
            status = 0
        except SystemExit as stop:
            status = stop.code if isinstance(stop.code, int) else 1
            if isinstance(stop.code, str):
                print(stop.code, file=sys.stderr)
        except KeyboardInterrupt as interrupt:  # no command caught it
            status = STOPPED
            print(interrupt if interrupt.args else "Stopped.", file=sys.stderr)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)
    return child, told


def ended(child: int, told: int) -> Ended:
    """Wait for a fork."""
    _, status = os.waitpid(child, 0)
    with open(told, "rb") as file:
        file.seek(0)
        lines = re.split(r"[\r\n]", file.read().decode(errors="replace"))
    words = "\n".join(line for line in lines if line.strip() and "%|" not in line)  # no bars
    return Ended(os.waitstatus_to_exitcode(status), words)


def _unnamed() -> int:
    return os.dup(tempfile.TemporaryFile().fileno())


def sentence(words: str) -> bool:
    """Whether a program's last words are one sentence, and no traceback."""
    last = words.strip().splitlines()[-1:] or [""]
    return last[0].endswith(".") and "Traceback" not in words


def pictures(n: int = 120) -> Splits:
    """The same random ones each time."""
    generator = torch.Generator().manual_seed(1)
    drawn = torch.randint(256, (n, *SHAPE), generator=generator, dtype=torch.uint8)
    tenth = n // 10
    return Splits(*drawn.split([n - 2 * tenth, tenth, tenth]))


def build() -> FullyConnectedVAE:
    return FullyConnectedVAE(SHAPE, 64, 8)


def train(folder: Path, epochs: int = 6) -> State:
    """A run of `fit_or_load`, kept in a folder."""
    os.environ["COURSE_DATA"] = str(folder)
    settings = {"batch_size": 16, "transform": WHOLE, "device": "cpu", "progress": False}
    return fit_or_load("run", build, elbo, pictures(), epochs=epochs, **settings)


def content(state: State) -> str:
    """What a run has learned, and what it says of it but for its speed."""
    told = {name: numbers for name, numbers in state.history.items() if "second" not in name}
    return fingerprint(state.model.state_dict(), told)


def at_most(times: int) -> Callable[[Fault], Fault]:
    """A fault that is tried no more often, as it takes long or is the same each time."""

    def marked(fault: Fault) -> Fault:
        fault.at_most = times
        return fault

    return marked


def slow(fault: Fault) -> Fault:
    """A fault that takes seconds: left out of what `make test` tries."""
    fault.slow = True
    return fault


def table(faults: dict[str, Fault], times: int, seed: int = 0) -> int:
    """Try faults, print a row of the table for each, and return how many times something was lost.

    Under the table stands what was lost first.
    """
    all_lost, first = 0, []
    for name, fault in faults.items():
        chance, lost = random.Random(f"{seed} {name}"), []
        each = min(times, getattr(fault, "at_most", times))
        for number in range(each):
            with tempfile.TemporaryDirectory(prefix="faults-") as folder:
                try:
                    found = fault(chance, Path(folder))
                except Skipped as reason:
                    print(f"| {name} | not tried: {reason} | | |", flush=True)
                    break
                except Exception as error:
                    found = f"{type(error).__name__}: {error}"
            if found is not None:
                lost.append(f"{name}, trial {number}: {found}")
        else:
            tried = each * getattr(fault, "size", 1)
            print(f"| {name} | {tried:,} | {tried - len(lost):,} | {len(lost)} |", flush=True)
        all_lost += len(lost)
        first += lost[:3]
    if first:
        print("\n" + "\n".join(first), flush=True)
    return all_lost


HEAD = "| fault | times | survived | lost |\n| --- | --- | --- | --- |"


class Skipped(Exception):
    """A fault that this machine cannot be given."""


def main(faults: dict[str, Fault]) -> None:
    """The command line of a script, or of all of them."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--times", type=int, default=50, help="how often each fault is tried")
    asked.add_argument("--seed", type=int, default=0)
    asked.add_argument("--quick", action="store_true", help="leave out what takes seconds")
    asked.add_argument("--only", default="", help="faults with these words in their names")
    options = asked.parse_args()
    if not hasattr(os, "fork"):
        sys.exit("These scripts fork, which Windows cannot.")
    os.environ["PYTHONWARNINGS"] = "ignore"  # of the commands that are begun
    chosen = {
        name: fault
        for name, fault in faults.items()
        if options.only in name and not (options.quick and hasattr(fault, "slow"))
    }
    print(HEAD, flush=True)
    sys.exit(min(1, table(chosen, options.times, options.seed)))
