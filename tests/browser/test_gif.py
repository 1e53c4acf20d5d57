"""The film that a traversal leaves, opened by another program."""

import base64
import io

import numpy as np
import pytest
from PIL import Image, ImageSequence

from course_lib.explorers.live import bundle

pytestmark = pytest.mark.browser

MAKE = """async ([frames, order, hundredths]) => {
    const made = frames.map(({width, height, bytes}) => new ImageData(
        Uint8ClampedArray.from(atob(bytes), c => c.charCodeAt(0)), width, height));
    const file = new Uint8Array(await gif(made, order, hundredths).arrayBuffer());
    return btoa(Array.from(file, byte => String.fromCharCode(byte)).join(''));
}"""


@pytest.fixture
def through(page):
    """Frames (n, H, W, 3) as the browser writes them and Pillow reads them."""
    page.add_script_tag(content=bundle("gif"))

    def through(frames, order, hundredths=10) -> Image.Image:
        n, height, width, _ = frames.shape
        opaque = np.concatenate([frames, np.full((n, height, width, 1), 255, np.uint8)], axis=3)
        sent = [
            {"width": width, "height": height, "bytes": base64.b64encode(one).decode()}
            for one in map(np.ascontiguousarray, opaque)
        ]
        return Image.open(
            io.BytesIO(base64.b64decode(page.evaluate(MAKE, [sent, order, hundredths])))
        )

    return through


def shown(film: Image.Image) -> np.ndarray:
    return np.stack([np.asarray(one.convert("RGB")) for one in ImageSequence.Iterator(film)])


def test_few_colours_stay_as_they_are(through):
    """So many pixels that LZW's table fills, and begins anew."""
    levels = np.random.default_rng(0).integers(0, 6, (3, 110, 97, 3), dtype=np.uint8)
    frames = 40 * levels + 3
    order = [0, 1, 2, 1]
    film = through(frames, order, hundredths=7)
    assert (film.n_frames, film.size) == (4, (97, 110))
    assert film.info["loop"] == 0, "for ever"
    assert film.info["duration"] == 70
    assert np.array_equal(shown(film), frames[order])


def test_one_colour_alone(through):
    frames = np.full((1, 5, 4, 3), 200, np.uint8)
    film = through(frames, [0, 0])
    assert np.array_equal(shown(film), frames[[0, 0]])


def test_of_many_colours_the_nearest_are_shown(through):
    down, right = np.mgrid[:64, :96].astype(np.float32)
    one = np.stack([4 * down, 2.6 * right, 128 + down - right], axis=-1).clip(0, 255)
    frames = np.stack([one, 255 - one]).astype(np.uint8)
    film = through(frames, [0, 1])
    error = np.abs(shown(film).astype(int) - frames)
    assert error.mean() < 8 and error.max() < 32
