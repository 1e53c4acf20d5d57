import base64
import io
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from nbclient import NotebookClient
from PIL import Image

from course_lib import plots
from course_lib.evaluation import pixel_change


def pictures(n, channels=3, height=6, width=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shape = (n, channels, height, width)
    return torch.randint(256, shape, dtype=torch.uint8, generator=generator)


def pixels(figure):
    return np.asarray(Image.open(io.BytesIO(figure.png())).convert("RGB"))


HISTORY = {
    "epoch": [1.0, 2.0, 3.0],
    "train_loss": [812.5, 400.25, 233.125],
    "validation_loss": [700.0, 420.5, 301.75],
}


def test_figures_repeat_byte_for_byte_and_carry_their_description():
    first, second = (plots.loss_curves(HISTORY) for _ in range(2))
    data, metadata = first._repr_mimebundle_()

    assert first.png() == second.png()
    assert base64.b64decode(data["image/png"]) == first.png()
    assert data["text/plain"] == first.alt == metadata["image/png"]["alt"]


def test_no_figure_is_left_to_pyplot():
    import matplotlib.pyplot as plt

    plots.grid(pictures(2))
    assert plt.get_fignums() == []


@pytest.mark.parametrize("channels", [1, 3])
def test_grid_shows_every_pixel_of_every_picture(channels):
    images = pictures(5, channels=channels)
    shown = {tuple(colour) for colour in pixels(plots.grid(images, columns=2)).reshape(-1, 3)}
    wanted = images.movedim(1, -1).expand(-1, -1, -1, 3).reshape(-1, 3)
    assert {tuple(colour) for colour in wanted.numpy()} <= shown


def test_grid_names_its_pictures():
    alt = plots.grid(pictures(3), columns=2, titles=["old", 0.25, "new"], title="Faces").alt
    assert alt == "Faces. 3 pictures in rows of 2: old, 0.25, new."
    assert plots.grid(pictures(1), alt="A face.").alt == "A face."


def test_grid_draws_floats_as_their_grey_levels():
    images = pictures(2)
    same = plots.grid(images.float() / 127.5 - 1)
    assert np.array_equal(pixels(same), pixels(plots.grid(images)))


def test_comparison_amplifies_the_difference_and_prints_its_numbers():
    before, after = pictures(2, seed=1), pictures(2, seed=2)
    figure = plots.comparison(
        {"reconstruction": before, "edited": after},
        difference_of=("reconstruction", "edited"),
        gain=0.5,
        numbers={"edited": [0.123456, "two"]},
        title="Edit",
    )
    change = pixel_change(before[1:], after[1:], threshold=40)
    numbers = f"{change.changed:.0f} pixels > 40, mean {change.mean_absolute:.1f} grey levels"

    assert figure.alt.startswith("Edit. 2 rows of pictures, columns: reconstruction, edited, diff")
    assert "edited minus reconstruction, amplified 0.5 times; grey means no change" in figure.alt
    assert f"Row 2: edited, two; difference ×0.5, {numbers}." in figure.alt
    printed = [text.get_text() for text in figure.texts]
    assert {"Edit", "reconstruction", "difference ×0.5", "0.1235", "two"} <= set(printed)
    assert numbers.replace(", ", "\n") in printed


def test_swapped_columns_look_different():
    a, b = pictures(1, seed=1), pictures(1, seed=2)
    one, other = plots.comparison({"a": a, "b": b}), plots.comparison({"a": b, "b": a})
    assert not np.array_equal(pixels(one), pixels(other))


def test_difference_of_equal_pictures_is_mid_grey():
    images = pictures(2)
    assert (plots.difference(images, images) == 128).all()


@given(st.integers(0, 255), st.integers(0, 255), st.floats(0.1, 8))
def test_difference_is_amplified_and_clipped(before, after, gain):
    a, b = (torch.full((1, 1, 2, 3), level, dtype=torch.uint8) for level in (before, after))
    drawn = plots.difference(a, b, gain=gain)
    assert drawn.dtype == torch.uint8
    assert abs(drawn[0, 0, 0, 0].item() - min(max(128 + gain * (after - before), 0), 255)) <= 0.51


def test_symmetric_keeps_zero_grey_and_signs():
    patterns = torch.tensor([[-4.0, 0.0, 2.0], [0.0, 0.0, 0.0]]).reshape(2, 1, 1, 3)
    scaled = plots.symmetric(patterns.requires_grad_())
    assert scaled.flatten(1).tolist() == [[-1.0, 0.0, 0.5], [0.0, 0.0, 0.0]]
    assert not scaled.requires_grad


def test_curve_tells_lines_apart_without_colour_and_describes_them():
    figure = plots.curve(
        [1, 2, 4], {"PCA": [3, 9, 1], "AE": [5, 5, 6]}, "component", "eigenvalue", log=True
    )
    one, other = figure.axes[0].lines
    assert one.get_marker() != other.get_marker()
    assert one.get_linestyle() != other.get_linestyle()
    assert figure.axes[0].get_yscale() == "log"
    assert "PCA: from 3 at 1 to 1 at 4 (lowest 1, highest 9)." in figure.alt
    assert "eigenvalue (logarithmic) against component" in figure.alt


def test_loss_curves_write_the_last_values():
    figure = plots.loss_curves(HISTORY)
    legend = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert legend == ["training, last 233.1", "validation, last 301.8"]
    assert "from 812.5 at 1 to 233.1 at 3" in figure.alt


def test_loss_curves_draw_each_term_in_a_panel_of_its_own():
    history = HISTORY | {"train_rate": [1.0, 2.0, 4.0], "validation_rate": [2.0, 3.0, 5.0]}
    figure = plots.loss_curves(history, "loss", "rate")
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss per picture", "rate per picture"]
    assert [line.get_ydata().tolist() for line in figure.axes[1].lines] == [[1, 2, 4], [2, 3, 5]]
    assert "Line plot of rate per picture against epoch. training, last 4: from 1" in figure.alt


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: plots.grid(pictures(1)[0]), r"shape \(3, 6, 5\).*use x\[None\]"),
        (lambda: plots.grid(pictures(2).movedim(1, -1)), r"\(2, 6, 5, 3\)"),
        (lambda: plots.grid(pictures(2)[:0]), r"\(0, 3, 6, 5\)"),
        (lambda: plots.grid(pictures(2).float()), "floats from .* plots.symmetric"),
        (lambda: plots.grid(pictures(2), titles=["a"]), "1 titles for 2"),
        (lambda: plots.grid(pictures(2), columns=0), "columns=0"),
        (lambda: plots.comparison({}), "no columns"),
        (lambda: plots.comparison({"a": pictures(2), "b": pictures(3)}), "'b' has 3 .* 'a' has 2"),
        (lambda: plots.comparison({"a": pictures(2)}, numbers={"a": [1]}), "1 entries for 'a'"),
        (lambda: plots.comparison({"a": pictures(2)}, numbers={"c": [1, 2]}), "'c'"),
        (lambda: plots.comparison({"a": pictures(2)}, difference_of=("a", "z")), "names 'z'"),
        (lambda: plots.difference(pictures(2), pictures(3)), "equal ones"),
        (lambda: plots.curve([], {}, "x", "y"), "nothing to draw"),
        (lambda: plots.curve([1, 2], {"a": [1]}, "x", "y"), "'a' has shape"),
        (lambda: plots.curve([1, 2], {"a": [1, 0]}, "x", "y", log=True), "down to 0.*log=False"),
        (lambda: plots.loss_curves({"epoch": [], "train_loss": []}), "train first"),
        (lambda: plots.loss_curves(HISTORY, "loss", "rate"), "train_rate"),
    ],
)
def test_wrong_input_gets_one_clear_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()


