"""Many crystals in motion: each as it is alone, whatever happens to the others."""

import jax
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from matjax.crystals import Crystal
from matjax.mechanics import NPT, NVE, NVT, Langevin, lockstep, molecular_dynamics
from matjax.models.potentials import LennardJones
from matjax.predictors import Potential

PACE = {"timestep": 4.0, "every": 5}
"""fs; argon's fastest motion takes 500."""


@pytest.fixture(scope="module")
def argon():
    return Potential.create(LennardJones(onset=5.0, cutoff=6.0))


def argon_cell(seed, n=1):
    """Four atoms in each of n cubes, near their places, in a strained cell."""
    rng = np.random.default_rng(seed)
    cell = 5.3 * (np.eye(3) + 0.02 * rng.normal(size=(3, 3)))
    cell[0] *= n
    face = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    sites = np.concatenate([(face + np.array([k, 0, 0])) / [n, 1, 1] for k in range(n)])
    sites = sites + 0.01 * rng.normal(size=(4 * n, 3))
    return Crystal.create([18] * 4 * n, cell, fractional=sites)


def assert_same(found, expected):
    """To round-off of sums in another order, which grows tenfold in some 100 steps."""
    assert found.failure == expected.failure
    assert_allclose(found.times, expected.times)
    assert_allclose(found.positions, expected.positions, atol=1e-8)
    assert_allclose(found.velocities, expected.velocities, atol=1e-8)
    assert_allclose(found.cells, expected.cells, atol=1e-8)
    assert_allclose(found.conserved, expected.conserved, atol=1e-8)
    assert_allclose(found.crystal.cell, expected.crystal.cell, atol=1e-8)
    assert_allclose(found.stress, expected.stress, atol=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [NVE, NVT, NPT])
def test_rows_of_a_batch_move_as_they_do_alone(argon, kind):
    crystals = [argon_cell(0), argon_cell(1), argon_cell(2)]
    ensembles = [kind(20.0), kind(40.0), kind(60.0)]
    options = {"steps": 40, **PACE}
    together = molecular_dynamics(argon, crystals, ensembles, **options)
    for crystal, ensemble, found in zip(crystals, ensembles, together, strict=True):
        drawn = found.velocities[0]
        assert found.ensemble is ensemble
        assert found.steps == 40
        alone = molecular_dynamics(
            argon, crystal, ensemble, velocities=drawn, **options
        )
        assert_same(found, alone)


@pytest.mark.slow
def test_random_numbers_depend_on_the_seed_and_the_place_alone(argon):
    a, b, large = argon_cell(0), argon_cell(1), argon_cell(2, n=2)
    warm = Langevin(40.0)
    options = {"steps": 20, "seed": 7, **PACE}
    single = molecular_dynamics(argon, a, warm, **options)
    first = molecular_dynamics(argon, [a, b, a], warm, **options)
    # Another size of rows, and others beside it.
    second = molecular_dynamics(argon, [large, b, large], [warm] * 3, **options)
    assert_same(first[0], single)
    assert_same(first[1], second[1])
    assert_array_equal(first[1].velocities[0], second[1].velocities[0])
    # Of the same numbers another mean is taken.
    few, more = (run[2].velocities[0, :4] for run in (first, second))
    assert_allclose(few - few[0], more - more[0], atol=1e-12)
    assert np.abs(first[0].velocities[0] - first[2].velocities[0]).max() > 1e-4
    other = molecular_dynamics(argon, [a, b, a], warm, **{**options, "seed": 8})
    assert np.abs(other[1].velocities[0] - first[1].velocities[0]).max() > 1e-4
    # Noise too, not velocities alone.
    start = [np.zeros((4, 3))] * 3
    cold = molecular_dynamics(argon, [a] * 3, warm, velocities=start, **options)
    assert np.abs(cold[0].velocities[1] - cold[1].velocities[1]).max() > 1e-5


def test_energy_is_conserved_in_rows_of_several_sizes(argon):
    crystals = [argon_cell(0), argon_cell(1, n=2), argon_cell(2), argon_cell(3, n=2)]
    held = crystals[1].replace(fixed=np.arange(8) < 2)
    crystals[3] = held.replace(numbers=held.numbers)
    found = molecular_dynamics(argon, crystals, NVE(60.0), steps=200, **PACE)
    for crystal, record in zip(crystals, found, strict=True):
        assert record.positions.shape == (41, crystal.n_atoms, 3)
        assert np.ptp(record.kinetic_energy) > 5e-3  # eV
        # Of second order in the time step.
        assert np.ptp(record.conserved) < 0.02 * np.ptp(record.kinetic_energy)
    assert_array_equal(found[3].velocities[:, :2], 0)
    momentum = found[1].velocities.sum(axis=1)
    assert_allclose(momentum, 0, atol=1e-12)  # round-off


