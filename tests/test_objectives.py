"""Objectives against closed forms, in models small enough to know everything about."""

import math
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.distributions import Independent, MultivariateNormal, Normal

from course_lib import training
from course_lib.likelihoods import Bernoulli, Gaussian, LearnedGaussian, OptimalGaussian
from course_lib.models import FullyConnectedAutoencoder, FullyConnectedVAE
from course_lib.objectives import Aggressive, Terms, WarmUp, elbo, iwae, squared_error
from course_lib.transforms import face_transform

torch.set_num_threads(1)


class Toy(nn.Module):
    """Decodes z to W z; its posterior is the same for every x, and given."""

    def __init__(self, mean, log_variance, weight=((1.0,),), sigma2=1.0, normal=Normal):
        super().__init__()
        as_tensor = partial(torch.as_tensor, dtype=torch.float64)
        self.mean = nn.Parameter(as_tensor(mean))
        self.log_variance = nn.Parameter(as_tensor(log_variance))
        self.weight, self.normal = as_tensor(weight), normal
        self.likelihood = Gaussian(sigma2).double()

    def encode(self, x):
        shape = (len(x), len(self.mean))
        return self.normal(self.mean.expand(shape), (self.log_variance / 2).exp().expand(shape))

    def decode(self, z):
        return z @ self.weight.T


class TwoPoints(Normal):
    """A normal whose two samples lie one σ on either side: means of quadratics come out exact."""

    def rsample(self, sample_shape):
        assert sample_shape == (2,)
        return torch.stack([self.mean - self.stddev, self.mean + self.stddev])


def vae(*args, shape=(3, 5, 7), **kwargs):
    torch.manual_seed(0)
    return FullyConnectedVAE(shape, 13, 11, *args, **kwargs).eval()


def pictures(n=2, shape=(3, 5, 7)):
    return torch.rand(n, *shape, generator=torch.Generator().manual_seed(1)) * 2 - 1


def seeded(objective, *args, **kwargs):
    torch.manual_seed(7)
    return objective(*args, **kwargs)


def test_squared_error_is_one_number_per_picture_summed_over_pixels():
    torch.manual_seed(0)
    model = FullyConnectedAutoencoder((3, 5, 7), 11)
    x = torch.rand(2, 3, 5, 7)
    terms = squared_error(model, x)
    by_hand = [
        sum((a - b) ** 2 for a, b in zip(m.flatten(), y.flatten(), strict=True))
        for m, y in zip(model(x), x, strict=True)
    ]
    torch.testing.assert_close(terms.distortion, torch.stack(by_hand))
    assert torch.equal(terms.loss, terms.distortion)
    assert terms.rate.tolist() == [0, 0]


# --- the rate


@pytest.mark.parametrize(("mean", "sigma", "expected"), [(2, 1, 2.0), (0, 0.5, 0.318147)])
def test_rate_is_the_kl_divergence_of_the_design(mean, sigma, expected):
    model = Toy([mean], [2 * math.log(sigma)])
    x = torch.zeros(1, 1, dtype=torch.float64)
    assert elbo(model, x).rate.item() == pytest.approx(expected, abs=1e-6)
    by_samples = seeded(elbo, model, x, kl="monte-carlo", samples=200_000).rate.item()
    assert by_samples == pytest.approx(expected, abs=0.02)


def test_rate_is_summed_over_latents_and_free_bits_are_in_the_loss_only():
    model = Toy([2.0, 0.0, 0.0], [0.0, 2 * math.log(0.5), 0.0], weight=torch.ones(5, 3))
    x = torch.zeros(2, 5, dtype=torch.float64)
    rates = [2.0, math.log(2) - 3 / 8, 0.0]
    terms = elbo(model, x, beta=3, free_bits=0.5)
    assert terms.rate.tolist() == pytest.approx([sum(rates)] * 2)
    paid = 3 * (2.0 + 0.5 + 0.5)
    torch.testing.assert_close(terms.loss, terms.distortion + paid)


def test_free_bits_charge_nothing_for_what_is_free():
    """Below the threshold no gradient pushes an element to shut down further."""
    model = Toy([1.0, 0.1], [0.0, 0.0], weight=torch.zeros(5, 2))
    elbo(model, torch.zeros(1, 5, dtype=torch.float64), free_bits=0.2).loss.sum().backward()
    assert model.mean.grad.tolist() == [1.0, 0.0]


# --- gradients


