"""Phonons of a potential: precision, forces, what is refused."""

import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import conventional
from matjax.force_constants import band_path, columns, regular_mesh
from matjax.lattice_dynamics import phonons
from matjax.models.potentials import NequIP
from matjax.predictors import Potential
from tests.force_constants.lattices import (
    fcc,
    silicon,
    springs,
    stillinger_weber,
)


@pytest.fixture(scope="module")
def q():
    path = band_path(silicon(), spacing=0.1)
    return np.concatenate([path.q, regular_mesh(silicon(), (8, 8, 8)).q])


RNG = np.random.default_rng(1)


Q = RNG.uniform(-1, 1, (6, 3))


@pytest.fixture(scope="module")
def of_silicon():
    return phonons(stillinger_weber(), silicon())


def test_the_largest_force_stands_in_the_result(of_silicon):
    assert_allclose(of_silicon.max_force, 0, atol=1e-12)  # by symmetry; round-off
    moved = silicon().replace(fractional=np.array([[0.01, 0, 0], [0.25] * 3]))
    assert phonons(stillinger_weber(), moved).max_force > 0.1


def test_float32_is_used_where_asked_for(of_silicon):
    single = phonons(stillinger_weber(), silicon(), dtype=jnp.float32)
    assert single.force_constants(Q).dtype == np.complex64
    frequencies = single.frequencies(Q)
    assert frequencies.dtype == np.float64
    assert_allclose(frequencies, of_silicon.frequencies(Q), atol=1e-3)  # float32


def test_unknown_elements_and_bad_masses_are_refused():
    with pytest.raises(ValueError, match="knows Si; the crystal holds Cu"):
        phonons(stillinger_weber(), fcc())
    for masses in (np.array([28.0]), np.array([28.0, -1.0]), np.array([28.0, np.nan])):
        with pytest.raises(ValueError, match="masses must be positive"):
            phonons(stillinger_weber(), silicon(), masses=masses)


def test_potentials_that_give_no_number_are_refused():
    with pytest.raises(ValueError, match="forces must be finite"):
        phonons(springs(stiffness=np.nan), fcc())


def test_phonons_of_a_larger_cell_are_reduced_when_asked():
    larger, q = conventional(silicon()), np.array([0.1, 0.25, -0.3])
    found = phonons(stillinger_weber(), larger, primitive=True)
    assert found.crystal.n_atoms == 2
    # q of the primitive cell, in the reciprocal vectors of the conventional one.
    elsewhere = q @ np.linalg.inv(found.crystal.cell).T @ larger.cell.T
    folded = phonons(stillinger_weber(), larger).frequencies(elsewhere)
    nearest = np.abs(folded[:, None] - found.frequencies(q)).min(axis=0)
    assert_allclose(nearest, 0, atol=1e-6)  # round-off
    masses = np.array(larger.masses)
    masses[0] = 30.0  # one isotope: the translations of the lattice are gone
    isotope = phonons(stillinger_weber(), larger, masses=masses, primitive=True)
    assert isotope.crystal.n_atoms == 8
    assert_allclose(isotope.masses, masses)


def silicons():
    """Silicon cubic, stretched and rattled: three space groups, one shape."""
    stretched = silicon().strained(0.02 * np.diag([0, 0, 1]))
    rattled = silicon().replace(fractional=np.array([[0.01, 0, 0], [0.25] * 3]))
    return [silicon(), stretched, rattled]


