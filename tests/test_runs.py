"""``python -m course_lib train``: what a run leaves, how it resumes, what it refuses."""

import json
import os
import re
import shutil
import signal
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from course_lib import __main__, datasets, evaluation, files, homework, runs, training
from course_lib.likelihoods import Bernoulli
from course_lib.models import FullyConnectedAutoencoder, FullyConnectedVAE
from course_lib.objectives import WarmUp
from course_lib.runs import results, scoring, settings
from course_lib.training.checkpoints import State, load
from course_lib.training.fingerprint import fingerprint
from course_lib.transforms import face_transform

torch.set_num_threads(1)  # as in test_training: networks this small are not worth a second thread

SHAPE = (3, 6, 5)
SMALL = {"--hidden-dim": 9, "--latent-dim": 4, "--batch-size": 16, "--epochs": 3, "--device": "cpu"}
FILES = [
    "figures.json", "history.json", "reconstructions.png", "run.json", "samples.png",
    "state.safetensors",
]  # fmt: skip
build = partial(FullyConnectedVAE, SHAPE, 9, 4)
whole = face_transform(None, SHAPE[1:])


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Pictures of 6 rows and 5 columns, of which 56 train, 7 validate and 7 test."""
    path = tmp_path_factory.mktemp("data") / "photos.npy"
    random = np.random.default_rng(1)
    brightness = random.uniform(40, 200, (70, 1, 1, 1))
    np.save(path, random.normal(brightness, 20, (70, 6, 5, 3)).clip(0, 255).astype(np.uint8))
    return path


def train(*flags, **options):
    """The command, as typed; what it exits with."""
    words = [str(word) for pair in options.items() for word in pair]
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as stop:
        patch.setattr(sys, "argv", ["course_lib", "train", *words, *flags])
        __main__.main()
    return stop.value.code


def run(photos, folder, *flags, **changes):
    options = SMALL | {"--data": photos, "--folder": folder} | changes
    assert train(*flags, **options) == 0
    return load(folder / "state.safetensors", build)


@pytest.fixture(scope="module", params=["vae", "ae"])
def finished(request, photos, tmp_path_factory):
    """The model's kind, its folder and its state after a run of three epochs."""
    folder = tmp_path_factory.mktemp("runs") / request.param
    return request.param, folder, run(photos, folder, **{"--model": request.param})


def test_a_run_leaves_whole_files_and_nothing_else(finished):
    _, folder, state = finished
    assert sorted(path.name for path in folder.iterdir()) == FILES
    assert json.loads((folder / "history.json").read_text()) == state.history
    assert state.history["epoch"] == [1, 2, 3]
    assert state.step == 3 * 4  # 56 pictures in batches of 16


def test_the_losses_in_the_history_are_those_of_the_weights(finished, photos):
    """The last validation figures, from the weights and the formulas alone."""
    kind, _, state = finished
    x = whole(datasets.load(photos).validation)
    with torch.no_grad():
        q = state.model.encode(x)
        torch.manual_seed(0)  # training.evaluate's
        z = q.sample() if kind == "vae" else q.mean
        density = torch.distributions.Normal(
            state.model.decode(z), state.model.likelihood.sigma2**0.5
        )
        distortion = -density.log_prob(x).flatten(1).sum(1).mean()
        rate = (q.variance + q.mean**2 - 1 - q.variance.log()).sum(1).mean() / 2
    last = {name: values[-1] for name, values in state.history.items()}
    assert last["validation_distortion"] == pytest.approx(distortion.item(), rel=1e-5)
    assert last["validation_rate"] == pytest.approx(rate.item() if kind == "vae" else 0, rel=1e-4)
    assert last["validation_loss"] == pytest.approx(
        last["validation_distortion"] + last["validation_rate"]
    )


def test_figures_are_of_pictures_not_trained_on(finished, photos):
    kind, folder, state = finished
    figures = json.loads((folder / "figures.json").read_text())
    splits = datasets.load(photos)
    for part in ("validation", "test"):
        x = whole(getattr(splits, part))
        with torch.no_grad():
            mse = (state.model(x) - x).square().mean().item()
            active = (state.model.encode(x).mean.var(0) > 0.01).sum().item()
        assert figures[part]["mse"] == pytest.approx(mse, rel=1e-5)
        assert figures[part]["rms"] == pytest.approx(mse**0.5 * 255 / 2, rel=1e-5)
        assert figures[part]["active"] == active
        assert (figures[part]["rate"] > 0) == (kind == "vae")
    for term in ("distortion", "rate"):
        assert figures["validation"][term] == state.history[f"validation_{term}"][-1]


