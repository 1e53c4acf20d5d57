"""`models.load_weights`: everybody's files give their weights, and run nothing."""

import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from course_lib import homework, training
from course_lib.models import FullyConnectedAutoencoder, FullyConnectedVAE, load_weights
from course_lib.training.checkpoints import State, adam
from tests import homework_sample as sample

SHAPE = (3, 4, 5)


def small():
    return FullyConnectedAutoencoder(SHAPE, 7, (9,))


def filled():
    torch.manual_seed(1)
    return small()


def assert_same(found, expected):
    for name, weights in expected.state_dict().items():
        assert torch.equal(found.state_dict()[name], weights), name


@pytest.fixture(scope="module")
def official(tmp_path_factory):
    """The files that the homework's script leaves: its classes are those of its `__main__`."""
    folder = tmp_path_factory.mktemp("homework")
    subprocess.run([sys.executable, sample.__file__, folder], check=True)
    return folder


@pytest.mark.parametrize(
    ("kind", "theirs", "ours"),
    [
        ("fcn", sample.fcn_autoencoder, homework.fcn),
        ("cnn", sample.conv_autoencoder, homework.cnn),
        ("vae", sample.VAE, homework.HomeworkVAE),
    ],
)
def test_the_homeworks_whole_modules_are_read(official, kind, theirs, ours):
    found = load_weights(official / f"best_model_{kind}.pt", ours())
    torch.manual_seed(0)  # as the script, which builds the three in this order
    expected = [network() for network in (sample.fcn_autoencoder, sample.conv_autoencoder)]
    expected.append(sample.VAE())
    [same] = [model for model in expected if isinstance(model, theirs)]
    assert_same(found, same)
    assert not found.training


def content(model):
    weights = model.state_dict()
    return {
        "state dict": weights,
        "a dict that holds one": {"epoch": 3, "net": weights, "loss": np.float64(0.5)},
        "beside Adam": {"model": weights, "optimizer": adam(model, 1e-3).state_dict()},
        "a module in a dict": {"path": Path("x"), "model": model, "optimizer": adam(model, 1e-3)},
        "DataParallel": {f"module.{name}": tensor for name, tensor in weights.items()},
        "compiled": {f"_orig_mod.{name}": tensor for name, tensor in weights.items()},
        "both": {f"module._orig_mod.{name}": tensor for name, tensor in weights.items()},
        "a whole DataParallel": nn.DataParallel(model),
        "a whole module": model,
    }


@pytest.mark.parametrize("kind", content(small()))
def test_every_way_to_save_is_read(kind, tmp_path):
    model = filled()
    torch.save(content(model)[kind], tmp_path / "mine.pt")
    assert_same(load_weights(tmp_path / "mine.pt", small()), model)


def test_older_files_and_safetensors_are_read(tmp_path):
    model = filled()
    old = tmp_path / "old.pth"
    torch.save(model.state_dict(), old, _use_new_zipfile_serialization=False)
    save_file(model.state_dict(), tmp_path / "new.safetensors")
    training.save(State(model, adam(model, 1e-3), {"lr": 1e-3}), tmp_path / "run.safetensors")
    for path in tmp_path.iterdir():
        assert_same(load_weights(path, small()), model)


def test_a_buffer_that_is_not_kept_is_not_missed(tmp_path):
    model = filled()
    model.register_buffer("passing", torch.zeros(2), persistent=False)
    model.encoder[0].register_buffer("kept", torch.ones(3))
    torch.save(model, tmp_path / "mine.pt")
    other = small()
    other.encoder[0].register_buffer("kept", torch.zeros(3))
    assert_same(load_weights(tmp_path / "mine.pt", other), model)


class Evil:
    def __init__(self, call, *arguments):
        self.called = call, arguments

    def __reduce__(self):
        return self.called


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("call", [os.system, eval, exec, subprocess.getoutput, subprocess.Popen])
@pytest.mark.parametrize("place", ["alone", "in a dict", "in a module"])
def test_nothing_in_a_file_is_run(call, place, zipped, tmp_path):
    sentinel, model = tmp_path / "sentinel", filled()
    argument = {
        eval: f"open({str(sentinel)!r}, 'w')",
        exec: f"open({str(sentinel)!r}, 'w')",
        subprocess.Popen: ["touch", str(sentinel)],
    }.get(call, f"touch {sentinel}")
    evil = Evil(call, argument)
    model.note = evil
    what = {"alone": evil, "in a dict": {"model": small().state_dict(), "x": evil}}.get(
        place, model
    )
    path = tmp_path / "evil.pt"
    torch.save(what, path, _use_new_zipfile_serialization=zipped)
    here = filled()
    with pytest.raises(ValueError, match=r"evil\.pt was not read, and nothing in it was run") as e:
        load_weights(path, here)
    told = str(e.value)
    assert "\n" not in told and "weights_only" not in told and "load failed" not in told
    assert not sentinel.exists()
    assert_same(here, filled())


