"""Samplers with the exact score: what comes out has the distribution of the data."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from matjax.generate.processes import (
    CellDiffusion,
    CellFlow,
    Parts,
    TorusDiffusion,
    TorusFlow,
)
from matjax.generate.processes.torus import wrap
from matjax.generate.sampler import (
    METHODS,
    SamplerConfig,
    guided,
    make_sampler,
    sample,
    sample_keys,
)
from tests.generate import toys

CONFIGS = {
    "ancestral": SamplerConfig("ancestral", 100),
    "predictor_corrector": SamplerConfig("predictor_corrector", 60, 1, 0.05),
    "langevin": SamplerConfig("langevin", 120, 3, 0.1),
    "ode": SamplerConfig("ode", 100),
    "heun": SamplerConfig("heun", 40),
}
DETERMINISTIC = ("ode", "heun")
CASES = [
    *(("torus_diffusion", method) for method in METHODS),
    *(("cell_diffusion", method) for method in METHODS),
    *(("torus_flow", method) for method in DETERMINISTIC),
    *(("cell_flow", method) for method in DETERMINISTIC),
    ("element_absorbing", "ancestral"),
    ("element_uniform", "ode"),
    ("element_continuous", "ancestral"),
    ("element_continuous", "heun"),
]


def tolerance(n, method):
    """Largest distance of the distribution functions, of samples that are right."""
    sampling = 1.95 / np.sqrt(n)  # exceeded once in a thousand
    # Steps of finite length; Langevin steps also take time to go between the places.
    return sampling + (0.05 if method == "langevin" else 0.02)


def distance(name, found):
    """Largest difference of distribution functions from the exact ones."""
    if name.startswith("element"):
        shares = np.bincount(found, minlength=3)[:3] / len(found)
        return np.abs(np.cumsum(shares - toys.SPECIES)).max()
    if name.startswith("cell"):
        # Numbers of a cell are drawn apart from each other.
        exact = stats.norm(toys.MEAN, toys.SPREAD)
        return stats.kstest(found.ravel(), exact.cdf).statistic
    x = np.sort((found.ravel() + 0.1) % 1)  # no place lies at the edge
    width = 0.02 if name == "torus_diffusion" else 1e-3

    def cdf(x):
        return sum(
            w * stats.norm(m + 0.1, width).cdf(x)
            for m, w in zip(toys.PLACES, toys.WEIGHTS, strict=True)
        )

    if name == "torus_flow":  # places are points: the shares of both count
        return abs(np.mean(x < 0.5) - toys.WEIGHTS[0])
    return stats.kstest(x, cdf).statistic


@pytest.mark.parametrize(("name", "method"), CASES)
def test_samples_have_the_distribution_of_the_data(name, method):
    found = toys.samples(name, CONFIGS[method])
    assert distance(name, found) < tolerance(found.size, method)


def test_a_flow_ends_at_the_places_of_the_data():
    found = toys.samples("torus_flow", SamplerConfig("ode", 50), n=300)
    away = np.abs(np.asarray(wrap(found[..., None] - toys.PLACES))).min(axis=-1)
    # The last step leads all the way.
    assert_allclose(away, 0, atol=1e-6)


def test_heun_converges_faster_than_euler():
    errors = {}
    for method in ("ode", "heun"):
        for steps in (10, 20):
            found = toys.samples("cell_flow", SamplerConfig(method, steps), n=200)
            exact = toys.samples("cell_flow", SamplerConfig("heun", 200), n=200)
            errors[method, steps] = np.abs(found - exact).mean()
    # First and second order: halved steps divide the error by 2 and by 4.
    assert_allclose(errors["ode", 10] / errors["ode", 20], 2, rtol=0.2)
    assert_allclose(errors["heun", 10] / errors["heun", 20], 4, rtol=0.3)


def test_a_seed_gives_the_same_sample_among_any_number():
    few = toys.samples("cell_diffusion", SamplerConfig("ancestral", 5), n=2)
    many = toys.samples("cell_diffusion", SamplerConfig("ancestral", 5), n=9)
    assert_allclose(few, many[:2], rtol=1e-12)  # round-off


def run(process, denoise, given, *, method="ancestral", steps=5, known=None):
    sampler = make_sampler(SamplerConfig(method, steps), denoise, process)
    key = sample_keys(3, 1)[0]
    return jax.jit(
        lambda k: sample(sampler, process, k, given, steps=steps, known=known)
    )(key)


def silent(state, times):
    """A denoiser that says zero everywhere."""
    return Parts(*(jnp.zeros_like(x, dtype=float) for x in state.parts))


def short_silent(state, times):
    """The same in float32."""
    return jax.tree.map(lambda x: x.astype(jnp.float32), silent(state, times))


def test_padding_changes_no_sample():
    process = toys.joint(fractional=TorusDiffusion())
    short = run(process, silent, toys.atoms(3)).states
    given = toys.atoms(5)
    padded = run(process, silent, given.replace(mask=jnp.arange(5) < 3)).states
    assert_allclose(padded.fractional[:3], short.fractional, rtol=1e-12)  # round-off
    assert_allclose(padded.fractional[3:], 0, atol=0)


def test_precision_follows_the_state_also_where_64_bits_are_on():
    process = toys.joint(fractional=TorusDiffusion(), cell=CellDiffusion())
    given = jax.tree.map(
        lambda x: x.astype(jnp.float32) if x.dtype == float else x, toys.atoms(3)
    )
    state = run(process, short_silent, given, method="heun").states
    assert state.fractional.dtype == state.cell.dtype == jnp.float32


def test_what_is_given_stays():
    process = toys.joint(fractional=TorusDiffusion())
    given = toys.atoms(3).replace(
        cell=jnp.full((1, 6), 0.3), elements=jnp.array([0, 2, 1], jnp.int32)
    )
    state = run(process, silent, given).states
    assert_allclose(state.cell, given.cell, rtol=0)
    assert_allclose(state.elements, given.elements, rtol=0)
    assert_allclose(process.times(jnp.asarray(0.4)), [0.4, 0, 0])


def test_known_atoms_stay_while_others_come_to_them():
    process = toys.joint(fractional=TorusFlow())
    given = toys.atoms(3).replace(fractional=jnp.full((3, 3), 0.25))
    known = jnp.array([True, False, False])
    state = run(process, silent, given, method="ode", known=known).states
    assert_allclose(state.fractional[0], 0.25, rtol=0)
    assert np.abs(state.fractional[1:] - 0.25).min() > 1e-6


def test_samples_that_are_no_numbers_are_told():
    def broken(state, times):
        return jax.tree.map(lambda x: x * jnp.nan, silent(state, times))

    process = toys.joint(fractional=TorusDiffusion())
    assert not run(process, broken, toys.atoms(2)).finite
    assert run(process, silent, toys.atoms(2)).finite


def test_guidance_goes_away_from_what_no_condition_gives():
    def constant(value):
        return lambda state, times: Parts(*(jnp.asarray(value),) * 3)

    denoise = guided(constant(2.0), constant(0.5), 3.0)
    outputs = denoise(toys.atoms(1), jnp.zeros(3))
    assert_allclose(outputs.cell, 2.0 + 3.0 * 1.5)


@pytest.mark.parametrize("method", DETERMINISTIC)
def test_annealed_velocities_of_coordinates_grow_towards_the_data(method):
    process = toys.joint(fractional=TorusFlow(mean_free=False), cell=CellFlow())
    given = toys.atoms(4)
    velocity = Parts(*(jnp.full_like(x, 0.01) for x in given.parts))

    def end(annealing):
        config = SamplerConfig(method, 4, annealing=annealing)
        sampler = make_sampler(config, lambda state, times: velocity, process)
        return sample(sampler, process, jax.random.key(0), given, steps=4).states

    plain, annealed = end(0.0), end(2.0)
    # ∫ a (1 − t) u dt by the sums that Euler's and Heun's steps make of it.
    growth = {"ode": 0.375, "heun": 0.5}[method] * 2.0 * 0.01
    moved = wrap(plain.fractional - annealed.fractional)
    assert_allclose(moved, growth, atol=1e-12)
    assert_allclose(annealed.cell, plain.cell, atol=1e-12)


def test_a_sampler_is_refused_by_what_is_wrong_with_it():
    with pytest.raises(ValueError, match="annealing lies in"):
        SamplerConfig("ode", annealing=-1.0)
    with pytest.raises(ValueError, match=r"no sampler 'hein'.*heun"):
        SamplerConfig("hein")
    with pytest.raises(ValueError, match="at least one step"):
        SamplerConfig("ode", 0)


def test_evaluations_of_the_network_are_counted():
    assert SamplerConfig("ode", 10).evaluations == 10
    assert SamplerConfig("heun", 10).evaluations == 20
    assert SamplerConfig("predictor_corrector", 10, 2).evaluations == 30
