"""What a computation depends on, as one short text: so that a stored result is taken for no other.

Names lie: a function that was edited keeps its name, a network that was trained keeps its shape.
So content is looked at, down to the bytecode of functions and the bytes of tensors.
"""

import dis
import hashlib
import inspect
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from contextlib import _GeneratorContextManager
from functools import partial
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from course_lib.transforms import Pictures

_HERE = __name__.partition(".")[0]
_STDLIB = Path(sysconfig.get_path("stdlib"))
_INSTALLED = {"site-packages", "dist-packages"}  # wherever: a user's, Debian's, an environment's
# What Python itself adds to a class; none of it changes what the class does.
_ADDED = {
    "__annotations__", "__dict__", "__doc__", "__firstlineno__", "__module__", "__qualname__",
    "__slotnames__", "__static_attributes__", "__weakref__", "_abc_impl",
}  # fmt: skip
_DOCSTRING = getattr(inspect, "CO_HAS_DOCSTRING", 0)  # a flag from Python 3.14 on
_OF_EVERY_MODULE = vars(nn.Module()).keys()


def fingerprint(*things: Any) -> str:
    """Digest of the content of things, the same in every process as long as nothing changes.

    Tensors and arrays count by their bytes; networks by their class, attributes and weights;
    functions and classes by what they do, with all that they use of this course, of a notebook or
    of the user's own files; those of installed packages by their name. Comments, docstrings and
    line numbers do not count. An object counts by its class and attributes, unless it has a method
    ``identity()`` that says what counts.

    Parameters
    ----------
    *things

    Returns
    -------
    str
        16 hexadecimal digits.

    Raises
    ------
    TypeError
        For something whose content Python cannot tell, such as an open file.
    """
    return _Digests().of(things).hex()[:16]


def content(images: Pictures) -> str:
    """What a run's settings say of its pictures: their shape and fingerprint."""
    return f"{list(images.shape)} {fingerprint(images)}"


class _Digests:
    """Digests of things, each worked out once."""

    def __init__(self):
        self.known: dict[int, tuple[bytes, Any]] = {}  # the thing too, lest its id be used again

    def of(self, thing: Any) -> bytes:
        if isinstance(thing, memoryview):
            return hashlib.blake2b(thing).digest()
        if thing is None or isinstance(thing, bool | int | float | complex | str | bytes | Path):
            return hashlib.blake2b(f"{type(thing).__name__} {thing!r}".encode()).digest()
        if id(thing) not in self.known:
            self.known[id(thing)] = b"cycle", thing  # what it finds when it holds itself
            digest = hashlib.blake2b(type(thing).__name__.encode())
            for part in self.parts(thing):
                digest.update(self.of(part))
            self.known[id(thing)] = digest.digest(), thing
        return self.known[id(thing)][0]

    def parts(self, thing: Any) -> Iterator[Any]:
        """What a thing consists of."""
        if hasattr(type(thing), "identity"):
            yield thing.identity()
        elif isinstance(thing, Tensor):
            yield from (str(thing.dtype), tuple(thing.shape), thing.requires_grad)
            yield _bytes(thing.detach().cpu())
        elif isinstance(thing, np.ndarray) and not thing.dtype.hasobject:
            yield from (str(thing.dtype), thing.shape, np.ascontiguousarray(thing).data)
        elif isinstance(thing, Mapping):
            yield from (part for item in thing.items() for part in item)
        elif isinstance(thing, set | frozenset):
            yield from sorted(self.of(member) for member in thing)
        elif isinstance(thing, list | tuple):
            yield from thing
        elif isinstance(thing, nn.Module):
            yield type(thing)
            yield {name: v for name, v in vars(thing).items() if name not in _OF_EVERY_MODULE}
            yield from (dict(thing._parameters), dict(thing._buffers), dict(thing._modules))
        elif isinstance(thing, partial):
            yield from (thing.func, thing.args, dict(sorted(thing.keywords.items())))
        elif isinstance(thing, _GeneratorContextManager):  # a decorator such as @one_thread()
            yield from (thing.func, thing.args, thing.kwds)
        elif hasattr(thing, "_torchdynamo_orig_callable"):  # torch.compile's, with caches around it
            yield from ("compiled", thing._torchdynamo_orig_callable)
        elif isinstance(thing, MethodType):
            yield from (thing.__func__, thing.__self__)
        elif isinstance(thing, FunctionType):
            yield from _parts_of_function(thing)
        elif isinstance(thing, type):
            yield from _parts_of_class(thing)
        elif isinstance(thing, ModuleType):
            yield thing.__name__
        elif isinstance(thing, BuiltinFunctionType):
            yield from (thing.__module__, thing.__qualname__)
        else:
            yield from _parts_of_object(thing)


def _parts_of_function(function: FunctionType) -> Iterator[Any]:
    yield from (function.__module__, function.__qualname__)
    if _may_change(function):
        yield from (function.__defaults__, function.__kwdefaults__)
        yield from (cell.cell_contents for cell in function.__closure__ or ())
        yield from _parts_of_code(function.__code__, function.__globals__)


def _parts_of_code(code: CodeType, names: dict[str, Any]) -> Iterator[Any]:
    yield from (code.co_argcount, code.co_kwonlyargcount)
    yield from (code.co_flags & ~_DOCSTRING, code.co_freevars)
    for step in dis.get_instructions(code):
        yield step.opname
        if isinstance(step.argval, CodeType):
            yield from _parts_of_code(step.argval, names)
        elif step.opcode in dis.hasconst or step.opcode in dis.hasname:
            yield step.argval  # not its number, which a docstring may move
        else:
            yield step.arg
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            used = names.get(step.argval)
            yield used
            if isinstance(used, ModuleType) and _is_ours(used):  # latents.shift: look in latents
                yield from (getattr(used, attribute, None) for attribute in code.co_names)


def _parts_of_class(cls: type) -> Iterator[Any]:
    yield from (cls.__module__, cls.__qualname__)
    if not _may_change(cls):
        return
    yield cls.__bases__
    for name, member in sorted(vars(cls).items()):
        if name in _ADDED:
            continue
        yield name
        if isinstance(member, property):
            yield from (member.fget, member.fset)
        elif isinstance(member, classmethod | staticmethod):
            yield member.__func__
        elif not inspect.isdatadescriptor(member):  # neither a slot nor a named tuple's field
            yield member


def _parts_of_object(thing: Any) -> Iterator[Any]:
    yield type(thing)
    if hasattr(thing, "__dict__"):
        yield vars(thing)
        return
    try:
        yield thing.__reduce_ex__(4)
    except TypeError as error:
        raise TypeError(
            f"A {type(thing).__name__} has no content that could be compared with a stored run's: "
            "leave it out of model, objective and transform, or give its class a method identity()."
        ) from error


def _bytes(tensor: Tensor) -> memoryview:
    return memoryview(tensor.contiguous().reshape(-1).view(torch.uint8).numpy())


def _may_change(thing: FunctionType | type) -> bool:
    """Whether its code is looked at: that of installed packages is known by their names."""
    module = sys.modules.get(thing.__module__ or "")
    return module is None or _is_ours(module)


def _is_ours(module: ModuleType) -> bool:
    if module.__name__.partition(".")[0] in (_HERE, "__main__"):
        return True
    file = getattr(module, "__file__", None)
    if file is None:
        return False
    return _STDLIB not in Path(file).parents and _INSTALLED.isdisjoint(Path(file).parts)
