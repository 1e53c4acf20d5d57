"""Several processes train one model as one does; what ends one of them ends the run, and is said.

Each start of two processes takes ten seconds, so one run is looked at in many ways.
"""

import os
import pickle
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from course_lib import training
from course_lib.models import FullyConnectedVAE
from course_lib.objectives import elbo
from course_lib.training import processes
from course_lib.transforms import face_transform

torch.set_num_threads(1)

SHAPE, TRAIN = (3, 6, 5), 53
STEPS = 5  # an epoch has 53 = 4 · 13 + 1 pictures: unequal parts, and one that is empty


def pictures():
    """Each known by its first pixel."""
    generator = torch.Generator().manual_seed(1)
    draw = partial(torch.randint, 0, 256, dtype=torch.uint8, generator=generator)
    train = draw((TRAIN, *SHAPE))
    train[:, 0, 0, 0] = torch.arange(TRAIN)
    return SimpleNamespace(train=train, validation=draw((11, *SHAPE)))


class Followed:
    """An objective without noise that notes which pictures each process saw, and may end it."""

    def __init__(self, folder, killed=-1):
        self.folder, self.killed = folder, killed

    def identity(self):
        return "the folder does not count"

    def at(self, step):
        return partial(self, step=step)

    def __call__(self, model, x, step=None):
        place = os.environ.get("RANK", "0")
        if step is not None:
            seen = ((x[:, 0, 0, 0] + 1) * 127.5).round().int().tolist()
            with (self.folder / f"seen-{place}").open("a") as file:
                file.write(f"{step} {' '.join(map(str, seen))}\n")
        if (step, place) == (self.killed, "1"):
            os.kill(os.getpid(), signal.SIGKILL)
        return elbo(model, x, sample=False)

    def seen(self, place, step):
        lines = (self.folder / f"seen-{place}").read_text().splitlines()
        return [list(map(int, line.split()[1:])) for line in lines if line.startswith(f"{step} ")]


def fit(objective, **changes):
    settings = {"epochs": 3, "batch_size": 13, "device": "cpu", "progress": False} | changes
    network = partial(FullyConnectedVAE, SHAPE, 9, 4)  # with the variance of the whole batch
    transform = face_transform(crop=None, size=SHAPE[1:])
    return training.fit(network, objective, pictures(), transform=transform, **settings)


def assert_close(several, one):
    assert several.settings == one.settings and several.step == one.step
    for name, weights in one.model.state_dict().items():
        torch.testing.assert_close(several.model.state_dict()[name], weights, rtol=1e-4, atol=1e-5)
    for name in one.history.keys() - {"images_per_second"}:
        assert several.history[name] == pytest.approx(one.history[name], rel=1e-5), name


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """The run as a single process does it, and the first gradient that it saw."""
    folder = tmp_path_factory.mktemp("one")
    path = folder / "state.safetensors"
    whole = fit(Followed(folder), checkpoint=path)
    return whole, fit(Followed(folder), epochs=1, batch_size=TRAIN)


def gradients(state):
    """Adam's first moments after one step are a tenth of the gradient."""
    moments = state.optimizer.state_dict()["state"]
    return {index: 10 * of_weight["exp_avg"] for index, of_weight in moments.items()}


def test_two_see_what_one_sees_and_learn_the_same(tmp_path, one, capfd):
    path, told = tmp_path / "state.safetensors", []
    objective = Followed(tmp_path)
    two = fit(
        objective,
        devices=2,
        checkpoint=path,
        progress=True,
        on_epoch=lambda state: told.append((os.getpid(), state.history["epoch"][-1])),
    )
    assert_close(two, one[0])
    assert told == [(os.getpid(), epoch) for epoch in (1, 2, 3)]
    assert_close(training.load(path, partial(FullyConnectedVAE, SHAPE, 9, 4)), one[0])
    assert not list(tmp_path.glob(".*")) and not two.model.training

    generator = torch.Generator()
    for epoch in range(3):
        order = torch.randperm(TRAIN, generator=generator.manual_seed(1_000_003 * (epoch + 1)))
        for number, batch in enumerate(order.split(13)):
            step = epoch * STEPS + number
            [[first], [second]] = (objective.seen(place, step) for place in "01")
            counted = [] if len(batch) == 1 else second
            assert first + counted == batch.tolist(), step
            assert len(first) - len(counted) in (0, 1)

    shown = capfd.readouterr().err
    assert "100%" in shown and "images/s" in shown
    assert "Warning" not in shown and "distributed" not in shown
    bars = [line for line in shown.replace("\r", "\n").splitlines() if " 0/159 " in line]
    assert len(bars) == 1, "of one process only"


