"""Studies start from primitive cells at rest, and say what they have changed."""

import logging

import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import make_supercell
from matjax.studies import Run, brought_to_rest, reduced
from matjax.units import GPA
from tests.force_constants.lattices import DISTANCE, fcc, springs


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path / "run")


def names(run):
    return {path.name for path in run.files}


def test_a_larger_cell_is_reduced_and_its_map_kept(run):
    found = reduced(make_supercell(fcc(), (2, 1, 1)).crystal, run)
    assert found.n_atoms == 1
    with np.load(run.folder / "cell.npz") as kept:
        assert abs(round(np.linalg.det(kept["given_in_primitive"]))) == 2
        assert_allclose(kept["primitive_cell_A"], found.cell)


def test_what_is_primitive_or_not_periodic_stays_as_it_is(run):
    crystal = fcc()
    assert reduced(crystal, run) is crystal
    slab = make_supercell(crystal, (2, 1, 1)).crystal.replace(pbc=(True, True, False))
    assert reduced(slab, run) is slab
    assert run.files == []


def test_a_crystal_at_rest_is_left_there(run):
    rest = brought_to_rest(springs(), fcc(), run, wanted=None, fmax=1e-4)
    assert_allclose(rest.crystal.cell, fcc().cell)
    assert_allclose(rest.pressure, 0, atol=1e-6)
    assert run.files == []


def test_pressure_is_positive_where_springs_are_compressed(run):
    small = fcc().strained(-0.01 * np.eye(3))
    rest = brought_to_rest(springs(), small, run, wanted=False, fmax=1e-4)
    # Six springs an atom, each shorter by 1 %: P = −dE/dV = k·δ·d·6 / (3 V).
    volume = float(small.volume)
    expected = 6 * 3.0 * (0.01 * DISTANCE) * (0.99 * DISTANCE) / (3 * volume) * GPA
    assert_allclose(rest.pressure, expected, rtol=1e-6)
    relaxed = brought_to_rest(springs(), small, run, wanted=True, fmax=1e-4)
    assert_allclose(relaxed.crystal.volume, fcc().volume, rtol=1e-4)  # fmax
    assert names(run) == {"relaxed.cif"}


def test_a_relaxation_that_was_not_asked_for_is_announced(run, caplog):
    crystal = make_supercell(fcc(), (2, 1, 1)).crystal
    moved = np.asarray(crystal.positions) + np.array([[0.05, 0, 0], [0, 0, 0]])
    with caplog.at_level(logging.INFO):
        rest = brought_to_rest(
            springs(), crystal.with_positions(moved), run, wanted=None, fmax=1e-4
        )
    assert "the largest force is" in caplog.text
    apart = np.diff(rest.crystal.fractional, axis=0) % 1
    assert_allclose(apart, [[0.5, 0, 0]], atol=1e-4)