def test_nan_is_no_grey_level():
    with pytest.raises(ValueError, match="NaN"):
        plots.grid(torch.full((1, 3, 2, 2), torch.nan))


def test_live_curve_is_silent_outside_a_notebook(capsys):
    plots.LiveCurve()(SimpleNamespace(history=HISTORY))
    assert capsys.readouterr().out == ""


def test_a_notebook_stores_one_picture_with_its_description():
    cells = [
        "%matplotlib inline\nfrom types import SimpleNamespace\nfrom course_lib import plots\n"
        "history = {'epoch': [1., 2.], 'train_loss': [5., 4.]}",
        "plots.loss_curves(history)",
        "live = plots.LiveCurve()\n"
        "for n in (1, 2):\n"
        "    live(SimpleNamespace(history={k: v[:n] for k, v in history.items()}))",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    NotebookClient(notebook, timeout=120).execute()

    expected = plots.loss_curves({"epoch": [1.0, 2.0], "train_loss": [5.0, 4.0]})
    for cell in notebook.cells[1:]:
        (output,) = cell.outputs
        assert set(output.data) == {"image/png", "text/plain"}
        assert base64.b64decode(output.data["image/png"]) == expected.png()
        assert output.data["text/plain"] == expected.alt
        assert output.metadata["image/png"]["alt"] == expected.alt