def test_sheets_have_a_picture_in_every_place(finished):
    """The paper is white; the pictures, 105 × 126 on paper and 12 apart, have no white in them."""
    _, folder, _ = finished
    for name, columns, rows, title in (("reconstructions", 7, 2, 14), ("samples", 8, 8, 0)):
        sheet = np.asarray(Image.open(folder / f"{name}.png").convert("L"))[::-1]
        assert sheet.shape[1] == 12 + columns * (105 + 12)
        for row in range(rows):
            y = 12 + row * (126 + 12 + title)  # counted from below
            for x in range(12, sheet.shape[1], 105 + 12):
                assert sheet[y + 2 : y + 124, x + 2 : x + 103].max() < 255, (name, row, x)


def test_the_two_models_start_from_the_same_weights(photos, tmp_path):
    """A learning rate of next to nothing leaves the weights where they started."""
    vae, ae = (
        run(photos, tmp_path / kind, **{"--model": kind, "--lr": 1e-30, "--epochs": 1})
        for kind in ("vae", "ae")
    )
    weights = dict(ae.model.named_parameters())
    assert len(weights) == 8
    for name, start in vae.model.named_parameters():
        assert torch.equal(start, weights[name]), name


def test_the_same_command_gives_the_same_bits(finished, photos, tmp_path):
    kind, folder, state = finished
    again = run(photos, tmp_path / "again", **{"--model": kind})
    for name, weights in state.model.state_dict().items():
        assert torch.equal(weights, again.model.state_dict()[name]), name
    for name in ("figures.json", "reconstructions.png", "samples.png"):
        assert (folder / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name
    other = run(photos, tmp_path / "other", **{"--model": kind, "--seed": 1})
    assert other.history["train_loss"] != state.history["train_loss"]


def test_a_run_that_stopped_early_goes_on_as_if_it_had_not(finished, photos, tmp_path):
    kind, folder, state = finished
    run(photos, tmp_path, **{"--model": kind, "--epochs": 1})
    resumed = run(photos, tmp_path, "--resume", **{"--model": kind})
    for name, weights in state.model.state_dict().items():
        assert torch.equal(weights, resumed.model.state_dict()[name]), name
    assert resumed.history["epoch"] == [1, 2, 3]
    assert (folder / "figures.json").read_bytes() == (tmp_path / "figures.json").read_bytes()


def test_one_command_with_resume_begins_goes_on_and_ends(finished, photos, tmp_path):
    """As a loop types it that starts a run again whenever its machine was taken away."""
    kind, folder, _ = finished
    for epochs in (1, 3, 3):
        run(photos, tmp_path / "run", "--resume", **{"--model": kind, "--epochs": epochs})
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == FILES
    again = tmp_path / "run" / "figures.json"
    assert again.read_bytes() == (folder / "figures.json").read_bytes()


@pytest.mark.parametrize(("before", "step"), [(0, 2), (0, 4), (1, 6)])  # an epoch has 4
def test_an_interrupted_run_says_so_and_leaves_no_results(
    before, step, finished, photos, tmp_path, capfd
):
    kind, folder, _ = finished
    options = SMALL | {"--data": photos, "--folder": tmp_path, "--model": kind}
    if before:
        run(photos, tmp_path, **{"--model": kind, "--epochs": before})
    add = State.add

    def interrupting_add(state, terms):
        add(state, terms)
        if state.step == step:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(State, "add", interrupting_add)
        assert train("--resume", **options) == 130
    told = capfd.readouterr().err.strip().splitlines()[-1]
    assert told.startswith(f"Stopped after {step // 4} of 3 passes, at step {step}: ")
    assert told.endswith("--resume goes on.") and str(tmp_path) in told
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["run.json", "state.safetensors"]
    assert runs.open(tmp_path).settings["finished"] is False
    assert train("--resume", **options) == 0
    assert (folder / "figures.json").read_bytes() == (tmp_path / "figures.json").read_bytes()
    assert runs.open(tmp_path).settings["finished"] is True


def test_a_second_run_into_one_folder_is_refused_while_the_first_goes_on(photos, tmp_path):
    options = SMALL | {"--data": photos, "--folder": tmp_path / "run"}
    for flags in ([], ["--resume"]):
        with files.one_alone(tmp_path / "run"):
            message = train(*flags, **options)
        assert message.startswith("Error: Another program is writing to") and "\n" not in message
        assert list(tmp_path.iterdir()) == []


def test_warm_up_and_beta_reach_the_objective(photos, tmp_path):
    state = run(photos, tmp_path, **{"--beta": 0.5, "--warm-up": 7})
    assert state.settings["objective"] == f"WarmUp {fingerprint(WarmUp(7, 0.5))}"
    history = state.history
    for loss, distortion, rate in zip(
        *(history[f"validation_{term}"] for term in ("loss", "distortion", "rate")), strict=True
    ):
        assert loss == pytest.approx(distortion + 0.5 * rate)


def test_black_and_white_pictures_and_their_likelihood(photos, tmp_path, capsys):
    options = {"--likelihood": "bernoulli", "--nll-samples": 5000}
    assert train("--binarise", **SMALL | options | {"--data": photos, "--folder": tmp_path}) == 0
    model = load(tmp_path / "state.safetensors", partial(build, Bernoulli())).model
    figures = json.loads((tmp_path / "figures.json").read_text())["test"]
    x = whole(datasets.binarise(datasets.load(photos)).test)
    assert set(x.unique().tolist()) == {-1, 1}
    # With other noise: the weights vary about twice as much as their mean, so that 5,000 of them
    # leave an error of 0.03 nats.
    other = evaluation.nll(model, x, 50_000, seed=1).mean().item()
    assert figures["nll"] == pytest.approx(other, abs=0.1)
    assert figures["nll"] < figures["distortion"] + figures["rate"]
    table = capsys.readouterr().out
    assert f"{figures['nll']:.4g}" in table and str(tmp_path) in table


@pytest.mark.parametrize(
    ("stored", "flags", "size"),
    [
        ((20, 28, 28), [], (1, 28, 28)),
        ((20, 64, 64, 3), [], (3, 64, 64)),
        ((20, 70, 65, 3), [], (3, 64, 64)),
        ((20, 64, 64, 3), ["--crop"], (3, 64, 64)),
    ],
)
def test_what_the_network_sees(stored, flags, size, tmp_path, monkeypatch):
    class Stop(Exception):
        pass

    def fit(model, objective, data, *, transform, **settings):
        assert model().image_shape == size
        assert transform(data.train[:2]).shape == (2, *size)
        assert (transform.crop is not None) == bool(flags)
        raise Stop

    monkeypatch.setattr(training, "fit", fit)
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    np.save(tmp_path / "some.npy", np.random.default_rng(0).integers(0, 256, stored, np.uint8))
    monkeypatch.setattr(sys, "argv", ["", "train", "--data", str(tmp_path / "some.npy"), *flags])
    with pytest.raises(Stop):
        __main__.app(standalone_mode=False)


def test_without_a_folder_the_data_and_the_model_name_it(photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert train(**SMALL | {"--data": photos, "--epochs": 1}) == 0
    assert sorted(path.name for path in (tmp_path / "build/runs/photos-vae").iterdir()) == FILES


MISTAKES = {
    "no such data": ({"--data": "mnits"}, [], "did you mean 'mnist'"),
    "no such file": ({"--data": "nowhere/faces.npy"}, [], "There is no folder 'nowhere'"),
    "floats": ({"--data": "floats.npy"}, [], "numbers from 0 to 255, 0 to 1 or -1 to 1 were"),
    "too few": ({"--data": "few.npy"}, [], "15 pictures or more"),
    "the homework's sizes": (
        {"--model": "homework-fcn"},
        [],
        "leave out --hidden-dim, --latent-dim and --likelihood",
    ),
    "the homework's beta": ({"--model": "homework-vae", "--beta": 4}, [], "leave out --beta"),
    "no weights": ({"--from": "gone.pt"}, [], "There is no file gone.pt"),
    "a folder that is a file": ({"--folder": "few.npy"}, [], "Nothing can be written to 'few.npy'"),
    "a folder in a file": ({"--folder": "few.npy/a/b"}, [], "Nothing can be written to 'few.npy/a"),
    "no step": ({"--lr": 0}, [], "lr=0.0, but expects a number above 0"),
    "diverging": ({"--lr": 1e30}, [], "try a smaller lr"),
    "no such device": ({"--device": "toaster"}, [], "There is no device 'toaster' here"),
    "greys": ({"--likelihood": "bernoulli"}, [], "add --binarise"),
    "greys again": (
        {"--likelihood": "bernoulli", "--data": "greys.npy"},
        ["--binarise", "--crop"],
        "leave out --crop, which resizes and so makes greys again",
    ),
    "an autoencoder's beta": ({"--model": "ae", "--beta": 4}, [], "leave out --beta"),
    "an autoencoder's warm-up": ({"--model": "ae", "--warm-up": 9}, [], "--warm-up"),
    "an autoencoder's likelihood": ({"--model": "ae", "--nll-samples": 9}, [], "--nll-samples"),
}


@pytest.mark.parametrize(("options", "flags", "words"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_sentence_and_leaves_nothing(
    options, flags, words, photos, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    np.save("floats.npy", random.normal(0, 5, (20, 6, 5, 3)))
    np.save("few.npy", random.integers(0, 256, (14, 6, 5, 3), np.uint8))
    np.save("greys.npy", random.integers(0, 256, (20, 40, 40), np.uint8))
    before = sorted(tmp_path.rglob("*"))
    message = train(*flags, **SMALL | {"--data": photos, "--folder": "out"} | options)
    assert message.startswith("Error: ") and message.endswith(".")
    assert "\n" not in message and words in message
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--model", "gan"),
        ("--likelihood", "poisson"),
        ("--epochs", 0),
        ("--latent-dim", "many"),
        ("--beta", -1),
    ],
)
def test_a_value_out_of_the_question_is_named(option, value, photos, tmp_path, capsys):
    """Typer's own refusal, whose wording is its own affair."""
    folder = tmp_path / "out"
    assert train(**{"--data": photos, "--folder": folder, option: value}) == 2
    assert f"Invalid value for '{option}'" in capsys.readouterr().err
    assert not folder.exists()


@pytest.mark.parametrize(
    ("flags", "changes", "words"),
    [
        ([], {}, "add --resume to go on with it"),
        (["--resume"], {"--latent-dim": 5}, "model (there FullyConnectedVAE"),
        (["--resume"], {"--lr": 0.1, "--seed": 2}, "with a different seed"),
        (["--resume"], {"--seed": 2}, "with a different seed"),
        (["--resume"], {"--epochs": 2}, "ask for more epochs"),
    ],
)
def test_another_run_in_the_folder_is_left_alone(finished, photos, flags, changes, words):
    kind, folder, _ = finished
    before = {path: path.read_bytes() for path in folder.iterdir()}
    options = SMALL | {"--data": photos, "--folder": folder, "--model": kind} | changes
    message = train(*flags, **options)
    assert words in message and "\n" not in message
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


# --- the homework's networks


WITHOUT_SIZES = {"--batch-size": 16, "--epochs": 2, "--device": "cpu"}


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    """Pictures whose sides are multiples of 8, of which 56 train."""
    path = tmp_path_factory.mktemp("data") / "faces.npy"
    random = np.random.default_rng(1)
    brightness = random.uniform(40, 200, (70, 1, 1, 1))
    np.save(path, random.normal(brightness, 20, (70, 8, 16, 3)).clip(0, 255).astype(np.uint8))
    return path


@pytest.mark.parametrize(
    ("kind", "network", "objective"),
    [
        ("homework", FullyConnectedAutoencoder, "squared_error"),
        ("homework-fcn", homework.fcn, "squared_error"),
        ("homework-cnn", homework.cnn, "squared_error"),
        ("homework-vae", homework.HomeworkVAE, "sample_loss"),
    ],
)
def test_the_homeworks_networks_train_and_open(kind, network, objective, faces, tmp_path, capsys):
    options = {"--data": faces, "--folder": tmp_path, "--model": kind}
    assert train(**WITHOUT_SIZES | options) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == FILES
    run = runs.open(tmp_path)
    expected = network((3, 8, 16))
    assert type(run.model) is type(expected)
    assert repr(run.model) == repr(expected)
    state = load(tmp_path / "state.safetensors", expected)
    assert state.settings["objective"].startswith(f"{objective} ")
    if kind == "homework-vae":
        assert "The code has collapsed" in capsys.readouterr().out


# --- a run read back


def test_a_run_is_opened_with_its_pictures(finished, photos):
    _, folder, state = finished
    run = runs.open(folder)
    x = whole(datasets.load(photos).test)
    assert torch.equal(run.transform(run.data.test), x)
    assert torch.equal(run.model(x), state.model(x)) and not run.model.training
    assert run.history == state.history
    assert run.settings["data"] == str(photos)


def test_a_run_opens_from_another_folder_and_as_it_was_made(photos, tmp_path, monkeypatch):
    monkeypatch.chdir(photos.parent)
    words = {"--likelihood": "bernoulli", "--data": photos.name, "--folder": tmp_path / "run"}
    assert train("--binarise", **SMALL | words) == 0
    monkeypatch.chdir(tmp_path)
    run = runs.open("run")
    assert isinstance(run.model.likelihood, Bernoulli)
    assert set(run.transform(run.data.train).unique().tolist()) == {-1, 1}


def test_a_run_whose_pictures_have_changed_is_refused(photos, tmp_path):
    mine = tmp_path / "mine.npy"
    shutil.copy(photos, mine)
    run(mine, tmp_path / "run", **{"--epochs": 1})
    runs.open(tmp_path / "run")
    np.save(mine, np.load(mine)[::-1])
    with pytest.raises(ValueError, match="other pictures than .*mine.npy holds now.*: put the old"):
        runs.open(tmp_path / "run")


def test_ones_own_folder_may_be_named_as_a_set(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("digits").mkdir()
    random = np.random.default_rng(2)
    for number in range(20):
        pixels = random.integers(0, 256, (6, 5, 3), np.uint8)
        Image.fromarray(pixels).save(f"digits/{number}.png")
    assert train(**SMALL | {"--data": "./digits", "--folder": "run", "--epochs": 1}) == 0
    assert json.loads(Path("run/run.json").read_text())["data"] == str(tmp_path / "digits")
    scored = ["score", "--run", "run", "--data", "./digits", "--out", "scores.csv"]
    monkeypatch.setattr(sys, "argv", ["course_lib", *scored])
    with pytest.raises(SystemExit) as stop:
        __main__.main()
    assert stop.value.code == 0 and "scores.csv: 20 scores" in capsys.readouterr().out


@pytest.mark.parametrize("content", [None, "no JSON", "[1]", '{"model": "mine"}'])
def test_a_folder_without_a_run_is_told(content, tmp_path):
    if content:
        (tmp_path / "run.json").write_text(content)
    with pytest.raises(FileNotFoundError, match="There is no run in"):
        runs.open(tmp_path)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("data", None),
        ("model", "gan"),
        ("hidden_dim", 10**12),
        ("hidden_dim", 8),
        ("latent_dim", "4"),
        ("latent_dim", -4),
        ("likelihood", ["optimal"]),
        ("crop", 1),
        ("binarise", None),
    ],
)
def test_damaged_settings_of_a_run_are_a_sentence(name, told, finished, tmp_path):
    _, folder, _ = finished
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    settings = json.loads((tmp_path / "run.json").read_text()) | {name: told}
    (tmp_path / "run.json").write_text(json.dumps(settings))
    with pytest.raises(ValueError, match=r"(is damaged: its|weights of another model).*\.$"):
        runs.open(tmp_path)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"model": "gan"}, "its model is 'gan', but one of vae, ae, homework, .* is expected"),
        ({"likelihood": "gauss"}, "its likelihood is 'gauss', but one of optimal, bernoulli"),
        ({"latent_dim": 0}, "its latent_dim is 0, but a whole number above 0"),
    ],
)
def test_no_run_begins_with_settings_that_it_could_not_be_opened_with(told, words, tmp_path):
    with pytest.raises(ValueError, match=f"There is no such run: {words}"):
        runs.train("orl", tmp_path / "run", **told)
    assert not (tmp_path / "run").exists()


