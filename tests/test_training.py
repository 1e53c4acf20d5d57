"""The loop: what it learns, that it repeats bit for bit, and that it survives being killed."""

import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
import torch
import tqdm.notebook
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from course_lib import files, training
from course_lib.datasets.stored import StoredImages
from course_lib.models import ConvolutionalVAE, FullyConnectedAutoencoder, FullyConnectedVAE
from course_lib.objectives import Terms, WarmUp, elbo, squared_error
from course_lib.training import checkpoints, loop
from course_lib.training.checkpoints import Mismatch, State
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
    assert a.history.keys() == b.history.keys() > {"train_loss", "validation_loss"}
    for name in a.history.keys() - {"images_per_second"}:
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


def test_a_compiled_objective_trains_as_the_plain_one_and_goes_on(tmp_path):
    """With the backend that needs no compiler for C++."""
    compiled = torch.compile(noisy, backend="eager")
    path = tmp_path / "state.safetensors"
    fit(compiled, epochs=1, checkpoint=path)
    assert_same_run(fit(), fit(compiled, resume_from=path))


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


@pytest.mark.parametrize("kind", [tqdm.std.tqdm, tqdm.notebook.tqdm], ids=["console", "notebook"])
def test_the_bar_says_how_long_it_will_take_after_a_resume_too(tmp_path, monkeypatch, kind):
    """What was done before says nothing of the speed now."""
    shown = []

    class Bar(kind):
        def update(self, n=1):
            shown.append(str(self))
            return super().update(n)

    monkeypatch.setattr(loop, "tqdm", Bar)
    path = tmp_path / "state.safetensors"
    fit(epochs=1, checkpoint=path, progress=True)
    assert " 8/53 [" in shown[1]
    assert re.search(r"\[\d\d:\d\d<\d\d:\d\d, .* images/s", shown[-1])
    shown.clear()
    fit(epochs=3, resume_from=path, progress=True)
    assert " 53/159 [00:00<?" in shown[0], "the time left is not known yet"


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
    first, second = loop._batches(53, 8, 0, 0), loop._batches(53, 8, 0, 1)
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


@contextmanager
def interrupted(step, by=signal.SIGINT):
    """Send this process Ctrl-C in the middle of a given step, or before the first, step 0."""
    add, clock = State.add, time.perf_counter

    def interrupt():
        os.kill(os.getpid(), by)

    def interrupted_add(state, terms):
        add(state, terms)
        if state.step == step:
            interrupt()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(State, "add", interrupted_add)
        if step == 0:
            # The loop's clock alone: it looks at it when it begins.
            patch.setattr(
                loop, "time", SimpleNamespace(perf_counter=lambda: interrupt() or clock())
            )
        yield


@pytest.mark.parametrize("step", [0, 1, 4, 7, 8, 21])  # an epoch has 7 steps
def test_an_interrupt_leaves_a_state_that_resumes_exactly(tmp_path, step):
    path = tmp_path / "state.safetensors"
    before = signal.getsignal(signal.SIGINT)  # what runs in the background may ignore it
    with interrupted(step):
        stopped = fit(checkpoint=path)
    assert stopped.step == step
    assert_same_run(fit(noisy, resume_from=path), fit(noisy))
    assert signal.getsignal(signal.SIGINT) is before