def test_each_of_several_is_what_it_is_alone():
    grids = [(2, 2, 2), (2, 2, 1), (1, 2, 1)]
    seen = []

    def progress(calls, description):
        for call in calls:
            seen.append(description)
            yield call

    many = phonons(stillinger_weber(), silicons(), grid=grids, progress=progress)
    assert len(seen) >= 3
    for crystal, grid, found in zip(silicons(), grids, many, strict=True):
        alone = phonons(stillinger_weber(), crystal, grid=grid)
        assert found.grid == grid
        # Round-off of sums in another order.
        assert_allclose(found.force_constants(Q), alone.force_constants(Q), atol=1e-8)
        assert_allclose(found.max_force, alone.max_force, atol=1e-12)
    gamma = phonons(stillinger_weber(), silicons(), grid=(1, 1, 1))
    exact = phonons(stillinger_weber(), silicons(), symmetry=True)
    for at_gamma, found in zip(gamma, exact, strict=True):
        assert_allclose(
            at_gamma.frequencies([0.0, 0.0, 0.0]) ** 2,
            found.frequencies([0.0, 0.0, 0.0]) ** 2,
            atol=1e-8,  # round-off
        )


@pytest.mark.slow
def test_a_network_is_the_same_for_several():
    model = NequIP(species=(14,), hidden="2x0e + 2x1o", lmax=1, layers=2, basis=3)
    network = Potential.create(model).astype(jnp.float64)
    many = phonons(network, silicons(), grid=(2, 2, 1), shapes="standard")
    for crystal, found in zip(silicons(), many, strict=True):
        alone = phonons(network, crystal, grid=(2, 2, 1))
        assert_allclose(found.force_constants(Q), alone.force_constants(Q), atol=1e-8)


def test_a_tolerance_is_met_by_each_of_several():
    many = phonons(stillinger_weber(), silicons()[:2], tolerance=0.2)
    for crystal, found in zip(silicons(), many, strict=False):
        assert found.interpolation_error <= 0.2
        assert_allclose(found.crystal.cell, crystal.cell)


def test_few_functions_are_compiled_and_standard_ones_are_shared():
    columns._respond_each.clear_cache()
    many = phonons(stillinger_weber(), silicons())
    for found in many:
        found.frequencies(Q)
    assert columns._respond_each._cache_size() == 1
    columns._respond_each.clear_cache()
    phonons(stillinger_weber(), silicons(), grid=(2, 1, 1), shapes="standard")
    phonons(stillinger_weber(), silicon(), grid=(2, 2, 2), shapes="standard")
    assert columns._respond_each._cache_size() == 1


@pytest.mark.parametrize("grid", [None, (2, 2, 2)])
def test_a_crystal_that_fails_says_so_and_the_others_go_on(grid):
    good = silicon()
    bad = {
        "knows Si; the crystal holds Cu": fcc(),
        "atoms must lie at least": good.replace(fractional=np.zeros((2, 3))),
        "masses must be positive": good.replace(given_masses=np.array([28.0, -1.0])),
    }
    crystals = [good, *bad.values(), good]
    first, *failed, last = phonons(stillinger_weber(), crystals, grid=grid)
    alone = phonons(stillinger_weber(), good, grid=grid)
    for found in (first, last):
        assert found.failure == ""
        assert_allclose(found.force_constants(Q), alone.force_constants(Q), atol=1e-8)
    for reason, record in zip(bad, failed, strict=True):
        assert reason in record.failure
        n = 3 * record.crystal.n_atoms
        assert np.isnan(record.frequencies(Q)).all()
        assert record.modes(Q).eigenvectors.shape == (6, n, n)
        assert np.isnan(record.thermal([0.0, 300.0]).free_energy).all()
        assert np.isnan(record.max_force)
        with pytest.raises(ValueError, match="needs phonons, and this crystal has"):
            record.dos()


def test_what_several_crystals_cannot_share_is_refused():
    with pytest.raises(ValueError, match="one for each of 3; received 2"):
        phonons(stillinger_weber(), silicons(), grid=[(2, 2, 2), (1, 1, 1)])
    with pytest.raises(ValueError, match="for a single crystal"):
        phonons(stillinger_weber(), silicons(), masses=np.ones(2))
    bad = phonons(stillinger_weber(), silicons(), grid=[(2, 2, 2), (2, 2), (1, 1, 1)])
    assert "three positive integers" in bad[1].failure
    assert phonons(stillinger_weber(), []) == []
