"""Atoms that are told to stay do so, and nothing else changes."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal, space_group
from matjax.mechanics import NPT, NVE, NVT, Langevin, molecular_dynamics, relax
from matjax.mechanics.landscape import moving_parts
from matjax.models.potentials import StillingerWeber
from matjax.predictors import Potential
from matjax.units import BOLTZMANN

# Diamond, rattled by some 0.2 Å.
RATTLED = np.array(
    [
        [0.0494005286346065, 0.0120560628939051, 0.0026651850876084],
        [0.1985317795056760, 0.2423387533829571, 0.2402018326476988],
        [-0.0022852554266929, 0.4826827284986969, 0.4987897762205138],
        [0.2368196088098093, 0.7137120764123729, 0.7744325827794029],
        [0.5243413195233161, 0.0472170796442538, 0.5013818903197438],
        [0.7388231242514943, 0.2349375820027749, 0.7072874981886492],
        [0.5271322252142743, 0.4695893676087790, -0.0327300642704890],
        [0.7443201095722001, 0.7910462627989667, 0.2565379193673424],
    ]
)
HALF = np.arange(8) < 4


@pytest.fixture(scope="module")
def silicon():
    return Potential.create(StillingerWeber())


def rattled(fixed=None, cell=None):
    cell = 5.431 * np.eye(3) if cell is None else cell
    return Crystal.create([14] * 8, cell, fractional=RATTLED, fixed=fixed)


def moved(relaxed, start):
    change = relaxed.crystal.fractional - start.fractional
    return np.linalg.norm(change @ start.cell, axis=1)


def test_fixed_atoms_of_the_crystal_stay_and_the_others_end_where_ases_end(silicon):
    start = rattled(HALF)
    relaxed = relax(silicon, start, cell=False)
    assert relaxed.converged
    # ASE 3.26, BFGS with FixAtoms and the same potential; digits of the numbers.
    expected = [0, 0, 0, 0, 0.433, 0.261, 0.311, 0.212]
    assert_allclose(moved(relaxed, start), expected, atol=6e-4)
    assert_allclose(relaxed.energy, -32.3833, atol=6e-5)
    assert (relaxed.crystal.fractional[:4] == start.fractional[:4]).all()
    assert np.linalg.norm(relaxed.forces[:4], axis=1).min() > 0.1
    assert (relaxed.crystal.fixed == HALF).all()


def test_an_argument_replaces_what_the_crystal_says(silicon):
    free = relax(silicon, rattled(HALF), cell=False, fixed=np.zeros(8, bool))
    assert moved(free, rattled()).min() > 0.05


def test_atoms_move_in_the_span_of_their_free_cell_vectors(silicon):
    skewed = 5.431 * np.array([[1, 0, 0], [0.1, 1, 0], [0, -0.1, 1]])
    fixed = np.zeros((8, 3), bool)
    fixed[0] = True
    fixed[1, 2] = fixed[2, :2] = True
    start = rattled(fixed, skewed)
    relaxed = relax(silicon, start, smax=1e-4, fmax=1e-4)
    assert relaxed.converged
    change = relaxed.crystal.fractional - start.fractional
    assert_allclose(change[fixed], 0, atol=1e-14)  # round-off of a projector
    # No force along what is free.
    along = relaxed.forces @ relaxed.crystal.cell.T / 5.4
    assert abs(along[~fixed]).max() < 2e-4
    assert abs(along[fixed]).max() > 1e-2
    assert (abs(change[~fixed]) > 1e-4).all()


@pytest.mark.parametrize(
    "fixed",
    [
        np.array([1, 1, 1, 1, 0, 0, 0, 0]),
        [0, 1, 2, 3, 4, 5, 6, 7],
        [True] * 7,
        np.zeros((8, 2), bool),
    ],
)
def test_what_is_no_truth_value_for_each_atom_is_refused(silicon, fixed):
    with pytest.raises(ValueError, match="fixed must be truth values, one for each of"):
        relax(silicon, rattled(), fixed=fixed)


def test_symmetry_wants_equivalent_atoms_fixed_along_equivalent_directions():
    cell = np.array([[2.5, 0, 0], [-1.25, 1.25 * np.sqrt(3), 0], [0, 0, 4.6]])
    sites = np.array([[1 / 3, 2 / 3, 0.25], [2 / 3, 1 / 3, 0.75]])

    def landscape(fixed):
        hcp = Crystal.create([29, 29], cell, fractional=sites, fixed=fixed)
        return moving_parts(hcp, space_group(hcp), cell=True)

    landscape([[False, False, True]] * 2)
    with pytest.raises(ValueError, match="along equivalent directions"):
        landscape([[True, False, False]] * 2)  # the threefold axis turns a into b
    with pytest.raises(ValueError, match="must be fixed together"):
        landscape([[False, False, True], [False, False, False]])


@pytest.mark.parametrize("ensemble", [NVT(300.0), Langevin(300.0)])
def test_fixed_atoms_stay_in_molecular_dynamics(silicon, ensemble):
    start = rattled(HALF)
    run = molecular_dynamics(silicon, start, ensemble, steps=40, every=10)
    assert_allclose(
        run.positions[:, HALF], run.positions[:1, HALF] + np.zeros((5, 1, 1)), atol=0
    )
    assert (run.velocities[:, HALF] == 0).all()
    assert (abs(np.diff(run.positions[:, ~HALF], axis=0)).max(axis=(1, 2)) > 1e-3).all()
    # Four atoms share the kinetic energy; their total momentum is not kept.
    assert_allclose(
        run.temperature, 2 * run.kinetic_energy / (12 * BOLTZMANN), rtol=1e-12
    )
    if not isinstance(ensemble, Langevin):
        # Steps of 1 fs on motions of 60 fs at 1000 K.
        assert np.ptp(run.conserved) < 0.05 * np.ptp(run.kinetic_energy)
    assert run.to_ase()[-1].get_velocities()[HALF].max() == 0


@pytest.mark.parametrize(
    ("ensemble", "fixed"),
    [
        (NPT(300.0), HALF),
        (NVE(300.0), np.ones(8, bool)),
        (NVE(300.0), np.outer(HALF, [True, False, False])),
    ],
)
def test_dynamics_that_cannot_keep_atoms_fixed_say_so(silicon, ensemble, fixed):
    with pytest.raises(ValueError, match=r"replace\(fixed=None\)"):
        molecular_dynamics(silicon, rattled(fixed), ensemble, steps=1)