def test_being_told_to_end_is_an_interrupt_too(tmp_path):
    """As a cluster does it whose time is up."""
    path = tmp_path / "state.safetensors"
    with interrupted(4, by=signal.SIGTERM):
        stopped = fit(checkpoint=path)
    assert stopped.step == 4
    assert_same_run(fit(resume_from=path), fit())
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.parametrize("step", [4, 14])  # within the first epoch, and at the end of the second
def test_a_run_may_go_on_with_another_lr_and_batch_size(tmp_path, step):
    path = tmp_path / "state.safetensors"
    with interrupted(step):
        stopped = fit(checkpoint=path)
    before = {name: weights.clone() for name, weights in stopped.model.state_dict().items()}
    gone_on = fit(checkpoint=path, resume_from=path, lr=1e-30, batch_size=10)  # 6 steps an epoch
    assert gone_on.step == 3 * 6 and gone_on.history["epoch"] == [1, 2, 3]
    assert gone_on.settings["lr"] == 1e-30 and gone_on.settings["batch_size"] == 10
    for name, weights in gone_on.model.state_dict().items():
        assert torch.equal(weights, before[name]), name
    mean = training.evaluate(gone_on.model, squared_error, pictures().train, whole)["loss"]
    assert gone_on.history["train_loss"][-1] == pytest.approx(mean, rel=0.2), "of whole epochs"
    assert_same_run(gone_on, training.load(path, build))


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
    chance = random.Random(0)
    for _ in range(2):
        before = path.stat().st_mtime_ns if path.exists() else 0
        process = subprocess.Popen([sys.executable, script, path])
        while process.poll() is None and (not path.exists() or path.stat().st_mtime_ns == before):
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 0.5))
        assert process.poll() is None, "the run ended before it could be killed: make it longer"
        process.send_signal(signal.SIGKILL)
        process.wait()
    fit(epochs=200, checkpoint=path, resume_from=path)
    killed = training.load(path, build)
    assert len(killed.history["epoch"]) == 200
    assert_same_run(killed, fit(epochs=200))


# fit_or_load: the second time it reads, unless anything is another


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    return tmp_path / "models"


SMALL = {"epochs": 2, "batch_size": 8, "transform": whole, "device": "cpu", "progress": False}


def cached(name="run", model=build, objective=noisy, data=None, **changes):
    """A state, and whether it was trained for it."""
    epochs = []
    state = training.fit_or_load(
        name, model, objective, data or pictures(), **SMALL | changes, on_epoch=epochs.append
    )
    return state, bool(epochs)


def test_fit_or_load_trains_once_and_keeps_weights_only(folder, capsys):
    first, trained = cached()
    assert trained
    assert capsys.readouterr().out == ""
    [file] = folder.iterdir()
    assert re.fullmatch("run-[0-9a-f]{16}.safetensors", file.name)
    weights = sum(t.nbytes for t in first.model.state_dict().values())
    assert file.stat().st_size < weights + 20_000  # the history, and random numbers' state
    again, trained = cached(progress=True)
    assert not trained
    assert "run: trained before, its weights are read: 100%" in capsys.readouterr().err
    assert_same_run(first, again)
    assert not again.model.training
    assert cached(afresh=True)[1]


def test_the_same_run_without_a_name_of_its_own_is_the_same(folder):
    assert_same_run(cached()[0], fit(epochs=2))


class Scaled:
    """An objective with an argument and no repr of its own."""

    def __init__(self, by):
        self.by = by

    def __call__(self, model, x):
        return Terms(*(self.by * term for term in squared_error(model, x)))


class Halved(nn.Module):
    """A transform with an argument that its repr does not show."""

    def __init__(self, by=0.5):
        super().__init__()
        self.by = by

    def forward(self, images):
        return self.by * whole(images)


def weighed(weight, model, x):
    return Terms(*(weight * term for term in squared_error(model, x)))


def guided(guide, model, x):
    terms = squared_error(model, x)
    return Terms(terms.loss + guide(x).square().flatten(1).sum(1), *terms[1:])


def helper(loss):
    return loss


def helped(model, x):
    return Terms(*map(helper, squared_error(model, x)))


def network(seed=5, latent_dim=7):
    torch.manual_seed(seed)
    return FullyConnectedAutoencoder(SHAPE, latent_dim)


def other_helper(loss):
    return 2 * loss


def changed(data, name):
    """The same set but for one grey level of one picture."""
    getattr(data, name)[7, 0, 0, 0] ^= 1
    return data


