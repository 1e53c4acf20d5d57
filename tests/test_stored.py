"""Pictures that stay on disk: a folder of `.npy` files is one set, as if they lay in one file."""

import os
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from course_lib import datasets, training
from course_lib.datasets import loading
from course_lib.datasets.stored import StoredImages
from course_lib.models import FullyConnectedAutoencoder
from course_lib.objectives import squared_error
from course_lib.training.fingerprint import fingerprint

COUNTS = (31, 1, 17, 40)  # as uneven as they may be
ALL = sum(COUNTS)
PARTS = ("train", "validation", "test")


def pictures(n=ALL, shape=(6, 5, 3)):
    images = np.random.default_rng(0).integers(0, 256, (n, *shape), np.uint8)
    images[:, 0, 0] = np.arange(n).reshape(n, *(1,) * (len(shape) - 2))  # each is known
    return images


@pytest.fixture
def folder(tmp_path):
    """One set, whole in a file and in parts in a folder."""
    images = pictures()
    np.save(tmp_path / "whole.npy", images)
    (tmp_path / "parts").mkdir()
    for number, part in enumerate(np.split(images, np.cumsum(COUNTS)[:-1])):
        np.save(tmp_path / "parts" / f"{number:02}.npy", part)
    return tmp_path / "parts"


@pytest.fixture
def on_disk(monkeypatch):
    monkeypatch.setattr(loading, "IN_MEMORY_BYTES", 0)
    monkeypatch.setattr(StoredImages, "_ROWS_PER_READ", 8)


@pytest.mark.parametrize("name", ["parts", "parts/*.npy"])
def test_they_are_one_set_in_one_order(folder, name, capsys):
    parts = datasets.load(folder.parent / name, seed=3)
    assert capsys.readouterr().out.endswith("89 colour pictures of 6×5, in 4 files.\n")
    whole = datasets.load(folder.parent / "whole.npy", seed=3)
    for part in PARTS:
        assert isinstance(getattr(parts, part), torch.Tensor)
        assert torch.equal(getattr(parts, part), getattr(whole, part))
    assert torch.equal(datasets.pictures(folder), datasets.pictures(folder.parent / "whole.npy"))


def test_large_ones_stay_on_disk_and_are_indexed_as_a_tensor(folder, on_disk):
    images = datasets.load(folder, seed=3)
    whole = torch.from_numpy(pictures()).movedim(-1, 1)
    for name in PARTS:
        part = getattr(images, name)
        assert isinstance(part, StoredImages)
        assert part.shape == (len(part), 3, 6, 5) and part.dtype == torch.uint8
    assert repr(images.test) == "StoredImages('parts', shape=(9, 3, 6, 5))"
    expected = whole[images.train.rows]
    several = torch.tensor([5, 0, 5, 70]), torch.tensor([[1, 2, 3], [6, 5, 4]]), [7, 8]
    for index in (0, -1, slice(None), slice(3, 40, 5), torch.arange(71) % 3 == 0, *several):
        got = images.train[index]
        assert torch.equal(got, expected[index]) and got.is_contiguous(), index
    with pytest.raises(IndexError, match="71 is out of bounds"):
        images.train[71]


def test_an_epoch_mixes_all_files_and_sees_every_picture_once(folder, on_disk):
    images = datasets.load(folder)
    seen = []

    def followed(model, x):
        if model.training:
            seen.extend(((x[:, 0, 0, 0] + 1) * 127.5).round().int().tolist())
        return squared_error(model, x)

    settings = {"batch_size": 20, "device": "cpu", "progress": False}
    network = FullyConnectedAutoencoder((3, 6, 5), 2)
    training.fit(network, followed, images, epochs=2, **settings)
    first, second = seen[:71], seen[71:]
    assert sorted(first) == sorted(second) == sorted(images.train.rows.tolist())
    assert first != second
    third = [number >= 48 for number in first[:20]]  # of the largest file, 40 of 89
    assert 3 <= sum(third) <= 15, "a batch is of all files"


def test_a_set_counts_by_its_files(folder, on_disk):
    def train():
        return datasets.load(folder).train

    before = fingerprint(train())
    assert fingerprint(train()) == before
    np.save(folder / "01.npy", pictures(3))
    assert fingerprint(train()) != before


@pytest.mark.parametrize(
    "change", [lambda path: os.truncate(path, 500), lambda path: os.utime(path)]
)
def test_a_file_that_changes_meanwhile_is_named(folder, on_disk, change):
    images = datasets.load(folder).train
    images[:]
    change(folder / "03.npy")
    with pytest.raises(ValueError, match="03.npy' has changed since it was opened"):
        images[:]


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda: pictures(5).astype(np.float32), "holds float32 of shape .*of uint8 were expected"),
        (lambda: np.arange(9, dtype=np.uint8), r"holds uint8 of shape \(9,\).*elsewhere"),
        (lambda: pictures(5, (5, 6, 3)), r"pictures of \(5, 6, 3\), but '00.npy' beside it of"),
        (lambda: np.asfortranarray(pictures(5)), "numpy.ascontiguousarray"),
        (lambda: pictures(5, (6, 5)), r"pictures of \(6, 5\), but '00.npy' beside it of"),
    ],
    ids=["floats", "labels", "another size", "another order", "grey"],
)
def test_what_does_not_belong_is_named(folder, made, words):
    np.save(folder / "zz.npy", made())
    with pytest.raises(ValueError, match=f"zz.npy' (?s:.*){words}"):
        datasets.load(folder)


def test_a_file_that_is_npy_by_its_name_alone_is_named(folder):
    with open(folder / "zz.npy", "wb") as file:
        np.savez(file, images=pictures(5))
    with pytest.raises(ValueError, match="zz.npy' is called .npy, but is another kind of file"):
        datasets.load(folder)


def test_what_would_have_to_be_changed_is_refused(tmp_path):
    for name, images in (("large", pictures(4, (70, 70, 3))), ("binary", pictures(4) % 2)):
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "a.npy", images)
    with pytest.raises(ValueError, match="70×70 in 1 .npy files.*say size=None"):
        datasets.load(tmp_path / "large")
    assert datasets.load(tmp_path / "large", size=None).train.shape == (2, 3, 70, 70)
    with pytest.raises(ValueError, match="only 0 and 1.*are read as they are"):
        datasets.load(tmp_path / "binary")


def test_arrays_beside_photographs_are_left_out_as_before(folder):
    from PIL import Image

    for number, image in enumerate(pictures(4)):
        Image.fromarray(image).save(folder / f"{number}.png")
    assert len(datasets.load(folder).train) == 2


def test_grey_ones(tmp_path, on_disk):
    for name, n in (("a", 20), ("b", 13)):
        np.save(tmp_path / f"{name}.npy", pictures(n, (6, 5)))
    assert datasets.load(tmp_path).train.shape[1:] == (1, 6, 5)
    data = SimpleNamespace(train=datasets.load(tmp_path).train)
    assert data.train[:3].shape == (3, 1, 6, 5)
