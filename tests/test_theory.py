"""Closed forms against other closed forms, libraries, and the optimum found by gradients."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn import decomposition
from torch.distributions import MultivariateNormal, Normal

from course_lib import theory

EIGENVALUES = (5, 3, 1.5, 0.6, 0.2, 0.05)
# The tolerance of numbers printed with six decimals.
PRINTED = {"abs": 5e-7, "rel": 0}

spectra = st.lists(st.floats(0.01, 100), min_size=2, max_size=8)
levels = st.floats(0.05, 20)


def double(values):
    return torch.tensor(values, dtype=torch.float64)


def close(actual, expected, **kwargs):
    torch.testing.assert_close(actual, double(expected), **(kwargs or {"rtol": 1e-12, "atol": 0}))


@pytest.fixture
def model():
    """Weight (5, 3), bias (5,), sigma2 and the dense covariance of a linear-Gaussian model."""
    random = torch.Generator().manual_seed(0)
    weight = torch.randn(5, 3, generator=random, dtype=torch.float64)
    bias = torch.randn(5, generator=random, dtype=torch.float64)
    covariance = weight @ weight.T + 0.3 * torch.eye(5, dtype=torch.float64)
    return weight, bias, 0.3, covariance


# -- the published numbers --------------------------------------------------------------------


def test_a_linear_vae_reaches_the_exact_likelihood():
    vae = theory.linear_vae(EIGENVALUES, 5, sigma2=0.4)
    close(vae.squared_norms, [4.6, 2.6, 1.1, 0.2, 0.0], rtol=0, atol=1e-12)
    close(vae.posterior_variances, [0.08, 2 / 15, 4 / 15, 2 / 3, 1])
    assert vae.active_units == 4
    assert vae.elbo.item() == pytest.approx(-8.211185, **PRINTED)
    assert vae.beta_elbo == vae.elbo
    # log p(x) of that decoder, averaged over data that has exactly this covariance.
    x = math.sqrt(6) * double(EIGENVALUES).sqrt().diag()
    weight = torch.eye(6, 5, dtype=torch.float64) * vae.squared_norms.sqrt()
    exact = theory.linear_gaussian_log_prob(x, weight, torch.zeros(6), 0.4).mean()
    assert exact.item() == pytest.approx(-8.211185, **PRINTED)


def test_beta_raises_the_water():
    vae = theory.linear_vae(EIGENVALUES, 5, beta=3, sigma2=0.4)
    close(vae.squared_norms, [3.8, 1.8, 0.3, 0.0, 0.0], rtol=0, atol=1e-12)
    assert vae.active_units == 3
    assert vae.squared_error.item() == pytest.approx(4.45, abs=1e-12)
    assert vae.rate.item() == pytest.approx(1.283275, **PRINTED)
    close(vae.distortion, 3 * math.log(2 * math.pi * 0.4) + 4.45 / 0.8)
    close(vae.elbo, -(vae.distortion + vae.rate).item())
    close(vae.beta_elbo, -(vae.distortion + 3 * vae.rate).item())


def test_a_linear_vae_learns_the_noise():
    best = theory.linear_vae(EIGENVALUES, 3)
    assert best.sigma2.item() == pytest.approx(0.283333, **PRINTED)
    assert best.elbo.item() == pytest.approx(-8.178692, **PRINTED)


# -- against other implementations ------------------------------------------------------------


@pytest.mark.parametrize("shape", [(40, 6), (5, 7), (9, 2, 3, 4)])
def test_pca_is_that_of_scikit_learn(shape):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1)) + 3
    n, d, kept = shape[0], math.prod(shape[1:]), min(shape[0] - 1, math.prod(shape[1:]))
    ours = theory.pca(x)
    theirs = decomposition.PCA(svd_solver="full").fit(x.flatten(1).double().numpy())
    close(ours.mean, theirs.mean_, rtol=1e-12, atol=1e-12)
    variances = theirs.explained_variance_[:kept] * (n - 1) / n
    close(ours.eigenvalues[:kept], variances, rtol=1e-10, atol=0)
    assert ours.eigenvalues[kept:].tolist() == [0] * (d - kept)
    assert ours.axes.shape == (min(n, d), d)
    close(ours.axes[:kept], theirs.components_[:kept], rtol=0, atol=1e-10)


def test_a_linear_vae_that_learns_the_noise_is_scikit_learns_probabilistic_pca():
    x = np.random.default_rng(0).normal(size=(60, 7)) * np.arange(1, 8)
    theirs = decomposition.PCA(3, svd_solver="full").fit(x)
    # scikit-learn divides the covariance by n − 1; one more example's worth of variance undoes it.
    best = theory.linear_vae(theory.pca(x).eigenvalues * 60 / 59, 3)
    assert best.sigma2.item() == pytest.approx(theirs.noise_variance_)
    x_scaled = theirs.mean_ + (x - theirs.mean_) * math.sqrt(60 / 59)
    assert best.elbo.item() == pytest.approx(theirs.score(x_scaled))


def test_log_prob_is_that_of_the_dense_gaussian(model):
    weight, bias, sigma2, covariance = model
    x = torch.randn(2, 4, 5, generator=torch.Generator().manual_seed(1)).double()
    log_prob = theory.linear_gaussian_log_prob(x, weight, bias, sigma2)
    assert log_prob.shape == (2, 4)
    torch.testing.assert_close(log_prob, MultivariateNormal(bias, covariance).log_prob(x))


def test_the_likelihood_is_flat_at_the_optimum():
    """Gradients reach every argument of the exact log p(x), and vanish where linear_vae says."""
    x = torch.randn(50, 5, generator=torch.Generator().manual_seed(2)).double()
    x = x * torch.arange(1, 6)
    data, best = theory.pca(x), theory.linear_vae(theory.pca(x).eigenvalues, 2)
    weight = data.axes[:2].T * (data.eigenvalues[:2] - best.sigma2).sqrt()
    arguments = [t.clone().requires_grad_() for t in (weight, data.mean, best.sigma2)]
    mean = theory.linear_gaussian_log_prob(x, *arguments).mean()
    torch.testing.assert_close(mean.detach(), best.elbo)
    for gradient in torch.autograd.grad(mean, arguments):
        assert gradient.abs().max() < 1e-12
    (away,) = torch.autograd.grad(
        theory.linear_gaussian_log_prob(x, weight, data.mean, arguments[2] * 2).mean(),
        arguments[2:],
    )
    assert away.abs() > 0.01


# -- against gradient ascent on the linear VAE's objective ------------------------------------


def train_linear_vae(latent_dim, beta, sigma2, seed):
    """Minimise the exact expected loss of a linear VAE from a random start; all 0-d or (k,)."""
    random = torch.Generator().manual_seed(seed)
    d = len(EIGENVALUES)

    def start(*shape):
        return (0.3 * torch.randn(shape, generator=random, dtype=torch.float64)).requires_grad_()

    rotation = torch.linalg.qr(torch.randn(d, d, generator=random, dtype=torch.float64)).Q
    covariance = rotation * double(EIGENVALUES) @ rotation.T
    decoder, encoder, log_variance = start(d, latent_dim), start(latent_dim, d), start(latent_dim)
    log_sigma2 = start() if sigma2 is None else double(math.log(sigma2))
    free = [t for t in (decoder, encoder, log_variance, log_sigma2) if t.requires_grad]

    def terms():
        residual = torch.eye(d, dtype=torch.float64) - decoder @ encoder
        norms = decoder.square().sum(0)
        error = (residual @ covariance @ residual.T).trace() + norms @ log_variance.exp()
        distortion = 0.5 * (d * (math.log(2 * math.pi) + log_sigma2) + error / log_sigma2.exp())
        means = (encoder @ covariance @ encoder.T).diagonal()
        rate = 0.5 * (log_variance.exp() + means - 1 - log_variance).sum()
        return distortion, rate, error, norms, means

    optimiser = torch.optim.LBFGS(
        free, max_iter=5000, tolerance_grad=1e-9, tolerance_change=0, line_search_fn="strong_wolfe"
    )

    def closure():
        optimiser.zero_grad()
        distortion, rate, *_ = terms()
        loss = distortion + beta * rate
        loss.backward()
        return loss

    optimiser.step(closure)
    with torch.no_grad():
        return *terms(), log_variance.exp(), log_sigma2.exp()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("latent_dim", "beta", "sigma2"),
    [(5, 1, 0.4), (5, 3, 0.4), (2, 0.5, 0.4), (3, 1, None), (4, 2, None), (6, 3, None)],
)
def test_training_ends_where_the_closed_form_says(latent_dim, beta, sigma2, seed):
    expected = theory.linear_vae(EIGENVALUES, latent_dim, beta, sigma2)
    distortion, rate, error, norms, means, variances, noise = train_linear_vae(
        latent_dim, beta, sigma2, seed
    )
    order = norms.argsort(descending=True)
    within = {"rtol": 0, "atol": 1e-4}
    torch.testing.assert_close(norms[order], expected.squared_norms, **within)
    torch.testing.assert_close(variances[order], expected.posterior_variances, **within)
    torch.testing.assert_close(means[order], 1 - expected.posterior_variances, **within)
    torch.testing.assert_close(noise, expected.sigma2, **within)
    torch.testing.assert_close(error, expected.squared_error, **within)
    torch.testing.assert_close(distortion, expected.distortion, **within)
    torch.testing.assert_close(rate, expected.rate, **within)
    torch.testing.assert_close(-distortion - rate, expected.elbo, **within)
    torch.testing.assert_close(-distortion - beta * rate, expected.beta_elbo, rtol=0, atol=1e-8)
    assert (means > 0.01).sum() == expected.active_units


# -- learned noise ----------------------------------------------------------------------------


@given(spectra, st.data())
def test_the_learned_vae_is_probabilistic_pca(eigenvalues, data):
    latent_dim = data.draw(st.integers(1, len(eigenvalues)))
    vae = theory.linear_vae(eigenvalues, latent_dim)
    # Tipping and Bishop 1999, equations 8 and 4; with d latents the largest σ² that is as good.
    d, spectrum = len(eigenvalues), double(sorted(eigenvalues, reverse=True))
    sigma2 = spectrum[latent_dim:].mean() if latent_dim < d else spectrum[-1]
    log_det = spectrum[:latent_dim].log().sum() + (d - latent_dim) * sigma2.log()
    close(vae.sigma2, sigma2.item())
    close(vae.elbo, -(d * math.log(2 * math.pi) + log_det + d).item() / 2, rtol=1e-9, atol=1e-9)


@given(spectra, st.floats(1, 20), st.data())
def test_no_other_noise_is_better_than_the_learned_one(eigenvalues, beta, data):
    latent_dim = data.draw(st.integers(1, len(eigenvalues)))
    best = theory.linear_vae(eigenvalues, latent_dim, beta)
    close(best.sigma2, best.squared_error.item() / len(eigenvalues), rtol=1e-9, atol=0)
    for factor in (0.01, 0.5, 0.99, 1.01, 2, 100):
        other = theory.linear_vae(eigenvalues, latent_dim, beta, factor * best.sigma2)
        assert other.beta_elbo <= best.beta_elbo + 1e-9


# -- rate and distortion ----------------------------------------------------------------------


@given(spectra, levels, levels, st.data())
def test_a_linear_vae_lies_on_the_curve_unless_it_runs_out_of_latents(
    eigenvalues, beta, sigma2, data
):
    latent_dim = data.draw(st.integers(1, len(eigenvalues)))
    vae = theory.linear_vae(eigenvalues, latent_dim, beta, sigma2)
    least = theory.rate_distortion(eigenvalues, vae.squared_error).rate
    without_latent = sum(e > beta * sigma2 for e in eigenvalues) - vae.active_units
    assert without_latent >= 0
    if without_latent:
        assert vae.rate > least - 1e-9
    else:
        close(vae.rate, least.item(), rtol=1e-9, atol=1e-9)


def test_too_few_latents_cost_more_than_the_curve():
    vae = theory.linear_vae(EIGENVALUES, 2, sigma2=0.4)
    least = theory.rate_distortion(EIGENVALUES, vae.squared_error).rate
    # D = 0.8 + 2.35 leaves θ = (3.15 − 0.85)/3 on three axes, above λ₄ = 0.6.
    close(least, 0.5 * math.log(5 * 3 * 1.5 / (2.3 / 3) ** 3))
    assert vae.rate > least + 0.2


def test_the_curve_by_hand():
    distortion = double([[4.45, 10.35, 99], [0.3, 0.06, 1.0]])
    curve = theory.rate_distortion(EIGENVALUES, distortion)
    assert curve.rate.shape == curve.water_level.shape == (2, 3)
    rate, level = curve.rate.flatten().tolist(), curve.water_level.flatten().tolist()
    assert level[0] == pytest.approx(1.2)
    assert rate[0] == pytest.approx(1.283275, **PRINTED)
    assert rate[1:3] == [0, 0]
    # Below d times the smallest eigenvalue every axis stands out, and the Shannon bound is exact.
    for i, d in ((3, 0.3), (4, 0.06)):
        assert level[i] == pytest.approx(d / 6)
        assert rate[i] == pytest.approx(0.5 * math.log(math.prod(EIGENVALUES) / (d / 6) ** 6))
    assert level[5] == pytest.approx(0.19)  # (1 − 0.05)/5


@given(spectra, st.floats(0.01, 0.99))
def test_the_curve_fills_to_the_distortion_and_falls_with_its_slope(eigenvalues, fraction):
    spectrum = double(eigenvalues)
    distortion = (fraction * spectrum.sum()).requires_grad_()
    rate, level = theory.rate_distortion(eigenvalues, distortion)
    close(spectrum.clamp(max=level.item()).sum(), distortion.item(), rtol=1e-9, atol=0)
    (slope,) = torch.autograd.grad(rate, distortion)
    if (spectrum - level).abs().min() > 1e-9:  # at a corner autograd may take either side
        close(slope, -0.5 / level.item(), rtol=1e-9, atol=0)


# -- two ways to the gradient of an expectation -----------------------------------------------


def gradient_of_a_draw(f, mu, sigma):
    """Mean and variance over z ~ N(mu, sigma²) of each estimate of d E[f(z)] / d mu, integrated.

    The gradients themselves are PyTorch's: through the draw, z = mu + sigma·noise, as `rsample`
    makes it, and through the density at the draw, f(z) · d log q(z) / d mu.
    """
    noise = torch.linspace(-9, 9, 100_001, dtype=torch.float64)
    weight = Normal(double(0), 1).log_prob(noise).exp() * (noise[1] - noise[0])
    mean = double(mu).expand_as(noise).clone().requires_grad_()  # one mu for each draw
    z = mean + sigma * noise
    log_q = Normal(mean, sigma).log_prob(z.detach())
    estimates = {"reparameterised": f(z), "score function": f(z.detach()) * log_q}
    moments = {}
    for name, surrogate in estimates.items():
        (gradient,) = torch.autograd.grad(surrogate.sum(), mean)
        average = (weight * gradient).sum()
        moments[name] = average.item(), (weight * (gradient - average).square()).sum().item()
    return moments


def test_the_reparameterised_gradient_of_a_square_varies_less():
    """Against E[z²] = μ² + σ² and moments of the normal, at the design's μ = 1.3, σ = 0.7."""
    m, s = 1.3, 0.7
    moments = gradient_of_a_draw(torch.square, m, s)
    assert [mean for mean, _ in moments.values()] == pytest.approx([2 * m] * 2)
    by_draw, by_score = (variance for _, variance in moments.values())
    assert by_draw == pytest.approx(4 * s**2) == pytest.approx(1.96)
    square = (m**4 + 18 * m**2 * s**2 + 15 * s**4) / s**2  # E[z⁴ ε²] / σ²
    assert by_score == pytest.approx(square - 4 * m**2)
    assert by_score == pytest.approx(36.84, abs=0.005)


