import base64
import io
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_rgba
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


def test_grid_and_comparison_name_their_rows_in_picture_and_description():
    figure = plots.grid(pictures(4), columns=2, rows=["AE", "VAE, calibrated, N(0, I)"])
    assert figure.alt == "4 pictures in rows of 2: AE; VAE, calibrated, N(0, I)."
    assert {"AE", "VAE, calibrated,\nN(0,\u00a0I)"} <= {text.get_text() for text in figure.texts}
    titled = plots.grid(pictures(3), columns=2, rows=["AE", "GAN"], titles=["a", "b", "c"])
    assert titled.alt == "3 pictures in rows of 2: AE: a, b; GAN: c."
    above = plots.grid(pictures(4), columns=2, rows=["AE", "GAN"], titles=["a", "b"])
    assert above.alt == "4 pictures in rows of 2: AE: a, b; GAN."
    assert [one.get_text() for one in above.texts].count("a") == 1

    columns = {"original": pictures(2), "copy": pictures(2)}
    figure = plots.comparison(columns, rows=["AE", "GAN"], numbers={"copy": [1, 2]})
    assert figure.alt.startswith("2 rows of pictures (AE; GAN), columns: original, copy. AE: copy")
    assert "GAN: copy, 2." in figure.alt
    assert {"AE", "GAN"} <= {text.get_text() for text in figure.texts}
    counted = plots.comparison(columns, rows="face")
    assert counted.alt == "2 rows of pictures (face 0; face 1), columns: original, copy."
    assert {"face 0", "face 1"} <= {text.get_text() for text in counted.texts}


def test_names_of_rows_lie_beside_the_pictures_not_on_them():
    figure = plots.grid(
        pictures(4), columns=2, rows=["VAE, AE, GAN, PCA", "VAE, calibrated, N(0, I)"]
    )
    figure.draw_without_rendering()
    first = min(image.ox for image in figure.images)
    boxes = [text.get_window_extent() for text in figure.texts if text.get_ha() == "right"]
    assert len(boxes) == 2
    assert all(box.x0 >= 0 and box.x1 < first for box in boxes)


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
    assert "PCA: 3 at 1, 9 at 2, 1 at 4." in figure.alt
    long = plots.curve(range(9), {"PCA": [3, 9, 1, 2, 2, 2, 2, 2, 2]}, "component", "eigenvalue")
    assert "PCA: from 3 at 0 to 2 at 8 (lowest 1, highest 9)." in long.alt
    assert "eigenvalue (logarithmic) against component" in figure.alt


@pytest.mark.parametrize(
    ("system", "names"),
    {
        "#0072B2": ["AE", "AE, fitted"],
        "#D55E00": ["VAE", "VAE, calibrated, N(0, I)", "VAE, σ² = 1.5", "VAE with mse + kl"],
        "#CC79A7": ["VAE, σ² = 1", "VAE σ² = 1, fitted"],
        "#009E73": ["GAN", "GAN, seed 2"],
        "#000000": ["PCA, 64 components", "data", "prior p(z)", "R(D)", "R(D) of a Gaussian"],
        "#56B4E9": ["q(z|x)", "q, k = 5"],
        "#332288": ["posterior p(z|x)", "true posterior"],
    }.items(),
)
def test_a_system_has_one_colour(system, names):
    assert {plots.colour(name) for name in names} == {system}


def test_an_unknown_name_gets_the_next_colour_that_no_system_has():
    names = ["AE", "bound", "PCA", "dataset", "AEs"]
    figure = plots.curve([1, 2], {name: [1, 2] for name in names}, "x", "y")
    drawn = [line.get_color() for line in figure.axes[0].lines]
    assert drawn[0] == "#0072B2" and drawn[2] == "#000000"
    assert drawn[1] == plots.colour("bound") == plots.colour("anything")
    systems = {plots.colour(name) for name in ("AE", "VAE", "VAE, σ² = 1", "GAN", "PCA")}
    assert len({drawn[1], drawn[3], drawn[4]} - systems) == 3
    bars = plots.bars(dict.fromkeys(names, 1), "y").axes[0].patches
    assert [bar.get_facecolor() for bar in bars] == [to_rgba(colour) for colour in drawn]
    points = plots.scatter(dict.fromkeys(names, (1, 2)), "x", "y").axes[0].collections
    assert [tuple(one.get_facecolor()[0]) for one in points] == [to_rgba(c) for c in drawn]


