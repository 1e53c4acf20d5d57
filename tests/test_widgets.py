import gc
import io
import math

import numpy as np
import pytest
import torch
from ipywidgets import Button
from ipywidgets.widgets.widget import _instances
from PIL import Image
from torch import nn

from course_lib import latents, models, transforms
from course_lib.evaluation import pixel_change
from course_lib.explorer import MOST_ELEMENTS, ExplorerState, explore, reproduce
from course_lib.models import FullyConnectedAutoencoder, FullyConnectedVAE
from course_lib.widgets import COLUMNS, LatentExplorer

SHAPE, LATENT = (3, 6, 5), 17
transform = transforms.face_transform(crop=None, size=SHAPE[1:])


@pytest.fixture
def images():
    generator = torch.Generator().manual_seed(4)
    return torch.randint(256, (4, *SHAPE), dtype=torch.uint8, generator=generator)


@pytest.fixture
def model():
    torch.manual_seed(1)
    return FullyConnectedAutoencoder(SHAPE, LATENT)


@pytest.fixture
def explorer(model, images):
    explorer = LatentExplorer(model, images, transform=transform, elements=(3, 11))
    yield explorer
    explorer.close()


def sliders(explorer):
    return {e: row.children[0] for e, row in explorer._by_element.items()}


def on_screen(explorer, column, name="model"):
    png = explorer._pictures[name][COLUMNS.index(column)].value
    return torch.from_numpy(np.array(Image.open(io.BytesIO(png)))).movedim(-1, 0)


# The state, without any view


def test_state_edits_forgets_and_resets():
    state = ExplorerState(image_count=4, latent_dim=LATENT)
    state.image, state.shift = 2, 0.5
    state.set_element(3, 2)
    state.set_element(11, 8.0)
    state.forget(3)
    assert (state.edits, state.elements) == ({11: 8.0}, [3, 11])
    state.reset()
    assert (state.image, state.shift, state.edits, state.elements) == (2, 0.0, {}, [3, 11])


def test_hiding_an_element_undoes_its_edit():
    state = ExplorerState(4, LATENT)
    state.edits = {3: 2.0, 11: 8.0}
    state.hide(3)
    assert (state.edits, state.elements) == ({11: 8.0}, [11])


def test_state_tells_its_observers():
    state, seen = ExplorerState(4, LATENT), []
    state.observe(lambda change: seen.append((change.name, change.new)), ["edits", "shift"])
    state.set_element(3, 2.0)
    state.shift = 0.5
    assert seen == [("edits", {3: 2.0}), ("shift", 0.5)]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda state: setattr(state, "image", 4), "no image 4: choose one from 0 to 3"),
        (lambda state: setattr(state, "image", -1), "no image -1"),
        (lambda state: setattr(state, "shift", math.nan), "The shift is nan"),
        (lambda state: state.set_element(LATENT, 1.0), "no element 17: choose one from 0 to 16"),
        (lambda state: state.set_element(3, math.inf), "element 3 is inf"),
        (lambda state: state.show(-1), "no element -1"),
        (lambda state: setattr(state, "edits", dict.fromkeys(range(13), 1.0)), "at most 12"),
    ],
)
def test_impossible_choices_change_nothing(change, sentence):
    state = ExplorerState(4, LATENT)
    state.set_element(5, 1.0)
    with pytest.raises(ValueError, match=sentence):
        change(state)
    assert (state.image, state.shift, state.edits, state.elements) == (0, 0.0, {5: 1.0}, [5])


def test_a_state_needs_something_to_choose_from():
    with pytest.raises(ValueError, match="0 images and 17"):
        ExplorerState(0, LATENT)


# The pure function between state and view


def test_explore_edits_the_code_and_measures_the_change(model, images):
    state = ExplorerState(4, LATENT)
    state.shift, state.edits = 0.5, {3: 2.0, 11: 8.0}
    x = transform(images[1:2])
    seen = explore(model, x, state)

    code = latents.set_elements(model.encode(x) + 0.5, {3: 2.0, 11: 8.0})
    assert torch.equal(seen.code, code)
    assert torch.equal(seen.original, images[1:2])
    assert torch.equal(seen.reconstruction, transforms.to_image(model(x)))
    assert torch.equal(seen.edited, transforms.to_image(model.decode(code)))
    assert seen.change == pixel_change(seen.reconstruction, seen.edited, threshold=40)
    assert seen.change.mean_absolute > 0


