import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_lib import latents

NAN = float("nan")
number = st.floats(-50, 50, width=32)


@given(st.integers(1, 4), st.integers(1, 9), number, st.integers(0, 99))
def test_shift_moves_everything_and_leaves_its_input(batch, size, amount, seed):
    z = torch.randn(batch, size, generator=torch.Generator().manual_seed(seed))
    kept = z.clone()
    torch.testing.assert_close(
        latents.shift(z, amount) - z, torch.full_like(z, amount), atol=1e-4, rtol=0
    )
    assert torch.equal(z, kept)


@given(st.dictionaries(st.integers(0, 10), number), st.integers(1, 3))
def test_set_elements_sets_those_and_no_others(values, batch):
    z = torch.randn(batch, 11)
    kept = z.clone()
    edited = latents.set_elements(z, values)
    for element in range(11):
        expected = torch.full((batch,), values[element]) if element in values else z[:, element]
        assert torch.equal(edited[:, element], expected)
    assert torch.equal(z, kept)


def test_the_homeworks_second_edit():
    z = torch.rand(1, 1024)
    theirs = z.clone()
    theirs[:, 3], theirs[:, 1000] = 2, 8
    assert torch.equal(latents.set_elements(z, {3: 2.0, 1000: 8.0}), theirs)


def test_traverse_varies_one_element():
    z = torch.randn(1, 5)
    path = latents.traverse(z, 2, torch.linspace(0, 8, 7))
    assert path.shape == (7, 5)
    assert path[:, 2].tolist() == torch.linspace(0, 8, 7).tolist()
    assert (path[:, [0, 1, 3, 4]] == z[:, [0, 1, 3, 4]]).all()


def test_interpolate_ends_where_it_should():
    a, b = torch.randn(1, 5), torch.randn(1, 5)
    line = latents.interpolate(a, b, 7)
    assert line.shape == (7, 5)
    assert torch.equal(line[:1], a) and torch.equal(line[-1:], b)
    torch.testing.assert_close(line[3:4], (a + b) / 2)


Z = torch.zeros(2, 4)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: latents.shift(torch.zeros(4), 1), ValueError, r"\(4,\)"),
        (lambda: latents.shift(torch.tensor([[1, NAN]]), 1), ValueError, "NaN"),
        (lambda: latents.shift(Z, NAN), ValueError, "finite"),
        (lambda: latents.set_elements(Z, {4: 1.0}), IndexError, "from 0 to 3"),
        (lambda: latents.set_elements(Z, {-1: 1.0}), IndexError, "no element -1"),
        (lambda: latents.set_elements(Z, {1: NAN}), ValueError, "element 1 is nan"),
        (lambda: latents.traverse(Z, 1, torch.zeros(3)), ValueError, "z\\[:1\\]"),
        (lambda: latents.traverse(Z[:1], 9, torch.zeros(3)), IndexError, "no element 9"),
        (lambda: latents.traverse(Z[:1], 1, torch.tensor([NAN])), ValueError, "finite"),
        (lambda: latents.interpolate(Z[:1], torch.zeros(1, 3), 5), ValueError, "4 and 3"),
        (lambda: latents.interpolate(Z[:1], Z[:1], 1), ValueError, "steps=1"),
    ],
)
def test_bad_input_gives_one_clear_sentence(call, error, words):
    with pytest.raises(error, match=words):
        call()
