"""A fingerprint is the same for the same content, and another for any other."""

import enum
import sys
from functools import partial
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import nn

from course_lib import objectives
from course_lib.training import loop
from course_lib.training.fingerprint import fingerprint
from course_lib.training.threads import one_thread


def made(source, name="f", **names):
    """What a notebook's cell defines, run anew."""
    space = {"__name__": "__main__", **names}
    exec(source, space)
    return space[name]


LINE = "def f(x):\n    return x + 1"
DIFFERENT = [
    (1, 1.0),
    (1, True),
    ("1", 1),
    ([1, 2], (1, 2)),
    ([[1], 2], [1, [2]]),
    ({"a": 1}, {"a": 2}),
    (torch.zeros(2, 3), torch.zeros(3, 2)),
    (torch.zeros(2), torch.zeros(2).double()),
    (torch.zeros(2), torch.tensor([0.0, 1e-30])),
    (torch.zeros(2), torch.zeros(2, requires_grad=True)),
    (np.zeros(2), np.ones(2)),
    (nn.ReLU(), nn.Tanh()),
    (nn.LeakyReLU(0.1), nn.LeakyReLU(0.2)),
    (torch.float32, torch.float64),
    (objectives.elbo, objectives.iwae),
    (partial(objectives.elbo, 1), partial(objectives.elbo, 2)),
    (made(LINE), made(LINE.replace("1", "2"))),
    (made(LINE), made(LINE.replace("+", "-"))),
    (made("def f(x=1): return x"), made("def f(x=2): return x")),
    (made("def f(): return g", g=1), made("def f(): return g", g=2)),
    (
        made("def f():\n    return [i for i in g]", g=[1]),
        made("def f():\n    return [i for i in g]", g=[2]),
    ),
    (made("f = lambda: [lambda: 1]"), made("f = lambda: [lambda: 2]")),
    (made("def g(a):\n    def h(): return a\n    return h\nf = g(1)"),
     made("def g(a):\n    def h(): return a\n    return h\nf = g(2)")),
    (made("@decorate()\ndef f(): return 1", decorate=one_thread),
     made("@decorate()\ndef f(): return 2", decorate=one_thread)),
    (made("class f:\n    a = 1"), made("class f:\n    a = 2")),
    (made("class f:\n    @property\n    def a(self): return 1"),
     made("class f:\n    @property\n    def a(self): return 2")),
    (made("class f:\n    @classmethod\n    def a(cls): return 1"),
     made("class f:\n    @classmethod\n    def a(cls): return 2")),
    (made("class B:\n    a = 1\nclass f(B): pass"), made("class B:\n    a = 2\nclass f(B): pass")),
    (made("class f:\n    def __init__(self): self.a = 1\nf = f()"),
     made("class f:\n    def __init__(self): self.a = 2\nf = f()")),
]  # fmt: skip


@pytest.mark.parametrize(("a", "b"), DIFFERENT, ids=range(len(DIFFERENT)))
def test_what_differs_is_told_apart(a, b):
    assert fingerprint(a) != fingerprint(b)
    assert fingerprint(a) == fingerprint(a)


def test_the_layout_in_memory_does_not_count():
    picture = torch.rand(2, 3, 4, 5)
    assert fingerprint(picture) == fingerprint(picture.to(memory_format=torch.channels_last))
    assert fingerprint(picture[:1]) == fingerprint(picture[:1].clone())


def test_neither_comments_nor_docstrings_nor_lines_count():
    told = '\n\n# why\ndef f(x):\n    """What."""\n    # how\n    return x + 1'
    assert fingerprint(made(told)) == fingerprint(made(LINE))
    method = "class f:\n    def a(self): return 1"
    told = 'class f:\n    """What."""\n    def a(self):\n        """How."""\n        return 1'
    assert fingerprint(made(told)) == fingerprint(made(method))


def test_a_name_of_the_notebook_counts_where_it_is_used_and_not_as_an_attribute():
    source = "def f(x): return x.mean()"
    assert fingerprint(made(source)) == fingerprint(made(source, mean=[1, 2]))


def test_what_is_shared_counts_like_a_copy():
    one = [1, 2]
    assert fingerprint([one, one]) == fingerprint([[1, 2], [1, 2]])


def test_things_that_hold_themselves_come_to_an_end():
    held = [1]
    held.append(held)
    assert fingerprint(held) == fingerprint(held) != fingerprint([1, [1]])
    recursive = "def f(n): return f(n - 1)"
    assert fingerprint(made(recursive)) == fingerprint(made(recursive))


def test_an_object_may_say_what_counts():
    class Counting:
        def __init__(self, name):
            self.name, self.calls = name, 0

        def identity(self):
            return self.name

    a, b = Counting("a"), Counting("b")
    before = fingerprint(a)
    a.calls += 1
    assert fingerprint(a) == before != fingerprint(b)


def test_a_compiled_function_is_known_by_what_was_compiled():
    compiled = [
        torch.compile(made(f"def f(x): return x + {n}"), backend="eager") for n in (1, 1, 2)
    ]
    one, again, other = (fingerprint(function) for function in compiled)
    compiled[0](torch.zeros(2))  # fills its caches
    assert fingerprint(compiled[0]) == one == again != other


def test_of_the_training_loop_names_and_numbers_count_and_words_do_not():
    def steps(number=2, words="slow", called="print", doc="One."):
        source = f'def f(x):\n    """{doc}"""\n    {called}("{words}")\n    return x * {number}'
        return fingerprint(*loop._steps(made(source)))

    assert steps() == steps(words="slower", doc="Another.")
    assert len({steps(), steps(number=3), steps(called="len")}) == 3


def test_members_of_an_enum_are_told_apart():
    Colour = enum.Enum("Colour", ["RED", "BLUE"])
    assert fingerprint(Colour.RED) != fingerprint(Colour.BLUE)


def test_what_cannot_be_told_is_refused_in_one_sentence():
    with pytest.raises(TypeError, match="generator has no content .* a method identity"):
        fingerprint(i for i in ())


def test_to_be_sent_to_another_process_changes_nothing():
    """Python notes in a class which slots it has when it pickles the first of its objects."""

    class Objective:
        weight = 2

    before = fingerprint(Objective())
    Objective().__reduce_ex__(4)
    assert "__slotnames__" in vars(Objective)
    assert fingerprint(Objective()) == before


@pytest.mark.parametrize(
    ("folder", "same"), [("site-packages", True), ("dist-packages", True), ("mine", False)]
)
def test_installed_code_is_known_by_its_name_wherever_it_lies(tmp_path, monkeypatch, folder, same):
    place = tmp_path / folder / "other.py"
    place.parent.mkdir()
    prints = []
    for line in ("def f(): return 1", "def f(): return 2"):
        place.write_text(line)
        module = ModuleType("other")
        module.__file__ = str(place)
        exec(line, module.__dict__)
        monkeypatch.setitem(sys.modules, "other", module)
        prints.append(fingerprint(module.f))
    assert (prints[0] == prints[1]) == same