@pytest.mark.parametrize("a", [0.5, 30.0])
def test_the_reparameterised_gradient_of_a_wave_varies_more_if_the_wave_is_short(a):
    """E[exp(itε)] = exp(−t²/2) and its second derivative give both moments of cos(az)."""
    m, s = 1.3, 0.7
    moments = gradient_of_a_draw(lambda z: torch.cos(a * z), m, s)
    slope = -a * math.sin(a * m) * math.exp(-((a * s) ** 2) / 2)
    for mean, _ in moments.values():
        assert mean == pytest.approx(slope, abs=1e-9)
    by_draw, by_score = (variance for _, variance in moments.values())
    doubled = math.cos(2 * a * m) * math.exp(-2 * (a * s) ** 2)
    assert by_draw == pytest.approx(a**2 / 2 * (1 - doubled) - slope**2)
    square = (1 + doubled * (1 - 4 * (a * s) ** 2)) / (2 * s**2)
    assert by_score == pytest.approx(square - slope**2)
    if a == 30:
        assert (by_draw, by_score) == (pytest.approx(450), pytest.approx(1.02, abs=0.001))
    else:
        assert by_draw < by_score / 5


# -- invariances ------------------------------------------------------------------------------


@given(spectra, levels, st.data())
def test_the_order_of_the_eigenvalues_does_not_matter(eigenvalues, sigma2, data):
    mixed = data.draw(st.permutations(eigenvalues))
    for a, b in (
        (theory.linear_vae(eigenvalues, 2, 1.5, sigma2), theory.linear_vae(mixed, 2, 1.5, sigma2)),
        (theory.rate_distortion(eigenvalues, 0.1), theory.rate_distortion(mixed, 0.1)),
    ):
        assert all(
            torch.equal(torch.as_tensor(x), torch.as_tensor(y)) for x, y in zip(a, b, strict=True)
        )


