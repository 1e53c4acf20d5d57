"""Weights from anybody's file, and nothing but weights: nothing in the file is run."""

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

# What wrappers put before the names of the weights: nn.DataParallel, torch.compile, and those
# that hold a model as such, `training.save` and Lightning.
PREFIXES = ("module.", "_orig_mod.", "model.")
# Beside the weights there may be a best loss, a path, an optimiser: not looked at.
HARMLESS = ("numpy.", "pathlib.", "collections.")


def load_weights(path: str | Path, model: nn.Module) -> nn.Module:
    """Fill a model with the weights in a file.

    Parameters
    ----------
    path : path
        A state dict; a dict that holds one, whatever it is called there; a whole module as
        ``torch.save(model, path)`` pickles it, wherever its class was defined; or safetensors.
        Weights of a model that was compiled or in a ``DataParallel`` are found as well.
    model : nn.Module
        Of the same names and shapes. Where the file knows no likelihood, the model's stays.

    Returns
    -------
    nn.Module
        The model, set to evaluate.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it holds no weights, wants to run something, or fits another model; `model` is then as
        it was.

    Notes
    -----
    Pickled files are read by ``torch.load(weights_only=True)``. Whatever class a file names, a
    stand-in takes its place, which holds what the file says of it and can do nothing.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}: correct the path.")
    expected = model.state_dict()
    found = [_stripped(weights, expected) for weights in _state_dicts(_read(path))]
    if not found:
        raise ValueError(f"{path} holds no weights of a model: save model.state_dict() into it.")
    reasons = [_misfit(weights, expected) for weights in found]
    fitting = [weights for weights, reason in zip(found, reasons, strict=True) if not reason]
    if len(fitting) > 1:
        raise ValueError(
            f"{path} holds {len(fitting)} sets of weights that fit: save the one you mean alone."
        )
    if not fitting:
        nearest = max(range(len(found)), key=lambda i: len(expected.keys() & found[i].keys()))
        raise ValueError(
            f"The weights in {path} do not fit this {type(model).__name__}: {reasons[nearest]}; "
            "build the model that was saved."
        )
    model.load_state_dict(fitting[0], strict=False)  # only a likelihood may be missing
    return model.eval()


class _StandIn:
    """What a file describes besides tensors."""

    def __init__(self, *_):
        name = type(self).__name__
        if not name.startswith(HARMLESS):  # unpickled modules are made without __init__
            raise UnpicklingError(f"it would call {name}")

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, dict):
            vars(self).update(state)


def _read(path: Path) -> Any:
    try:
        return load_file(path)
    except SafetensorError:
        pass  # one of torch.save's, perhaps
    try:
        names = (
            torch.serialization.get_unsafe_globals_in_checkpoint(path)
            if zipfile.is_zipfile(path)
            else []  # as PyTorch wrote before 1.6: tensors only
        )
        with torch.serialization.safe_globals([(type(n, (_StandIn,), {}), n) for n in names]):
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a file can do wrong
        raise ValueError(
            f"{path} was not read, and nothing in it was run ({_reason(error)}): save "
            "model.state_dict() with torch.save, or give another file."
        ) from None


def _reason(error: Exception) -> str:
    """PyTorch's, without its advice to set weights_only=False, which runs what the file says."""
    if "Unsupported operand" in str(error) or isinstance(error, EOFError):
        return "its bytes are not as torch.save writes them"
    for pattern in (r"error:\s*(.+)", "Trying to load (.+)", "(.+)"):
        if found := re.search(pattern, str(error)):
            return found[1].partition(". ")[0].rstrip(".")
    return type(error).__name__


def _state_dicts(content: Any) -> list[dict[str, Tensor]]:
    """The sets of weights in a file's content: itself, or among its values."""
    if isinstance(content, _StandIn):
        weights = dict(_weights_of(content))
        return [weights] if weights else []
    if not isinstance(content, Mapping) or not content:
        return []
    if all(isinstance(n, str) and isinstance(value, Tensor) for n, value in content.items()):
        return [dict(content)]
    return [weights for value in content.values() for weights in _state_dicts(value)]


def _weights_of(module: Any, prefix: str = ""):
    """The names and tensors of a pickled module's state dict."""
    inside = vars(module) if isinstance(module, _StandIn) else {}
    passing = inside.get("_non_persistent_buffers_set", ())
    for kind in ("_parameters", "_buffers"):
        for name, tensor in inside.get(kind, {}).items():
            if isinstance(tensor, Tensor) and name not in passing:
                yield f"{prefix}{name}", tensor.detach()
    for name, part in inside.get("_modules", {}).items():
        yield from _weights_of(part, f"{prefix}{name}.")


def _stripped(weights: dict[str, Tensor], expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Without what wrappers put before the names."""
    while not expected.keys() & weights.keys():
        prefix = next((p for p in PREFIXES if any(n.startswith(p) for n in weights)), None)
        if prefix is None:
            break
        weights = {n.removeprefix(prefix): t for n, t in weights.items() if n.startswith(prefix)}
    return weights


def _misfit(weights: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> str:
    """The first thing that does not fit, in words; empty if all does."""
    for name, tensor in expected.items():
        if name not in weights:
            if name.startswith("likelihood."):
                continue
            return f"there is no {name} among {', '.join(list(weights)[:3])}, …"
        if weights[name].shape != tensor.shape:
            there, here = tuple(weights[name].shape), tuple(tensor.shape)
            return f"{name} has shape {there} there and {here} here"
    if unknown := [name for name in weights if name not in expected]:
        return f"there is {unknown[0]} too"
    return ""
