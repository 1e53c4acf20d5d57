"""The loop: what it learns, that it repeats bit for bit, and that it survives being killed."""

import os
import random
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from course_lib import training
from course_lib.checkpoints import Mismatch
from course_lib.models import ConvolutionalVAE, FullyConnectedAutoencoder
from course_lib.objectives import Terms, elbo, squared_error
from course_lib.transforms import face_transform

SHAPE = (3, 6, 5)
build = partial(FullyConnectedAutoencoder, SHAPE, 7)
whole = face_transform(crop=None, size=SHAPE[1:])


# Pictures this small are not worth a second thread, and threads that wait for one another are
# slow where several programs share the cores.
torch.set_num_threads(1)


@pytest.fixture
def two_threads():
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(1)


def pictures(train=53, validation=11):
    generator = torch.Generator().manual_seed(1)
    draw = partial(torch.randint, 0, 256, dtype=torch.uint8, generator=generator)
    return SimpleNamespace(train=draw((train, *SHAPE)), validation=draw((validation, *SHAPE)))


def noisy(model, x):
    """An objective that draws random numbers, as a VAE's does."""
    return squared_error(model, x + 0.1 * torch.randn_like(x))


def fit(objective=noisy, **changes):
    settings = {
        "epochs": 3,
        "batch_size": 8,
        "transform": whole,
        "device": "cpu",
        "progress": False,
    }
    return training.fit(build, objective, pictures(), **settings | changes)


def assert_same_run(a, b):
    for name, weights in a.model.state_dict().items():
        assert torch.equal(weights, b.model.state_dict()[name]), name
    for name in set(a.history) - {"images_per_second"}:
        assert a.history[name] == b.history[name], name
    assert a.step == b.step
    assert torch.equal(a.rng["cpu"], b.rng["cpu"])


def test_training_learns():
    state = fit(squared_error, epochs=60, lr=1e-2)
    losses = state.history["train_loss"]
    assert losses[-1] < 0.7 * losses[0]
    assert not state.model.training


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA card")
def test_the_model_comes_back_to_where_the_pictures_are():
    model = fit(squared_error, device="cuda").model
    assert {weights.device.type for weights in model.state_dict().values()} == {"cpu"}


def test_the_same_call_gives_the_same_bits_whatever_happened_before():
    a = fit()
    torch.manual_seed(99)
    torch.rand(5)
    assert_same_run(a, fit())
    assert fit(seed=1).history["train_loss"] != a.history["train_loss"]


def fit_convolutions(epochs=2, **changes):
    """Pictures large enough for two threads to get work."""
    generator = torch.Generator().manual_seed(2)
    draw = partial(torch.randint, 0, 256, dtype=torch.uint8, generator=generator)
    data = SimpleNamespace(train=draw((150, 3, 24, 24)), validation=draw((20, 3, 24, 24)))
    network = partial(ConvolutionalVAE, (3, 24, 24), 16, 8)
    settings = {"batch_size": 64, "device": "cpu", "progress": False} | changes
    transform = face_transform(crop=None, size=(24, 24))
    return training.fit(network, elbo, data, epochs=epochs, transform=transform, **settings)


def test_convolutions_shared_between_two_threads_repeat_too(two_threads):
    assert_same_run(fit_convolutions(), fit_convolutions())


def test_convolutions_go_on_exactly_where_they_stopped(tmp_path):
    """Their weights have another layout in memory than the file, and so have Adam's moments."""
    path = tmp_path / "state.safetensors"
    fit_convolutions(epochs=1, checkpoint=path)
    assert_same_run(fit_convolutions(), fit_convolutions(resume_from=path))


def test_training_leaves_the_callers_random_numbers_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    fit()
    assert torch.equal(torch.rand(3), expected)


def test_history_holds_plain_numbers_one_per_epoch():
    history = fit().history
    assert list(history) == [
        "epoch", "train_loss", "train_distortion", "train_rate",
        "validation_loss", "validation_distortion", "validation_rate", "images_per_second",
    ]  # fmt: skip
    assert history["epoch"] == [1, 2, 3]
    assert all(type(x) in (int, float) for column in history.values() for x in column)


