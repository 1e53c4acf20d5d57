"""Kept runs under damage: no changed bit goes unnoticed, and no damage is more than a sentence."""

import json
import random
import zlib
from functools import partial

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from course_lib import checksum, models, training
from course_lib.datasets import Splits
from course_lib.objectives import squared_error
from course_lib.training import checkpoints
from course_lib.training.checkpoints import Mismatch
from course_lib.transforms import face_transform

torch.set_num_threads(1)

SHAPE = (3, 6, 5)
build = partial(models.FullyConnectedAutoencoder, SHAPE, 7)
SETTINGS = {"transform": face_transform(None, SHAPE[1:]), "device": "cpu", "progress": False}


@pytest.fixture(scope="module")
def pictures():
    drawn = torch.randint(256, (40, *SHAPE), generator=torch.Generator().manual_seed(1))
    return Splits(*drawn.to(torch.uint8).split([30, 5, 5]))


@pytest.fixture(scope="module")
def whole(pictures, tmp_path_factory):
    """A run of one epoch, with all to go on with, as it lies in a file."""
    path = tmp_path_factory.mktemp("whole") / "state.safetensors"
    training.fit(build, squared_error, pictures, epochs=1, checkpoint=path, **SETTINGS)
    return path


def refused(path):
    """The sentence with which a damaged file is refused, by all who read one."""
    told = set()
    for read in (
        lambda: training.load(path, build),
        lambda: checkpoints.is_finished(path),
        lambda: checkpoints.epochs_done(path),
        lambda: checkpoints.check_same_run(path, {}),
    ):
        with pytest.raises(Mismatch) as error:
            read()
        told.add(str(error.value))
    [sentence] = told
    assert sentence.startswith(str(path)) and sentence.endswith(".") and "\n" not in sentence
    return sentence


def test_every_changed_bit_is_noticed(whole, tmp_path):
    """Of the header, with its settings, history and step, every byte; of the numbers 200."""
    content, path = whole.read_bytes(), tmp_path / "state.safetensors"
    chance = random.Random(0)
    numbers = 8 + int.from_bytes(content[:8], "little")
    places = [*range(numbers), *chance.sample(range(numbers, len(content)), 200)]
    for place in places:
        damaged = bytearray(content)
        damaged[place] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        with pytest.raises(Mismatch) as error:
            training.load(path, build)
        assert str(error.value).startswith(str(path)) and str(error.value).endswith("."), place


@pytest.mark.parametrize("part", ["numbers", "settings", "history", "step", "checksum"])
def test_whoever_reads_a_damaged_file_says_the_same_sentence(part, whole, tmp_path):
    content, path = bytearray(whole.read_bytes()), tmp_path / "state.safetensors"
    sign = {"settings": b"batch_size", "history": b"train_loss", "step": b'step\\":'}.get(part)
    place = content.index(sign) if sign else -9
    if part == "checksum":
        place = content.index(b'"checksum":"') + 12
    content[place] = content[place] ^ 1 if part != "checksum" else 48 + (content[place] == 48)
    path.write_bytes(content)
    assert "is damaged: its checksum" in refused(path)


def test_a_file_of_older_versions_without_a_checksum_is_refused(whole, tmp_path):
    with safe_open(whole, framework="pt") as file:
        metadata = {name: text for name, text in file.metadata().items() if name != "checksum"}
    path = tmp_path / "state.safetensors"
    save_file(load_file(whole), path, metadata)
    assert "has no checksum" in refused(path)


@pytest.mark.parametrize("state", [None, "null", "[]", '{"settings": {}}'])
def test_a_file_that_says_nothing_of_its_run_is_refused(state, whole, tmp_path):
    path, metadata = tmp_path / "state.safetensors", {"format": checkpoints.FORMAT}
    checksum.save_file(load_file(whole), path, metadata | ({"state": state} if state else {}))
    assert "says nothing of its settings" in refused(path)


@pytest.mark.parametrize("part", ["numbers", "history"])
def test_fit_or_load_trains_a_damaged_run_afresh(part, pictures, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    settings = SETTINGS | {"epochs": 1}
    first = training.fit_or_load("run", build, squared_error, pictures, **settings)
    [path] = (tmp_path / "models").iterdir()
    content = bytearray(path.read_bytes())
    content[-9 if part == "numbers" else content.index(b"train_loss")] ^= 1
    path.write_bytes(content)
    with pytest.warns(UserWarning, match=r"is damaged.*Training afresh\.$"):
        again = training.fit_or_load("run", build, squared_error, pictures, **settings)
    for name, tensor in first.model.state_dict().items():
        assert torch.equal(tensor, again.model.state_dict()[name]), name


def test_weights_of_others_need_no_checksum(whole, tmp_path):
    path = tmp_path / "weights.safetensors"
    save_file(load_file(whole), path)
    weights = {n: t for n, t in load_file(whole).items() if n.startswith("model.")}
    save_file(weights, path)
    models.load_weights(path, build())


def test_the_checksum_is_a_crc_32_of_all_other_bytes(tmp_path):
    """As anybody can compute it, whatever the file's words hold."""

    path, words = tmp_path / "x.safetensors", json.dumps({"checksum": "00000000"})
    checksum.save_file({"x": torch.arange(5)}, path, {"a": words, "z": words})
    content = path.read_bytes()
    with safe_open(path, framework="pt") as file:
        sum_ = file.metadata()["checksum"]
    assert content.count(sum_.encode()) == 1
    assert int(sum_, 16) == zlib.crc32(content.replace(sum_.encode(), b"00000000"))
    assert checksum.misfit(path) is None