@pytest.mark.slow
def test_a_ladder_of_temperatures_gives_each_replica_its_own(argon):
    temperatures = np.repeat([15.0, 30.0, 60.0], 4)
    found = molecular_dynamics(
        argon,
        [argon_cell(0)] * 12,
        [Langevin(t, time=50.0) for t in temperatures],
        steps=1000,
        **PACE,
    )
    means = np.array([record.temperature[20:].mean() for record in found])
    # Four standard errors of four replicas with 12 degrees of freedom each, whose
    # kinetic energy is forgotten in some 50 fs of 3600.
    assert_allclose(
        means.reshape(3, 4).mean(axis=1), [15, 30, 60], rtol=4 * np.sqrt(2 / 48 / 72)
    )
    assert len({record.positions[-1, 0, 0] for record in found}) == 12


def flying(speed):
    """Four atoms far apart, and velocities that bring them to one place."""
    positions = np.array([[0, 0, 0], [9, 0, 0], [3, 8, 0], [4.5, 0, 8]], dtype=float)
    gas = Crystal.create([18] * 4, np.eye(3) * 30, positions=positions)
    return gas, (positions.mean(axis=0) - positions) * speed


def test_a_row_that_becomes_too_dense_lets_all_have_more_room(argon, monkeypatch):
    monkeypatch.setattr("matjax.mechanics.rows.SPARE", 0)
    advance, degrees = lockstep.advance, []

    def remember(potential, rows, *arguments):
        degrees.append(rows.neighbor_list.degree)
        return advance(potential, rows, *arguments)

    monkeypatch.setattr(lockstep, "advance", remember)
    gas, velocities = flying(1e-3)
    found = molecular_dynamics(
        argon,
        [gas, gas],
        NVE(0.0),
        steps=300,
        velocities=[0 * velocities, velocities],
        **PACE,
    )
    assert degrees[0] == 2
    assert degrees[-1] >= 3
    assert_array_equal(
        found[0].positions, found[0].positions[:1] + np.zeros((61, 1, 1))
    )
    assert found[1].potential_energy.min() < -4 * 0.0103  # more than four bonds
    # A missed edge would cost 0.01 eV.
    assert np.ptp(found[1].conserved[found[1].times < 500]) < 1e-4
    assert [len(record.times) for record in found] == [61, 61]


def test_a_row_that_diverges_stays_and_the_others_go_on(argon):
    gas, velocities = flying(0.03)
    calm = argon_cell(0)
    found = molecular_dynamics(
        argon,
        [calm, gas, calm],
        NVE(30.0),
        steps=40,
        timestep=4.0,
        every=1,
        velocities=[None, velocities, None],
    )
    assert (
        "start from a relaxed crystal, or take a shorter timestep" in found[1].failure
    )
    assert 0 < found[1].steps < 40
    assert found[1].time == 4.0 * found[1].steps
    assert len(found[1].times) == found[1].steps + 1
    assert np.isfinite(found[1].positions).all()
    assert np.isfinite(found[1].crystal.fractional).all()
    assert f"in step {found[1].steps + 1} an atom" in found[1].failure
    alone = molecular_dynamics(argon, calm, NVE(30.0), steps=40, timestep=4.0, every=1)
    assert_same(found[0], alone)
    assert found[2].failure == ""
    assert found[2].steps == 40


def test_what_cannot_move_says_so_and_the_others_go_on(argon):
    good = argon_cell(3)
    unknown = good.replace(numbers=np.array([18, 18, 36, 18]))
    doubled = good.replace(fractional=np.zeros((4, 3)))
    lonely = Crystal.create([18], 5 * np.eye(3), fractional=np.zeros((1, 3)))
    crystals = [unknown, good, doubled, lonely]
    found = molecular_dynamics(argon, crystals, NVE(30.0), steps=10, **PACE)
    assert "the crystal holds Kr" in found[0].failure
    assert "atoms must lie at least" in found[2].failure
    assert "at least two atoms" in found[3].failure
    for k in (0, 2, 3):
        assert (found[k].steps, found[k].time, len(found[k].times)) == (0, 0.0, 0)
        assert found[k].positions.shape == (0, crystals[k].n_atoms, 3)
        assert found[k].crystal is crystals[k]
    assert found[1].failure == ""
    assert found[1].steps == 10
    again = molecular_dynamics(argon, found, NVE(30.0), steps=10, **PACE)
    assert [record.failure for record in again] == [r.failure for r in found]
    assert again[1].time == 80.0


