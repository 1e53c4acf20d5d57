"""``python -m course_lib score``: a row for each picture, in order, held against a loop."""

import csv
import re
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from course_lib import __main__, evaluation, latents, runs
from course_lib.objectives import elbo
from course_lib.runs import scoring

torch.set_num_threads(1)  # as in test_training


def command(*words):
    """The command, as typed; what it exits with."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as stop:
        patch.setattr(sys, "argv", ["course_lib", *map(str, words)])
        __main__.main()
    return stop.value.code


def made(n, seed, spread):
    random = np.random.default_rng(seed)
    brightness = random.uniform(60, 180, (n, 1, 1, 1))
    return random.normal(brightness, spread, (n, 6, 5, 3)).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a run of a small VAE, a test file half of which is rougher, and its labels."""
    folder = tmp_path_factory.mktemp("scored")
    np.save(folder / "training.npy", made(80, 1, 12))
    usual, strange = made(30, 2, 12), made(40, 3, 40)
    order = np.random.default_rng(4).permutation(70)
    labels = np.repeat([0, 1], [30, 40])[order]
    np.save(folder / "test.npy", np.concatenate([usual, strange])[order])
    np.save(folder / "labels.npy", labels)
    sizes = ("--hidden-dim", 9, "--latent-dim", 3, "--epochs", 3, "--device", "cpu")
    data = ("--data", folder / "training.npy", "--folder", folder / "run")
    assert command("train", *data, *sizes) == 0
    return folder