IN_MEMORY = object()  # stands for a function of a notebook, edited and run again
CHANGES = {
    "starting weights": ({"model": network}, {"model": lambda: network(6)}),
    "weights of a network that was given": (
        {"model": IN_MEMORY}, {"model": IN_MEMORY, "seed": 0, "start": 6},
    ),
    "a positional argument": (
        {"objective": partial(weighed, 1.0)}, {"objective": partial(weighed, 2.0)},
    ),
    "a model among the arguments": (
        {"objective": partial(guided, network(1))}, {"objective": partial(guided, network(2))},
    ),
    "a keyword": ({"objective": partial(elbo, beta=1.0)}, {"objective": partial(elbo, beta=2.0)}),
    "an attribute": ({"objective": Scaled(1.0)}, {"objective": Scaled(2.0)}),
    "a partial of a schedule": (
        {"objective": partial(WarmUp(3))}, {"objective": partial(WarmUp(4))},
    ),
    "the transform's attribute": ({"transform": Halved()}, {"transform": Halved(0.6)}),
    "a training picture": ({}, {"data": changed(pictures(), "train")}),
    "a validation picture": ({}, {"data": changed(pictures(), "validation")}),
    "the number of epochs": ({}, {"epochs": 3}),
    "the learning rate": ({}, {"lr": 2e-3}),
    "the seed": ({}, {"seed": 1}),
    "the size of a batch": ({}, {"batch_size": 9}),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after"), CHANGES.values(), ids=CHANGES)
def test_whatever_is_changed_trains_and_replaces(folder, before, after):
    def arguments(change):
        change = dict(change)
        start = change.pop("start", 5)
        if change.get("model") is IN_MEMORY:
            change["model"] = network(start)
        if "beta" in getattr(change.get("objective"), "keywords", {}) or isinstance(
            getattr(change.get("objective"), "func", None), WarmUp
        ):
            change["model"] = partial(FullyConnectedVAE, SHAPE, 5, 7)
        return change

    assert cached(**arguments(before))[1]
    assert not cached(**arguments(before))[1], "nothing was changed"
    with pytest.warns(UserWarning, match="Training afresh"):
        assert cached(**arguments(after))[1]
    assert not cached(**arguments(after))[1]
    assert len(list(folder.iterdir())) == 1


def test_the_code_of_what_an_objective_calls_counts(folder, monkeypatch):
    assert cached(objective=helped)[1]
    monkeypatch.setitem(globals(), "helper", other_helper)
    with pytest.warns(UserWarning, match="different objective"):
        assert cached(objective=helped)[1]


def test_the_code_of_a_model_of_the_course_counts(folder, monkeypatch):
    assert cached()[1]
    encode = FullyConnectedAutoencoder.encode
    monkeypatch.setattr(FullyConnectedAutoencoder, "encode", lambda self, x: 2 * encode(self, x))
    with pytest.warns(UserWarning, match="starting weights"):
        assert cached()[1]


NOTEBOOK = """
class Objective:
    def __init__(self, names): self.names = names
    def __call__(self, model, x):
        return loss(model, x)

def loss(model, x):
    terms = squared_error(model, x)
    return Terms(terms.loss * 2, *terms[1:])

objective = Objective({"b", "a", "c"})
"""
PROCESS = """
import sys
sys.path[:0] = {paths!r}
import test_training as t
for text in {texts!r}:
    names = {{"__name__": "__main__", "Terms": t.Terms, "squared_error": t.squared_error}}
    exec(text, names)
    print("trained:", t.cached(objective=names["objective"])[1])
"""


def test_another_process_knows_the_same_run_by_what_it_does(tmp_path):
    script, here = tmp_path / "run.py", Path(__file__).parent
    remark = NOTEBOOK.replace("def loss", "# a remark\n\ndef loss")
    edited = NOTEBOOK.replace("loss * 2", "loss * 3")
    runs = [
        {NOTEBOOK: True},
        {NOTEBOOK: False, remark: False, edited: True},
    ]
    for number, trains in enumerate(runs):
        paths = [str(here), str(here.parent)]
        script.write_text(PROCESS.format(paths=paths, texts=list(trains)))
        told = subprocess.run(
            [sys.executable, "-W", "ignore", script],
            env=os.environ | {"COURSE_DATA": str(tmp_path), "PYTHONHASHSEED": str(number)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert told == "".join(f"trained: {each}\n" for each in trains.values()), number


HOLDER = """
import sys, time
sys.path[:0] = {paths!r}
from pathlib import Path
import test_training as t
here = Path(sys.argv[1])

def wait(state):
    (here / "holds").touch()
    while not (here / "go").exists():
        time.sleep(0.01)

t.training.fit_or_load("first", t.build, t.noisy, t.pictures(), on_epoch=wait, **t.SMALL)
(here / "go").unlink()
(here / "holds").unlink()
t.training.fit_or_load("second", t.build, t.noisy, t.pictures(), on_epoch=wait, **t.SMALL)
"""


def test_of_two_processes_one_trains_and_one_waits_until_it_is_done_or_dead(
    folder, tmp_path, capsys
):
    script, here = tmp_path / "run.py", Path(__file__).parent
    script.write_text(HOLDER.format(paths=[str(here), str(here.parent)]))
    holder = subprocess.Popen([sys.executable, script, tmp_path])

    def waits(name, then):
        """Whether this process trained an epoch, where the other one trains first."""
        while not (tmp_path / "holds").exists():
            assert holder.poll() is None
            time.sleep(0.01)
        told = []

        def once_told():
            told.append(capsys.readouterr().err)
            then()

        epochs, timer = [], threading.Timer(1, once_told)
        timer.start()
        settings = SMALL | {"on_epoch": epochs.append}
        state = training.fit_or_load(name, build, noisy, pictures(), **settings)
        timer.join()
        assert re.search(rf"^Another program is making {name}-\w+.safetensors: wait", told[0])
        assert_same_run(state, fit(epochs=2))
        return len(epochs)

    try:
        assert waits("first", (tmp_path / "go").touch) == 0
        assert waits("second", holder.kill) == 2
    finally:
        holder.kill()
        holder.wait()
    assert sorted(re.sub("-.*", "", path.name) for path in folder.iterdir()) == ["first", "second"]


def test_runs_of_other_names_stay(folder):
    for name in ("run", "run-2", "run of σ² = 1"):
        assert cached(name)[1]
    with pytest.warns(UserWarning, match="different lr"):
        cached(lr=0.1)
    assert not cached("run-2")[1]
    assert not cached("run of σ² = 1")[1]
    assert len(list(folder.iterdir())) == 3
    with pytest.raises(ValueError, match="'../run'"):
        cached("../run")


@pytest.mark.parametrize("step", [0, 5, 7])  # an epoch has 7 steps
def test_an_interrupted_run_goes_on_as_if_never_stopped(folder, step):
    with interrupted(step):
        assert cached()[0].step == step
    state, trained = cached()
    assert trained
    assert_same_run(state, fit(epochs=2))
    assert not cached()[1]
    assert len(list(folder.iterdir())) == 1


def fit_another():
    settings = {"epochs": 1, "transform": whole, "device": "cpu", "progress": False}
    return training.fit(partial(build.func, SHAPE, 9), noisy, pictures(), **settings)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-100]), "is damaged: its checksum"),
        (lambda path: training.save(fit_another(), path), r"different .*model \(there"),
    ],
    ids=["truncated", "another model"],
)
def test_fit_or_load_says_why_it_trains_afresh(folder, spoil, reason):
    cached()
    [path] = folder.iterdir()
    spoil(path)
    with pytest.warns(UserWarning, match=f"{reason}.* Training afresh"):
        state, trained = cached()
    assert trained
    assert_same_run(state, fit(epochs=2))
    assert not cached()[1]


