"""Little work is done on one thread, and the caller's threads are given back."""

from functools import partial
from types import SimpleNamespace

import pytest
import torch
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_info
from torch import nn

from course_lib import gan, latents, training
from course_lib.models import ConvolutionalVAE, FullyConnectedVAE
from course_lib.objectives import elbo
from course_lib.training.threads import WORTH, multiply_adds, one_thread, threads_worth
from course_lib.transforms import face_transform

whole = face_transform(crop=None, size=(16, 16))


@pytest.fixture(autouse=True)
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    assert torch.get_num_threads() == 3, "the threads were not given back"
    torch.set_num_threads(before)


@pytest.mark.parametrize(("work", "threads"), [(WORTH - 1, 1), (WORTH, 3)])
def test_work_decides(work, threads):
    with threads_worth(work):
        assert torch.get_num_threads() == threads


def test_an_error_gives_them_back_too():
    with pytest.raises(ZeroDivisionError), one_thread():
        raise ZeroDivisionError


def test_multiply_adds_of_linear_and_convolutional_layers():
    network = nn.Sequential(
        nn.Conv2d(3, 5, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(5 * 4 * 7, 11)
    )
    x = torch.zeros(2, 3, 4, 7)
    expected = 2 * (4 * 7 * 5 * 3 * 9 + 5 * 4 * 7 * 11)
    assert multiply_adds(network, lambda: network(x)) == expected
    assert multiply_adds(network, lambda: (network(x), network(x))) == 2 * expected
    assert not any(layer._forward_hooks for layer in network.modules())


def test_multiply_adds_of_a_transposed_convolution():
    network = nn.ConvTranspose2d(5, 3, 4, stride=2, padding=1)
    x = torch.zeros(2, 5, 4, 7)
    assert multiply_adds(network, lambda: network(x)) == 2 * (5 * 4 * 7) * 3 * 16


def data():
    draw = partial(torch.randint, 0, 256, dtype=torch.uint8)
    generator = torch.Generator().manual_seed(1)
    return SimpleNamespace(
        train=draw((20, 3, 16, 16), generator=generator),
        validation=draw((4, 3, 16, 16), generator=generator),
    )


@pytest.mark.parametrize(
    ("network", "threads"),
    [
        (partial(FullyConnectedVAE, (3, 16, 16), 32, 4), 1),
        (partial(FullyConnectedVAE, (3, 16, 16), 45_000, 4), 3),
        (partial(ConvolutionalVAE, (3, 16, 16), 8, 4), 1),
    ],
    ids=["small", "large", "convolutional"],
)
def test_fit_trains_small_networks_on_one(network, threads):
    used = set()

    def noting(model, x):
        if model.training:
            used.add(torch.get_num_threads())
        return elbo(model, x)

    settings = {"epochs": 1, "batch_size": 10, "transform": whole, "progress": False}
    training.fit(network, noting, data(), **settings, device="cpu")
    assert used == {threads}


@pytest.mark.parametrize(
    ("worker", "work"),
    [
        (
            (torch.optim.Adam, "step"),
            lambda: gan.fit(
                gan.GAN(FullyConnectedVAE((3, 16, 16), 8, 4).decoder, (3, 16, 16), channels=4),
                data(), steps=1, batch_size=4, transform=whole, progress=False,
            ),
        ),
        ((GaussianMixture, "fit"), lambda: latents.fit_density(torch.rand(50, 3), components=2)),
    ],
    ids=["a small GAN", "a mixture"],
)  # fmt: skip
def test_others_take_one_too(worker, work, monkeypatch):
    used, method = set(), getattr(*worker)

    def noting(*given):
        used.add(torch.get_num_threads())
        used.update(pool["num_threads"] for pool in threadpool_info())
        return method(*given)

    monkeypatch.setattr(*worker, noting)
    work()
    assert used == {1}
