"""Many crystals at once: each as it is alone, whatever happens to the others."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal, space_group
from matjax.mechanics import batch, relax
from matjax.models.potentials import LennardJones, StillingerWeber
from matjax.predictors import Potential
from tests.mechanics.rattled import FCC


@pytest.fixture(scope="module")
def argon():
    return Potential.create(LennardJones(onset=5.0, cutoff=6.0))


@pytest.fixture(scope="module")
def silicon():
    return Potential.create(StillingerWeber())


def argon_cell(seed):
    """One to four atoms near places of the fcc lattice, in a strained cell."""
    rng = np.random.default_rng(seed)
    n = 1 + seed % 4
    if n < 4:
        cell = (FCC * 5.3) @ (np.eye(3) + 0.02 * rng.normal(size=(3, 3)))
        cell[2] *= n
        sites = np.array([[0, 0, k / n] for k in range(n)])
    else:
        cell = 5.3 * (np.eye(3) + 0.02 * rng.normal(size=(3, 3)))
        sites = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    sites = sites + 0.01 * rng.normal(size=(n, 3))
    return Crystal.create([18] * n, cell, fractional=sites)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["lbfgs", "fire"])
def test_rows_of_a_batch_end_where_they_end_alone(argon, method):
    crystals = [argon_cell(seed) for seed in range(6)]
    together = relax(argon, crystals, method=method)
    for crystal, found in zip(crystals, together, strict=True):
        alone = relax(argon, crystal, method=method)
        assert found.converged
        assert found.failure == ""
        assert found.steps == alone.steps
        # Round-off of sums in another order, over some twenty steps.
        assert_allclose(found.energy, alone.energy, rtol=1e-10)
        assert_allclose(found.crystal.cell, alone.crystal.cell, atol=1e-8)
        assert_allclose(found.forces, alone.forces, atol=1e-8)
        assert_allclose(found.energies, alone.energies, rtol=1e-8)


def test_many_crystals_share_few_compiled_functions(argon):
    batch.advance.clear_cache()
    found = relax(argon, [argon_cell(seed) for seed in range(60)])
    assert all(record.converged for record in found)
    assert batch.advance._cache_size() <= 3
    # Argon's minimum is one for all of these cells.
    energies = [record.energy / record.crystal.n_atoms for record in found]
    assert_allclose(energies, min(energies), atol=1e-5)  # thresholds


def test_standard_shapes_are_shared_by_lists_and_change_nothing(argon):
    crystals = [argon_cell(seed) for seed in range(12)]
    few = relax(argon, crystals)
    batch.advance.clear_cache()
    found = relax(argon, crystals, shapes="standard")
    n_compiled = batch.advance._cache_size()
    assert n_compiled <= 3
    for a, b in zip(found, few, strict=True):
        assert a.converged
        assert_allclose(a.energy, b.energy, rtol=1e-9)  # round-off over twenty steps
        assert_allclose(a.crystal.cell, b.crystal.cell, atol=1e-7)
    for part in (crystals[:2], crystals[5:], crystals[0]):
        relax(argon, part, shapes="standard")
    assert batch.advance._cache_size() == n_compiled


def test_a_place_is_filled_by_a_crystal_that_waits(argon, monkeypatch):
    monkeypatch.setattr(batch, "slots_that_fit", lambda *_: 1)
    crystals = [argon_cell(seed) for seed in (0, 4, 8)]
    one_by_one = relax(argon, crystals)
    monkeypatch.setattr(batch, "slots_that_fit", lambda *_: 2**14)
    together = relax(argon, crystals)
    for a, b in zip(one_by_one, together, strict=True):
        assert_allclose(a.energies, b.energies, rtol=1e-10)  # round-off


@pytest.mark.slow
def test_each_failure_is_told_in_its_record_and_the_others_go_on(argon):
    good = argon_cell(3)
    unknown = good.replace(numbers=np.array([18, 18, 36, 18]))
    doubled = good.replace(fractional=np.zeros((4, 3)))
    crushed = good.replace(cell=np.asarray(good.cell) * 0.05)
    found = relax(argon, [unknown, good, doubled, crushed, good], max_steps=60)
    assert "the crystal holds Kr" in found[0].failure
    assert "atoms must lie at least" in found[2].failure
    assert (
        "must be finite and atoms apart" in found[3].failure or not found[3].converged
    )
    for record in (found[0], found[2]):
        assert not record.converged
        assert np.isnan(record.energy)
        assert record.forces.shape == (4, 3)
    for record in (found[1], found[4]):
        assert record.converged
        assert record.failure == ""
        assert_allclose(record.energies, found[1].energies, rtol=1e-12)
    assert (found[0].crystal.numbers == unknown.numbers).all()


@pytest.mark.slow
def test_a_row_that_becomes_too_dense_moves_and_the_others_stay(argon, monkeypatch):
    monkeypatch.setattr("matjax.mechanics.rows.SPARE", 0)
    far = Crystal.create([18], FCC * 8.2, fractional=np.zeros((1, 3)))
    crystals = [far, far.replace(cell=FCC * 8.1)]
    found = relax(argon, crystals, smax=1e-7)
    for crystal, record in zip(crystals, found, strict=True):
        assert record.converged
        alone = relax(argon, crystal, smax=1e-7)
        assert_allclose(record.crystal.cell, alone.crystal.cell, atol=1e-7)
        assert len(record.energies) == record.steps + 1


def test_symmetry_fixed_atoms_and_steps_are_those_of_each_row(silicon):
    rng = np.random.default_rng(2)
    sites = np.array([[0, 0, 0], [0.25, 0.25, 0.25]])
    cubic = Crystal.create([14, 14], FCC * 5.6, fractional=sites)
    stretched = cubic.strained(np.diag([0.03, 0.0, 0.0]))
    groups = [space_group(c).number for c in (cubic, stretched)]
    for record, number in zip(
        relax(silicon, [cubic, stretched], symmetry=True), groups, strict=True
    ):
        assert record.converged
        assert space_group(record.crystal, 1e-8).number in (number, 227)
    rattled = cubic.replace(fractional=sites + 0.02 * rng.normal(size=(2, 3)))
    held = rattled.replace(fixed=np.array([True, False]))
    free, kept = relax(silicon, [rattled, held])
    assert (kept.crystal.fractional[0] == held.fractional[0]).all()
    assert (free.crystal.fractional[0] != rattled.fractional[0]).any()
    few = relax(silicon, [rattled, cubic], max_steps=2)
    assert [record.steps for record in few] == [2, 2]
    assert not few[0].converged


def test_ctrl_c_returns_what_all_have_reached(argon, monkeypatch):
    calls = []
    advance = batch.advance

    def interrupted(*args, **kwargs):
        calls.append(None)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return advance(*args, **kwargs)

    monkeypatch.setattr(batch, "advance", interrupted)
    monkeypatch.setattr(batch, "next_limit", lambda *_: 2)
    with pytest.warns(
        UserWarning, match="relaxation interrupted after 0 of 2 crystals"
    ):
        found = relax(argon, [argon_cell(3), argon_cell(7)])
    for record in found:
        assert record.interrupted
        assert not record.converged
        assert len(record.energies) == record.steps + 1 == 3


def test_progress_sees_every_crystal(argon):
    seen = []

    def progress(steps, description, *, total):
        for step in steps:
            seen.append((description, total))
            yield step

    foreign = argon_cell(0).replace(numbers=np.array([36]))
    relax(argon, [argon_cell(0), foreign, argon_cell(4)], progress=progress)
    assert seen == [("relax", 3)] * 3


def test_nothing_to_relax_is_nothing_relaxed(argon):
    assert relax(argon, []) == []


def test_fixed_atoms_are_an_argument_for_one_crystal_only(argon):
    with pytest.raises(ValueError, match="for a single crystal"):
        relax(argon, [argon_cell(0)], fixed=np.array([True]))
