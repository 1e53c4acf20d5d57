"""The VAE's descendants: against closed forms, by hand, or against the VAE that they contain."""

import math
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.distributions import Normal, kl_divergence

from course_lib import training
from course_lib.descendants import (
    CodeVAE,
    HierarchicalVAE,
    VectorQuantisedVAE,
    hierarchical_elbo,
    log_prior,
    regularised,
    second_stage,
    two_stage_sample,
    vector_quantised,
)
from course_lib.evaluation import active_units, nll
from course_lib.likelihoods import Bernoulli, Gaussian
from course_lib.models import FullyConnectedVAE, code
from course_lib.objectives import elbo
from course_lib.training.checkpoints import Mismatch
from course_lib.transforms import face_transform

torch.set_num_threads(1)

SHAPE = (3, 5, 7)


def built(kind, *args, **kwargs):
    torch.manual_seed(0)
    return kind(*args, **kwargs).eval()


vae = partial(built, FullyConnectedVAE, SHAPE, 13, 6)
hierarchical = partial(built, HierarchicalVAE, SHAPE, 13, 6, top_dim=4)
quantised = partial(
    built, VectorQuantisedVAE, SHAPE, 13, 6, Gaussian(0.3), group_dim=2, codebook_size=5
)


def pictures(n=2):
    return torch.rand(n, *SHAPE, generator=torch.Generator().manual_seed(1)) * 2 - 1


def seeded(objective, *args, **kwargs):
    torch.manual_seed(7)
    return objective(*args, **kwargs)


# --- no noise on the code


def test_the_regularised_autoencoders_terms_by_hand():
    model, x = vae(Gaussian(0.3)), pictures()
    terms = regularised(model, x, price=0.7, decay=0.01)
    z = model.encode(x).mean
    squares = (model.decode(z) - x).square().sum((1, 2, 3))
    distortion = squares / 0.6 + 3 * 5 * 7 / 2 * math.log(2 * math.pi * 0.3)
    torch.testing.assert_close(terms.distortion, distortion)
    assert terms.rate.tolist() == [0, 0]
    decoder = torch.cat([p.flatten() for p in model.decoder.parameters()])
    penalties = 0.7 / 2 * z.norm(dim=1) ** 2 + 0.01 * decoder.norm() ** 2
    torch.testing.assert_close(terms.loss, distortion + penalties)


def test_without_penalties_it_is_the_plain_autoencoder():
    model, x = vae(), pictures()
    plain, none = elbo(model, x, sample=False), regularised(model, x, price=0, decay=0)
    for one, other in zip(plain, none, strict=True):
        assert torch.equal(one, other)


def test_decay_leaves_the_encoder_alone():
    model, x = vae(), pictures()
    parts = [*model.encoder.parameters()]
    with_decay, without = (
        torch.autograd.grad(regularised(model, x, decay=decay).loss.sum(), parts)
        for decay in (9.0, 0.0)
    )
    for one, other in zip(with_decay, without, strict=True):
        torch.testing.assert_close(one, other)


# --- a code of whole numbers


def test_codes_are_rounded_to_the_nearest_vector_of_their_groups_codebook():
    model = quantised()
    z = torch.randn(17, 6, generator=torch.Generator().manual_seed(2))
    indices = model.indices(z)
    assert indices.shape == (17, 3)
    for n in range(17):
        for group in range(3):
            distances = (model.codebook[group] - z[n, 2 * group : 2 * group + 2]).norm(dim=1)
            assert indices[n, group] == distances.argmin()
            chosen = model.lookup(indices)[n, 2 * group : 2 * group + 2]
            assert torch.equal(chosen, model.codebook[group, indices[n, group]])
    assert torch.equal(model.indices(model.lookup(indices)), indices)


def test_decode_rounds_first_and_passes_the_gradient_straight_through():
    model = quantised()
    z = torch.randn(17, 6, generator=torch.Generator().manual_seed(2)).requires_grad_()
    rounded = model.lookup(model.indices(z)).detach().requires_grad_()
    decoded = model.decode(z)
    expected = model.decoder(rounded).unflatten(1, SHAPE)
    torch.testing.assert_close(decoded, expected)
    weights = torch.randn(expected.shape, generator=torch.Generator().manual_seed(3))
    (straight,) = torch.autograd.grad((weights * decoded).sum(), z)
    (at_rounded,) = torch.autograd.grad((weights * expected).sum(), rounded)
    torch.testing.assert_close(straight, at_rounded)
    assert (straight.abs() > 0).all()


