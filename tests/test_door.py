"""What people bring to `datasets.load`: taken for what it is, or refused with advice that works."""

import gzip
import io
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy
import numpy as np
import PIL.Image
import pytest
import safetensors.torch
import scipy.io
import torch
from PIL import Image
from safetensors import SafetensorError
from torch.utils.data import DataLoader, TensorDataset

from course_lib import datasets, sources, training, transforms
from course_lib.datasets import (
    array_files,
    arrays,
    axes,
    celeba,
    levels,
    loading,
    photographs,
    sets,
)
from course_lib.datasets.stored import StoredImages
from course_lib.explorers import LatentExplorer, interpolation_strip
from course_lib.explorers.latent_explorer import FEW
from course_lib.models import FullyConnectedAutoencoder, FullyConnectedVAE
from course_lib.objectives import squared_error
from course_lib.transforms import face_transform

pytestmark = pytest.mark.filterwarnings("error")

N, SIDE = 40, 32


def smooth(n=N, height=SIDE, width=SIDE, seed=0):
    """Pictures in colour whose neighbouring pixels are alike, (n, H, W, 3) from 0 to 255."""
    random = np.random.default_rng(seed)
    small = random.integers(0, 256, (n, 4, 4, 3), np.uint8)
    large = [
        Image.fromarray(one).resize((width, height), Image.Resampling.BICUBIC) for one in small
    ]
    images = np.stack([np.asarray(one) for one in large])
    images[0, 0, 0], images[0, 0, 1] = 0, 255  # all ranges are used to their ends
    return images


COLOUR = smooth()
GREY = COLOUR[..., 1].copy()
OPAQUE = np.concatenate([COLOUR, np.full_like(COLOUR[..., :1], 255)], -1)
TALL = smooth(height=40, width=24)


@pytest.fixture(autouse=True)
def _data(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)


def together(splits):
    return torch.cat([splits.train[:], splits.validation[:], splits.test[:]])


def same(splits, truth):
    """Whether these are the pictures (n, H, W) or (n, H, W, 3), in any order."""
    loaded = together(splits).movedim(1, -1).numpy()
    truth = truth.reshape(len(truth), *truth.shape[1:3], -1)
    assert loaded.shape == truth.shape
    return sorted(one.tobytes() for one in loaded) == sorted(one.tobytes() for one in truth)