def test_two_go_on_where_one_stopped_and_one_where_two_were_killed(tmp_path, one):
    path = tmp_path / "state.safetensors"
    fit(Followed(tmp_path), epochs=1, checkpoint=path)
    with pytest.raises(
        ChildProcessError, match="Process 2 of 2 was ended by SIGKILL.*go on .*state.safetensors"
    ):
        objective = Followed(tmp_path, killed=2 * STEPS + 2)
        fit(objective, devices=2, resume_from=path, checkpoint=path)
    assert [file.name for file in tmp_path.iterdir() if "seen" not in file.name] == [path.name]
    assert training.checkpoints.epochs_done(path) == 2
    assert_close(fit(Followed(tmp_path), resume_from=path), one[0])


STARTED = """
import os, pickle, sys
from pathlib import Path
sys.path[:0] = {paths!r}
import torch
import test_processes as t
folder = Path(sys.argv[1])
noise = t.fit(t.elbo, epochs=1)
again = t.fit(t.elbo, epochs=1)
same = all(torch.equal(a, b) for a, b in zip(noise.model.parameters(), again.model.parameters()))
whole = t.fit(t.Followed(folder), epochs=1, batch_size=t.TRAIN, checkpoint=folder / "state")
def end(state):  # of the first process alone is it asked, and not twice
    len(state.history["epoch"]) == 2 and os.kill(os.getpid(), t.signal.SIGINT)

stopped = t.fit(t.Followed(folder), epochs=500, checkpoint=folder / "stopped", on_epoch=end)
said = []
for refused in ({{"devices": 3}}, {{"strategy": "fsdp"}}):
    try:
        t.fit(t.elbo, **refused)
    except ValueError as error:
        said.append(str(error))
try:
    t.training.fit_or_load("run", t.torch.nn.Identity(), t.elbo, t.pictures(), epochs=1)
except RuntimeError as error:
    said.append(str(error))
told = (stopped.step, same, t.gradients(whole), noise.history, t.processes.is_first(), said)
(folder / os.environ["RANK"]).write_bytes(pickle.dumps(told))
"""


def test_torchrun_starts_them_too(tmp_path, one):
    """Gradients are those of one process, noise repeats, all stop together, where one goes on."""
    script, here = tmp_path / "run.py", Path(__file__).parent
    script.write_text(STARTED.format(paths=[str(here), str(here.parent)]))
    subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
         "--local-addr", "127.0.0.1", script, tmp_path],
        check=True,
    )  # fmt: skip
    told = [pickle.loads((tmp_path / place).read_bytes()) for place in "01"]
    assert told[0][0] == told[1][0] == 2 * STEPS, "they look at the end of an epoch"
    for _, same, gradient, *_, said in told:
        assert same, "the same call gives the same bits"
        for index, expected in gradients(one[1]).items():
            torch.testing.assert_close(gradient[index], expected, rtol=1e-5, atol=1e-5)
        assert "torchrun started 2 processes" in said[0]
        assert "strategy='fsdp'" in said[1] and "torchrun has started several" in said[2]
    assert [first for *_, first, _ in told] == [True, False]
    histories = [told[rank][3] | {"images_per_second": 0} for rank in (0, 1)]
    assert histories[0] == histories[1]
    assert_close(fit(Followed(tmp_path), resume_from=tmp_path / "stopped"), one[0])


# What starts them, with processes that do next to nothing


@pytest.fixture
def worker(monkeypatch):
    """Let a few lines stand for a process's work."""

    def as_lines(lines):
        start = (
            "import os, pickle, signal, sys, time\nsys.path[:] = pickle.load(sys.stdin.buffer)\n"
        )
        monkeypatch.setattr(processes, "WORKER", start + lines)

    return as_lines