def test_vector_quantised_terms_by_hand():
    model, x = quantised(), pictures()
    terms = vector_quantised(model, x, commitment=0.4)
    z = model.encode(x).mean
    rounded = model.lookup(model.indices(z))
    constant = 3 * 5 * 7 / 2 * math.log(2 * math.pi * 0.3)
    squares = (model.decode(rounded) - x).square().sum((1, 2, 3))
    torch.testing.assert_close(terms.distortion, squares / 0.6 + constant)
    distances = (z - rounded).square().sum(1)
    torch.testing.assert_close(terms.loss, terms.distortion + 1.4 * distances / 0.6)
    assert terms.rate.tolist() == pytest.approx([3 * math.log(5)] * 2)


def test_the_codebook_learns_from_the_codes_and_the_encoder_from_pixels_and_commitment():
    model, x = quantised(), pictures()
    vector_quantised(model, x, commitment=0.4).loss.sum().backward()
    z = model.encode(x).mean
    indices = model.indices(z)
    expected = torch.zeros_like(model.codebook)
    for vectors, numbers in zip(z.detach().unflatten(1, (3, 2)), indices, strict=True):
        for group, number in enumerate(numbers):
            expected[group, number] += (model.codebook[group, number] - vectors[group]) / 0.3
    torch.testing.assert_close(model.codebook.grad, expected.detach())

    rounded = model.lookup(indices).detach().requires_grad_()
    distortion = -model.likelihood.log_prob(x, model.decoder(rounded).unflatten(1, SHAPE)).sum()
    (from_pixels,) = torch.autograd.grad(distortion, rounded)
    pull = from_pixels + 0.4 * (z - rounded).detach() / 0.3
    (by_hand,) = torch.autograd.grad(z, model.encoder[2].bias, pull)
    torch.testing.assert_close(model.encoder[2].bias.grad, by_hand)


def test_vectors_that_nobody_chooses_move_onto_codes_and_others_stay():
    model = quantised().train()
    with torch.no_grad():
        model.codebook[:, 1:] += 1000  # out of reach: all codes choose the first vector
    z = torch.randn(17, 6, generator=torch.Generator().manual_seed(2))
    before = model.codebook.detach().clone()
    for _ in range(model.PATIENCE):
        model.reseed(z)
    assert torch.equal(model.codebook, before), "patience has not run out"
    model.reseed(z)
    assert torch.equal(model.codebook[:, 0], before[:, 0])
    for group in range(3):
        there = z[:, 2 * group : 2 * group + 2].tolist()
        assert all(vector in there for vector in model.codebook[group, 1:].tolist())
    assert (model.indices(z).amax(0) > model.indices(z).amin(0)).all(), "one vector for all codes"
    assert model.idle.max() == 0


def test_reseeding_is_for_training_only():
    model, x = quantised(), pictures(17)
    model.codebook.data[:, 1:] += 1000
    before = model.codebook.detach().clone()
    for _ in range(model.PATIENCE + 1):
        vector_quantised(model, x)
    assert torch.equal(model.codebook, before)
    model.train()
    for _ in range(model.PATIENCE + 1):
        vector_quantised(model, x)
    assert not torch.equal(model.codebook, before)


def test_quantised_samples_are_uniform_draws_of_vectors():
    model = quantised()
    drawn = torch.randint(5, (17, 3), generator=torch.Generator().manual_seed(3))
    found = model.sample(17, torch.Generator().manual_seed(3))
    assert torch.equal(found, model.decode(model.lookup(drawn)))
    assert not found.requires_grad


# --- the prior is another VAE


def test_a_code_vae_says_a_mean_and_a_variance_for_every_element():
    model = built(CodeVAE, 6, 13, 4)
    z, u = torch.randn(17, 6), torch.randn(17, 4)
    mean, log_variance = model.decode(u).unbind(1)
    expected = Normal(mean, (log_variance / 2).exp()).log_prob(z).sum(1)
    torch.testing.assert_close(model.likelihood.log_prob(z, model.decode(u)), expected)
    assert model.encode(z).mean.shape == (17, 4)


def test_a_code_vaes_samples_have_the_moments_that_its_decoder_says():
    """Whatever u is, this decoder says the same."""
    model = built(CodeVAE, 3, 13, 4)
    with torch.no_grad():
        model.decoder[2].weight.zero_()
        model.decoder[2].bias.copy_(torch.tensor([1.0, -2, 3, 0, math.log(4), math.log(0.25)]))
    n = 40_000
    z = model.sample(n, torch.Generator().manual_seed(0))
    assert torch.equal(z, model.sample(n, torch.Generator().manual_seed(0)))
    errors = (z.mean(0) - torch.tensor([1.0, -2, 3])).abs() / torch.tensor([1, 2, 0.5])
    assert (errors < 4 / math.sqrt(n)).all()
    torch.testing.assert_close(z.std(0), torch.tensor([1, 2, 0.5]), rtol=0.02, atol=0)


