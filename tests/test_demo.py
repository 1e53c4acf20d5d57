"""The page that needs no kernel: whole, small, and with all that its view can ask for."""

import base64
import json
import re
import sys

import pytest
import safetensors.torch
import torch
from torch import nn

from course_lib import __main__
from course_lib.explorers import demo
from course_lib.explorers.exploration import prior_draw
from course_lib.explorers.latent_explorer import LatentExplorer
from course_lib.likelihoods import OptimalGaussian
from course_lib.models import FullyConnectedAutoencoder, FullyConnectedVAE
from course_lib.objectives import elbo
from course_lib.transforms import face_transform

SHAPE, HIDDEN, LATENT, IMAGES, DRAWS = (3, 6, 5), 13, 7, 4, 3
SIZES = SHAPE, HIDDEN, LATENT


def pictures(n, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(256, (n, *SHAPE), dtype=torch.uint8, generator=generator)


@pytest.fixture
def make():
    made = []

    def make(models, **options):
        transform = face_transform(crop=None, size=SHAPE[1:])
        made.append(LatentExplorer(models, pictures(IMAGES, 1), transform=transform, **options))
        return made[-1]

    yield make
    for explorer in made:
        explorer.close()


@pytest.fixture
def explorer(make):
    torch.manual_seed(0)
    models = {"AE": FullyConnectedAutoencoder(SHAPE, LATENT + 2), "VAE": FullyConnectedVAE(*SIZES)}
    return make(models, training=pictures(60, 2), factors=torch.rand(60, 16))


@pytest.fixture
def folder(explorer, tmp_path):
    demo.write(tmp_path / "demo", explorer, draws=DRAWS)
    return tmp_path / "demo"


def data_of(folder):
    """What data.js declares."""
    [text] = re.findall(r"\Aconst DEMO = (\{.*\});\n\Z", (folder / "data.js").read_text())
    return json.loads(text)


def test_the_folder_holds_two_whole_files(explorer, tmp_path):
    folder = tmp_path / "made" / "for it"
    written = demo.write(folder, explorer, draws=DRAWS)
    assert sorted(folder.iterdir()) == sorted(written)
    assert {path.name for path in written} == {"index.html", "data.js"}


def test_writing_again_gives_the_same_bytes(explorer, folder):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    demo.write(folder, explorer, draws=DRAWS)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_the_page_needs_nothing_but_its_data(folder):
    page = (folder / "index.html").read_text()
    assert not re.search(r"https?://|//cdn|@import|url\(", page)
    assert re.findall(r'(?:src|href)="([^"]*)"', page) == ["data:,", "data.js"]
    assert not re.search(r"^\s*(import|export)\b|\bimport\(|\bfetch\(", page, re.M)
    assert "$" not in re.sub(r"<script type.*", "", page, flags=re.S)  # all places are filled


def test_the_page_says_what_readers_and_machines_need(folder):
    page = (folder / "index.html").read_text()
    assert page.startswith("<!DOCTYPE html>\n")
    for part in ('<html lang="en">', "<title>", 'name="viewport"', "<main>", "light dark"):
        assert page.count(part) == 1
    assert page.count("<h1") == 1


def test_every_tensor_the_view_can_ask_for_is_there(explorer, folder):
    data = data_of(folder)
    tensors = safetensors.torch.load(base64.b64decode(data["tensors"]))
    bases = [("image", i) for i in range(IMAGES)]
    bases += [(origin, i) for origin in ("prior", "density") for i in range(DRAWS)]
    bases += [("prior", 1000 + i) for i in range(DRAWS)]  # noise
    bases += [("posterior", i, n) for i in range(IMAGES) for n in range(1, DRAWS + 1)]
    asked = [{"models": True, "alone": True, "columns": [], "bases": []}]
    columns = [*range(LATENT), *explorer.state.names]
    asked += [{"models": False, "columns": [column], "bases": []} for column in columns]
    asked += [{"models": False, "columns": [], "bases": [base]} for base in bases]
    expected = {}
    for request in asked:
        expected |= explorer.parts(request, torch.float16)[1]
    assert tensors.keys() == expected.keys()
    assert all(torch.equal(tensors[name], tensor) for name, tensor in expected.items())
    assert torch.equal(tensors["1/base/prior/2/code"], prior_draw(2, LATENT))
    assert tensors["1/2/weight"].dtype == torch.float16

    assert data["setup"] == json.loads(json.dumps(explorer._setup)) | {"draws": DRAWS}
    assert data["choice"] == json.loads(json.dumps(explorer.state.choice))
    assert [fact["layers"] for fact in data["facts"]] == [["tanh"], ["relu", "linear", "tanh"]]
    assert len(data["facts"][1]["atlas"]["tracks"]) == LATENT
    assert len(data["facts"][1]["atlas"]["directions"]) == len(explorer.state.names) == 20


def test_the_encoders_go_along_and_no_kernel_gets_them(explorer, folder):
    data = data_of(folder)
    tensors = safetensors.torch.load(base64.b64decode(data["tensors"]))
    assert [fact["encoder"] for fact in data["facts"]] == [
        ["linear", "relu"],
        ["linear", "relu", "linear"],
    ]
    weight = explorer.models["VAE"].encoder[2].weight
    assert torch.equal(tensors["1/encoder/3/weight"], weight.T.half())
    assert tensors["1/encoder/3/bias"].dtype == torch.float32
    assert torch.equal(tensors["1/0/bias"], explorer.models["VAE"].decoder[0].bias)
    _, in_lab = explorer.parts({"models": True, "columns": [], "bases": []})
    assert not any("encoder" in name for name in in_lab)


def test_where_the_transform_cuts_the_page_takes_no_picture(tmp_path):
    """A browser cannot crop as the transform does."""
    torch.manual_seed(0)
    crop = face_transform(crop=(1, 0, 4, 5), size=SHAPE[1:])
    explorer = LatentExplorer(FullyConnectedVAE(*SIZES), pictures(IMAGES, 1), transform=crop)
    demo.write(tmp_path, explorer, draws=DRAWS)
    explorer.close()
    assert [fact["encoder"] for fact in data_of(tmp_path)["facts"]] == [None]


def test_the_page_starts_from_the_explorers_state(explorer, tmp_path):
    explorer.state.edits, explorer.state.image = {5: 2.5}, 3
    demo.write(tmp_path, explorer)
    assert data_of(tmp_path)["choice"] == explorer.state.choice


def test_without_a_map_nothing_is_drawn_from_it(make, tmp_path):
    torch.manual_seed(0)
    demo.write(tmp_path, make(FullyConnectedVAE(*SIZES)), draws=DRAWS)
    tensors = safetensors.torch.load(base64.b64decode(data_of(tmp_path)["tensors"]))
    assert "0/base/prior/2/code" in tensors
    assert not any("density" in name or "atlas" in name for name in tensors)


class Smoothed(FullyConnectedVAE):
    """A decoder that cannot go to the browser."""

    def decode(self, z):
        return nn.functional.avg_pool2d(super().decode(z), 3, 1, 1)


def test_a_decoder_that_cannot_travel_is_refused_and_nothing_written(make, tmp_path):
    torch.manual_seed(0)
    explorer = make({"plain": FullyConnectedVAE(*SIZES), "smooth": Smoothed(*SIZES)})
    with pytest.raises(ValueError, match="decoder of 'smooth' cannot run in a browser: leave"):
        demo.write(tmp_path / "demo", explorer)
    assert not (tmp_path / "demo").exists()


def test_the_sliders_follow_factors_best(explorer):
    r2 = torch.tensor([[r for _, r in a.tracks[:LATENT]] for a in explorer.atlases.values()])
    assert demo.telling(explorer, 3) == r2.amax(0).topk(3).indices.tolist()


def test_the_demos_own_networks_fit_in_sixteen_megabytes(monkeypatch, tmp_path):
    """The command with all its sizes, without its training."""
    torch.manual_seed(0)
    trained = []

    def untrained(name, network, objective, data, **settings):
        model = network()
        trained.append((name, objective, model.likelihood))
        return type("State", (), {"model": model})

    monkeypatch.setattr(demo.training, "fit_or_load", untrained)
    monkeypatch.setattr(demo.datasets, "load", lambda name: FewFaces)
    monkeypatch.setattr(sys, "argv", ["course_lib", "demo", "--folder", str(tmp_path / "d")])
    with pytest.raises(SystemExit) as stop:
        __main__.main()
    assert stop.value.code == 0
    names, objectives, likelihoods = zip(*trained, strict=True)
    assert names == ("demo AE", "demo VAE", "demo VAE, σ² = 1")
    assert objectives[0].keywords == {"sample": False} and objectives[1] == objectives[2] == elbo
    closed_form = [isinstance(one, OptimalGaussian) for one in likelihoods]
    assert closed_form == [True, True, False] and likelihoods[2].sigma2 == 1
    data = data_of(tmp_path / "d")
    assert data["setup"]["images"] == demo.IMAGES
    assert len(data["choice"]["elements"]) == demo.SLIDERS
    assert data["choice"]["directions"] == [["hair_colour", 2.0]], "an edit that is seen at once"
    total = sum(path.stat().st_size for path in (tmp_path / "d").iterdir())
    assert 5e6 < total < 16e6


class FewFaces:
    """Enough pictures for a map with all that the real one keeps."""

    _seeded = torch.Generator().manual_seed(0)
    train = torch.randint(256, (1300, 3, 64, 64), dtype=torch.uint8, generator=_seeded)
    test = train[:50]
    factors = {"train": torch.rand(1300, 16, generator=_seeded)}  # noqa: RUF012
