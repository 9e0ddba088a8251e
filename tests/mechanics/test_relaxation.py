"""Relaxations end where the lattice sums, symmetry and ASE say."""

import importlib

import jax.numpy as jnp
import numpy as np
import pytest
from ase.filters import FrechetCellFilter
from ase.optimize import LBFGS
from numpy.testing import assert_allclose
from scipy.optimize import brentq

from matjax.crystals import Crystal, space_group
from matjax.errors import DivergenceError
from matjax.graphs import allocate_neighbor_list
from matjax.mechanics import relax
from matjax.models.potentials import LennardJones, Morse, StillingerWeber
from matjax.predictors import Potential, ase_calculator
from matjax.units import GPA
from tests.mechanics.rattled import FCC, rattled_silicon

SILICON = 5.4309497  # Å, minimum of Stillinger–Weber: r₀ = 2^(1/6) σ in diamond


@pytest.fixture(scope="module")
def argon():
    # Two shells of neighbors at any lattice constant from 4.95 to 5.8 Å.
    return Potential.create(LennardJones(onset=5.8, cutoff=6.0))


@pytest.fixture(scope="module")
def silicon():
    return Potential.create(StillingerWeber())


def fcc(a, number=18):
    return Crystal.create([number], FCC * a, fractional=np.zeros((1, 3)))


def lattice_sum(a):
    """Derivative by a of the energy of a cell of fcc argon with two shells."""
    slope = 0.0
    for count, squared in ((12, 1 / 2), (6, 1.0)):
        s6 = (3.405 / (a * np.sqrt(squared))) ** 6
        slope += 2 * count * 0.010323 * (-12 * s6**2 + 6 * s6) / a
    return slope


@pytest.mark.parametrize("method", ["lbfgs", "fire"])
@pytest.mark.parametrize("pressure", [0.0, 1.0 / GPA])
def test_fcc_argon_finds_the_lattice_constant_of_the_lattice_sum(
    argon, method, pressure
):
    # dE/dV = −p with V = a³/4.
    a = brentq(lambda a: lattice_sum(a) + pressure * 3 * a**2 / 4, 4.9, 5.4)
    relaxed = relax(argon, fcc(5.5), method=method, smax=1e-8, pressure=pressure)
    assert relaxed.converged
    # The threshold's error σ/3B of the length, B about 2 GPa = 0.014 eV/Å³.
    assert_allclose(relaxed.crystal.cell, FCC * a, atol=3e-6)
    assert_allclose(relaxed.stress, -pressure * np.eye(3), atol=1e-8)  # the threshold


@pytest.mark.parametrize("method", ["lbfgs", "fire"])
def test_rattled_silicon_returns_to_the_diamond_lattice(silicon, method):
    start = rattled_silicon()
    relaxed = relax(silicon, start, method=method, smax=1e-6)
    assert relaxed.converged
    assert relaxed.steps < (40 if method == "lbfgs" else 200)
    cell = relaxed.crystal.cell
    # fmax and smax over a stiffness of 10 eV/Å² and 3B = 2 eV/Å³
    assert_allclose(cell @ cell.T, FCC @ FCC.T * SILICON**2, rtol=1e-4, atol=1e-4)
    bond = np.diff(relaxed.crystal.fractional, axis=0)
    assert_allclose(bond, [[0.25] * 3], atol=1e-4)
    assert_allclose(relaxed.energy, 2 * -4.3366, atol=1e-5)  # −2 ε per atom
    assert len(relaxed.energies) == relaxed.steps + 1
    assert relaxed.max_forces[-1] == relaxed.max_force < 1e-3
    assert relaxed.energies[-1] == relaxed.energy < relaxed.energies[0]


def test_result_is_what_the_potential_says_of_the_relaxed_crystal(silicon):
    relaxed = relax(silicon, rattled_silicon())
    again = silicon(relaxed.crystal)
    assert_allclose(again.energy, relaxed.energy, rtol=1e-12)  # round-off
    assert_allclose(again.forces, relaxed.forces, atol=1e-10)  # round-off
    assert_allclose(again.stress, relaxed.stress, atol=1e-11)  # round-off


def test_cell_stays_when_it_is_told_to(silicon):
    start = rattled_silicon()
    relaxed = relax(silicon, start, cell=False)
    assert relaxed.converged
    assert_allclose(relaxed.crystal.cell, start.cell, rtol=1e-14)
    assert np.abs(relaxed.stress).max() > 1e-3


def test_atoms_outside_the_cell_stay_outside(silicon):
    start = rattled_silicon()
    away = np.array([[3, 0, 0], [0, -2, 0]])
    shifted = relax(silicon, start.replace(fractional=start.fractional + away))
    usual = relax(silicon, start)
    difference = shifted.crystal.fractional - usual.crystal.fractional
    assert_allclose(difference, away, atol=1e-9)  # round-off, over some 20 steps


def test_fixed_atoms_keep_their_fractional_coordinates(silicon):
    start = rattled_silicon()
    relaxed = relax(silicon, start, fixed=np.array([True, False]))
    assert relaxed.converged
    assert (relaxed.crystal.fractional[0] == start.fractional[0]).all()
    assert_allclose(relaxed.energy, 2 * -4.3366, atol=1e-5)