def test_the_second_stage_by_hand():
    first, second, x = vae(), built(CodeVAE, 6, 11, 4), pictures()
    terms = seeded(second_stage, first, second, x)

    torch.manual_seed(7)
    z = first.encode(x).sample()
    q = second.encode(z)
    mean, log_variance = second.decode(q.rsample()).unbind(1)
    distortion = -Normal(mean, (log_variance / 2).exp()).log_prob(z).sum(1)
    rate = kl_divergence(q, Normal(0, 1)).sum(1)
    torch.testing.assert_close(terms.distortion, distortion)
    torch.testing.assert_close(terms.rate, rate)
    torch.testing.assert_close(terms.loss, distortion + rate)

    terms.loss.sum().backward()
    assert all(weight.grad is None for weight in first.parameters())
    assert all(weight.grad is not None for weight in second.parameters())


def test_two_stage_samples_are_decoded_samples_of_codes():
    first, second = vae(), built(CodeVAE, 6, 11, 4)
    found = two_stage_sample(first, second, 17, torch.Generator().manual_seed(3))
    codes = second.sample(17, torch.Generator().manual_seed(3))
    assert torch.equal(found, first.decode(codes))
    assert found.shape == (17, *SHAPE)
    assert not found.requires_grad


def without_a_second_level(model):
    """p(z|u) = N(0, I) whatever u is, and q(u|z) = N(0, I) whatever z is."""
    with torch.no_grad():
        for part in (*model.prior.decoder[2].parameters(), *model.prior.encoder[2].parameters()):
            part.zero_()
    return model


@pytest.mark.parametrize("beta", [1.0, 2.5])
def test_without_a_second_level_it_is_the_sampled_elbo(beta):
    model, x = without_a_second_level(hierarchical()), pictures()
    found = seeded(hierarchical_elbo, model, x, beta=beta)
    expected = seeded(elbo, model, x, beta=beta, kl="monte-carlo")
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)


def test_hierarchical_terms_by_hand():
    model, x = hierarchical(Gaussian(0.3)), pictures()
    terms = seeded(hierarchical_elbo, model, x, beta=2.5)

    torch.manual_seed(7)
    q = model.encode(x)
    z = q.rsample()
    q_top = model.prior.encode(z)
    mean, log_variance = model.prior.decode(q_top.rsample()).unbind(1)
    rate = q.log_prob(z) - Normal(mean, (log_variance / 2).exp()).log_prob(z)
    rate = rate.sum(1) + kl_divergence(q_top, Normal(0, 1)).sum(1)
    distortion = -model.likelihood.log_prob(x, model.decode(z))
    torch.testing.assert_close(terms.distortion, distortion)
    torch.testing.assert_close(terms.rate, rate)
    torch.testing.assert_close(terms.loss, distortion + 2.5 * rate)
    weights = [*model.encoder.parameters(), *model.decoder.parameters(), *model.prior.parameters()]
    found = torch.autograd.grad(terms.loss.sum(), weights)
    by_hand = torch.autograd.grad((distortion + 2.5 * rate).sum(), weights)
    for one, other in zip(found, by_hand, strict=True):
        torch.testing.assert_close(one, other)
        assert other.abs().sum() > 0


def test_hierarchical_samples_come_from_the_top_down():
    model = hierarchical()
    found = model.sample(17, torch.Generator().manual_seed(3))
    codes = model.prior.sample(17, torch.Generator().manual_seed(3))
    assert torch.equal(found, model.decode(codes))


def test_without_a_second_level_the_learnt_prior_is_the_standard_normal():
    model, x = without_a_second_level(hierarchical(Gaussian(0.3))), pictures()
    learnt = partial(log_prior, model.prior)
    torch.testing.assert_close(nll(model, x, k=100, log_prior=learnt), nll(model, x, k=100))


class LinearLevels(nn.Module):
    """u ~ N(0, 1), z = 0.8 u + noise of variance 0.5, x = 0.6 z + noise of variance 0.7; both
    posteriors are wrong. The marginal of x is normal, and known."""

    def __init__(self):
        super().__init__()
        self.likelihood = Gaussian(0.7).double()
        likelihood = Gaussian(0.5).double()
        decode, encode = (lambda u: 0.8 * u), (lambda z: Normal(0.5 * z, torch.full_like(z, 0.8)))
        self.prior = SimpleNamespace(likelihood=likelihood, decode=decode, encode=encode)

    def encode(self, x):
        return Normal(0.4 * x, torch.full_like(x, 1.1))

    def decode(self, z):
        return 0.6 * z