def test_the_command_offers_what_runs_know():
    assert list(__main__.Model) == settings.MODELS
    assert list(__main__.Likelihood) == list(settings.LIKELIHOODS)
    assert list(__main__.By) == list(scoring.KINDS)


# --- going on


def test_a_resumed_run_may_change_its_lr_and_batch_size(finished, photos, tmp_path):
    kind, folder, _ = finished
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    changes = {"--model": kind, "--epochs": 4, "--lr": 1e-30, "--batch-size": 28}
    again = run(photos, tmp_path, "--resume", **changes)
    assert again.history["epoch"] == [1, 2, 3, 4] and again.step == 4 * 2
    for name, weights in runs.open(folder).model.named_parameters():
        assert torch.equal(weights, dict(again.model.named_parameters())[name]), name


def test_a_run_starts_from_weights(finished, photos, tmp_path):
    kind, folder, state = finished
    torch.save(state.model, tmp_path / "mine.pt")
    for start in (tmp_path / "mine.pt", folder / "state.safetensors"):
        options = {"--model": kind, "--epochs": 1, "--lr": 1e-30, "--seed": 5, "--from": start}
        again = run(photos, tmp_path / start.stem, **options)
        for name, weights in state.model.named_parameters():
            assert torch.equal(weights, dict(again.model.named_parameters())[name]), name
    message = train(
        **SMALL | {"--data": photos, "--folder": tmp_path / "x", "--hidden-dim": 8, "--from": start}
    )
    assert "encoder.0.weight has shape (9, 90) there and (8, 90) here" in message
    assert not (tmp_path / "x").exists()


