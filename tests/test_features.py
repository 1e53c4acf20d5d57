"""Features are what scikit-learn says, and the reader reads factors it was not shown."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
import torch
from sklearn.decomposition import PCA

from course_lib.datasets import Splits, faces, resized
from course_lib.evaluation import features
from course_lib.evaluation.features import FactorReader, factor_reader, pixel_pca
from course_lib.transforms import face_transform


def test_pixel_pca_is_scikit_learns():
    generator = torch.Generator().manual_seed(0)
    # Four directions of falling spread and nothing else, which the randomised solver finds exactly.
    amounts = torch.randn(40, 4, generator=generator) * torch.tensor([8.0, 4, 2, 1])
    x = 0.5 + (amounts @ torch.randn(4, 30, generator=generator)).unflatten(1, (2, 3, 5))
    exact = PCA(4, svd_solver="full").fit(x.flatten(1).numpy())
    found = pixel_pca(x, components=4)(x[:7])
    expected = torch.from_numpy(exact.transform(x[:7].flatten(1).numpy()))
    torch.testing.assert_close(found.abs(), expected.abs(), rtol=0, atol=1e-4)  # signs are free
    assert torch.equal(found, pixel_pca(x, components=4)(x[:7]))


@pytest.fixture(scope="module")
def drawn():
    factors = faces.sample(1200, seed=3)
    images = faces.render(factors)
    parts = factors.split([1000, 100, 100])
    return Splits(
        *images.split([1000, 100, 100]),
        dict(zip(("train", "validation", "test"), parts, strict=True)),
    )


def test_the_reader_reads_new_faces_and_is_cached(drawn, tmp_path):
    reader = factor_reader(drawn, epochs=8, root=tmp_path)
    x, truth = 2 * drawn.test.float() / 255 - 1, drawn.factors["test"]
    r2 = 1 - (reader(x) - truth).square().mean(0) / truth.var(0)
    # Measured after so few faces: the broad features are read well, the fine ones not yet.
    for name in ("skin", "hair_colour", "tilt", "background"):
        assert r2[faces.FACTORS.index(name)] > 0.8, name

    file = tmp_path / "models" / "factor_reader_64.safetensors"
    written = file.stat().st_mtime_ns
    again = factor_reader(drawn, epochs=8, root=tmp_path)
    assert file.stat().st_mtime_ns == written
    assert torch.equal(reader(x), again(x))


def test_other_pictures_of_the_same_factors_make_another_reader(drawn, tmp_path):
    of_faces = factor_reader(drawn, epochs=1, root=tmp_path)
    negatives = Splits(255 - drawn.train, drawn.validation, drawn.test, drawn.factors)
    of_negatives = factor_reader(negatives, epochs=1, root=tmp_path)
    assert not torch.equal(of_faces.head.weight, of_negatives.head.weight)


@pytest.mark.parametrize(
    ("old", "new", "trained_again"),
    [
        ("with own_random_numbers(seed=0):", "with own_random_numbers(seed=0):  # fixed", False),
        ("What it reads are the features", "the layer before the last", False),
        ("def pixel_pca(", "\n\ndef pixel_pca(", False),
        (
            "lr_scheduler.OneCycleLR(optimizer, 3e-3",
            "lr_scheduler.OneCycleLR(optimizer, 2e-3",
            True,
        ),
        (
            "nn.Conv2d(32, 64, 3, stride=2, padding=1),",
            "nn.Conv2d(32, 64, 3, 2, 1, bias=False),",
            True,
        ),
    ],
    ids=["comment", "docstring", "elsewhere", "training", "network"],
)
def test_what_changes_the_readers_numbers_trains_another(drawn, tmp_path, old, new, trained_again):
    factor_reader(drawn, epochs=1, root=tmp_path)
    file = tmp_path / "models" / "factor_reader_64.safetensors"
    written = file.stat().st_mtime_ns
    edited = tmp_path / "edited.py"
    source = Path(features.__file__).read_text(encoding="utf-8")
    assert source.count(old) == 1
    edited.write_text(source.replace(old, new), encoding="utf-8")
    specification = spec_from_file_location(features.__name__, edited)
    module = module_from_spec(specification)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, features.__name__, module)
        specification.loader.exec_module(module)
        module.factor_reader(drawn, epochs=1, root=tmp_path)
    assert (file.stat().st_mtime_ns != written) == trained_again


def test_the_reader_wants_whole_faces():
    for part in (torch.zeros(2, 3, 32, 32), torch.zeros(2, 1, 64, 64), torch.zeros(3, 64, 64)):
        with pytest.raises(ValueError, match="whole faces"):
            FactorReader()(part)


def test_a_reader_of_small_faces_reads_them_and_no_others(drawn, tmp_path):
    small = resized(drawn, face_transform(crop=None, size=(16, 16)))
    reader = factor_reader(small, epochs=8, root=tmp_path)
    x, truth = 2 * small.test.float() / 255 - 1, drawn.factors["test"]
    r2 = 1 - (reader(x) - truth).square().mean(0) / truth.var(0)
    assert r2[faces.FACTORS.index("tilt")] > 0.7
    with pytest.raises(ValueError, match=r"expects \(batch, 3, 16, 16\)"):
        reader(2 * drawn.test.float() / 255 - 1)
    odd = resized(drawn, face_transform(crop=None, size=(12, 12)))
    with pytest.raises(ValueError, match="multiple of 8"):
        factor_reader(odd, root=tmp_path)


def test_the_reader_needs_factors(drawn):
    with pytest.raises(ValueError, match="known factors"):
        factor_reader(Splits(drawn.train, drawn.validation, drawn.test))