@given(spectra, levels, st.floats(0.1, 10))
def test_brighter_data_changes_errors_but_no_rate(eigenvalues, sigma2, scale):
    """x → s·x with σ → s·σ is only a change of units: −d log s in every log density."""
    vae = theory.linear_vae(eigenvalues, 2, 1.5, sigma2)
    brighter = theory.linear_vae([e * scale**2 for e in eigenvalues], 2, 1.5, sigma2 * scale**2)
    within = {"rtol": 1e-9, "atol": 1e-9}
    close(brighter.rate, vae.rate.item(), **within)
    close(brighter.squared_error, vae.squared_error.item() * scale**2, **within)
    shift = len(eigenvalues) * math.log(scale)
    close(brighter.beta_elbo, vae.beta_elbo.item() - shift, **within)


def test_results_are_double_precision_whatever_comes_in():
    x = torch.randint(0, 256, (7, 3, 2, 2), dtype=torch.uint8)
    data = theory.pca(x)
    assert {t.dtype for t in data} == {torch.float64}
    vae = theory.linear_vae(np.float32(EIGENVALUES), 3)
    assert {t.dtype for t in vae if isinstance(t, torch.Tensor)} == {torch.float64}
    log_prob = theory.linear_gaussian_log_prob(
        x.flatten(1), torch.ones(12, 5), torch.zeros(12), torch.tensor(0.5)
    )
    assert log_prob.dtype == torch.float64