def test_what_a_process_raises_is_raised_here(worker):
    worker(
        "folder, _ = pickle.load(sys.stdin.buffer)\n"
        "place = os.environ['RANK']\n"
        "if place == '0': os.read(0, 1)\n"  # until it is ended
        "(folder / f'error-{place}').write_bytes(pickle.dumps(FloatingPointError('The loss is')))\n"
        "sys.exit(1)"
    )
    # What each needs to unpickle is this very module, which takes long.
    with pytest.raises(FloatingPointError, match="The loss is"), pytest.MonkeyPatch.context() as p:
        p.setattr(processes.cloudpickle, "dumps", lambda told: pickle.dumps((told[0], None)))
        p.setattr(processes, "LAST_WORDS", 0.1)
        fit(elbo, devices=2)


def test_a_process_that_ends_without_a_word(worker):
    worker("sys.exit(3 * (os.environ['RANK'] == '0'))")
    with pytest.raises(ChildProcessError, match=r"ended with \[3, .*train again, with checkpoint="):
        fit(elbo, devices=2)


def test_an_interrupt_is_handed_on_once(worker, tmp_path, monkeypatch):
    worker(
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n"
        f"open({str(tmp_path)!r} + '/' + os.environ['RANK'], 'w').close()\n"
        "while True: time.sleep(0.1)"
    )

    def sleep(seconds, asked=[]):  # noqa: B006
        time.sleep(seconds)
        if not asked and len(list(tmp_path.iterdir())) == 2:
            asked.append(os.kill(os.getpid(), signal.SIGINT))

    monkeypatch.setattr(processes, "time", SimpleNamespace(**vars(time) | {"sleep": sleep}))
    with pytest.raises(ChildProcessError, match=r"ended with \[7, 7\]"):
        fit(elbo, devices=2)


def test_an_error_of_the_callers_ends_them(worker, tmp_path):
    worker(
        f"open({str(tmp_path)!r} + '/' + str(os.getpid()), 'w').close()\n"
        "while True: time.sleep(0.1)"
    )

    def refuse(*_):
        raise KeyError("mine")

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyError, match="mine"):
        patch.setattr(processes.checkpoints, "load", refuse)
        patch.setattr(Path, "exists", lambda path: len(list(tmp_path.iterdir())) == 2)
        fit(elbo, devices=2, on_epoch=print)
    for file in tmp_path.iterdir():
        with pytest.raises(ProcessLookupError):
            os.kill(int(file.name), 0)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"devices": 0}, "devices=0"),
        ({"nodes": 2}, "torchrun --nnodes 2 --nproc-per-node 1"),
        ({"devices": 2, "strategy": "fsdp"}, "strategy='fsdp'.*'ddp'"),
        ({"devices": 2, "device": "toaster"}, "no device 'toaster'"),
    ],
)
def test_impossible_settings_are_refused_before_anything_is_started(changes, words, monkeypatch):
    monkeypatch.setattr(processes, "_workers", lambda _: pytest.fail("it starts"))
    with pytest.raises(ValueError, match=words):
        fit(elbo, **changes)


def test_as_many_cards_as_there_are(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    assert processes.choose_device("auto", 4) == ("cuda", 4)
    assert processes.choose_device("cuda:3") == ("cuda", [3])
    for device, count in (("cuda", 5), ("cuda:1", 2), ("auto", 5)):
        with pytest.raises(ValueError, match=f"{count} devices were asked for"):
            processes.choose_device(device, count)
    assert processes.choose_device("cpu", 16) == ("cpu", 16)


def test_the_parts_of_a_batch_are_the_batch():
    for size, count in ((1, 5), (2, 13), (3, 7), (4, 3), (8, 1)):
        batch = torch.randperm(count)
        parts = [
            processes.share(SimpleNamespace(world_size=size, global_rank=rank), batch)
            for rank in range(size)
        ]
        counted = torch.cat([part[:own] for part, own in parts])
        assert torch.equal(counted, batch)
        assert all(len(part) > 0 for part, _ in parts), "there is always something to look at"
        assert np.ptp([own for _, own in parts]) <= 1