def test_explore_edits_the_mean_of_a_posterior(images):
    torch.manual_seed(0)
    vae = FullyConnectedVAE(SHAPE, 13, LATENT)
    state = ExplorerState(4, LATENT)
    state.edits = {3: 2.0}
    x = transform(images[1:2])
    seen = explore(vae, x, state)
    assert torch.equal(seen.code, latents.set_elements(vae.encode(x).mean, {3: 2.0}))
    assert torch.equal(seen.reconstruction, transforms.to_image(vae(x)))
    assert LatentExplorer(
        {"AE": FullyConnectedAutoencoder(SHAPE, 9), "VAE": vae}, images, transform=transform
    ).seen


def test_an_untouched_state_changes_nothing(model, images):
    seen = explore(model, transform(images[:1]), ExplorerState(4, LATENT))
    assert torch.equal(seen.reconstruction, seen.edited)
    assert (seen.difference == 128).all()
    assert seen.change.changed == 0


def test_the_printed_code_makes_the_picture_on_screen(explorer, model, images):
    explorer.state.image, explorer.state.shift, explorer.state.edits = 2, 0.5, {3: 2.0, 11: 8.0}
    code = reproduce(explorer.state)
    names = {"model": model, "images": images, "transform": transform}
    modules = {"latents": latents, "models": models, "transforms": transforms}
    exec(code, names | modules, scope := {})

    assert "latents.set_elements(z, {3: 2.0, 11: 8.0})" in code
    assert torch.equal(scope["edited"][0], on_screen(explorer, "edited"))
    assert "{3: 2.0, 11: 8.0}" in explorer._text.value


# The view


def test_controls_set_the_state_and_the_pictures(explorer, images):
    before = on_screen(explorer, "edited")
    sliders(explorer)[3].value = 9.3
    assert explorer.state.edits == {3: 9.3}
    assert not torch.equal(on_screen(explorer, "edited"), before)
    assert torch.equal(on_screen(explorer, "reconstruction"), before)

    explorer._shift.value = -0.7
    explorer._image.value = 3
    assert (explorer.state.shift, explorer.state.image) == (-0.7, 3)
    assert torch.equal(on_screen(explorer, "original"), images[3])
    assert torch.equal(on_screen(explorer, "difference"), explorer.seen["model"].difference[0])


def test_the_state_moves_the_controls(explorer):
    explorer.state.image, explorer.state.shift = 2, 0.5
    explorer.state.edits = {3: 2.0, 16: 8.0}
    assert (explorer._image.value, explorer._shift.value) == (2, 0.5)
    assert list(sliders(explorer)) == [3, 11, 16]
    assert sliders(explorer)[16].value == 8.0
    assert sliders(explorer)[16].description == "element 16"


def test_untouched_sliders_stand_on_the_step_nearest_to_what_the_decoder_gets(explorer):
    explorer.state.image, explorer.state.shift = 1, 0.537
    code = explorer.seen["model"].code[0]
    for element, slider in sliders(explorer).items():
        # Off its steps the browser would move the slider, and so make an edit.
        assert slider.value == round(code[element].item(), 1)
    assert explorer.state.edits == {}


def test_the_rounding_of_the_browser_makes_no_edit(explorer):
    for element, slider in sliders(explorer).items():
        slider.value -= 4e-16 * (element + 1)  # noUiSlider makes 0.09999999999999964 of 0.1
    explorer._shift.value = 4e-16
    assert (explorer.state.edits, explorer.state.shift) == ({}, 0.0)


def test_a_dragged_slider_is_not_pulled_out_of_the_hand(explorer):
    slider = sliders(explorer)[3]
    for position in (0.1 + 0.2, 0.7):
        slider.value = position
        assert slider.value == position
        assert explorer.state.edits == {3: round(position, 6)}


def test_reset_brings_the_reconstruction_back(explorer):
    explorer.state.edits, explorer.state.shift = {3: 9.0}, 1.0
    explorer._reset.click()
    assert (explorer.state.edits, explorer.state.shift) == ({}, 0.0)
    assert torch.equal(on_screen(explorer, "edited"), on_screen(explorer, "reconstruction"))