PLANES = np.moveaxis(COLOUR, -1, 1)
SERVED = {
    # what it is: (array, true pictures, what is said of it)
    "as it should be": (COLOUR, COLOUR, "40 colour pictures of 32×32."),
    "grey": (GREY, GREY, "40 grey pictures of 32×32."),
    "from 0 to 1": (COLOUR / 255, COLOUR, "float64 from 0 to 1"),
    "from 0 to 1, float16": ((COLOUR / 255).astype(np.float16), COLOUR, "float16 from 0 to 1"),
    "from -1 to 1": ((COLOUR / 127.5 - 1).astype("f4"), COLOUR, "float32 from -1 to 1"),
    "floats to 255": (COLOUR.astype("f4"), COLOUR, "float32 from 0 to 255"),
    "overshoot": (
        np.where(GREY == 255, 1.04, np.where(GREY == 0, -0.03, GREY / 255)),
        GREY,
        "from -0.03 to 1.04, clipped to 0…1",
    ),
    "bool": (GREY > 127, (GREY > 127) * np.uint8(255), "false and true became black and white"),
    "uint16": (COLOUR.astype("u2") * 257, COLOUR, "uint16 from 0 to 65535"),
    "12 bits": (
        ((GREY.astype("u4") * 4095 + 127) // 255).astype("u2"),
        GREY,
        "uint16 from 0 to 4095 became 0 to 255",
    ),
    "int8": ((GREY.astype("i2") - 128).astype("i1"), GREY, "int8 from -128 to 127"),
    "int64": (COLOUR.astype("i8"), COLOUR, "int64 became uint8"),
    "channels first": (PLANES, COLOUR, "channels came first"),
    "one channel first": (GREY[:, None], GREY, "channels came first"),
    "one channel last": (GREY[..., None], GREY, "40 grey pictures"),
    "RGBA": (OPAQUE, COLOUR, r"of 32×32\.$"),
    "pictures last": (np.moveaxis(COLOUR, 0, -1), COLOUR, "pictures came last"),
    "grey, pictures last": (np.moveaxis(GREY, 0, -1), GREY, "pictures came last"),
    "as many as rows": (np.moveaxis(GREY[:SIDE], 0, -1), GREY[:SIDE], "pictures came last"),
    "channels first, pictures last": (np.moveaxis(PLANES, 0, -1), COLOUR, "pictures came last"),
    "pictures third": (np.moveaxis(COLOUR, 0, 2), COLOUR, "pictures were the third axis"),
    "rows": (GREY.reshape(N, -1), GREY, "rows of numbers, row after row"),
    "columns": (GREY.reshape(N, -1).T, GREY, "columns of numbers, row after row"),
    "as many columns as a square": (
        smooth(400)[..., 1].reshape(400, -1).T,
        smooth(400)[..., 1],
        "400 grey pictures of 32×32; they came as columns",
    ),
    "colours, pixel after pixel": (COLOUR.reshape(N, -1), COLOUR, "pixel after pixel"),
    "colours, channel after channel": (PLANES.reshape(N, -1), COLOUR, "channel after channel"),
    "only 0 and 1": (
        (GREY > 127).astype("u1"),
        (GREY > 127) * np.uint8(255),
        "only 0 and 1, taken for black and white .were they floats once",
    ),
    "very dark": (GREY // 16, GREY // 16, "very dark, nothing above 15 of 255"),
    "tensor": (torch.from_numpy(PLANES.copy()), COLOUR, "channels came first"),
    "bfloat16": ((torch.from_numpy(GREY > 0) / 1).bfloat16(), (GREY > 0) * np.uint8(255), "float"),
    "list of arrays": (list(COLOUR), COLOUR, "40 colour pictures"),
    "list of tensors": (list(torch.from_numpy(GREY)), GREY, "40 grey pictures"),
    "list of PIL pictures": ([Image.fromarray(one) for one in COLOUR], COLOUR, "40 pictures of 32"),
}


@pytest.mark.parametrize("case", SERVED)
def test_what_is_clear_is_served_and_told_in_one_line(case, capsys):
    given, truth, said = SERVED[case]
    assert same(datasets.load(given), truth)
    out = capsys.readouterr().out
    assert re.search(said, out) and out.count("\n") == 1 and out.endswith(".\n")


@pytest.mark.parametrize(
    "case", [case for case in SERVED if isinstance(SERVED[case][0], np.ndarray)]
)
def test_a_file_is_taken_for_what_the_array_in_it_is(case, tmp_path):
    given, truth, _ = SERVED[case]
    np.save(tmp_path / "mine.npy", given)
    assert same(datasets.load("mine.npy"), truth)


def test_what_is_in_no_order_is_read_the_usual_way():
    noise = np.random.default_rng(0).integers(0, 256, (20, 16, 30), np.uint8)
    assert same(datasets.load(noise), noise)
    colour = np.random.default_rng(0).integers(0, 256, (20, 12, 12, 3), np.uint8)
    assert same(datasets.load(colour.reshape(20, -1)), colour)


def test_the_channels_that_are_said_are_those_of_flat_pictures():
    grey = TALL[..., 1].reshape(N, -1)
    assert same(datasets.load(grey, shape=(40, 24)), TALL[..., 1])
    assert same(datasets.load(grey, shape=(40, 24, 1)), TALL[..., 1])
    for shape in ((40, 24, 3), (3, 40, 24)):
        with pytest.raises(ValueError, match="fits neither its rows nor its columns"):
            datasets.load(grey, shape=shape)


def test_frames_of_a_film_are_not_taken_for_rows():
    """Along which neighbours are alike, too."""
    steps = np.linspace(0, 1, 48)[:, None, None]
    film = (steps * GREY[1] + (1 - steps) * GREY[2]).astype(np.uint8)
    assert same(datasets.load(film), film)


def test_transparent_parts_are_white_paper(capsys):
    clear = OPAQUE.copy()
    clear[:, :5, :, 3] = 0
    truth = COLOUR.copy()
    truth[:, :5] = 255
    assert same(datasets.load(clear), truth)
    assert "; what is transparent became white." in capsys.readouterr().out


def test_large_pictures_are_shrunk_to_their_central_square_once(tmp_path, monkeypatch, capsys):
    wide = np.zeros((5, 128, 200, 3), np.uint8)
    wide[:, :, 36:164] = np.repeat(np.repeat(smooth(5, 64, 64), 2, 1), 2, 2)
    np.save("wide.npy", wide)
    loaded = datasets.load("wide.npy")
    assert "central squares were shrunk to 64×64" in capsys.readouterr().out
    pairs = together(loaded).movedim(1, -1).numpy().astype(int), smooth(5, 64, 64).astype(int)
    nearest = [min(np.abs(one - other).mean() for other in pairs[1]) for one in pairs[0]]
    assert max(nearest) < 6
    monkeypatch.setattr(arrays, "convert", pytest.fail)
    assert same(datasets.load("wide.npy"), together(loaded).movedim(1, -1).numpy())
    assert "central squares were shrunk to 64×64" in capsys.readouterr().out
    monkeypatch.undo()
    os.environ["COURSE_DATA"] = str(tmp_path)
    assert same(datasets.load(tmp_path / "wide.npy", size=None), wide)


# ------------------------------------------------------------------------------ arrays in files


def test_the_one_array_of_pictures_in_an_archive(capsys):
    np.savez_compressed("mine.npz", images=PLANES / 255, labels=np.arange(N))
    assert same(datasets.load("mine.npz"), COLOUR)
    assert capsys.readouterr().out.startswith("'mine.npz': 40 colour pictures of 32×32; channels")
    for one in (GREY[:, None], GREY[..., None]):
        np.savez("alone.npz", images=one)
        assert same(datasets.load("alone.npz"), GREY)
        np.savez("alone.npz", images=one, labels=np.arange(N)[:, None])
        assert same(datasets.load("alone.npz"), GREY)
    capsys.readouterr()
    np.savez("two.npz", images=COLOUR, others=GREY)
    with pytest.raises(ValueError, match=r"images \(40, 32, 32, 3\), others \(40, 32, 32\).*key="):
        datasets.load("two.npz")
    assert same(datasets.load("two.npz", key="others"), GREY)
    with pytest.raises(ValueError, match="key='more' was asked for"):
        datasets.load("two.npz", key="more")


def test_matlab_flattens_column_by_column(capsys):
    scipy.io.savemat("last.mat", {"faces": np.moveaxis(COLOUR, 0, -1), "names": ["a", "b"]})
    assert same(datasets.load("last.mat"), COLOUR)
    rows = TALL[..., 1].transpose(0, 2, 1).reshape(N, -1)  # as MATLAB's (:) would
    scipy.io.savemat("columns.mat", {"X": rows.T, "N": 3})
    assert same(datasets.load("columns.mat", shape=(40, 24)), TALL[..., 1])
    square = COLOUR.transpose(0, 3, 2, 1).reshape(N, -1)
    scipy.io.savemat("square.mat", {"X": square})
    assert same(datasets.load("square.mat"), COLOUR)
    assert "column after column" in capsys.readouterr().out


def torch_file(path):
    torch.save(torch.from_numpy(PLANES.copy()), path)


def tar(path):
    with tarfile.open(path, "w") as archive:
        archive.add(__file__, "faces.npy")


def packed(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("1.jpg", "")


def objects(path):
    with open(path, "wb") as file:
        np.save(file, np.array([COLOUR[0], None], dtype=object), allow_pickle=True)


def terabytes(path):
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        buffer, {"shape": (10**9, 64, 64, 3), "fortran_order": False, "descr": "|u1"}
    )
    path.write_bytes(buffer.getvalue() + b"abc")


def wide_archive(path):
    terabytes(Path("inside.npy"))
    with zipfile.ZipFile(path, "w") as archive:
        archive.write("inside.npy")


def whole(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


FOREIGN = {
    "web page": (b"\n<!DOCTYPE html><html>", "a web page.*download the file itself"),
    "LFS": (b"version https://git-lfs.github.com/spec/v1\noid", "Git LFS.*git lfs pull"),
    "torch": (torch_file, r"a file of torch.save.*datasets.load\(torch.load\('"),
    "hdf5": (b"\x89HDF\r\n\x1a\n", "an HDF5 file.*h5py"),
    "gzip": (gzip.compress(b"abc"), "a gzip archive.*unpack it"),
    "tar": (tar, "a tar archive.*unpack it"),
    "zip": (packed, "a zip archive that holds no array.*unpack it"),
    "pickle": (b"\x80\x04N.", "a pickle, which can run code.*numpy.save the array"),
    "objects": (objects, "pickled Python objects.*numpy.stack"),
    "text": (b"hello, faces", "starts with the bytes b'hello, f'.*numpy.save"),
    "empty": (b"", "is empty .0 bytes.*numpy.save"),
    "cut": (whole(COLOUR)[:-1], "damaged or cut short.*save the file again"),
    "header cut": (whole(COLOUR)[:40], "damaged or cut short.*save the file again"),
    "header": (whole(COLOUR).replace(b"shape", b"sh{pe"), "damaged or cut short"),
    "terabytes": (terabytes, "damaged or cut short"),
    "terabytes, packed": (wide_archive, "damaged or cut short|does not fit into memory"),
    "no zip": (b"PK\x03\x04abc", "damaged or cut short"),
    "no mat": (b"MATLAB 5.0 MAT-file" + bytes(150), "damaged or cut short|holds nothing"),
}


@pytest.mark.parametrize("name", ["mine.npy", "mine.dat"])
@pytest.mark.parametrize("case", FOREIGN)
def test_what_a_file_really_is(case, name, tmp_path):
    content, said = FOREIGN[case]
    path = tmp_path / name
    content(path) if callable(content) else path.write_bytes(content)
    with pytest.raises(ValueError, match=f"(?s){said}") as caught:
        datasets.load(path)
    message = str(caught.value)
    assert "\n" not in message and message.endswith(".") and str(path) in message
    assert not list(tmp_path.glob("data/own/*"))


def test_a_pickle_is_never_run(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("the file was unpickled",))

    np.save("bomb.npy", np.array([Bomb()], dtype=object), allow_pickle=True)
    np.savez("bomb.npz", images=np.array([[Bomb()] * 2] * 2, dtype=object))
    for name in ("bomb.npy", "bomb.npz"):
        with pytest.raises(ValueError, match="pickled Python objects"):
            datasets.load(name)


# -------------------------------------------------------------------------------- picture files


@pytest.fixture
def folder(tmp_path):
    """Pictures of many kinds, and two that are none."""
    where = tmp_path / "faces"
    for number, kind in enumerate("png bmp tif webp gif ppm".split()):
        person = where / f"person {number % 3}"
        person.mkdir(parents=True, exist_ok=True)
        for more in range(3):
            options = {"lossless": True} if kind == "webp" else {}
            Image.fromarray(COLOUR[3 * number + more]).save(
                person / f"{number}{more}.{kind}", **options
            )
    (where / "person 0" / "notes.txt").write_text("hello")
    (where / "person 1" / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    (where / ".DS_Store").write_bytes(b"")
    return where


def test_a_folder_of_pictures(folder, capsys, monkeypatch):
    loaded = together(datasets.load(folder)).movedim(1, -1).numpy()
    said = capsys.readouterr().out
    assert said == (
        "'faces': 18 pictures of 32×32, skipped 1 that cannot be opened: broken.jpg, skipped 1 "
        "that is no picture: notes.txt.\n"
    )
    truth = {one.tobytes() for one in COLOUR[:18]}
    assert len(truth & {one.tobytes() for one in loaded}) >= 15  # a GIF has 256 colours
    monkeypatch.setattr(photographs, "read", pytest.fail)
    assert (together(datasets.load(folder)).movedim(1, -1).numpy() == loaded).all()
    assert capsys.readouterr().out == said
    monkeypatch.undo()
    os.environ["COURSE_DATA"] = str(folder.parent / "data")
    Image.fromarray(COLOUR[30]).save(folder / "new.png")
    assert len(together(datasets.load(folder))) == 19


def test_a_pattern_names_pictures(folder, capsys):
    loaded = datasets.load(str(folder / "**" / "*.p[np]*"))
    assert same(loaded, COLOUR[[0, 1, 2, 15, 16, 17]])
    with pytest.raises(FileNotFoundError, match="No file fits .*: correct the pattern"):
        datasets.load("faces/*.jpeg")


def test_a_list_of_paths(folder):
    files = sorted(folder.glob("*/*.png"))
    assert same(datasets.load(files), COLOUR[:3])
    assert same(datasets.load([str(file) for file in files]), COLOUR[:3])


def test_a_folder_for_each_person(folder):
    for person in range(3, 10):
        (folder / f"person {person}").mkdir()
        for more in range(2):
            path = folder / f"person {person}" / f"{more}.png"
            Image.new("RGB", (32, 32), (20 * person, more, 9)).save(path)
    people = [
        {int(p) // 20 for p in part[:, 0, 3, 3] if int(p) % 20 == 0 and int(p) >= 60}
        for part in (lambda s: (s.train, s.validation, s.test))(
            datasets.load(folder, by_person=True)
        )
    ]
    assert not (people[0] & people[1] or people[0] & people[2] or people[1] & people[2])
    with pytest.raises(ValueError, match="no subfolders.*leave by_person out"):
        datasets.load(COLOUR, by_person=True)


def test_a_folder_without_pictures_says_what_it_holds(tmp_path):
    (tmp_path / "mine").mkdir()
    np.savez("mine/inside.npz", COLOUR)
    with pytest.raises(ValueError, match="is a folder without .* .inside.npz.*path of one file"):
        datasets.load("mine")
    with pytest.raises(ValueError, match="'mine/.*npz' stands for no pictures .inside.npz"):
        datasets.load("mine/*.npz")
    assert same(datasets.load("mine/inside.npz"), COLOUR)


def halves(width=80, height=60):
    """Red above blue."""
    image = Image.new("RGB", (width, height), "red")
    image.paste("blue", (0, height // 2, width, height))
    return image


def test_colours_are_right_and_photographs_upright(tmp_path):
    (tmp_path / "odd").mkdir()
    halves().quantize(4).save("odd/palette.png")
    halves().convert("CMYK").save("odd/cmyk.jpg", quality=95, subsampling=0)
    exif = Image.Exif()
    for orientation, turn in {3: 180, 6: 90, 8: -90}.items():
        exif[photographs.ORIENTATION] = orientation
        turned = halves().rotate(turn, expand=True)  # as a camera held askew stores it
        turned.save(f"odd/{orientation}.jpg", exif=exif, quality=95, subsampling=0)
    clear = halves().convert("RGBA")
    clear.putalpha(255)
    clear.save("odd/clear.png")
    images = together(datasets.load("odd", size=16)).float()
    assert images.shape == (6, 3, 16, 16)
    upper, lower = images[:, :, :7].mean((2, 3)), images[:, :, 9:].mean((2, 3))
    assert ((upper - torch.tensor([255.0, 0, 0])).abs() < 25).all()
    assert ((lower - torch.tensor([0, 0, 255.0])).abs() < 25).all()


def test_sixteen_bits_are_not_clipped(tmp_path):
    (tmp_path / "deep").mkdir()
    for number in range(3):
        Image.fromarray(GREY[number].astype(np.uint16) * 257).save(f"deep/{number}.png")
    assert same(datasets.load("deep"), np.repeat(GREY[:3, ..., None], 3, -1))


def test_dark_pictures_of_sixteen_bits_stay_dark(tmp_path):
    levels = np.stack([(GREY[0].astype(np.uint16) * 257), GREY[1].astype(np.uint16)])
    shown = datasets.pictures([Image.fromarray(one) for one in levels])
    assert torch.equal(shown[0, 0], torch.from_numpy(GREY[0]))
    assert shown[1].max() <= 1


@pytest.mark.parametrize("kind", [np.float32, np.int32])
def test_numbers_whose_white_is_not_known_are_refused_with_what_to_do(kind, tmp_path):
    (tmp_path / "floats").mkdir()
    unit = GREY if kind == np.int32 else (GREY / 255).astype(kind)
    for number, one in enumerate(unit[:5].astype(kind)):
        Image.fromarray(one).save(f"floats/{number}.tif")
    with pytest.raises(ValueError, match=r"of 32 bits.*numpy.asarray\(picture\)"):
        datasets.load("floats")
    with pytest.raises(ValueError, match="cannot be opened as a photograph .its numbers of 32"):
        transforms.picture("floats/0.tif")
    images = [np.asarray(Image.open(path)) for path in sorted(Path("floats").iterdir())]
    assert same(datasets.load(images), GREY[:5])


def test_picture_files_that_are_all_but_black_are_told(tmp_path, capsys):
    (tmp_path / "masks").mkdir()
    for number, one in enumerate(GREY[:4] > 127):
        Image.fromarray(one.astype(np.uint8)).save(f"masks/{number}.png")
    datasets.load("masks")
    assert "very dark, nothing above 1 of 255 (of masks of 0 and 1" in capsys.readouterr().out
    datasets.load([Image.fromarray(one // 10) for one in COLOUR])
    assert "very dark, nothing above 25 of 255." in capsys.readouterr().out


def test_a_picture_that_promises_to_fill_the_memory_is_left_out(tmp_path, monkeypatch, capsys):
    (tmp_path / "bombs").mkdir()
    for number in range(4):
        Image.fromarray(COLOUR[number]).save(f"bombs/{number}.png")
    Image.new("L", (100, 100)).save("bombs/bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 5000)
    assert same(datasets.load("bombs"), COLOUR[:4])
    assert "skipped 1 that cannot be opened: bomb.png" in capsys.readouterr().out


PHOTOGRAPHS = """
import resource, sys
from PIL import Image
from course_lib import datasets
from pathlib import Path
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
datasets.load(Path(sys.argv[1]))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="KiB are Linux's unit of it")
def test_sixty_large_photographs_take_little_memory(tmp_path):
    (tmp_path / "large").mkdir()
    for number in range(2):
        Image.fromarray(COLOUR[number]).resize((1500, 1500)).save(f"large/{number}.jpg")
    for number in range(2, 60):
        os.link("large/1.jpg", f"large/{number}.jpg")
    command = [sys.executable, "-c", PHOTOGRAPHS, str(tmp_path / "large")]
    root = Path(__file__).resolve().parent.parent
    out = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    assert "60 pictures of 64×64, the central squares of 1500×1500" in out
    assert int(out.splitlines()[-1]) < 500 * 1024


def test_arrays_are_converted_in_pieces(monkeypatch):
    meaning = arrays.understand(lambda: COLOUR, "")
    monkeypatch.setattr(axes, "PIECE", 8 * COLOUR[:7].nbytes)
    parts = [part for _, part in meaning.pieces(lambda: COLOUR)]
    assert [len(part) for part in parts] == [7, 7, 7, 7, 7, 5]
    assert same(datasets.load(COLOUR / 255), COLOUR)


def test_where_nothing_can_be_written_pictures_are_read_each_time(folder, tmp_path):
    np.savez("mine.npz", images=COLOUR)
    (tmp_path / "file").touch()
    with pytest.warns(UserWarning, match="read anew each time"):
        assert same(datasets.load("mine.npz", root=tmp_path / "file"), COLOUR)
    with pytest.warns(UserWarning, match="read anew each time"):
        assert len(together(datasets.load(folder, root=tmp_path / "file"))) == 18


def test_on_a_full_disk_pictures_are_read_once_and_nothing_half_written_stays(
    folder, tmp_path, monkeypatch
):
    def full(*_):
        raise SafetensorError("I/O error: no space left on device")

    reads = []
    read = photographs.read
    monkeypatch.setattr(photographs, "read", lambda *given: reads.append(given) or read(*given))
    monkeypatch.setattr(safetensors.torch, "save_file", full)
    with pytest.warns(UserWarning, match="no space left on device.*: make room") as warned:
        assert len(together(datasets.load(folder))) == 18
    assert len(reads) == len(warned) == 1
    assert not list((tmp_path / "data" / "own").iterdir())


def test_a_folder_that_changed_replaces_what_was_kept_of_it(folder, tmp_path):
    kept = tmp_path / "data" / "own"
    for number in range(3):
        Image.fromarray(COLOUR[30 + number]).save(folder / f"{number}.png")
        assert len(together(datasets.load(folder))) == 19 + number
        assert len(list(kept.iterdir())) == 1
    datasets.load(folder, size=16)
    assert len(list(kept.iterdir())) == 2


@pytest.mark.parametrize("one", [COLOUR[0], GREY[0], COLOUR[:1], COLOUR[:1, :1]])
def test_a_file_of_one_picture(one):
    np.save("one.npy", one)
    expected = datasets.pictures(one)
    assert len(expected) == 1
    assert torch.equal(datasets.pictures("one.npy")[:], expected)


def test_a_file_of_one_row_of_pixels():
    """Which is no set of grey pictures three pixels wide."""
    row = COLOUR[0, :1]
    np.save("one.npy", row)
    assert torch.equal(datasets.pictures("one.npy")[:], datasets.pictures(row))


# ------------------------------------------------------------------------------------- refused


def with_nan():
    images = COLOUR / 255
    images[33, 2, 3] = np.nan
    return images


REFUSED = {
    "black": (COLOUR * 0, "all black"),
    "equal": (np.repeat(COLOUR[:1], 9, 0), "same picture 9 times"),
    "equal PIL": ([Image.fromarray(COLOUR[0])] * 3, "same picture 3 times"),
    "nothing": (COLOUR[:0], "zero pixels"),
    "no list": ([], "holds no picture"),
    "complex": (COLOUR * 1j, "complex128"),
    "text": (COLOUR.astype("U3"), "U3"),
    "objects": (np.array([COLOUR[0], None], dtype=object), "object"),
    "a number": (3, "load got a int"),
    "an array of one": (np.array(3), r"shape \(\)"),
    "divided twice": (COLOUR / 255 / 255, "to 0.0039"),
    "around 0": (COLOUR / 255 - 0.5, "from -0.5 to 0.5"),
    "loader": (DataLoader(TensorDataset(torch.zeros(3))), "load got a DataLoader"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_clear_is_asked_about(case):
    given, said = REFUSED[case]
    with pytest.raises((ValueError, TypeError), match=f"{said}.*expected: ") as caught:
        datasets.load(given)
    message = str(caught.value)
    assert "\n" not in message and message.endswith(".")


PLAIN = {"numpy": numpy, "PIL": PIL, "torch": torch, "datasets": datasets, "transforms": transforms}
ODD = [Image.fromarray(one).crop((0, 0, 32 - n, 32)) for n, one in enumerate(COLOUR[:5])]
ADVICE = {
    # what: (what is passed, words of the message, those words as code, true pictures)
    "flat": (
        TALL[..., 1].reshape(N, -1),
        "shape=(H, W)",
        "datasets.load(images, shape=(40, 24))",
        TALL[..., 1],
    ),
    "flat in colours": (
        TALL.reshape(N, -1),
        "shape=(H, W, 3)",
        "datasets.load(images, shape=(40, 24, 3))",
        TALL,
    ),
    "flat in colours, channel after channel": (
        TALL.transpose(0, 3, 1, 2).reshape(N, -1),
        "shape=(H, W, 3)",
        "datasets.load(images, shape=(40, 24, 3))",
        TALL,
    ),
    "films": (
        COLOUR.reshape(4, 10, SIDE, SIDE, 3),
        "images.reshape(-1, *images.shape[-3:])",
        None,
        COLOUR,
    ),
    "two channels": (OPAQUE[..., [1, 3]], "images[..., 0]", None, GREY),
    "three grey pictures": (GREY[:3], "images[:, None]", None, GREY[:3]),
    "other range": (
        (GREY / 255 * 7 - 3),
        "(images - images.min()) / (images.max() - images.min())",
        None,
        GREY,
    ),
    "not finite": (
        with_nan(),
        "numpy.isfinite(images)",
        "images[numpy.isfinite(images).all((1, 2, 3))]",
        np.delete(COLOUR, 33, 0),
    ),
    "different sizes": (
        [np.asarray(one) for one in ODD],
        "PIL.Image.fromarray",
        "[PIL.Image.fromarray(one) for one in images]",
        None,
    ),
}


@pytest.mark.parametrize("case", ADVICE)
def test_advice_that_is_followed_gives_the_right_pictures(case):
    images, words, code, truth = ADVICE[case]
    with pytest.raises(ValueError) as caught:
        datasets.load(images)
    assert words in str(caught.value)
    mended = eval(code or words, PLAIN | {"images": images})
    splits = mended if isinstance(mended, datasets.Splits) else datasets.load(mended)
    if truth is not None:
        assert same(splits, truth)
    else:
        assert together(splits).shape == (5, 3, 64, 64)


def test_the_advice_on_files_gives_the_right_pictures(tmp_path, folder):
    torch_file(tmp_path / "mine.pt")
    with pytest.raises(ValueError) as caught:
        datasets.load("mine.pt")
    [line] = re.findall(r"pass what it holds, (.*)\.$", str(caught.value))
    assert same(eval(line, PLAIN), COLOUR)
    [first, *_] = folder.glob("*/*.png")
    with pytest.raises(ValueError, match="holds 1 picture of 32×32.*at least 3") as caught:
        datasets.load(first)
    [line] = re.findall(r"(transforms\.picture\(.*?\)) makes", str(caught.value))
    assert eval(line, PLAIN).shape == (3, 64, 64)
    with pytest.raises(ValueError, match="1 colour picture.*channels came first") as caught:
        datasets.load(PLANES[0])
    assert "datasets.pictures takes fewer" in str(caught.value)
    assert (datasets.pictures(PLANES[0])[0].numpy() == PLANES[0]).all()
    halves().save(folder / "other.png")
    with pytest.raises(ValueError, match="different sizes.*size=64"):
        datasets.load(folder, size=None)
    assert together(datasets.load(folder, size=64)).shape[1:] == (3, 64, 64)
    assert datasets.pictures(folder, size=64).shape[1:] == (3, 64, 64)


# -------------------------------------------------------------------------- names and the command


def test_the_names_are_those_of_the_sets():
    assert tuple(sets.LOADERS) == sources.SETS


@pytest.mark.parametrize("quoted", ["'mine.npy'", '"mine.npy"', " mine.npy ", "' mine.npy'"])
def test_quotes_round_a_path_are_dropped(quoted):
    np.save("mine.npy", COLOUR)
    assert same(datasets.load(quoted), COLOUR)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("Face", "one of faces, orl, .*expected: did you mean 'faces'"),
        ("LFW", "did you mean 'lfw'"),
        ("quux", "expected: correct the name or the path"),
        ("", "is empty, but a path or one of faces, .*expected: give one"),
        (" '' ", "is empty"),
        ("nowhere/images.npy", "no folder 'nowhere'.*: correct the path"),
        ("mime.npy", "no file or folder 'mime.npy'.*did you mean 'mine.npy'"),
    ],
)
def test_a_typing_error_gets_the_name_that_was_meant(typed, said):
    Path("mine.npy").touch()
    with pytest.raises(FileNotFoundError, match=said):
        datasets.load(typed)


COMMAND = """
import sys
from course_lib import __main__
sys.argv = ["course_lib", "train", "--data", sys.argv[1]]
try:
    __main__.main()
except SystemExit as stop:
    print(stop)
print({"torch", "nbformat"} & sys.modules.keys())
"""


def test_the_command_notices_a_typing_error_before_it_loads_pytorch():
    root = Path(__file__).resolve().parent.parent
    command = [sys.executable, "-c", COMMAND, "facs"]
    out = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    assert "did you mean 'faces'" in out and out.endswith("set()\n")


# --------------------------------------------------------------------------------------- CelebA


@pytest.fixture
def photos(tmp_path):
    """Eight photographs, a place for them, and the official list."""
    made = {}
    for i in range(8):
        image = np.zeros((218, 178, 3), np.uint8)
        image[35:183, 15:163] = (30 * i, 200, 20)
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "jpeg", quality=95)
        made[f"{i + 1:06}.jpg"] = buffer.getvalue()
    (tmp_path / "data" / "celeba").mkdir(parents=True)
    return (
        tmp_path / "data" / "celeba",
        made,
        dict(zip(made, (0, 0, 0, 1, 1, 1, 2, 2), strict=True)),
    )


def unpacked(folder, photos, split):
    nested = folder / "img_align_celeba" / "img_align_celeba"
    nested.mkdir(parents=True)
    for name, content in photos.items():
        (nested / name).write_bytes(content)
    table = "\n".join(f"{name},{part}" for name, part in split.items())
    (folder / "list_eval_partition.csv").write_text(f"image_id,partition\n{table}\n")


def as_zip(folder, photos, split):
    with zipfile.ZipFile(folder / "img_align_celeba.zip", "w") as archive:
        for name, content in photos.items():
            archive.writestr(f"img_align_celeba/{name}", content)
    text = "\n".join(f"{name} {part}" for name, part in split.items())
    (folder / "list_eval_partition.txt").write_text(text)


@pytest.mark.parametrize("place", [unpacked, as_zip])
def test_celeba_from_elsewhere(place, photos):
    place(*photos)
    splits = datasets.load("celeba")
    parts = splits.train, splits.validation, splits.test
    number = [(part[:, 0, 30, 30] / 30).round().int().tolist() for part in parts]
    assert number == [[0, 1, 2], [3, 4, 5], [6, 7]]
    assert (splits.train[:, 1] > 150).all(), "the black frame should have been cropped"


def test_a_part_of_celeba_names_what_is_missing(photos):
    folder, files, split = photos
    as_zip(folder, files, split)
    (folder / "list_eval_partition.txt").unlink()
    with pytest.raises(FileNotFoundError, match="put there too list_eval_partition.txt"):
        datasets.load("celeba")
    as_zip(folder, dict(list(files.items())[:5]), split)
    with pytest.raises(FileNotFoundError, match="3 photographs .000006.jpg is the first"):
        datasets.load("celeba")
    (folder / "img_align_celeba.zip").unlink()
    with pytest.raises(
        FileNotFoundError, match="the folder img_align_celeba or img_align"
    ) as caught:
        datasets.load("celeba")
    assert "delete" not in str(caught.value)
    with ExitStack() as opened:
        assert celeba.find(folder.parent / "nowhere", opened) is None


@pytest.mark.parametrize("place", [unpacked, as_zip])
def test_celebas_uncropped_photographs_do_not_stand_for_the_aligned(place, photos):
    folder, files, _ = photos
    for wild in ("img_celeba", "zz"):
        (folder / wild).mkdir()
        for name in files:
            Image.new("RGB", (178, 218), "red").save(folder / wild / name)
    place(*photos)
    assert (datasets.load("celeba").train[:, 1] > 150).all(), "these are red"


def test_a_cut_archive_of_celeba_is_named(photos):
    folder = photos[0]
    as_zip(*photos)
    packed = folder / "img_align_celeba.zip"
    packed.write_bytes(packed.read_bytes()[:-100])
    with pytest.raises(ValueError, match="img_align_celeba.zip' is damaged.*: download or copy"):
        datasets.load("celeba")


def test_no_message_advises_to_delete_what_is_not_ours():
    taking_files = (array_files, axes, levels, loading, sets, celeba, arrays, photographs, sources)
    for module in taking_files:
        assert "delete" not in Path(module.__file__).read_text(encoding="utf-8")


# ---------------------------------------------------------------- what the network and others see


@pytest.mark.parametrize("side", [64, 128])
def test_a_network_sees_the_whole_of_ones_own_pictures(side, monkeypatch):
    given = smooth(12, side, side)
    seen = []

    def objective(model, x):
        seen.append(x.detach().clone())
        return squared_error(model, x)

    data = datasets.load(given, size=None)
    quick = {"epochs": 1, "progress": False, "device": torch.device("cpu")}
    training.fit(partial(FullyConnectedAutoencoder, (3, 16, 16), 4), objective, data, **quick)
    expected = face_transform(crop=None, size=(16, 16))(data.train)
    assert torch.allclose(seen[0].mean(0), expected[:1].mean(0), atol=1e-4)
    assert torch.allclose(seen[1].mean(0), expected.mean(0), atol=1e-4)


def test_the_homeworks_crop_is_the_same_band_of_larger_pictures():
    small = smooth(3, 64, 64)
    twice = np.repeat(np.repeat(small, 2, 1), 2, 2)
    one, two = (torch.from_numpy(x).movedim(-1, 1) for x in (small, twice))
    band = face_transform()
    assert torch.equal(band(one), face_transform(crop=(10, 0, 28, 64))(one))
    assert torch.equal(band(two), face_transform(crop=(20, 0, 56, 128))(two))
    assert (band(two) - band(one)).abs().mean() < 0.03


def test_one_photograph_as_a_model_takes_it(tmp_path):
    halves(200, 100).save("me.png")
    found = transforms.picture("me.png")
    assert found.shape == (3, 64, 64) and found.dtype == torch.uint8
    assert found[:, :30].float().mean((1, 2)).tolist() == [255, 0, 0]
    assert found[:, 34:].float().mean((1, 2)).tolist() == [0, 0, 255]
    assert torch.equal(transforms.picture(Image.open("me.png")), found)
    assert transforms.picture(Path("me.png"), size=10).shape == (3, 10, 10)
    exif = Image.Exif()
    exif[photographs.ORIENTATION] = 6
    halves().rotate(90, expand=True).save("turned.png", exif=exif)
    assert transforms.picture("turned.png")[:, :30].float().mean((1, 2)).tolist() == [255, 0, 0]
    (tmp_path / "no.jpg").write_bytes(b"hello")
    with pytest.raises(ValueError, match="cannot be opened as a photograph"):
        transforms.picture("no.jpg")


LOADER = DataLoader(TensorDataset(torch.from_numpy(PLANES.copy()), torch.arange(N)))
ALONE = DataLoader(list(torch.from_numpy(PLANES.copy())))


@pytest.mark.parametrize("given", [torch.zeros(3), COLOUR, LOADER, ALONE])
@pytest.mark.parametrize("trainer", [training.fit, partial(training.fit_or_load, "x")])
def test_fit_says_what_data_it_takes(given, trainer):
    with pytest.raises(TypeError, match="fit got a .* as data.*: ") as caught:
        trainer(FullyConnectedAutoencoder, squared_error, given, epochs=1)
    if isinstance(given, DataLoader):
        [line] = re.findall(r"so pass (.*)\.$", str(caught.value))
        assert same(eval(line, PLAIN | {"loader": given}), COLOUR)
    else:
        assert "datasets.load(images)" in str(caught.value)


@pytest.mark.parametrize("given", [torch.nn.MSELoss(), torch.nn.functional.mse_loss, "mse"])
@pytest.mark.parametrize("trainer", [training.fit, partial(training.fit_or_load, "x")])
def test_fit_says_what_objective_it_takes(given, trainer):
    model = FullyConnectedAutoencoder((3, SIDE, SIDE), 2)
    with pytest.raises(TypeError, match="evaluate got .* as objective.*: pass objectives.squared"):
        training.evaluate(model, given, datasets.load(COLOUR).test)
    with pytest.raises(TypeError, match="as objective.*: pass objectives.squared_error"):
        trainer(FullyConnectedAutoencoder, given, datasets.load(COLOUR), epochs=1)


@pytest.mark.parametrize("device", ["cpu", "cpu:0", torch.device("cpu"), torch.device("cpu", 0)])
def test_fit_takes_a_device_as_pytorch_names_it(device):
    build = partial(FullyConnectedAutoencoder, (3, SIDE, SIDE), 2)
    data = datasets.load(COLOUR)
    state = training.fit(build, squared_error, data, epochs=1, device=device, progress=False)
    assert state.step == 1
    with pytest.raises(ValueError, match="There is no device 'cuda:77' here"):
        training.fit(build, squared_error, data, epochs=1, device="cuda:77")


FACES = torch.from_numpy(PLANES[:4].copy())
LOOKED_AT = {
    "tensor": FACES,
    "numpy": COLOUR[:4],
    "numpy, channels first": PLANES[:4],
    "PIL": Image.fromarray(COLOUR[0]),
    "list of PIL": [Image.fromarray(one) for one in COLOUR[:4]],
    "list of arrays": list(COLOUR[:4]),
    "splits": datasets.Splits(FACES, FACES, FACES),
}


@pytest.mark.parametrize("case", LOOKED_AT)
def test_an_explorer_takes_pictures_of_any_kind(case):
    model = FullyConnectedAutoencoder((3, SIDE, SIDE), 5)
    explorer = LatentExplorer(model, LOOKED_AT[case])
    n = len(explorer.x)
    assert torch.equal(explorer.x, 2 * FACES[:n].float() / 255 - 1)
    for one in (COLOUR[1], PLANES[1], Image.fromarray(COLOUR[1]), FACES[1]):
        assert explorer.add(one) == n
        assert torch.equal(explorer.x[n], 2 * FACES[1].float() / 255 - 1)
        n += 1


def test_the_transform_says_that_an_array_is_no_tensor():
    with pytest.raises(TypeError, match="got a ndarray.*: pass datasets.pictures.images."):
        face_transform()(COLOUR)
    assert face_transform()(datasets.pictures(COLOUR)).shape == (N, 3, 64, 64)
    np.save("mine.npy", COLOUR)
    on_disk = StoredImages([Path("mine.npy")], torch.arange(N))
    with pytest.raises(TypeError, match=r"got a StoredImages.*: pass a part of them, images\[:500"):
        face_transform()(on_disk)
    assert face_transform()(on_disk[:500]).shape == (N, 3, 64, 64)


def test_a_name_gives_an_explorer_few_pictures_and_those_that_were_trained_on(monkeypatch):
    data = datasets.Splits(*torch.from_numpy(smooth(260)).movedim(-1, 1).split((100, 60, 100)))
    monkeypatch.setitem(sets.LOADERS, "faces", lambda seed, root: data)
    model = FullyConnectedAutoencoder((3, SIDE, SIDE), 2)
    explorer = LatentExplorer(model, "faces", training="faces")
    assert torch.equal(explorer.x, 2 * data.test[:FEW].float() / 255 - 1)
    assert torch.equal(explorer._training, data.train)
    with pytest.raises(ValueError, match="add got 5 pictures, but takes one: "):
        explorer.add(COLOUR[:5])
    assert len(explorer.x) == FEW


@pytest.mark.parametrize("kind", [torch.Tensor.double, torch.Tensor.half])
def test_an_explorer_takes_models_of_any_precision(kind):
    model = FullyConnectedVAE((3, SIDE, SIDE), 7, 5)
    model = model.double() if kind is torch.Tensor.double else model.half()
    factors = np.random.default_rng(0).random((2 * N, 16))
    training = np.concatenate([COLOUR, COLOUR[:, ::-1]])
    for given in (factors, factors.tolist(), dict(enumerate(factors.T))):
        named = given if not isinstance(given, dict) else {str(k): v for k, v in given.items()}
        explorer = LatentExplorer(model, FACES, training=training, factors=named)
        explorer.state.edits = {1: 2.0}
        assert explorer.seen["model"].edited.shape == (1, 3, SIDE, SIDE)


def test_an_explorer_takes_runs_and_lists():
    data = datasets.load(smooth(70))
    build = partial(FullyConnectedAutoencoder, (3, SIDE, SIDE), 2)
    state = training.fit(build, squared_error, data, epochs=1, progress=False, device="cpu")
    explorer = LatentExplorer([state, build()], data, training=data)
    assert list(explorer.models) == ["model 1", "model 2"]
    assert len(explorer.x) == len(data.test) and explorer.atlases
    strip = interpolation_strip(state.model, COLOUR[0], COLOUR[1])
    assert strip is not None


def test_a_mat_whose_kind_of_numbers_is_damaged_does_not_end_the_process(tmp_path):
    """SciPy looks it up in a table without a look at how long that is."""
    path = tmp_path / "mine.mat"
    scipy.io.savemat(path, {"images": COLOUR})
    content = bytearray(path.read_bytes())
    place = content.index(b"images") + 8  # its name is padded to 8 bytes; 2 is uint8
    assert content[place] == 2
    content[place + 1] = 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"is damaged or cut short.*SciPy cannot read images"):
        datasets.load(path)