def test_gradients_reach_mean_and_log_variance():
    """Against finite differences, of the whole loss and with both kinds of KL, in float64."""
    weight = torch.tensor([[1.0, 0.3], [-0.5, 0.8], [0.2, -0.6]])
    x = torch.randn(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for kl in ("analytic", "monte-carlo"):

        def loss(mean, log_variance, kl=kl):
            model = Toy(mean, log_variance, weight, sigma2=0.4)
            del model.mean, model.log_variance
            model.mean, model.log_variance = mean, log_variance
            return seeded(elbo, model, x, beta=1.7, samples=5, kl=kl).loss

        start = (torch.tensor([0.4, -1.1]), torch.tensor([0.3, -0.8]))
        start = tuple(t.double().requires_grad_() for t in start)
        assert torch.autograd.gradcheck(loss, start)
        for gradient in torch.autograd.grad(loss(*start).sum(), start):
            assert (gradient.abs() > 0.1).all()


# --- the bounds


def test_the_designs_importance_bound():
    """p(z) = N(0, 1), p(x|z) = N(z, 1), x = 1.5, q = N(0.4, 0.8²)."""
    x = torch.full((1, 1), 1.5, dtype=torch.float64)
    log_p = Normal(0, math.sqrt(2)).log_prob(x).item()
    assert log_p == pytest.approx(-1.828012, abs=1e-6)
    exact = Toy([0.4], [2 * math.log(0.8)], normal=TwoPoints)
    for kl in ("analytic", "monte-carlo"):
        assert elbo(exact, x, samples=2, kl=kl).loss.item() == pytest.approx(1.967082, abs=1e-6)

    many = x.expand(20_000, 1)
    bound = -seeded(iwae, Toy([0.4], [2 * math.log(0.8)]), many, k=100).loss
    # The mean weight is 1 in expectation: subtracting what it missed by takes out most noise.
    gap = (bound - log_p).exp() - 1 - (bound - log_p)
    assert gap.mean().item() == pytest.approx(0.00098, abs=0.00004)


def test_elbo_below_iwae_below_log_p_and_climbing_with_k():
    weight = torch.tensor([[1.0, 0.3], [-0.5, 0.8], [0.2, -0.6]], dtype=torch.float64)
    model = Toy([0.4, -0.3], [-0.5, -0.2], weight, sigma2=0.7)
    points = torch.randn(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    covariance = weight @ weight.T + 0.7 * torch.eye(3)
    log_p = MultivariateNormal(torch.zeros(3, dtype=torch.float64), covariance).log_prob(points)

    def mean_bound(objective, repeats, **settings):
        terms = seeded(objective, model, points.repeat(repeats, 1), **settings)
        return -terms.loss.unflatten(0, (repeats, 4)).mean(0)

    bounds = [mean_bound(elbo, 1, samples=40_000)]
    bounds += [mean_bound(iwae, 10_000, k=k) for k in (2, 10, 50)]
    for lower, higher in zip(bounds, [*bounds[1:], log_p], strict=True):
        assert (lower < higher).all()
    assert (log_p - bounds[-1] < 0.05).all()


def test_iwae_with_one_code_is_the_sampled_elbo():
    model, x = vae(), pictures()
    bound = seeded(iwae, model, x, k=1)
    sampled = seeded(elbo, model, x, kl="monte-carlo")
    for one, other in zip(bound, sampled, strict=True):
        torch.testing.assert_close(one, other)


def test_iwae_follows_the_codes_that_explain_the_picture():
    """Its gradient is the codes' own, weighted by softmax(+log w): with the sign wrong, the codes
    that explain the picture worst would count most."""
    k, x = 6, torch.full((1, 1), 1.5, dtype=torch.float64)
    model = Toy([0.4], [2 * math.log(0.8)])
    terms = seeded(iwae, model, x, k=k)
    terms.loss.sum().backward()

    torch.manual_seed(7)
    noise = torch.randn(k, dtype=torch.float64)
    mean = torch.tensor(0.4, dtype=torch.float64, requires_grad=True)
    z = mean + 0.8 * noise
    log_w = Normal(z, 1).log_prob(x[0]) + Normal(0, 1).log_prob(z)
    log_w = log_w - Normal(mean, 0.8).log_prob(z)
    weights = log_w.detach().exp() / log_w.detach().exp().sum()
    (expected,) = torch.autograd.grad(-(weights * log_w).sum(), mean, retain_graph=True)
    assert model.mean.grad.item() == pytest.approx(expected.item())
    bound = log_w.exp().mean().log()
    assert terms.loss.item() == pytest.approx(-bound.item())
    (slope,) = torch.autograd.grad(-bound, mean, retain_graph=True)
    assert model.mean.grad.item() == pytest.approx(slope.item())
    wrong = (-log_w.detach()).softmax(0)
    (follows_the_worst,) = torch.autograd.grad(-(wrong * log_w).sum(), mean)
    assert (follows_the_worst - slope).abs() > 0.1, "the test must tell one sign from the other"
    distortion = -(weights * Normal(z, 1).log_prob(x[0])).sum().item()
    assert terms.distortion.item() == pytest.approx(distortion)
    assert terms.loss.item() == pytest.approx(terms.distortion.item() + terms.rate.item())


# --- one number per picture


@pytest.mark.parametrize(
    "objective",
    [elbo, partial(elbo, samples=3, kl="monte-carlo"), partial(elbo, sample=False),
     partial(iwae, k=4)],
)  # fmt: skip
def test_terms_are_per_picture(objective):
    for terms in objective(vae(), pictures(2)):
        assert terms.shape == (2,)


def test_terms_do_not_depend_on_the_batch():
    """Latents of 16 elements: a generator deals its numbers in sixteens, so the noise of a
    picture is the same in any batch."""
    torch.manual_seed(0)
    model, x = FullyConnectedVAE((3, 5, 7), 13, 16).eval(), pictures(6)
    whole = seeded(elbo, model, x)
    torch.manual_seed(7)
    parts = [elbo(model, part) for part in x.split(4)]
    for name in Terms._fields:
        together = torch.cat([getattr(part, name) for part in parts])
        torch.testing.assert_close(together, getattr(whole, name))


def test_distortion_is_a_sum_over_pixels():
    """A picture tiled twice is twice as far off; a mean would not notice."""
    model, x = Toy([0.3], [-1.0], torch.ones(5, 1)), torch.ones(2, 5, dtype=torch.float64)
    once = seeded(elbo, model, x)
    model.weight = torch.ones(10, 1, dtype=torch.float64)
    twice = seeded(elbo, model, x.repeat(1, 2))
    torch.testing.assert_close(twice.distortion, 2 * once.distortion)
    assert torch.equal(twice.rate, once.rate)


def test_loss_is_distortion_plus_beta_rate():
    model, x = vae(), pictures()
    terms = elbo(model, x, beta=2.5)
    torch.testing.assert_close(terms.loss, terms.distortion + 2.5 * terms.rate)
    assert (terms.rate > 0).all()


def test_without_sampling_it_is_an_autoencoder():
    """The same minimum and direction as squared error; nothing of the variances is trained."""
    model, x = vae(Gaussian(0.5)), pictures()
    terms = elbo(model, x, beta=4, sample=False)
    assert torch.equal(terms.loss, terms.distortion)
    assert terms.rate.tolist() == [0, 0]
    constant = 3 * 5 * 7 / 2 * math.log(2 * math.pi * 0.5)
    torch.testing.assert_close(terms.loss, squared_error(model, x).loss + constant)
    terms.loss.sum().backward()
    assert model.encoder[2].weight.grad[:11].abs().sum() > 0
    assert model.encoder[2].weight.grad[11:].abs().sum() == 0


# --- likelihoods


@pytest.mark.parametrize("build", [Gaussian, LearnedGaussian])
def test_gaussian_is_torchs(build):
    x, mean = pictures(2), torch.tanh(torch.randn(17, 2, 3, 5, 7))
    expected = Independent(Normal(mean, math.sqrt(0.3)), 3).log_prob(x)
    torch.testing.assert_close(build(0.3).log_prob(x, mean), expected)
    torch.testing.assert_close(build(0.3).log_prob(x, mean[4]), expected[4])


def test_bernoulli_is_torchs_on_black_and_white():
    """In float64: close to ±1 a tanh in float32 keeps few digits of the logarithm."""
    x = pictures(2).sign().double()
    logits = 3 * torch.randn(17, 2, 3, 5, 7, dtype=torch.float64)
    expected = torch.distributions.Bernoulli(logits=logits).log_prob((x + 1) / 2).sum((2, 3, 4))
    torch.testing.assert_close(Bernoulli().log_prob(x, torch.tanh(logits / 2)), expected)
    x = x.float()
    assert Bernoulli().log_prob(x, -x).isfinite().all(), "certain and wrong is bad, not infinite"


def test_bernoulli_probabilities_of_all_pictures_add_to_one():
    every = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * 3)
    mean = torch.tensor([[0.2, -0.9, 0.5]]).expand(8, 3)
    assert Bernoulli().log_prob(every, mean).exp().sum().item() == pytest.approx(1)


def test_bernoulli_refuses_greys():
    with pytest.raises(ValueError, match="0 to 1, but black is -1"):
        Bernoulli().log_prob(torch.tensor([[0.0, 1.0]]), torch.zeros(1, 2))


def test_optimal_variance_is_the_batchs_mse_and_beats_its_neighbours():
    x, mean = pictures(2), torch.tanh(torch.randn(4, 2, 3, 5, 7))
    likelihood, mse = OptimalGaussian(), (mean - x).square().mean()
    best = likelihood.log_prob(x, mean)
    torch.testing.assert_close(best, Gaussian(mse.item()).log_prob(x, mean))
    for factor in (0.9, 1.1):
        assert Gaussian(factor * mse.item()).log_prob(x, mean).sum() < best.sum()


def test_optimal_variance_is_kept_for_evaluation():
    """A picture's score then does not depend on the others, and scoring changes nothing."""
    likelihood, x = OptimalGaussian(), pictures(6)
    mean = torch.zeros_like(x)
    for _ in range(100):
        likelihood.log_prob(x, mean)
    torch.testing.assert_close(likelihood.sigma2, x.square().mean(), rtol=1e-3, atol=0)
    likelihood.eval()
    kept = likelihood.state_dict()["sigma2"].clone()
    parts = [likelihood.log_prob(part, 0 * part) for part in x.split(4)]
    torch.testing.assert_close(torch.cat(parts), likelihood.log_prob(x, mean))
    assert torch.equal(likelihood.sigma2, kept)


def test_the_kept_variance_is_a_mean_of_batches_from_the_first_on():
    """Each counts 0.9 times as much as the next; the 1 that stands there before does not count."""
    likelihood, x = OptimalGaussian(), pictures(2)
    assert likelihood.sigma2 == 1
    errors, weights = torch.linspace(0.7, 0.1, 20), 0.9 ** torch.arange(19, -1, -1)
    for n, error in enumerate(errors, 1):
        likelihood.log_prob(x, x + error.sqrt())
        expected = (weights[-n:] * errors[:n]).sum() / weights[-n:].sum()
        torch.testing.assert_close(likelihood.sigma2, expected)


def test_of_pictures_reproduced_exactly_the_variance_stays_positive():
    likelihood, x = OptimalGaussian(), pictures(2)
    likelihood.log_prob(x, x)
    assert likelihood.sigma2.item() == pytest.approx(1e-10)
    scores = likelihood.eval().log_prob(x, x) / x[0].numel()
    assert scores.tolist() == pytest.approx([10.594] * 2, rel=1e-4)


def test_optimal_variance_loses_no_gradient():
    """Detached or not, the gradient of the batch's loss is that of D/2 · log MSE."""
    x = pictures(6)
    mean = torch.zeros_like(x, requires_grad=True)
    (found,) = torch.autograd.grad(-OptimalGaussian().log_prob(x, mean).sum(), mean)
    (expected,) = torch.autograd.grad(x.numel() / 2 * (mean - x).square().mean().log(), mean)
    torch.testing.assert_close(found, expected)


def test_exact_reconstruction_gives_no_infinity():
    x = pictures(2)
    assert OptimalGaussian().log_prob(x, x).isfinite().all()


@pytest.mark.parametrize("sigma2", [0, -0.1, math.nan, math.inf])
def test_a_variance_must_be_positive(sigma2):
    for build in (Gaussian, LearnedGaussian):
        with pytest.raises(ValueError, match="must be positive"):
            build(sigma2)


# --- with the training loop


def data():
    draw = partial(torch.randint, 0, 256, dtype=torch.uint8)
    draw = partial(draw, generator=torch.Generator().manual_seed(1))
    return SimpleNamespace(train=draw((53, 3, 6, 5)), validation=draw((11, 3, 6, 5)))


def fit(objective, likelihood=None, **changes):
    build = partial(FullyConnectedVAE, (3, 6, 5), 13, 7, likelihood)
    whole = face_transform(crop=None, size=(6, 5))
    settings = {"epochs": 4, "batch_size": 8, "transform": whole} | changes
    return training.fit(build, objective, data(), device="cpu", progress=False, **settings)


@pytest.mark.parametrize(
    "objective", [elbo, partial(iwae, k=3), WarmUp(steps=10, free_bits=0.1), Aggressive(9)]
)
def test_training_lowers_the_bound(objective):
    losses = fit(objective, lr=1e-2, epochs=8).history["validation_loss"]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("build", [partial(LearnedGaussian, 0.5), OptimalGaussian])
def test_the_variance_is_trained_saved_and_resumed(build, tmp_path):
    """A uniform picture's pixels have a variance of 1/3; so far down there is not much to learn."""
    path = tmp_path / "state.safetensors"
    fit(elbo, build(), lr=2e-2, checkpoint=path)
    resumed = fit(elbo, build(), lr=2e-2, epochs=8, resume_from=path)
    straight = fit(elbo, build(), lr=2e-2, epochs=8)
    assert torch.equal(resumed.model.likelihood.sigma2, straight.model.likelihood.sigma2)
    assert resumed.history["validation_loss"] == straight.history["validation_loss"]
    assert straight.model.likelihood.sigma2.item() == pytest.approx(1 / 3, rel=0.3)


def test_settings_of_a_run_name_the_likelihood_not_its_present_value():
    assert repr(Gaussian(0.25)) == "Gaussian(0.25)"
    learned, optimal = LearnedGaussian(0.25), OptimalGaussian()
    learned.log_sigma2.data.fill_(-5)
    optimal.log_prob(pictures(), torch.zeros(2, 3, 5, 7))
    assert repr(learned) == "LearnedGaussian(from 0.25)"
    assert repr(optimal) == repr(OptimalGaussian())


def test_warm_up_climbs_to_the_full_beta_and_validates_at_it():
    model, x = vae(), pictures()
    schedule = WarmUp(steps=10, beta=4.0, free_bits=0.5)
    for step, beta in [(0, 0), (5, 2), (10, 4), (99, 4)]:
        expected = seeded(elbo, model, x, beta=beta, free_bits=0.5)
        assert torch.equal(seeded(schedule.at(step), model, x).loss, expected.loss)
    assert torch.equal(seeded(schedule, model, x).loss, seeded(schedule.at(10), model, x).loss)
    assert repr(schedule) == "WarmUp(steps=10, beta=4.0, free_bits=0.5)"


def test_an_aggressive_encoder_leaves_the_decoder_four_steps_in_five():
    x, schedule = pictures(), Aggressive(steps=10, free_bits=0.5)
    for step, trained in [(0, True), (1, False), (4, False), (5, True), (9, False), (11, True)]:
        model, expected = vae(), vae()
        seeded(elbo, expected, x, free_bits=0.5).loss.mean().backward()
        seeded(schedule.at(step), model, x).loss.mean().backward()
        for ours, theirs in zip(
            model.encoder.parameters(), expected.encoder.parameters(), strict=True
        ):
            assert torch.equal(ours.grad, theirs.grad)
        for ours, theirs in zip(
            model.decoder.parameters(), expected.decoder.parameters(), strict=True
        ):
            assert torch.equal(ours.grad, theirs.grad) if trained else ours.grad is None
            assert ours.requires_grad
    assert repr(schedule) == "Aggressive(steps=10, every=5, free_bits=0.5)"


def test_an_aggressive_encoder_is_trained_from_the_first_step():
    start = {k: v.clone() for k, v in vae().state_dict().items()}
    after = fit(Aggressive(steps=99, every=99), epochs=1).model.state_dict()
    once = fit(Aggressive(steps=99, every=99), epochs=2).model.state_dict()
    decoder = [name for name in start if name.startswith("decoder")]
    assert all(torch.equal(after[name], once[name]) for name in decoder)
    assert not all(torch.equal(after[name], once[name]) for name in start)


# --- what cannot be


def test_impossible_settings_are_named():
    model, x = vae(), pictures()
    for wrong in ({"samples": 0}, {"beta": -1}, {"free_bits": -0.1}, {"kl": "exact"}):
        (name, value), *_ = wrong.items()
        with pytest.raises(ValueError, match=f"{name}='?{value}"):
            elbo(model, x, **wrong)
    with pytest.raises(ValueError, match="k=0"):
        iwae(model, x, k=0)
    with pytest.raises(ValueError, match="steps=0"):
        WarmUp(steps=0)
    with pytest.raises(ValueError, match="every=0"):
        Aggressive(steps=5, every=0)


@pytest.mark.parametrize("objective", [elbo, partial(iwae, k=2)])
def test_a_plain_autoencoder_has_no_bound(objective):
    with pytest.raises(TypeError, match="FullyConnectedAutoencoder.*FullyConnectedVAE"):
        objective(FullyConnectedAutoencoder((3, 5, 7), 11), pictures())
