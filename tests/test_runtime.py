"""The machine around a run: what is borrowed is given back, and what was refused is said."""

import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from course_lib import training
from course_lib.descendants import HierarchicalVAE
from course_lib.evaluation import nll, refined_posterior
from course_lib.training import runtime
from course_lib.training.runtime import evaluating, keep_freed_memory, own_random_numbers
from course_lib.transforms import face_transform


class MetalGenerator:
    """What Apple's GPUs do with random numbers, without one."""

    def __init__(self, monkeypatch):
        self.state = torch.tensor([5], dtype=torch.uint8)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
        for name in ("get_rng_state", "set_rng_state", "manual_seed"):
            monkeypatch.setattr(torch.mps, name, getattr(self, name))

    def get_rng_state(self):
        return self.state

    def set_rng_state(self, state):
        self.state = state

    def manual_seed(self, seed):
        self.state = torch.tensor([seed], dtype=torch.uint8)


def test_every_devices_random_numbers_are_given_back_after_an_error_too(monkeypatch):
    metal, cpu = MetalGenerator(monkeypatch), torch.get_rng_state()
    with pytest.raises(KeyError), own_random_numbers(9):
        assert metal.state == 9 and torch.initial_seed() == 9
        torch.rand(3)
        raise KeyError
    assert metal.state == 5
    assert torch.equal(torch.get_rng_state(), cpu)


def test_evaluating_gives_every_part_back_as_it_was():
    model = nn.Sequential(nn.Dropout(), nn.Sequential(nn.Dropout(), nn.Linear(2, 2)).eval())
    before = [module.training for module in model.modules()]
    with evaluating(model):
        assert not any(module.training for module in model.modules())
        assert not model(torch.ones(1, 2)).requires_grad
    assert [module.training for module in model.modules()] == before
    assert model(torch.ones(1, 2)).requires_grad


def broken(*_):
    raise ArithmeticError


@pytest.mark.parametrize("evaluate", ["training.evaluate", "nll", "refined_posterior"])
def test_a_model_goes_on_training_after_an_evaluation_that_failed(evaluate):
    model = HierarchicalVAE((3, 6, 5), 13, 7, top_dim=4)
    model.decode = broken
    with pytest.raises(ArithmeticError):
        if evaluate == "training.evaluate":
            images = torch.zeros(2, 3, 6, 5, dtype=torch.uint8)
            training.evaluate(model, broken, images, face_transform(None, (6, 5)))
        else:
            {"nll": nll, "refined_posterior": refined_posterior}[evaluate](
                model, torch.zeros(2, 3, 6, 5)
            )
    assert all(module.training for module in model.modules())


# --- memory that is freed


class Library(SimpleNamespace):
    """A C library whose `mallopt` agrees to nothing above its limit for mapped blocks."""

    def __init__(self, limit, **names):
        super().__init__(asked=[], limit=limit, **names)

    def mallopt(self, which, value):
        self.asked.append(which)
        return int(which != -3 or value <= self.limit)


@pytest.mark.parametrize(
    ("limit", "kept", "asked"), [(1 << 40, True, [-3, -1]), (32 << 20, False, [-3])]
)
def test_whether_glibc_keeps_memory_is_told_and_half_of_it_is_not_set(
    limit, kept, asked, monkeypatch
):
    library = Library(limit, gnu_get_libc_version=None)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(runtime.ctypes, "CDLL", lambda name: library)
    assert keep_freed_memory() is kept
    assert library.asked == asked


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_other_systems_are_not_asked(platform, monkeypatch):
    library = Library(1 << 40)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(runtime.ctypes, "CDLL", lambda name: library)
    assert keep_freed_memory() is False
    assert library.asked == []


BLOCKS = """
import resource
import torch
from course_lib.training.runtime import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        torch.empty(48 << 20, dtype=torch.uint8).fill_(1)  # above glibc's own limit of 32 MB
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

each = faults()
agreed = keep_freed_memory()
faults()  # the heap grows to what is needed
print(agreed, each, faults())
"""


def test_memory_is_kept_where_glibc_agrees():
    """Blocks that are given back fault their pages in each time; kept, only at first."""
    if not keep_freed_memory():
        pytest.skip("This system's C library does not let freed memory be kept.")
    run = subprocess.run([sys.executable, "-c", BLOCKS], capture_output=True, text=True, check=True)
    agreed, each, kept = run.stdout.split()
    assert agreed == "True" and int(kept) < int(each) / 100


def test_pictures_go_to_a_card_that_has_room_for_them_twice(monkeypatch):
    images = torch.zeros(5, 1, 2, 2, dtype=torch.uint8)  # 20 bytes
    card, moved = torch.device("cuda", 0), []
    monkeypatch.setattr(torch.Tensor, "to", lambda tensor, device: moved.append(device) or tensor)
    for free, goes in ((39, []), (40, [card])):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _, free=free: (free, 99))
        assert runtime.on_the_device(images, card) is images and moved == goes
    assert runtime.on_the_device(images, torch.device("cpu")) is images
    assert runtime.on_the_device([1, 2], card) == [1, 2], "what stays on disk stays there"
    assert moved == [card]