def test_more_bars_than_colours_are_all_of_one():
    names = [*"abcdefgh", "AE"]
    bars = plots.bars(dict.fromkeys(names, 1), "y").axes[0].patches
    expected = [plots.colour("anything")] * 8 + [plots.colour("AE")]
    assert [bar.get_facecolor() for bar in bars] == [to_rgba(colour) for colour in expected]


def test_bars_are_means_with_a_dot_for_each_seed_and_a_number():
    figure = plots.bars({"AE": 1.5, "VAE": [-1, -2, -6], "GAN": torch.tensor(2e4)}, "nats")
    axes = figure.axes[0]
    assert [bar.get_height() for bar in axes.patches] == [1.5, -3, 2e4]
    assert [text.get_text() for text in axes.texts] == ["1.5", "-3", "20,000"]
    (dots,) = axes.collections
    assert dots.get_offsets()[:, 1].tolist() == [-1, -2, -6]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["AE", "VAE", "GAN"]
    assert figure.alt == (
        "Bars of nats. AE: 1.5. VAE: -3, mean of 3 seeds from -6 to -1. GAN: 20,000."
    )


def test_groups_of_bars_are_named_below_and_their_bars_in_a_legend_and_by_hatches():
    groups = {"faces": {"AE": 1, "VAE": 2}, "digits": {"VAE": [3, 5]}}
    figure = plots.bars(groups, "MSE", log=True, title="Errors")
    axes = figure.axes[0]
    assert axes.get_yscale() == "log"
    assert [text.get_text() for text in axes.get_xticklabels()] == ["faces", "digits"]
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["AE", "VAE", "one seed"]
    ae, *vaes = axes.patches
    assert len({vae.get_hatch() for vae in vaes} | {ae.get_hatch()}) == 2
    assert figure.alt == (
        "Errors. Bars of MSE (logarithmic). faces: AE: 1; VAE: 2. "
        "digits: VAE: 4, mean of 2 seeds from 3 to 5."
    )


@pytest.mark.parametrize("groups", [1, 3, 8])
def test_the_numbers_of_bars_cover_neither_one_another_nor_leave_the_figure(groups):
    inner = {"training": 0.1234, "test": -0.2345, "sampled": [0.1111, 0.35, 0.2]}
    figure = plots.bars({f"VAE, calibrated, {i}": inner for i in range(groups)}, "MSE")
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert all(box.count_overlaps(boxes) == 1 for box in boxes)  # itself
    assert all(
        figure.bbox.contains(x, y) for box in boxes for x, y in ((box.x0, box.y0), (box.x1, box.y1))
    )


SYSTEMS = ["AE", "VAE, calibrated", "VAE, calibrated, N(0, I)", "VAE, σ² = 1", "GAN", "PCA", "data"]


def test_scatter_writes_names_beside_the_points_and_lines_in_a_legend():
    points = {name: (i % 3 - 1, i) for i, name in enumerate(SYSTEMS)}
    points["AE"] = [(-1, 0), (-0.5, 0.25)]
    figure = plots.scatter(points, "rate", "MSE", lines={"best": ([-1, 1], [-1, -0.5])})
    axes = figure.axes[0]
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in axes.texts]
    assert [text.get_text() for text in axes.texts] == SYSTEMS
    assert all(box.count_overlaps(boxes) == 1 for box in boxes)
    room = axes.get_window_extent()
    assert all(room.x0 < box.x0 and box.x1 < room.x1 for box in boxes)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["best"]
    assert "Points of MSE against rate. AE: (-1, 0), (-0.5, 0.25). VAE, cal" in figure.alt
    assert "Line best: -1 at -1, -0.5 at 1." in figure.alt