def test_the_evil_is_real(tmp_path):
    """Or the test above would show nothing."""
    sentinel = tmp_path / "sentinel"
    pickle.loads(pickle.dumps(Evil(os.system, f"touch {sentinel}")))
    assert sentinel.exists()


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (
            FullyConnectedAutoencoder(SHAPE, 8, (9,)),
            r"encoder\.2\.weight has shape \(7, 9\) there and \(8, 9\) here",
        ),
        (FullyConnectedAutoencoder(SHAPE, 7, (9, 8)), "encoder.2.weight has shape"),
        (FullyConnectedAutoencoder(SHAPE, 9), "decoder.0.weight has shape"),
        (nn.Linear(2, 3), "there is no weight among encoder.0.weight, encoder.0.bias"),
        (nn.Sequential(), "there is encoder.0.weight too"),
    ],
)
def test_what_does_not_fit_is_named_and_changes_nothing(model, words, tmp_path):
    torch.save(filled().state_dict(), tmp_path / "mine.pt")
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(ValueError, match=f"do not fit this {type(model).__name__}: .*{words}"):
        load_weights(tmp_path / "mine.pt", model)
    assert all(torch.equal(before[name], t) for name, t in model.state_dict().items())


def test_of_two_models_in_a_file_the_fitting_one_is_read(tmp_path):
    model, other = filled(), FullyConnectedVAE(SHAPE, 9, 7)
    torch.save({"vae": other.state_dict(), "ae": model.state_dict()}, tmp_path / "both.pt")
    assert_same(load_weights(tmp_path / "both.pt", small()), model)
    torch.save({"last": model.state_dict(), "best": model.state_dict()}, tmp_path / "two.pt")
    with pytest.raises(ValueError, match="holds 2 sets of weights that fit"):
        load_weights(tmp_path / "two.pt", small())


def test_a_likelihood_may_be_missing_and_nothing_else(tmp_path):
    model = FullyConnectedVAE(SHAPE, 9, 7)
    weights = {n: t for n, t in model.state_dict().items() if not n.startswith("likelihood")}
    torch.save(weights, tmp_path / "vae.pt")
    found = load_weights(tmp_path / "vae.pt", FullyConnectedVAE(SHAPE, 9, 7))
    assert_same(found.encoder, model.encoder)
    assert found.likelihood.sigma2 == 1


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("words.pt", b"not weights at all"),
        ("empty.pt", b""),
        ("page.pt", b"<!DOCTYPE html><html>"),
        ("cut.safetensors", b"\x08\x00\x00\x00\x00\x00\x00\x00{"),
    ],
)
def test_what_holds_no_weights_is_told_in_a_sentence(name, written, tmp_path):
    path = tmp_path / name
    path.write_bytes(written)
    with pytest.raises(ValueError, match=f"{name} was not read") as told:
        load_weights(path, small())
    assert "\n" not in str(told.value)


def test_more_files_without_weights(tmp_path):
    path = tmp_path / "mine.pt"
    for what in ({"a": 1}, {}, [1, 2], nn.ReLU()):
        torch.save(what, path)
        with pytest.raises(ValueError, match="holds no weights of a model"):
            load_weights(path, small())
    with zipfile.ZipFile(path, "w") as other:
        other.writestr("hello.txt", "hello")
    with pytest.raises(ValueError, match=r"mine\.pt was not read"):
        load_weights(path, small())
    with pytest.raises(FileNotFoundError, match="There is no file"):
        load_weights(tmp_path / "gone.pt", small())


def test_tensors_under_numbers_are_no_weights(tmp_path):
    model = filled()
    torch.save({"model": model.state_dict(), "means": {0: torch.ones(2)}}, tmp_path / "mine.pt")
    assert_same(load_weights(tmp_path / "mine.pt", small()), model)


def test_of_several_sets_the_reason_is_that_of_the_nearest(tmp_path):
    wider = FullyConnectedAutoencoder(SHAPE, 7, (10,))
    content = {"averages": {"loss": torch.ones(2)}, "model": wider.state_dict()}
    torch.save(content, tmp_path / "mine.pt")
    with pytest.raises(ValueError, match=r"encoder.0.weight has shape \(10, 60\) there"):
        load_weights(tmp_path / "mine.pt", small())