# --- files stay whose they are


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("flags", [[], ["--resume"]])
def test_what_is_not_a_runs_is_never_overwritten(name, flags, photos, tmp_path):
    (tmp_path / name).write_bytes(b"somebody's thesis")
    message = train(*flags, **SMALL | {"--data": photos, "--folder": tmp_path})
    assert message.startswith("Error: ") and message.endswith(".") and "\n" not in message
    assert "delete" not in message
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_bytes() == b"somebody's thesis"


def test_a_full_disk_after_training_is_a_sentence_and_the_weights_are_there(
    photos, tmp_path, monkeypatch
):
    def full(path, content):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        message = train(**SMALL | {"--data": photos, "--folder": tmp_path})
    assert "could not be written (No space left on device)" in message and "\n" not in message


# --- what is worth saying of a run


def test_a_run_that_learned_nothing_says_so(photos, tmp_path, capsys):
    train(**SMALL | {"--data": photos, "--folder": tmp_path, "--beta": 1e6, "--epochs": 10})
    assert "The code has collapsed: no latent elements tell" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        ({"mse": 0.1, "mean_mse": 0.2, "rate": 0.0, "active": 3}, None),
        ({"mse": 0.1, "mean_mse": 0.2, "rate": 9.0, "active": 3}, None),
        ({"mse": 0.3, "mean_mse": 0.2, "rate": 9.0, "active": 3}, r"is 0\.3, .* picture 0\.2;"),
        ({"mse": 0.1, "mean_mse": 0.2, "rate": 9.0, "active": 0}, "has collapsed: no latent"),
        ({"mse": 0.1, "mean_mse": 0.2, "rate": 1e-6, "active": 3}, "rate is 1e-06 nats"),
        ({"mse": 0.1, "mean_mse": 0.2, "rate": 0.0, "active": 0}, "tell pictures apart, and so"),
    ],
)
def test_the_warning(figures, words):
    found = results.warning(figures)
    assert found is None if words is None else re.search(words, found)


def test_the_mean_picture_is_that_of_the_training_pictures(photos):
    splits = datasets.load(photos)
    mean = whole(splits.train).mean(0)
    expected = (whole(splits.test) - mean).square().mean().item()
    found = results.mean_picture_error(splits.train, splits.test, whole)
    assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("codes", "source"),
    [
        (torch.ones(20, 4), "the one code"),
        (torch.rand(20, 30), "a Gaussian fitted"),
        (torch.rand(60, 4), "10 Gaussians fitted"),
    ],
)
def test_codes_are_drawn_from_what_can_be_fitted_to_them(codes, source):
    drawn, told = results._drawn(codes, 7, 0)
    assert drawn.shape == (7, codes.shape[1]) and told.startswith(source)