def test_scatter_names_points_of_a_lines_name_with_the_line():
    points, lines = {"θ = 1": [(1, 2), (3, 4)], "AE": (2, 1)}, {"θ = 1": ([1, 3], [2, 4])}
    figure = plots.scatter(points, "rate", "MSE", lines=lines)
    axes, [legend] = figure.axes[0], figure.legends
    assert [text.get_text() for text in axes.texts] == ["AE"]
    assert [text.get_text() for text in legend.get_texts()] == ["θ = 1"]
    assert to_rgba(axes.lines[0].get_color()) == tuple(axes.collections[0].get_facecolor()[0])


def test_scatter_without_room_for_names_has_them_in_its_only_legend():
    points = {name: (1 + i * 1e-4, 1) for i, name in enumerate(SYSTEMS)} | {"far": (9, 9)}
    figure = plots.scatter(points, "rate", "MSE", lines={"best": ([1, 2], [2, 1])})
    assert not figure.axes[0].texts
    (legend,) = figure.legends
    assert {text.get_text() for text in legend.get_texts()} == {*points, "best"}


@pytest.mark.parametrize(
    ("log", "scales"),
    [(False, "linear linear"), ("x", "log linear"), ("y", "linear log"), ("both", "log log")],
)
def test_scatter_takes_logarithms_of_either_axis(log, scales):
    figure = plots.scatter({"AE": (3, 4), "VAE": (60, 9)}, "rate", "MSE", log=log)
    axes = figure.axes[0]
    assert f"{axes.get_xscale()} {axes.get_yscale()}" == scales
    assert figure.alt.count("(logarithmic)") == scales.count("log")


def test_heatmaps_side_by_side_have_one_scale_and_their_names():
    both = {"VAE": [[1, 2], [3, 4]], "AE": [[5, 6], [7, 8]]}
    figure = plots.heatmap(both, ["a", "b"], ["x", "y"], "nats")
    axes, bar = figure.axes
    shown = axes.images[0].get_array()
    assert np.ma.filled(shown, np.nan)[:, :2].tolist() == [[1, 2], [3, 4]]
    assert np.isnan(np.ma.filled(shown, np.nan)[:, 2]).all()
    assert np.ma.filled(shown, np.nan)[:, 3:].tolist() == [[5, 6], [7, 8]]
    names = {text.get_text(): text.get_position()[0] for text in axes.texts}
    assert (names["VAE"], names["AE"]) == (0.5, 3.5) and bar.get_ylim() == (1, 8)
    told = "Heat maps of nats, VAE, from 1 to 4; AE, from 5 to 8. Columns: x; y."
    assert figure.alt == told


def test_heatmap_writes_its_numbers_and_describes_them():
    matrix = [[0.5, -0.004, float("nan")], [1.25, 0.75, -2]]
    figure = plots.heatmap(matrix, ["AE", "VAE"], ["x", "y", 3], "importance", title="DCI")
    axes, bar = figure.axes
    written = [text.get_text() for text in axes.texts]
    assert written == ["0.50", "0.00", "", "1.25", "0.75", "-2.00"]
    assert bar.get_ylabel() == "importance"
    assert [text.get_text() for text in axes.get_xticklabels()] == ["x", "y", "3"]
    assert figure.alt == (
        "DCI. Heat map of importance, 2 × 3 cells: lowest -2.00 (row VAE; column 3), highest 1.25 "
        "(row VAE; column x). Columns: x; y; 3. AE: 0.50, 0.00, nothing. VAE: 1.25, 0.75, -2.00."
    )


@pytest.mark.parametrize(("rows", "columns", "written"), [(8, 8, 64), (10, 20, 200), (64, 6, 0)])
def test_heatmap_writes_numbers_where_they_fit_and_each_in_its_cell(rows, columns, written):
    matrix = np.linspace(-0.9, 0.9, rows * columns).reshape(rows, columns)
    figure = plots.heatmap(matrix, range(rows), range(columns), "correlation")
    figure.draw_without_rendering()
    axes = figure.axes[0]
    boxes = [text.get_window_extent() for text in axes.texts]
    assert len(boxes) == written
    cell = axes.get_window_extent().width / columns
    assert all(box.width < cell for box in boxes)


