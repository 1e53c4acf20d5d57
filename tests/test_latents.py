import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.mixture import GaussianMixture

from course_lib import latents
from course_lib.models import FullyConnectedVAE
from course_lib.transforms import face_transform

NAN = float("nan")
number = st.floats(-50, 50, width=32)


@given(st.integers(1, 4), st.integers(1, 9), number, st.integers(0, 99))
def test_shift_moves_everything_and_leaves_its_input(batch, size, amount, seed):
    z = torch.randn(batch, size, generator=torch.Generator().manual_seed(seed))
    kept = z.clone()
    torch.testing.assert_close(
        latents.shift(z, amount) - z, torch.full_like(z, amount), atol=1e-4, rtol=0
    )
    assert torch.equal(z, kept)


@given(st.integers(1, 4), st.integers(1, 9), number, st.integers(0, 99))
def test_scale_multiplies_everything_or_what_was_chosen(batch, size, factor, seed):
    z = torch.randn(batch, size, generator=torch.Generator().manual_seed(seed))
    kept = z.clone()
    assert torch.equal(latents.scale(z, factor), factor * z)
    first = latents.scale(z, factor, [0])
    assert torch.equal(first[:, 0], factor * z[:, 0]) and torch.equal(first[:, 1:], z[:, 1:])
    assert torch.equal(z, kept)


def test_the_homeworks_slides_double_one_element():
    z = torch.rand(1, 1024)
    theirs = z.clone()
    theirs[0][0] = 2 * theirs[0][0]
    assert torch.equal(latents.scale(z, 2, [0]), theirs)


def test_jitter_adds_so_much_noise_and_the_same_for_a_seed():
    z = torch.randn(100, 300, generator=torch.Generator().manual_seed(0))
    kept, random = z.clone(), torch.get_rng_state()
    noise = latents.jitter(z, 0.5, seed=3) - z
    assert noise.std().item() == pytest.approx(0.5, rel=0.02)  # five standard errors are 0.01
    assert noise.mean().abs() < 0.015
    assert noise.std(0).min() > 0.3 and noise.std(1).min() > 0.4, "each element and code its own"
    assert torch.equal(latents.jitter(z, 0.5, seed=3), latents.jitter(z, 0.5, seed=3))
    assert not torch.equal(latents.jitter(z, 0.5, seed=3), latents.jitter(z, 0.5, seed=4))
    assert torch.equal(latents.jitter(z, 0), z)
    assert torch.equal(z, kept) and torch.equal(torch.get_rng_state(), random)


@given(st.dictionaries(st.integers(0, 10), number), st.integers(1, 3))
def test_set_elements_sets_those_and_no_others(values, batch):
    z = torch.randn(batch, 11, generator=torch.Generator().manual_seed(0))
    kept = z.clone()
    edited = latents.set_elements(z, values)
    for element in range(11):
        expected = torch.full((batch,), values[element]) if element in values else z[:, element]
        assert torch.equal(edited[:, element], expected)
    assert torch.equal(z, kept)


def test_move_goes_along_each_direction():
    z, directions = torch.randn(3, 5), torch.randn(2, 5)
    kept = z.clone()
    torch.testing.assert_close(
        latents.move(z, directions, (1.5, -2)), z + 1.5 * directions[0] - 2 * directions[1]
    )
    assert torch.equal(z, kept)
    with pytest.raises(ValueError, match=r"3 amounts and directions of shape \(2, 5\)"):
        latents.move(z, directions, (1, 2, 3))
    with pytest.raises(ValueError, match="An amount is nan"):
        latents.move(z, directions, (1, NAN))


def test_the_homeworks_second_edit():
    z = torch.rand(1, 1024)
    theirs = z.clone()
    theirs[:, 3], theirs[:, 1000] = 2, 8
    assert torch.equal(latents.set_elements(z, {3: 2.0, 1000: 8.0}), theirs)


def test_interpolate_ends_where_it_should():
    a, b = torch.randn(1, 5), torch.randn(1, 5)
    line = latents.interpolate(a, b, 7)
    assert line.shape == (7, 5)
    assert torch.equal(line[:1], a) and torch.equal(line[-1:], b)
    torch.testing.assert_close(line[3:4], (a + b) / 2)