def as_a_folder(path):
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("afresh", [False, True])
@pytest.mark.parametrize(
    "other",
    [
        lambda path: path.write_bytes(b"somebody's thesis"),
        lambda path: path.write_bytes(b""),
        lambda path: save_file({"a": torch.zeros(2)}, path, {"format": "pt"}),
        as_a_folder,
    ],
    ids=["words", "nothing", "weights", "a folder"],
)
def test_a_file_that_is_no_run_of_ours_is_never_overwritten(folder, other, afresh):
    cached()
    [path] = folder.iterdir()
    other(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(FileExistsError, match="is not a training run .* stays as it is"):
        cached(afresh=afresh)
    assert list(folder.iterdir()) == [path]
    assert path.is_dir() if before is None else path.read_bytes() == before


def test_nor_is_one_with_a_name_like_a_runs(folder):
    folder.mkdir()
    lookalike = folder / "run-0123456789abcdef.safetensors"
    lookalike.write_bytes(b"somebody's thesis")
    assert cached()[1]
    assert lookalike.read_bytes() == b"somebody's thesis"
    assert len(list(folder.iterdir())) == 2


def test_a_longer_run_is_replaced_only_when_asked(folder):
    cached(epochs=3)
    [longer] = folder.iterdir()
    for changes in ({"epochs": 2}, {"epochs": 1, "lr": 0.1}):
        with pytest.warns(UserWarning, match="different"):
            cached(**changes)
        assert longer.is_file()
    assert len(list(folder.iterdir())) == 2, "the longest and the last"
    assert not cached(epochs=3)[1], "it is still read"
    with pytest.warns(UserWarning, match="different"):
        cached(epochs=4)
    assert len(list(folder.iterdir())) == 1, "a longer one replaces them all"
    cached(epochs=1, afresh=True)
    [path] = folder.iterdir()
    assert len(training.load(path, build).history["epoch"]) == 1


def test_where_nothing_can_be_written_it_is_said_before_training(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "multiply_adds", lambda *_: pytest.fail("it trains"))
    occupied = tmp_path / "file"
    occupied.write_text("")
    monkeypatch.setenv("COURSE_DATA", str(occupied))
    with pytest.raises(OSError, match=r"Nothing can be written to .*COURSE_DATA\.$"):
        cached()
    with pytest.raises(OSError, match="Nothing can be written to"):
        fit(checkpoint=occupied / "state.safetensors")
    for place in (tmp_path, tmp_path / ("long" * 100)):
        with pytest.raises(OSError, match=r"choose another name\.$"):
            fit(checkpoint=place)
    assert list(tmp_path.iterdir()) == [occupied]


def test_what_is_there_is_read_where_nothing_can_be_written(folder, monkeypatch):
    cached()
    monkeypatch.setattr(
        files, "TemporaryFile", lambda **_: (_ for _ in ()).throw(OSError(30, "no"))
    )
    assert not cached()[1]
    with pytest.raises(OSError, match="Nothing can be written"):
        cached(lr=0.1)
    assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize("error", [OSError(28, "No space left"), SafetensorError("No space left")])
def test_a_full_disk_is_a_sentence_and_leaves_the_last_epoch(tmp_path, monkeypatch, error):
    path = tmp_path / "state.safetensors"
    fit(epochs=1, checkpoint=path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoints.checksum, "save_file", lambda *_: (_ for _ in ()).throw(error))
        with pytest.raises(
            OSError, match=r"after step 14 could not be written.*No space left.*\.$"
        ):
            fit(checkpoint=path, resume_from=path)
    assert list(tmp_path.iterdir()) == [path]
    assert_same_run(fit(resume_from=path), fit())


def test_a_finished_run_that_was_kept_for_reading_cannot_be_resumed(folder):
    cached()
    [path] = folder.iterdir()
    with pytest.raises(Mismatch, match="weights only"):
        fit(resume_from=path)


def test_a_set_too_large_for_memory_counts_by_its_file(folder, tmp_path):
    path = tmp_path / "pictures.npy"
    np.save(path, pictures().train.movedim(1, -1).numpy())

    def mapped():
        rows = torch.arange(53)
        return SimpleNamespace(
            train=StoredImages([path], rows[:40]), validation=StoredImages([path], rows[40:])
        )

    assert cached(data=mapped())[1]
    assert not cached(data=mapped())[1]
    np.save(path, pictures(train=54).train[1:].movedim(1, -1).numpy())
    with pytest.warns(UserWarning, match="different training pictures"):
        assert cached(data=mapped())[1]


# Files


def test_a_file_of_another_run_is_not_resumed(tmp_path):
    path = tmp_path / "state.safetensors"
    training.save(fit(), path)
    with pytest.raises(Mismatch, match="different seed"):
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


@pytest.mark.parametrize(
    "left_over", [{"decoder.9": torch.zeros(2)}, {"encoder.0.weight": torch.zeros(2, 2)}]
)
def test_a_refused_file_leaves_the_model_as_it_was(tmp_path, left_over):
    path = tmp_path / "state.safetensors"
    state = fit()
    weights = state.model.state_dict()
    state.model.state_dict = lambda: weights | left_over
    training.save(state, path)
    model = build()
    before = {name: t.clone() for name, t in model.state_dict().items()}
    with pytest.raises(Mismatch, match="another model"):
        training.load(path, model)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name])


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs Linux")
def test_nothing_of_a_resumed_run_is_still_mapped_from_its_file(tmp_path):
    """Windows refuses to replace a file that is."""
    path = tmp_path / "state.safetensors"
    fit(epochs=1, checkpoint=path)
    fit(resume_from=path)
    state = training.load(path, build)
    assert state.step == 7
    assert str(path) not in Path("/proc/self/maps").read_text()