def test_data_without_variance_along_an_axis_still_has_that_axis():
    assert theory.pca(torch.full((4, 3), 0.1)).eigenvalues.tolist() == [0, 0, 0]
    vae = theory.linear_vae([2.0, 0.0, 0.0], 2, sigma2=0.5)
    assert (vae.active_units, vae.squared_error.item()) == (1, 0.5)
    assert theory.rate_distortion([2.0, 0.0], 0.5).rate.item() == pytest.approx(math.log(2))
    # eigvalsh leaves -1e-16 where a variance is zero.
    assert theory.linear_vae([2.0, -1e-16], 1, sigma2=0.5).squared_error.item() == 0.5
    assert theory.linear_vae([2.0, -1e-16], 2, sigma2=3).squared_error.item() == 2


# -- errors -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: theory.linear_vae([3, -1], 1), "eigenvalues contains -1"),
        (lambda: theory.linear_vae([], 1), r"eigenvalues is \(0,\)"),
        (lambda: theory.linear_vae([[3, 1]], 1), r"eigenvalues is \(1, 2\)"),
        (lambda: theory.linear_vae([3, math.nan], 1), "eigenvalues contains NaN"),
        (
            lambda: theory.linear_vae([3, 1], 3),
            "latent_dim is 3, expected an integer from 1 to d = 2",
        ),
        (lambda: theory.linear_vae([3, 1], 0), "latent_dim is 0"),
        (lambda: theory.linear_vae([3, 1], 1.5), "latent_dim is 1.5"),
        (lambda: theory.linear_vae([3, 1, 0, 0], 2), "2 latents explain all the variance"),
        (lambda: theory.linear_vae([3, 1], 2, beta=0.5), "2 latents explain all the variance"),
        (lambda: theory.linear_vae([3, 1], 1, beta=0), "beta is 0.0, expected"),
        (lambda: theory.linear_vae([3, 1], 1, sigma2=-0.4), "sigma2 is -0.4, expected"),
        (lambda: theory.linear_vae([3, 1], 1, beta=math.nan), "beta contains NaN"),
        (lambda: theory.linear_vae([3, 1], 1, sigma2=[0.4, 0.5]), r"sigma2 is \[0.4, 0.5\]"),
        (lambda: theory.rate_distortion([3, 1], [1, 0]), "distortion contains 0, but"),
        (lambda: theory.rate_distortion([3, 1], math.inf), "distortion contains NaN or inf"),
        (lambda: theory.pca([1.0, 2.0]), r"x is \(2,\), but PCA needs two"),
        (lambda: theory.pca([[1.0, 2.0]]), r"x is \(1, 2\), but PCA needs two"),
        (lambda: theory.pca([[1.0], [math.nan]]), "x contains NaN"),
    ],
)
def test_an_error_says_what_was_found_and_what_was_expected(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_log_prob_names_all_three_shapes_if_they_do_not_fit(model):
    weight, bias, sigma2, _ = model
    x = torch.zeros(4, 5)
    for x_, weight_, bias_ in (
        (x, weight.T, bias),
        (x[:, :3], weight, bias),
        (x, weight, bias[:1]),
    ):
        with pytest.raises(ValueError, match=r"x \(4, .* do not fit together: expected"):
            theory.linear_gaussian_log_prob(x_, weight_, bias_, sigma2)
    with pytest.raises(ValueError, match="sigma2 is 0.0, expected"):
        theory.linear_gaussian_log_prob(x, weight, bias, 0)