def test_each_slider_has_its_own_buttons(explorer):
    explorer.state.edits = {3: 9.0, 11: 7.0}
    own, remove = (w for w in explorer._by_element[3].children if isinstance(w, Button))
    own.click()
    assert explorer.state.edits == {11: 7.0}
    assert sliders(explorer)[3].value == round(explorer.seen["model"].code[0, 3].item(), 1)
    remove.click()
    assert list(sliders(explorer)) == [11]
    assert [row.children[0].description for row in explorer._sliders.children] == ["element 11"]


def test_adding_sliders_stops_with_a_message(explorer):
    for element in range(MOST_ELEMENTS + 1):
        explorer._element.value = element
        explorer._add.click()
    assert len(sliders(explorer)) == MOST_ELEMENTS
    assert "at most 12" in explorer._message.value
    explorer.state.hide(3)
    assert explorer._message.value == ""


def test_a_slider_widens_for_a_value_outside_its_range(explorer):
    explorer.state.edits = {3: 123.0}
    assert sliders(explorer)[3].value == sliders(explorer)[3].max == 123.0
    assert explorer.state.edits == {3: 123.0}


def test_several_models_share_the_controls(model, images):
    small = FullyConnectedAutoencoder(SHAPE, 13)
    explorer = LatentExplorer({"AE": model, "small": small}, images, transform=transform)
    explorer.state.edits = {12: 5.0}
    assert [explorer.seen[name].code[0, 12] for name in ("AE", "small")] == [5.0, 5.0]
    assert torch.equal(on_screen(explorer, "edited", "small"), explorer.seen["small"].edited[0])
    with pytest.raises(ValueError, match="from 0 to 12"):
        explorer.state.set_element(13, 1.0)
    explorer.close()


def test_grey_pictures_and_a_single_one(images):
    model = FullyConnectedAutoencoder((1, *SHAPE[1:]), LATENT)
    explorer = LatentExplorer(model, images[:1, :1], transform=transform)
    explorer.state.edits = {0: 4.0}
    assert explorer.seen["model"].edited.shape == (1, 1, *SHAPE[1:])
    explorer.close()


def test_a_saved_notebook_keeps_a_picture_and_a_sentence(explorer):
    explorer.state.edits = {3: 2.0}
    data, metadata = explorer._repr_mimebundle_()
    assert (
        data["text/plain"]
        == repr(explorer)
        == (
            "LatentExplorer of model: image 0, shift 0, edits {3: 2.0}. "
            "Run this cell to move the sliders."
        )
    )
    assert "image 0, shift 0, edits {3: 2.0}" in metadata["image/png"]["alt"]
    assert "application/vnd.jupyter.widget-view+json" in data
    untouched = data["image/png"]
    explorer.state.set_element(3, 9.0)
    assert explorer._repr_mimebundle_()[0]["image/png"] != untouched


def test_close_leaves_nothing_behind(model, images):
    gc.collect()  # of what earlier tests left
    before = set(_instances)
    explorer = LatentExplorer(model, images, transform=transform)
    slider, shown = sliders(explorer)[0], on_screen(explorer, "edited")
    explorer.state.show(5)
    explorer.close()
    explorer.close()

    explorer.state.edits = {0: 9.0}
    slider.value = 3.0
    assert explorer.state.edits == {0: 9.0}
    assert torch.equal(on_screen(explorer, "edited"), shown)
    assert set(_instances) == before


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (lambda images: LatentExplorer({}, images), ValueError, "no models"),
        (lambda images: LatentExplorer(nn.Linear(2, 3), images), TypeError, "is a Linear"),
    ],
)
def test_wrong_models_get_one_clear_sentence(images, call, error, sentence):
    with pytest.raises(error, match=sentence):
        call(images)


def test_wrong_images_and_elements_get_one_clear_sentence(model, images):
    with pytest.raises(ValueError, match="0 images"):
        LatentExplorer(model, images[:0], transform=transform)
    with pytest.raises(ValueError, match="no element 17"):
        LatentExplorer(model, images, transform=transform, elements=(17,))