def test_loss_curves_write_the_last_values():
    figure = plots.loss_curves(HISTORY)
    legend = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert legend == ["training, last 233.1", "validation, last 301.8"]
    assert "812.5 at 1, 400.2 at 2, 233.1 at 3" in figure.alt


def test_loss_curves_draw_each_term_in_a_panel_of_its_own():
    history = HISTORY | {"train_rate": [1.0, 2.0, 4.0], "validation_rate": [2.0, 3.0, 5.0]}
    figure = plots.loss_curves(history, "loss", "rate")
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss per picture", "rate per picture"]
    assert [line.get_ydata().tolist() for line in figure.axes[1].lines] == [[1, 2, 4], [2, 3, 5]]
    assert "Line plot of rate per picture against epoch. training, last 4: 1 at 1" in figure.alt


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: plots.grid(pictures(1)[0]), r"shape \(3, 6, 5\).*use x\[None\]"),
        (lambda: plots.grid(pictures(2).movedim(1, -1)), r"\(2, 6, 5, 3\)"),
        (lambda: plots.grid(pictures(2)[:0]), r"\(0, 3, 6, 5\)"),
        (lambda: plots.grid(pictures(2).float()), "floats from .* plots.symmetric"),
        (lambda: plots.grid(pictures(2), titles=["a"]), "1 titles for 2 pictures in 8 columns"),
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
        (lambda: plots.grid(pictures(3), columns=2, rows=["a"]), r"rows=\['a'\] for 2 rows"),
        (lambda: plots.grid(pictures(2), rows="a"), "rows='a' for 1 row of"),
        (lambda: plots.comparison({"a": pictures(2)}, rows=["a"]), "comparison got rows=.* for 2"),
        (lambda: plots.bars({}, "y"), "nothing to draw"),
        (lambda: plots.bars({"a": {}}, "y"), "nothing to draw"),
        (lambda: plots.bars({"a": 1, "b": {"c": 1}}, "y"), "groups and numbers"),
        (lambda: plots.bars({"a": []}, "y"), r"'a' got \[\], but a finite number"),
        (lambda: plots.bars({"a": [[1], [1, 2]]}, "y"), "'a' got .*finite number"),
        (lambda: plots.bars({"a": float("nan")}, "y"), "'a' got nan"),
        (lambda: plots.bars({"a": 0}, "y", log=True), "'a' goes down to 0.*log=False"),
        (lambda: plots.scatter({}, "x", "y"), "no points"),
        (lambda: plots.scatter({"a": (1, 2, 3)}, "x", "y"), "Point 'a' is not made of"),
        (lambda: plots.scatter({"a": (1, float("inf"))}, "x", "y"), "finite pairs"),
        (lambda: plots.scatter({"a": (1, 2)}, "x", "y", log="z"), "log='z', but False, 'x'"),
        (lambda: plots.scatter({"a": (1, -2)}, "x", "y", log="y"), "'a' goes down to -2"),
        (
            lambda: plots.scatter({"a": (1, 2)}, "x", "y", lines={"l": ([1, 2], [1])}),
            "Line 'l' is not made of .* as many xs as ys",
        ),
        (lambda: plots.heatmap([[1, 2]], ["a"], ["b"], "c"), r"\(1, 2\), 1 rows and 1 columns"),
        (lambda: plots.heatmap({"a": [[1]], "b": [[1, 2]]}, "r", "c", "d"), r"\(1, 2\), 1 rows"),
        (lambda: plots.heatmap([[np.nan]], ["a"], ["b"], "c"), "no finite number"),
        (lambda: plots.heatmap([[1, np.inf]], ["a"], ["b", "c"], "c"), "infinite"),
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
