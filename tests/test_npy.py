"""Pictures in a `.npy`: damaged, too long, or changed while they are in use."""

import os
import random

import numpy as np
import pytest
import torch

from course_lib import datasets
from course_lib.datasets.stored import StoredImages

COLOUR = np.random.default_rng(3).integers(0, 256, (32, 9, 7, 3), np.uint8)


@pytest.fixture
def path(tmp_path):
    np.save(tmp_path / "mine.npy", COLOUR)
    return tmp_path / "mine.npy"


def sentence(call):
    with pytest.raises(ValueError) as error:
        call()
    told = str(error.value)
    assert "\n" not in told and told.endswith("."), told
    return told


@pytest.mark.parametrize("extra", [b"\0", b"1234567", COLOUR.tobytes()])
@pytest.mark.parametrize("where", ["in front of the data", "at the end"])
def test_a_file_longer_than_its_header_says_is_refused(extra, where, path):
    content = path.read_bytes()
    place = len(content) if where == "at the end" else len(content) - COLOUR.nbytes
    path.write_bytes(content[:place] + extra + content[place:])
    assert f"{len(extra):,} bytes longer than" in sentence(lambda: datasets.load(path))


HEADER = "{'descr': '|u1', 'fortran_order': False, 'shape': (32, 9, 7, 3), }"


@pytest.mark.parametrize(
    "header",
    [
        HEADER.replace("}", "("),  # tokenize.TokenError
        HEADER.replace("32", "(" * 3000),  # RecursionError or MemoryError
        HEADER.replace("32", "-" * 9000 + "32"),
        HEADER.replace("32", "9" * 30),
        HEADER.replace("32", "1000000000000"),
        HEADER.replace("'|u1'", "'|O'"),
    ],
)
def test_a_header_of_any_kind_is_a_sentence(header, path):
    text = header.encode().ljust(117) + b"\n"
    length = len(text).to_bytes(2, "little")
    path.write_bytes(b"\x93NUMPY\x01\x00" + length + text + COLOUR.tobytes())
    told = sentence(lambda: datasets.load(path))
    assert ("is damaged" in told) != ("pickled" in told) == ("|O" in header)


def test_any_changed_bit_of_a_header_is_a_sentence_or_what_numpy_reads(path):
    content, chance = path.read_bytes(), random.Random(0)
    refused = 0
    for _ in range(300):
        damaged = bytearray(content)
        damaged[chance.randrange(128)] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        try:
            found = datasets.pictures(path)
        except ValueError as error:
            assert str(path) in str(error) and "\n" not in str(error), error
            refused += 1
        else:
            as_stored = found.movedim(1, -1).numpy()
            assert np.array_equal(as_stored, np.load(path))
    assert refused > 200


def changes(path):
    """Ways in which a file in use becomes another."""
    np.save(path, COLOUR[:, ::-1])
    yield "other pictures of the same size"
    np.save(path, COLOUR[:5])
    yield "fewer pictures"
    path.write_bytes(b"")
    yield "nothing"


def test_a_file_that_changes_while_in_use_is_a_sentence(path):
    images = StoredImages([path], torch.arange(32))
    assert torch.equal(images[[3, 4]], torch.from_numpy(COLOUR[3:5]).movedim(-1, 1))
    for later, change in enumerate(changes(path), start=1):
        os.utime(path, (later, later))  # a clock of coarse steps would not tell two times apart
        assert "has changed since it was opened" in sentence(lambda: images[0]), change
    np.save(path, COLOUR)
    assert len(StoredImages([path], torch.arange(32))[:]) == 32


def test_a_run_knows_its_pictures_by_the_file_that_was_opened(path):
    images = StoredImages([path], torch.arange(32))
    before = images.identity()[0]
    os.utime(path, (1, 1))
    assert images.identity()[0] == before != StoredImages([path], torch.arange(32)).identity()[0]