Z = torch.zeros(2, 4)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: latents.shift(torch.zeros(4), 1), ValueError, r"\(4,\)"),
        (lambda: latents.shift(torch.tensor([[1, NAN]]), 1), ValueError, "NaN"),
        (lambda: latents.shift(Z, NAN), ValueError, "finite"),
        (lambda: latents.scale(torch.zeros(4), 1), ValueError, r"\(4,\)"),
        (lambda: latents.scale(Z, NAN), ValueError, "The factor is nan"),
        (lambda: latents.scale(Z, 2, [4]), IndexError, "no element 4: .* from 0 to 3"),
        (lambda: latents.jitter(torch.zeros(4), 1), ValueError, r"\(4,\)"),
        (lambda: latents.jitter(Z, NAN), ValueError, "The amount is nan"),
        (lambda: latents.jitter(Z, -1), ValueError, "amount is -1, but a standard deviation of 0"),
        (lambda: latents.set_elements(Z, {4: 1.0}), IndexError, "from 0 to 3"),
        (lambda: latents.set_elements(Z, {-1: 1.0}), IndexError, "no element -1"),
        (lambda: latents.set_elements(Z, {1: NAN}), ValueError, "element 1 is nan"),
        (lambda: latents.interpolate(Z[:1], torch.zeros(1, 3), 5), ValueError, "4 and 3"),
        (lambda: latents.interpolate(Z[:1], Z[:1], 1), ValueError, "steps=1"),
    ],
)
def test_bad_input_gives_one_clear_sentence(call, error, words):
    with pytest.raises(error, match=words):
        call()


# --- a density over codes


def sheet(n, seed=0):
    """Codes on two bent lines in the plane: no Gaussian, but several of them."""
    generator = torch.Generator().manual_seed(seed)
    t = torch.rand(n, generator=generator) * 2 - 1
    side = torch.randint(0, 2, (n,), generator=generator) * 6.0 - 3
    return torch.stack([t + side, t**2 + 0.05 * torch.randn(n, generator=generator)], dim=1)


def test_a_density_is_scikit_learns_and_draws_what_it_was_fitted_to():
    codes = sheet(1000)
    density = latents.fit_density(codes, components=6)
    floor = 1e-4 * codes.double().var(0).mean().item()
    theirs = GaussianMixture(6, reg_covar=floor, max_iter=500, random_state=0).fit(codes.double())
    new = sheet(200, seed=1)
    expected = torch.from_numpy(theirs.score_samples(new.double()))
    torch.testing.assert_close(density.log_prob(new), expected)

    drawn = density.sample(4000)
    assert drawn.shape == (4000, 2) and drawn.dtype == torch.float32
    # Means of 4,000 draws with a spread of about 3 are known to 0.05.
    torch.testing.assert_close(drawn.mean(0), codes.mean(0), atol=0.2, rtol=0)
    torch.testing.assert_close(drawn.std(0), codes.std(0), atol=0.1, rtol=0.05)
    between = (drawn[:, 0].abs() < 1).float().mean()
    assert between < 0.02  # the gap between the two lines stays empty


def test_a_density_draws_by_its_seed_and_leaves_the_callers_random_numbers():
    density = latents.fit_density(sheet(100), components=2)
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first = density.sample(7, seed=3)
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(density.sample(7, seed=3), first)
    assert not torch.equal(density.sample(7, seed=4), first)


def test_a_density_survives_elements_that_never_move():
    codes = torch.cat([sheet(100), torch.zeros(100, 3)], dim=1)
    drawn = latents.fit_density(codes, components=2).sample(50)
    assert drawn[:, 2:].abs().max() < 0.2


def test_a_density_knows_its_own_latent_space_only():
    density = latents.fit_density(sheet(100), components=2)
    with pytest.raises(ValueError, match="5 elements.*codes of 2"):
        density.log_prob(torch.zeros(3, 5))


@pytest.mark.parametrize(
    ("codes", "components", "sentence"),
    [
        (torch.zeros(20, 4), 5, "more than 20 codes, but got 20.*components=4"),
        (torch.zeros(20, 4), 0, "0 Gaussians"),
        (torch.full((20, 4), NAN), 1, "NaN"),
        (torch.zeros(20), 1, r"shape \(20,\)"),
    ],
)
def test_a_density_names_what_it_cannot_fit(codes, components, sentence):
    with pytest.raises(ValueError, match=sentence):
        latents.fit_density(codes, components)


def test_a_whole_set_is_encoded_as_its_pictures_are():
    model = FullyConnectedVAE((3, 6, 5), 7, 4)
    generator = torch.Generator().manual_seed(3)
    images = torch.randint(256, (1203, 3, 6, 5), dtype=torch.uint8, generator=generator)
    transform = face_transform(None, (6, 5))
    codes = latents.encode(model, images, transform)
    assert codes.shape == (1203, 4) and not codes.requires_grad
    one_by_one = torch.cat(
        [model.encode(transform(images[i : i + 1])).mean for i in (0, 500, 1202)]
    )
    torch.testing.assert_close(codes[[0, 500, 1202]], one_by_one.detach())
    torch.testing.assert_close(latents.encode(model, transform(images)), codes)