@pytest.mark.parametrize("inner", [1, 3])
def test_nll_under_a_learnt_prior_is_the_exact_one_within_its_error(inner):
    x = torch.tensor([[-1.5], [0.2], [0.9]], dtype=torch.float64)
    variance = 0.6**2 * (0.8**2 + 0.5) + 0.7
    exact = -Normal(0, math.sqrt(variance)).log_prob(x[:, 0])
    learnt = {"log_prior": partial(log_prior, LinearLevels().prior, k=inner)}
    found = nll(LinearLevels(), x, k=20_000, **learnt)
    torch.testing.assert_close(found, exact.double(), atol=0.02, rtol=0)
    assert torch.equal(found, nll(LinearLevels(), x, k=20_000, **learnt))
    bound = seeded(hierarchical_elbo, LinearLevels(), x.repeat(10_000, 1)).loss
    assert (bound.unflatten(0, (-1, 3)).mean(0) > exact + 0.05).all(), "the bound must be a bound"


# --- with the training loop


def data():
    """Blends of three pictures, so that there is something to learn."""
    generator = torch.Generator().manual_seed(1)
    basis = torch.rand(3, 3 * 6 * 5, generator=generator)
    blends = torch.rand(64, 3, generator=generator).softmax(1) @ basis
    blends = (255 * blends).to(torch.uint8).unflatten(1, (3, 6, 5))
    return SimpleNamespace(train=blends[:53], validation=blends[53:])


def fit(build, objective, **changes):
    whole = face_transform(crop=None, size=(6, 5))
    settings = {"epochs": 8, "batch_size": 8, "transform": whole, "lr": 3e-3} | changes
    return training.fit(build, objective, data(), device="cpu", progress=False, **settings)


SIZES = ((3, 6, 5), 13, 6)
FITS = {
    "regularised": (partial(FullyConnectedVAE, *SIZES), partial(regularised, decay=0.01)),
    "quantised": (
        partial(VectorQuantisedVAE, *SIZES, group_dim=2, codebook_size=5), vector_quantised,
    ),
    "hierarchical": (partial(HierarchicalVAE, *SIZES, top_dim=4), hierarchical_elbo),
    "two-stage": (partial(CodeVAE, 6, 13, 4), "second_stage"),
}  # fmt: skip


@pytest.mark.parametrize("name", FITS)
def test_each_trains_is_saved_and_resumes(name, tmp_path):
    build, objective = FITS[name]
    if objective == "second_stage":
        first = fit(*FITS["regularised"]).model
        with torch.no_grad():
            first.encoder[2].bias += 1.0  # so that there is something to learn of the codes
        frozen = {key: value.clone() for key, value in first.state_dict().items()}
        objective = partial(second_stage, first)
    path = tmp_path / "state.safetensors"
    fit(build, objective, epochs=3, checkpoint=path)
    resumed = fit(build, objective, resume_from=path)
    straight = fit(build, objective)
    losses = straight.history["validation_loss"]
    assert losses[-1] < losses[0]
    training.save(resumed, path)
    loaded = training.load(path, build).model
    for key, value in straight.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[key]), key
        assert torch.equal(value, loaded.state_dict()[key]), key
    if name == "two-stage":
        assert all(torch.equal(value, frozen[key]) for key, value in first.state_dict().items())


def test_a_file_of_another_codebook_is_refused(tmp_path):
    build, objective = FITS["quantised"]
    training.save(fit(build, objective, epochs=1), tmp_path / "state.safetensors")
    with pytest.raises(Mismatch, match="another model than this VectorQuantisedVAE"):
        training.load(tmp_path / "state.safetensors", partial(build, codebook_size=7))


def test_the_course_can_evaluate_them_all():
    x = pictures(5)
    for model in (quantised(), hierarchical()):
        assert code(model, x).shape == (5, 6)
        assert active_units(model, x).shape == (6,)
        assert torch.equal(model(x), model.decode(code(model, x)))


# --- what cannot be


def test_impossible_settings_are_named():
    for wrong in ({"price": -1}, {"decay": -0.1}):
        (name, value), *_ = wrong.items()
        with pytest.raises(ValueError, match=f"{name}={value}"):
            regularised(vae(), pictures(), **wrong)
    for wrong in ({"group_dim": 4}, {"group_dim": 0}, {"codebook_size": 0}):
        (name, value), *_ = wrong.items()
        with pytest.raises(ValueError, match=f"{name}={value}.*latent_dim=6"):
            quantised(**wrong)


def test_a_bound_of_two_levels_needs_a_learnt_prior():
    with pytest.raises(TypeError, match="FullyConnectedVAE, but needs .* pass a HierarchicalVAE"):
        hierarchical_elbo(vae(), pictures())


def test_vector_quantised_needs_codebooks_and_a_variance():
    with pytest.raises(TypeError, match="FullyConnectedVAE.*VectorQuantisedVAE"):
        vector_quantised(vae(), pictures())
    with pytest.raises(TypeError, match="sigma2"):
        vector_quantised(built(VectorQuantisedVAE, SHAPE, 13, 8, Bernoulli()), pictures().sign())
