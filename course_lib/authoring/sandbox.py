"""Students' code, run in a process of its own: what becomes of that harms nobody's marks.

It is no wall against malice: the code may read and write what whoever grades may.
"""

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from math import ceil
from multiprocessing import get_all_start_methods, get_context
from multiprocessing.connection import Connection
from typing import Any

import torch

from course_lib.authoring.answers import Answer

_LARGEST = 10_000_000  # bytes of a reply
_PATIENCE = 20  # a busy machine may need so many times longer than the code computes
# A fork of a server that has PyTorch already starts in no time; Windows knows no fork.
_CONTEXT: Any = get_context("forkserver" if "forkserver" in get_all_start_methods() else "spawn")
_CONTEXT.set_forkserver_preload(["__main__", "torch", __name__])


class Failed(Exception):
    """An answer that gives nothing to judge, and why."""


def run(answer: Answer, arguments: Sequence[tuple] = (), *, seconds: int = 10) -> list[Any]:
    """Run an answer in a new process.

    Parameters
    ----------
    answer : Answer
    arguments : sequence of tuple
        Call what the expression gives with each of them; if there are none, take it as it is.
    seconds : int
        Of computing. (Where the system cannot count them, twenty times as many by the clock.)

    Returns
    -------
    list
        For each of the arguments a tensor, a string, or None where there is nothing.

    Raises
    ------
    Failed
        If it raises, ends its process, takes too long or gives neither; half a sentence.
    """
    receiver, sender = _CONTEXT.Pipe(duplex=False)
    process = _CONTEXT.Process(target=_child, args=(sender, answer, arguments, seconds))
    process.daemon = True  # it ends with us
    process.start()
    sender.close()
    try:
        _await_start(receiver)
        if not receiver.poll(_PATIENCE * seconds):
            raise Failed(f"it computes for longer than {seconds} s")
        reply = json.loads(receiver.recv_bytes(_LARGEST))  # not `recv`: that would run pickles
    except EOFError:
        process.join()
        late = process.exitcode == -getattr(signal, "SIGXCPU", 0)
        why = f"it computes for longer than {seconds} s" if late else "it ends the process"
        raise Failed(why) from None
    except (OSError, ValueError):
        raise Failed("what it gives is too much to read") from None
    finally:
        process.kill()
        process.join()
    if "failed" in reply:
        raise Failed(reply["failed"])
    return [_decoded(one) for one in reply["results"]]


def _await_start(receiver: Connection) -> None:
    """The answer's time begins now: to import PyTorch is nobody's answer, nor to fail at it."""
    try:
        receiver.recv_bytes()
    except EOFError:
        raise RuntimeError("No process could be started for a student's code.") from None


def _child(sender: Connection, answer: Answer, arguments: Sequence[tuple], seconds: int) -> None:
    _limit(seconds)
    sender.send_bytes(b"ready")
    sys.stdin = open(os.devnull)  # noqa: SIM115
    sys.stdout = sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    try:
        value = _value(answer)
        given = [value(*one) for one in arguments] if arguments else [value]
        reply = {"results": [_encoded(one) for one in given]}
    except BaseException as error:  # SystemExit and KeyboardInterrupt too
        reply = {"failed": f"it raises {type(error).__name__}: {error}"[:300]}
    sender.send_bytes(json.dumps(reply).encode())
    os._exit(0)  # whatever the code has left running


def _limit(seconds: int) -> None:
    with contextlib.suppress(ImportError):  # on Windows
        import resource

        until = ceil(time.process_time()) + seconds
        resource.setrlimit(resource.RLIMIT_CPU, (until, until + 1))


def _value(answer: Answer) -> Any:
    """The expression's value, after its program. Cells may have been reordered: what lacks a name
    waits for the others; what fails otherwise is left, as one goes on in a notebook."""
    names: dict[str, Any] = {"__name__": "__main__", "display": lambda *these, **how: None}
    waiting, failed = list(answer.program), None
    while waiting:
        late = []
        for statement in waiting:
            try:
                exec(compile(statement, "<cell>", "exec"), names)
            except NameError:
                late.append(statement)
            except Exception as error:
                failed = error
        if len(late) == len(waiting):
            break
        waiting = late
    try:
        return eval(answer.expression, names)
    except NameError as error:
        raise failed or error from None


def _encoded(value: Any) -> dict[str, Any]:
    if value is None or value is ...:
        return {"nothing": True}
    if isinstance(value, str):
        return {"words": value}
    try:
        tensor = torch.as_tensor(value).detach().double()
    except Exception:
        raise TypeError(f"numbers are asked for, not {type(value).__name__}") from None
    return {"shape": list(tensor.shape), "numbers": tensor.flatten().tolist()}


def _decoded(told: dict[str, Any]) -> Any:
    if "numbers" in told:
        return torch.tensor(told["numbers"], dtype=torch.float64).reshape(told["shape"])
    return told.get("words")