def test_history_is_a_mean_over_all_examples_not_over_batches():
    """A learning rate of next to nothing: the epoch's mean is then the set's mean, although the
    last batch is smaller than the others."""
    data = pictures()
    model = build()
    expected = training.evaluate(model, squared_error, data.train, whole)["loss"]
    state = training.fit(model, squared_error, data, epochs=1, batch_size=50, lr=1e-12,
                         transform=whole, device="cpu", progress=False)  # fmt: skip
    assert state.history["train_loss"][0] == pytest.approx(expected, rel=1e-5)


def test_evaluate_does_not_depend_on_the_batch_size():
    model, images = build(), pictures().train
    means = [
        training.evaluate(model, squared_error, images, whole, batch_size=size)["distortion"]
        for size in (1, 10, 53, 500)
    ]
    assert means == pytest.approx([means[0]] * 4, rel=1e-5)
    assert model.training, "evaluate must give the model back as it was"


def test_each_epoch_sees_every_picture_once_in_a_new_order():
    first, second = training._batches(53, 8, 0, 0), training._batches(53, 8, 0, 1)
    assert sorted(torch.cat(first).tolist()) == list(range(53))
    assert torch.cat(first).tolist() != torch.cat(second).tolist()
    assert {len(batch) for batch in first} == {8, 5}


def test_save_and_load(tmp_path):
    state = fit()
    training.save(state, tmp_path / "new" / "state.safetensors")
    again = training.load(tmp_path / "new" / "state.safetensors", build)
    assert_same_run(state, again)
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["state.safetensors"]


def test_resuming_after_some_epochs_changes_nothing(tmp_path):
    path = tmp_path / "state.safetensors"
    fit(epochs=2, checkpoint=path)
    assert_same_run(fit(epochs=5, resume_from=path), fit(epochs=5))


class InterruptAfter:
    """An objective that sends this process Ctrl-C in the middle of a given step."""

    __name__ = "noisy"

    def __init__(self, step):
        self.step = step

    def __call__(self, model, x):
        if model.training:
            self.step -= 1
            if self.step == 0:
                os.kill(os.getpid(), signal.SIGINT)
        return noisy(model, x)


@pytest.mark.parametrize("step", [1, 4, 7, 8, 21])  # an epoch has 7 steps
def test_an_interrupt_leaves_a_state_that_resumes_exactly(tmp_path, step):
    path = tmp_path / "state.safetensors"
    stopped = fit(InterruptAfter(step), checkpoint=path)
    assert stopped.step == step
    assert_same_run(fit(noisy, resume_from=path), fit(noisy))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


SCRIPT = """
import sys
from pathlib import Path
sys.path[:0] = {paths!r}
import test_training as t
path = Path(sys.argv[1])
t.fit(epochs=200, checkpoint=path, resume_from=path if path.exists() else None)
"""


def test_a_run_killed_at_random_moments_ends_as_one_never_killed(tmp_path):
    here = Path(__file__).parent
    script = tmp_path / "run.py"
    script.write_text(SCRIPT.format(paths=[str(here), str(here.parent)]))
    path = tmp_path / "state.safetensors"
    chance = random.Random()
    for _ in range(2):
        before = path.stat().st_mtime_ns if path.exists() else 0
        process = subprocess.Popen([sys.executable, script, path])
        while process.poll() is None and (not path.exists() or path.stat().st_mtime_ns == before):
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 0.5))
        assert process.poll() is None, "the run ended before it could be killed: make it longer"
        process.send_signal(signal.SIGKILL)
        process.wait()
    subprocess.run([sys.executable, script, path], check=True)
    killed = training.load(path, build)
    assert len(killed.history["epoch"]) == 200
    assert_same_run(killed, fit(epochs=200))