def test_symmetry_is_kept_where_it_costs_energy():
    # hcp with a potential whose minimum is elsewhere; rattled coordinates within
    # symprec. The group survives to round-off.
    potential = Potential.create(Morse(onset=4.0, cutoff=5.0))
    cell = np.array([[2.5, 0, 0], [-1.25, 1.25 * np.sqrt(3), 0], [0, 0, 4.6]])
    sites = np.array([[1 / 3, 2 / 3, 0.25], [2 / 3, 1 / 3, 0.75]])
    start = Crystal.create([29, 29], cell, fractional=sites + 1e-5)
    relaxed = relax(potential, start, symmetry=True)
    assert relaxed.converged
    assert space_group(start, 1e-3).number == 194
    assert space_group(relaxed.crystal, 1e-9).number == 194
    a, b, c = np.linalg.norm(relaxed.crystal.cell, axis=1)
    assert abs(a - 2.5) > 1e-2
    assert_allclose(a, b, rtol=1e-12)
    assert c / a != pytest.approx(4.6 / 2.5, abs=1e-3)


def test_symmetry_holds_a_crystal_on_a_saddle(argon):
    # Simple cubic argon is unstable against shear, but has no symmetric way out.
    cubic = Crystal.create([18], np.eye(3) * 3.9, fractional=[[0, 0, 0]])
    nudged = cubic.strained(np.array([[0, 1, 0], [1, 0, 0], [0, 0, 0]]) * 1e-5)
    held = relax(argon, nudged, symmetry=True)
    assert held.converged
    assert space_group(held.crystal, 1e-9).number == 221
    sheared = cubic.strained(np.array([[0, 1, 0], [1, 0, 0], [0, 0, 0]]) * 1e-2)
    escaped = relax(argon, sheared)
    assert escaped.energy < held.energy - 0.01


def test_neighbor_list_grows_as_an_expanded_crystal_contracts(argon, monkeypatch):
    monkeypatch.setattr("matjax.mechanics.chunks.SPARE", 0)
    # At 8.2 Å an atom has 12 neighbors, at 5.36 Å 18, some of them an image farther.
    far = fcc(8.2)
    small = allocate_neighbor_list(far, argon.cutoff)
    relaxed = relax(argon, far, smax=1e-7)
    assert relaxed.converged
    assert allocate_neighbor_list(relaxed.crystal, argon.cutoff).degree > small.degree
    a = brentq(lattice_sum, 4.9, 5.4)
    # σ/3B at the threshold
    assert_allclose(relaxed.crystal.cell, FCC * a, atol=3e-5)


def test_relaxation_ends_where_ase_ends_in_no_more_steps(silicon):
    start = rattled_silicon(seed=1)
    atoms = start.to_ase()
    atoms.calc = ase_calculator(silicon)
    optimizer = LBFGS(FrechetCellFilter(atoms), logfile=None)
    optimizer.run(fmax=2e-4, steps=300)
    ours = relax(silicon, start, fmax=2e-4, smax=1e-5)
    assert_allclose(ours.energy, atoms.get_potential_energy(), atol=1e-6)
    assert_allclose(ours.crystal.volume, atoms.get_volume(), rtol=1e-4)  # thresholds
    assert ours.steps <= optimizer.nsteps


def test_float32_potential_relaxes_to_its_rounding(silicon):
    single = silicon.astype(jnp.float32)
    relaxed = relax(single, rattled_silicon(), fmax=1e-3, smax=1e-5)
    assert relaxed.converged
    assert_allclose(relaxed.crystal.volume, SILICON**3 / 4, rtol=1e-4)  # thresholds


def test_interruption_keeps_what_was_reached(silicon, monkeypatch):
    calls = []

    def advance_three_times(*args, **kwargs):
        calls.append(None)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return advance(*args, **kwargs)

    module = importlib.import_module("matjax.mechanics.batch")
    advance = module.advance
    monkeypatch.setattr(module, "advance", advance_three_times)
    monkeypatch.setattr(module, "next_limit", lambda *_: 2)
    with pytest.warns(UserWarning, match="relaxation interrupted after"):
        relaxed = relax(silicon, rattled_silicon())
    assert relaxed.interrupted
    assert not relaxed.converged
    assert relaxed.steps == len(relaxed.energies) - 1 == 4
    assert_allclose(silicon(relaxed.crystal).energy, relaxed.energy, rtol=1e-12)


def test_too_few_steps_are_reported_as_not_converged(silicon):
    relaxed = relax(silicon, rattled_silicon(), max_steps=3)
    assert not relaxed.converged
    assert relaxed.steps == 3


def test_an_infinite_energy_stops_with_the_step_and_the_last_good_crystal(argon):
    broken = argon.replace(params={**argon.params, "sigma": jnp.asarray(jnp.nan)})
    with pytest.raises(DivergenceError, match="those of step 0 are not") as caught:
        relax(broken, fcc(5.3))
    assert_allclose(caught.value.result.crystal.cell, FCC * 5.3)
    assert caught.value.result.steps == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "newton"}, "method must be one of"),
        ({"fmax": 0.0}, "thresholds must be positive"),
    ],
)
def test_bad_arguments_are_refused(argon, arguments, message):
    with pytest.raises(ValueError, match=message):
        relax(argon, fcc(5.3), **arguments)


def test_progress_sees_every_step(silicon):
    seen = []

    def progress(steps, description, *, total):
        for step in steps:
            seen.append((description, total))
            yield step

    relaxed = relax(silicon, rattled_silicon(), progress=progress)
    # The evaluation of the start counts too.
    assert seen == [("relax", 500)] * (relaxed.steps + 1)


def test_pressure_on_a_slab_is_refused(argon):
    slab = fcc(5.3).replace(pbc=(True, True, False))
    with pytest.raises(ValueError, match="three periodic directions"):
        relax(argon, slab, pressure=0.1)


def test_unknown_element_is_refused_before_anything_is_computed(argon):
    with pytest.raises(ValueError, match="choose another potential"):
        relax(argon, fcc(5.3, number=36))