def test_a_batch_goes_on_where_it_stopped(argon):
    crystals = [argon_cell(0), argon_cell(1), argon_cell(2, n=2)]
    ensembles = [NVT(40.0), Langevin(40.0), Langevin(40.0)]
    whole = molecular_dynamics(argon, crystals, ensembles, steps=30, **PACE)
    first = molecular_dynamics(argon, crystals, ensembles, steps=20, **PACE)
    second = molecular_dynamics(argon, first, ensembles, steps=10, **PACE)
    for a, b in zip(second, whole, strict=True):
        assert_allclose(a.times, b.times[4:])
        # Round-off: coordinates went through the cell.
        assert_allclose(a.positions, b.positions[4:], atol=1e-9)
        assert_allclose(a.velocities, b.velocities[4:], atol=1e-9)


def test_crystals_of_as_many_atoms_share_compiled_functions(argon):
    lockstep.advance.clear_cache()
    crystals = [argon_cell(seed) for seed in range(6)]
    found = molecular_dynamics(argon, crystals, NVE(30.0), steps=10, **PACE)
    assert all(record.steps == 10 for record in found)
    assert lockstep.advance._cache_size() == 1
    molecular_dynamics(argon, crystals[::-1], NVE(60.0), steps=20, **PACE)
    assert lockstep.advance._cache_size() <= 2


def test_batches_of_any_size_give_the_same(argon, monkeypatch):
    crystals = [argon_cell(seed) for seed in range(3)]
    together = molecular_dynamics(argon, crystals, NVE(30.0), steps=20, **PACE)
    monkeypatch.setattr(lockstep, "slots_that_fit", lambda *_: 1)
    for a, b in zip(
        molecular_dynamics(argon, crystals, NVE(30.0), steps=20, **PACE),
        together,
        strict=True,
    ):
        assert_same(a, b)
    monkeypatch.undo()
    advance, rows_tried = lockstep.advance, []

    def short_of_memory(potential, rows, *arguments):
        rows_tried.append(len(rows.masses))
        if rows_tried[-1] > 2:
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory")
        return advance(potential, rows, *arguments)

    monkeypatch.setattr(lockstep, "advance", short_of_memory)
    for a, b in zip(
        molecular_dynamics(argon, crystals, NVE(30.0), steps=20, **PACE),
        together,
        strict=True,
    ):
        assert_same(a, b)
    assert rows_tried[0] == 3
    assert set(rows_tried[1:]) == {1}


def test_ctrl_c_returns_what_all_have_computed(argon, monkeypatch):
    advance, calls = lockstep.advance, []

    def interrupted(*arguments):
        calls.append(None)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return advance(*arguments)

    monkeypatch.setattr(lockstep, "advance", interrupted)
    monkeypatch.setattr(lockstep, "next_limit", lambda *_: 10)
    crystals = [argon_cell(0), argon_cell(1), argon_cell(2)]
    with pytest.warns(UserWarning, match="after 20 steps of all 3 crystals together"):
        found = molecular_dynamics(
            argon, crystals, [NVE(30.0), NVE(40.0), NVT(30.0)], steps=50, **PACE
        )
    assert [record.steps for record in found] == [10, 10, 0]
    assert [len(record.times) for record in found] == [3, 3, 0]
    assert all(record.interrupted for record in found)
    monkeypatch.undo()
    rest = molecular_dynamics(
        argon, found, [NVE(30.0), NVE(40.0), NVT(30.0)], steps=5, **PACE
    )
    assert [record.time for record in rest] == [60.0, 60.0, 20.0]


def test_progress_sees_the_steps_of_every_crystal(argon):
    seen = []

    def progress(steps, description, *, total):
        for step in steps:
            seen.append((description, total))
            yield step

    crystals = [argon_cell(0), argon_cell(1)]
    molecular_dynamics(argon, crystals, NVE(30.0), steps=10, progress=progress, **PACE)
    # The evaluation of the start counts as a step.
    assert seen == [("molecular dynamics", 20)] * 22