def scored(place, *words):
    assert command(
        "score", "--run", place / "run", "--data", place / "test.npy", "--out",
        place / "scores.csv", *words,
    ) == 0  # fmt: skip
    with (place / "scores.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert [row[0] for row in rows] == [str(i) for i in range(70)]
    return header, torch.tensor([float(row[1]) for row in rows])


def seen(place):
    """The model, and the test pictures one by one, as it sees them."""
    run = runs.open(place / "run")
    stored = torch.from_numpy(np.load(place / "test.npy")).movedim(-1, 1)
    return run, run.transform(stored)


def test_every_picture_has_its_row_in_the_files_order(place):
    header, scores = scored(place)
    run, x = seen(place)
    with torch.no_grad():
        by_hand = torch.stack([(run.model(x[[i]]) - x[[i]]).norm() for i in range(70)])
    assert header == ["ID", "score"]
    torch.testing.assert_close(scores, by_hand, rtol=1e-5, atol=0)
    assert (place / "scores.strangest.png").exists()


def test_each_pictures_map_is_written(place, monkeypatch):
    monkeypatch.setattr(scoring, "BATCH", 32)
    _, scores = scored(place, "--maps", place / "maps.npy")
    run, x = seen(place)
    maps = torch.from_numpy(np.load(place / "maps.npy"))
    torch.testing.assert_close(maps, evaluation.error_map(run.model, x), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(maps.sum((1, 2)).sqrt(), scores, rtol=1e-4, atol=0)
    words = ("--run", place / "run", "--data", place / "test.npy", "--maps", place / "test.npy")
    assert "give --maps another name" in command("score", *words)
    assert len(np.load(place / "test.npy")) == 70


def test_the_columns_names_are_asked_for(place):
    assert scored(place, "--header", "Id, Predicted")[0] == ["Id", "Predicted"]


def test_the_bound_and_the_density_are_those_of_the_library(place):
    run, x = seen(place)
    _, bounds = scored(place, "--by", "bound")
    torch.manual_seed(0)
    with torch.no_grad():
        torch.testing.assert_close(bounds, elbo(run.model, x).loss, rtol=1e-4, atol=0)
    _, densities = scored(place, "--by", "density")
    codes = latents.encode(run.model, run.data.train, run.transform)
    density = latents.fit_density(codes, 10)
    expected = -density.log_prob(latents.encode(run.model, x)).float()
    torch.testing.assert_close(densities, expected, rtol=1e-4, atol=1e-4)


def test_many_batches_give_what_one_gives(place, monkeypatch):
    _, whole = scored(place)
    monkeypatch.setattr(scoring, "BATCH", 7)
    _, parts = scored(place)
    torch.testing.assert_close(parts, whole, rtol=1e-5, atol=0)


def test_larger_pictures_are_cut_as_training_cut_them(tmp_path):
    large = np.random.default_rng(0).integers(256, size=(20, 128, 80, 3), dtype=np.uint8)
    np.save(tmp_path / "large.npy", large)
    sizes = ("--hidden-dim", 9, "--latent-dim", 3, "--epochs", 1, "--device", "cpu")
    folder = tmp_path / "run"
    assert command("train", "--data", tmp_path / "large.npy", "--folder", folder, *sizes) == 0
    found = ("--run", folder, "--data", tmp_path / "large.npy", "--out", tmp_path / "s.csv")
    assert command("score", *found) == 0
    scores = np.loadtxt(tmp_path / "s.csv", delimiter=",", skiprows=1)[:, 1]
    run = runs.open(folder)
    whole = torch.cat([run.data.train, run.data.validation, run.data.test])
    seen = evaluation.distance(run.model, run.transform(whole))
    np.testing.assert_allclose(np.sort(scores), np.sort(seen.numpy()), rtol=1e-4)


def test_codes_wider_than_the_training_set_have_a_density(place, tmp_path):
    sizes = ("--hidden-dim", 9, "--latent-dim", 90, "--epochs", 1, "--device", "cpu")
    folder = tmp_path / "run"
    assert command("train", "--data", place / "training.npy", "--folder", folder, *sizes) == 0
    found = ("--run", folder, "--data", place / "test.npy", "--out", tmp_path / "s.csv")
    assert command("score", *found, "--by", "density") == 0
    assert len(np.loadtxt(tmp_path / "s.csv", delimiter=",", skiprows=1)) == 70


@pytest.mark.parametrize("kind", ["npy", "csv"])
def test_with_labels_it_says_how_well_the_scores_tell(place, kind, capsys):
    labels = np.load(place / "labels.npy")
    path = place / f"labels.{kind}"
    if kind == "csv":
        path.write_text("ID,label\n" + "\n".join(f"{i},{one}" for i, one in enumerate(labels)))
    _, scores = scored(place, "--labels", path)
    auc = evaluation.auroc(scores[labels == 0], scores[labels == 1])
    told = re.search(r"AUC ([\d.]+), for other pictures of these kinds ([\d.]+) to ([\d.]+)",
                     capsys.readouterr().out)  # fmt: skip
    assert float(told[1]) == pytest.approx(auc, abs=1e-4)
    assert float(told[2]) < auc < float(told[3]) or auc == 1
    assert (place / "scores.roc.png").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--header", "score"), "two names are expected"),
        (("--run", "nowhere"), "There is no run in 'nowhere'"),
        (("--data", "nothing.npy"), "nothing.npy"),
        (("--labels", "short.npy"), "2 numbers for 70 pictures"),
        (("--labels", "words.txt"), "0 numbers for 70 pictures"),
        (("--labels", "broken.npy"), "broken.npy"),
        (("--out", "test.npy"), "would replace 'test.npy' itself"),
        (("--data", "folder"), "1 of 2 picture files in"),
    ],
)
def test_a_mistake_is_one_sentence_and_leaves_nothing(place, words, sentence, monkeypatch):
    monkeypatch.chdir(place)
    np.save("short.npy", np.array([0, 1]))
    (place / "words.txt").write_text("usual\nstrange\n")
    (place / "broken.npy").write_bytes(b"\x93NUMPY\x01\x00 no more")
    (place / "folder").mkdir(exist_ok=True)
    Image.fromarray(made(1, 5, 12)[0]).save(place / "folder" / "a.png")
    (place / "folder" / "b.png").write_bytes(b"no picture")
    options = {"--run": "run", "--data": "test.npy", "--out": "no.csv"} | {words[0]: words[1]}
    told = command("score", *(word for pair in options.items() for word in pair))
    assert sentence in told and told.startswith("Error: ") and "\n" not in told
    assert not list(place.glob("no.*"))
