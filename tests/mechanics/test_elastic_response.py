"""Elastic constants of many crystals: each as alone, in few compiled functions."""

import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.mechanics import elastic, sound_velocities
from matjax.mechanics import elastic_response as module
from matjax.models.potentials import LennardJones, NequIP
from matjax.predictors import Potential
from tests.force_constants.lattices import silicon
from tests.mechanics.rattled import FCC


def argon(seed, length=5.3):
    """One to four atoms near places of the fcc lattice, in a strained cell."""
    rng = np.random.default_rng(seed)
    n = 1 + seed % 4
    cell = (FCC * length) @ (np.eye(3) + 0.02 * rng.normal(size=(3, 3)))
    cell[2] *= n
    sites = np.array([[0, 0, k / n] for k in range(n)]) + 0.01 * rng.normal(size=(n, 3))
    return Crystal.create([18] * n, cell, fractional=sites)


@pytest.fixture(scope="module")
def potential():
    model = LennardJones(onset=5.0, cutoff=6.0)
    return Potential.create(model).astype(jnp.float64)


def assert_same(found, alone):
    for name in ("tensor", "clamped", "displacements", "stress", "max_force"):
        # Round-off of sums in another order; displacements divide by soft modes.
        assert_allclose(getattr(found, name), getattr(alone, name), atol=1e-8)
    assert_allclose(found.density, alone.density)
    assert_allclose(found.softest, alone.softest, atol=1e-8)
    assert found.failure == ""


def test_each_of_several_is_what_it_is_alone(potential, monkeypatch):
    monkeypatch.setattr(module, "_slots_together", lambda _: 3 * 4 * 120)
    crystals = [argon(seed) for seed in range(6)]
    seen = []

    def progress(steps, description, *, total):
        for step in steps:
            seen.append((description, total))
            yield step

    many = elastic(potential, crystals, progress=progress)
    assert seen == [("elastic constants", 6)] * 6
    for crystal, found in zip(crystals, many, strict=True):
        assert_same(found, elastic(potential, crystal, shapes="standard"))


@pytest.mark.slow
def test_rows_of_a_network_are_what_they_are_alone(monkeypatch):
    monkeypatch.setattr(module, "_slots_together", lambda _: 10_000)
    model = NequIP(species=(14,), hidden="2x0e + 2x1o", lmax=1, layers=2, basis=3)
    network = Potential.create(model).astype(jnp.float64)
    crystals = [silicon(), silicon().strained(0.03 * np.diag([1, 0, 0]))]
    many = elastic(network, crystals)
    for crystal, found in zip(crystals, many, strict=True):
        assert_same(found, elastic(network, crystal))


def test_few_functions_are_compiled_and_standard_ones_are_shared(potential):
    module._columns.clear_cache()
    elastic(potential, [argon(seed) for seed in range(20)])
    assert module._columns._cache_size() <= 3
    module._columns.clear_cache()
    first = elastic(potential, [argon(seed) for seed in range(8)], shapes="standard")
    n_compiled = module._columns._cache_size()
    elastic(potential, [argon(seed) for seed in range(8, 12)], shapes="standard")
    single = elastic(potential, argon(0), shapes="standard")
    assert module._columns._cache_size() == n_compiled
    assert_same(first[0], single)
    assert elastic(potential, []) == []


def test_a_crystal_that_fails_says_so_and_the_others_go_on(potential, monkeypatch):
    monkeypatch.setattr(module, "_slots_together", lambda _: 10_000)
    good = argon(3)
    bad = {
        "holds Kr": good.replace(numbers=np.array([18, 18, 36, 18])),
        "three periodic directions": good.replace(pbc=(True, True, False)),
        "atoms must lie at least": good.replace(fractional=np.zeros((4, 3))),
        "must be finite": good.replace(cell=np.asarray(good.cell) * np.nan),
    }
    first, *failed, last = elastic(potential, [good, *bad.values(), good])
    assert_same(first, elastic(potential, good))
    assert_same(last, first)
    for reason, record in zip(bad, failed, strict=True):
        assert reason in record.failure
        assert not record.stable
        for name in ("bulk", "shear", "young", "poisson", "anisotropy", "density"):
            assert np.isnan(getattr(record, name))
        assert np.isnan(record.eigenvalues).all()
        assert np.isnan(sound_velocities(record, np.eye(3))).all()
        with pytest.raises(ValueError, match=reason):
            elastic(potential, bad[reason])
    with pytest.raises(ValueError, match="for a single crystal"):
        elastic(potential, [good], graph=potential.graph(good))


def test_memory_that_is_short_halves_a_batch_and_spares_the_others(
    potential, monkeypatch
):
    monkeypatch.setattr(module, "_slots_together", lambda _: 10_000)
    compute = module._columns

    def short(potential, graph, job):
        if graph.n_graphs > 1 or graph.numbers[:4].sum() == 4 * 18:
            raise RuntimeError("RESOURCE_EXHAUSTED: out of memory")
        return compute(potential, graph, job)

    monkeypatch.setattr(module, "_columns", short)
    small, large = elastic(potential, [argon(2), argon(3)])
    assert small.failure == ""
    assert "RESOURCE_EXHAUSTED" in large.failure