class NotFiniteFrom:
    """An objective whose loss is infinite, or not a number, from some step on."""

    def __init__(self, step, value=float("inf"), training=True):
        self.step, self.value, self.training = step, value, training

    def at(self, step):
        return self if step >= self.step and self.training else squared_error

    def __call__(self, model, x):
        terms = squared_error(model, x)
        if model.training or not self.training:
            return Terms(terms.loss * self.value, *terms[1:])
        return terms


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_a_diverging_run_stops_within_20_steps_and_names_one(value):
    with pytest.raises(FloatingPointError, match=r"at step (4[0-9]|5[0-9]): try a smaller lr"):
        fit(NotFiniteFrom(39, value), epochs=3, batch_size=1)


def test_an_infinite_validation_never_replaces_a_good_state(tmp_path):
    path = tmp_path / "state.safetensors"
    with pytest.raises(FloatingPointError, match="validation_loss is inf after epoch 1"):
        fit(NotFiniteFrom(0, training=False), checkpoint=path)
    assert not path.exists()


def test_an_interrupt_while_the_loss_is_nan_keeps_the_good_state(tmp_path):
    path = tmp_path / "state.safetensors"
    with (
        interrupted(12),
        pytest.raises(FloatingPointError, match="After step 12 .* nothing was written"),
    ):
        fit(NotFiniteFrom(10, float("nan")), checkpoint=path)
    kept = training.load(path, build)
    assert kept.step == 7  # an epoch has 7 steps
    assert all(t.isfinite().all() for t in kept.model.state_dict().values())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"epochs": 0}, "epochs=0"),
        ({"batch_size": -1}, "batch_size=-1"),
        ({"lr": float("nan")}, "lr=nan"),
        ({"device": "toaster"}, "no device 'toaster'"),
        ({"precision": "16-true"}, "precision='16-true', but on cpu one of 32-true, bf16-mixed is"),
        ({"precision": "bf16-true"}, "bf16-true"),
        ({"precision": "64-true"}, "64-true"),
        ({"precision": "16-mixed"}, "precision='16-mixed', but on cpu"),
    ],
)
def test_impossible_settings(changes, words):
    with pytest.raises(ValueError, match=words):
        fit(**changes)


def test_half_precision_trains_and_has_losses_of_32_bits():
    state = fit(epochs=2, precision="bf16-mixed")
    assert state.settings["precision"] == "bf16-mixed"
    assert state.history["train_loss"] != fit(epochs=2).history["train_loss"]
    assert {weights.dtype for weights in state.model.state_dict().values()} == {torch.float32}


def test_a_clock_that_stands_still_is_no_obstacle(monkeypatch):
    monkeypatch.setattr(loop.time, "perf_counter", lambda: 5.0)
    assert_same_run(fit(epochs=1), fit(epochs=1))


def test_empty_data():
    with pytest.raises(ValueError, match=r"no pictures in \.train"):
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

        def identity(self):
            return "the steps that were asked for do not count"

    path = tmp_path / "state.safetensors"
    fit(Schedule(), epochs=1, checkpoint=path)
    resumed = fit(Schedule(), epochs=2, resume_from=path)
    assert Schedule.asked == list(range(14))  # an epoch has 7 steps
    assert_same_run(resumed, fit(Schedule(), epochs=2))
    full = training.evaluate(resumed.model, squared_error, pictures().validation, whole)["loss"]
    assert resumed.history["validation_loss"][-1] == pytest.approx(full)
