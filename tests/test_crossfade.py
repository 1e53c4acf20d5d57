"""The line between two codes and its picture, held against decoding by hand."""

import io
import re

import numpy as np
import pytest
import torch
from PIL import Image

from course_lib import latents, transforms
from course_lib.datasets.stored import StoredImages
from course_lib.explorers.crossfade import path, strip_figure
from course_lib.models import FullyConnectedAutoencoder, FullyConnectedVAE
from course_lib.plots.figure import GAP

SHAPE, STEPS = (3, 6, 5), 4
transform = transforms.face_transform(crop=None, size=SHAPE[1:])


@pytest.fixture(scope="module")
def faces():
    generator = torch.Generator().manual_seed(4)
    return torch.randint(256, (2, 1, *SHAPE), dtype=torch.uint8, generator=generator)


@pytest.fixture(scope="module")
def models():
    torch.manual_seed(1)
    models = {"AE": FullyConnectedAutoencoder(SHAPE, 17), "VAE": FullyConnectedVAE(SHAPE, 11, 7)}
    with torch.no_grad():  # untrained, but with pictures that differ
        models["AE"].decoder[0].weight *= 4
        for layer in (models["VAE"].encoder[2], *models["VAE"].decoder[::2]):
            layer.weight *= 3
    return models


@pytest.fixture(scope="module")
def paths(models, faces):
    return [path(name, model, *faces, transform, STEPS) for name, model in models.items()]


def decoded(models, faces, name, t):
    """Decoded by hand at the place t."""
    model = models[name]
    first, last = (model.encode(transform(face)) for face in faces)
    if name == "VAE":
        first, last = first.mean, last.mean
    return transforms.to_image(model.decode(first + t * (last - first)))


def test_a_path_is_decoded_on_the_straight_line(models, faces, paths):
    for way in paths:
        between = latents.interpolate(way.ends[:1], way.ends[1:], STEPS)
        assert torch.equal(way.pictures, transforms.to_image(models[way.name].decode(between)))
        for i, picture in enumerate(way.pictures):
            by_hand = decoded(models, faces, way.name, i / (STEPS - 1))[0]
            assert (picture.int() - by_hand.int()).abs().max() <= 1
        assert (way.pictures[0] != way.pictures[-1]).float().mean() > 0.5


@pytest.mark.parametrize("t", [0, 0.37, 1])
def test_a_place_is_decoded_and_cross_faded(models, faces, paths, t):
    for way in paths:
        place, fade = way.at(t)
        by_hand = decoded(models, faces, way.name, t)
        assert place.shape == fade.shape == (1, *SHAPE)
        assert (place.int() - by_hand.int()).abs().max() <= 1
        mixed = (1 - t) * way.pictures[0].double() + t * way.pictures[-1].double()
        assert (fade[0] - mixed).abs().max() <= 0.5 + 1e-4
        if t in (0, 1):
            assert torch.equal(place, fade)


def test_the_description_gives_the_distances(paths):
    said = strip_figure(paths, 0.37).alt
    assert said.startswith("4 pictures decoded") and "a row for AE and VAE" in said
    assert "the place t = 0.37 enlarged" in said
    for way in paths:
        place, fade = (picture.numpy().astype(float) for picture in way.at(0.37))
        ends = way.pictures[[0, -1]].numpy().astype(float)
        [(off, apart)] = re.findall(rf"\b{way.name}: ([\d.]+) grey .*?its ends (\d+\.\d)", said)
        assert float(off) == pytest.approx(np.abs(place - fade).mean(), abs=0.05) != 0
        assert float(apart) == pytest.approx(np.abs(ends[0] - ends[1]).mean(), abs=0.05)
    at_an_end = strip_figure(paths, 1).alt
    assert at_an_end.count(" 0.0 grey levels on average") == 2


def test_the_pictures_are_on_screen_pixel_by_pixel(paths):
    figure = strip_figure(paths, 0.37)
    screen = np.asarray(Image.open(io.BytesIO(figure.png())).convert("RGB"))

    def found(picture, zoom):
        """Whether the picture is anywhere on the screen, each of its pixels a square."""
        large = picture.permute(1, 2, 0).numpy().repeat(zoom, 0).repeat(zoom, 1)
        windows = np.lib.stride_tricks.sliding_window_view(screen[:, :, 0], large.shape[:2])
        rows, columns = np.nonzero(windows[:, :, 0, 0] == large[0, 0, 0])
        return any(
            np.array_equal(screen[y : y + len(large), x : x + large.shape[1]], large)
            for y, x in zip(rows, columns, strict=True)
        )

    for way in paths:
        assert found(way.pictures[0], 64 // 6)
        for picture in way.at(0.37):
            assert found(picture[0], 128 // 6)
            assert not found(255 - picture[0], 128 // 6)


@pytest.mark.parametrize(("t", "picture"), [(0, 0), (2 / 3, 2), (1, 3)])
def test_the_mark_stands_on_the_place(paths, t, picture):
    figure = strip_figure(paths, t)
    [mark] = [line for line in figure.get_children() if hasattr(line, "get_xdata")]
    width = 64 // 6 * 5
    middle = GAP + picture * (width + GAP) + width / 2
    pixels = figure.get_figwidth() * figure.dpi
    assert mark.get_xdata()[0] * pixels == pytest.approx(middle)


def test_one_model_and_many_and_grey_pictures(models, paths):
    one, three = (strip_figure(ways, 0.5) for ways in (paths[:1], [*paths, paths[0]]))
    assert "a row for AE;" in one.alt and "AE and VAE and AE" in three.alt
    assert three.get_figheight() > strip_figure(paths, 0.5).get_figheight() > one.get_figheight()
    torch.manual_seed(0)
    grey = FullyConnectedAutoencoder((1, 6, 5), 13)
    faces = torch.arange(60, dtype=torch.uint8).view(2, 1, 1, 6, 5)
    assert strip_figure([path("grey", grey, *faces, transform, 2)], 0.5).png()


def test_a_picture_that_stays_on_disk_is_a_face_too(models, faces, paths, tmp_path):
    np.save(tmp_path / "a.npy", faces[0].movedim(1, -1).numpy())
    a = StoredImages([tmp_path / "a.npy"], torch.arange(1))
    found = path("AE", models["AE"], a, faces[1], transform, STEPS)
    assert torch.equal(found.pictures, paths[0].pictures)


def test_what_is_no_pair_of_faces_gets_one_clear_sentence(models, faces):
    for wrong in (faces[0, 0], faces[:, 0]):
        with pytest.raises(ValueError, match=r"one picture \(1, C, height, width\) is expected"):
            path("AE", models["AE"], faces[0], wrong, transform, STEPS)
    with pytest.raises(ValueError, match="steps=1"):
        path("AE", models["AE"], *faces, transform, 1)