def test_fit_or_load_trains_once(tmp_path, monkeypatch):
    path = tmp_path / "state.safetensors"
    settings = {"epochs": 2, "batch_size": 8, "transform": whole, "progress": False}
    run = partial(training.fit_or_load, path, build, squared_error, pictures(), **settings)
    first = run()
    trained = []
    again = run(on_epoch=trained.append)
    assert not trained
    assert_same_run(first, again)
    run(afresh=True, on_epoch=trained.append)
    assert len(trained) == 2


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-100]),
        lambda path: path.write_bytes(b"not a checkpoint"),
        lambda path: save_file({"a": torch.zeros(2)}, path),
        lambda path: training.save(fit(seed=3), path),
        lambda path: training.save(fit(epochs=9), path),
    ],
    ids=["truncated", "no safetensors", "no state", "another run", "trained further"],
)
def test_fit_or_load_says_why_it_trains_afresh(tmp_path, spoil):
    path = tmp_path / "state.safetensors"
    training.save(fit(), path)
    spoil(path)
    settings = {"epochs": 3, "batch_size": 8, "transform": whole, "progress": False}
    with pytest.warns(UserWarning, match="Training afresh"):
        state = training.fit_or_load(path, build, noisy, pictures(), **settings)
    assert_same_run(state, fit())
    assert_same_run(training.load(path, build), fit())


def test_a_file_of_another_run_is_not_resumed(tmp_path):
    path = tmp_path / "state.safetensors"
    training.save(fit(), path)
    with pytest.raises(Mismatch, match="different lr .*seed"):
        fit(seed=1, lr=1e-2, resume_from=path)


def test_a_file_of_another_model_is_not_loaded(tmp_path):
    path = tmp_path / "state.safetensors"
    training.save(fit(), path)
    with pytest.raises(Mismatch, match="another model"):
        training.load(path, partial(FullyConnectedAutoencoder, SHAPE, 9))
    with pytest.raises(FileNotFoundError, match="train first"):
        training.load(tmp_path / "nowhere.safetensors", build)


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "state.safetensors"
    state = fit()
    training.save(state, path)
    before = path.read_bytes()
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        training.save(state, path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_others_may_read_what_the_umask_lets_them(tmp_path):
    usual = tmp_path / "usual"
    usual.touch()
    training.save(fit(), tmp_path / "state.safetensors")
    assert (tmp_path / "state.safetensors").stat().st_mode == usual.stat().st_mode


def test_the_file_is_plain_safetensors_with_named_weights(tmp_path):
    training.save(fit(), tmp_path / "state.safetensors")
    names = load_file(tmp_path / "state.safetensors").keys()
    assert {"model.encoder.0.weight", "model.decoder.0.bias", "rng.cpu"} <= names


def test_a_diverging_run_stops_with_a_word(tmp_path):
    def diverging(model: nn.Module, x) -> Terms:
        terms = squared_error(model, x)
        return Terms(terms.loss * float("inf"), terms.distortion, terms.rate)

    with pytest.raises(FloatingPointError, match="smaller lr"):
        fit(diverging)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"epochs": 0}, "epochs=0"),
        ({"batch_size": -1}, "batch_size=-1"),
        ({"lr": float("nan")}, "lr=nan"),
        ({"device": "toaster"}, "no device 'toaster'"),
    ],
)
def test_impossible_settings(changes, words):
    with pytest.raises(ValueError, match=words):
        fit(**changes)


def test_empty_data():
    with pytest.raises(ValueError, match="empty"):
        training.fit(build, squared_error, pictures(train=0), epochs=1)
    with pytest.raises(ValueError, match="no pictures"):
        training.evaluate(build(), squared_error, pictures().train[:0])


def test_an_objective_with_a_schedule_is_asked_at_every_step_and_resumes_in_place(tmp_path):
    class Schedule:
        """Weighs the loss by the step; what is called without one is the full loss."""

        asked: ClassVar[list[int]] = []

        def at(self, step):
            self.asked.append(step)
            return lambda model, x: Terms(*(step * term for term in squared_error(model, x)))

        def __call__(self, model, x):
            return squared_error(model, x)

        def __repr__(self):
            return "Schedule()"

    path = tmp_path / "state.safetensors"
    fit(Schedule(), epochs=1, checkpoint=path)
    resumed = fit(Schedule(), epochs=2, resume_from=path)
    assert Schedule.asked == list(range(14))  # an epoch has 7 steps
    assert_same_run(resumed, fit(Schedule(), epochs=2))
    full = training.evaluate(resumed.model, squared_error, pictures().validation, whole)["loss"]
    assert resumed.history["validation_loss"][-1] == pytest.approx(full)
