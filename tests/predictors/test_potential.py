"""What follows from the energy: against analytic answers and finite differences.

Finite differences over every model are in tests/contracts.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.graphs import build_graph
from matjax.models.potentials import LennardJones, Morse
from matjax.predictors import Potential, evaluate, forces, hessian_product

FCC = np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 0.0]]) / 2
SHELLS = ((12, 1 / 2), (6, 1.0))  # count, (r/a)²

evaluate_compiled = jax.jit(evaluate)
forces_compiled = jax.jit(forces)


@pytest.fixture(scope="module")
def argon():
    # For a from 5.1 to 5.5 Å two shells lie below the onset, the third (1.22 a) beyond.
    return Potential.create(LennardJones(onset=5.8, cutoff=6.0))


@pytest.fixture(scope="module")
def copper():
    return Potential.create(Morse(onset=4.0, cutoff=5.0))


def fcc(a, number=18):
    return Crystal.create([number], FCC * a, fractional=np.zeros((1, 3)))


def skewed(seed=3):
    rng = np.random.default_rng(seed)
    cell = 3.61 * np.array([[0.0, 1.0, 1.0], [1.1, 0.0, 0.9], [1.0, 1.2, 0.1]])
    sites = np.array([[0, 0, 0], [0.5, 0, 0], [0, 0.5, 0], [0, 0, 0.5]])
    sites = sites + rng.normal(size=(4, 3)) * 0.02
    return Crystal.create([29] * 4, cell, fractional=sites)


def lattice_sum(a):
    """Energy of a cell of fcc argon, and its derivative by a."""
    model = LennardJones()
    energy = slope = 0.0
    for count, squared in SHELLS:
        s6 = (model.sigma / (a * np.sqrt(squared))) ** 6
        energy += 2 * count * model.epsilon * (s6**2 - s6)
        slope += 2 * count * model.epsilon * (-12 * s6**2 + 6 * s6) / a
    return energy, slope


@pytest.mark.parametrize("a", [5.15, 5.3, 5.45])
def test_energy_and_stress_of_fcc_argon_are_those_of_the_lattice_sum(argon, a):
    energy, slope = lattice_sum(a)
    result = argon(fcc(a))
    assert_allclose(result.energy, energy, rtol=1e-12)  # round-off
    # E(a): V σ_xx = (a/3) dE/da, with V = a³/4.
    expected = slope * a / 3 / (a**3 / 4) * np.eye(3)
    assert_allclose(result.stress, expected, rtol=1e-10, atol=1e-15)  # round-off
    assert_allclose(result.forces, 0, atol=1e-14)  # round-off


def test_stretched_crystal_pulls_and_compressed_crystal_pushes(argon):
    assert np.trace(argon(fcc(5.5)).stress) > 0
    assert np.trace(argon(fcc(5.1)).stress) < 0


def test_force_of_a_pair_is_minus_the_slope_of_its_energy(copper):
    r = 2.5
    pair = Crystal.create([29, 29], np.eye(3) * 20, positions=[[0, 0, 0], [r, 0, 0]])
    model = copper.model
    decay = np.exp(-model.width * (r - model.distance))
    slope = 2 * model.depth * model.width * (1 - decay) * decay
    expected = np.array([[slope, 0, 0], [-slope, 0, 0]])
    assert_allclose(copper(pair).forces, expected, rtol=1e-12, atol=1e-14)  # round-off


@pytest.mark.parametrize("hand", [1, -1])
def test_stress_is_the_derivative_by_a_strain_of_a_cell_of_either_hand(copper, hand):
    crystal = skewed()
    crystal = crystal.replace(cell=crystal.cell * [hand, 1, 1])
    stress = copper(crystal).stress
    h = 1e-4
    for i, j in ((0, 0), (1, 1), (0, 1), (1, 2)):
        strain = np.zeros((3, 3))
        strain[i, j] += h / 2
        strain[j, i] += h / 2
        up, down = (copper(crystal.strained(s)).energy for s in (strain, -strain))
        slope = (up - down) / (2 * h) / crystal.volume
        assert_allclose(stress[i, j], slope, atol=1e-7)  # h² third derivatives


def test_forces_are_finite_differences_of_the_energy(copper):
    crystal = skewed()
    f = copper(crystal).forces
    h = 1e-4
    for i, k in ((0, 0), (1, 2), (3, 1)):
        step = np.zeros((4, 3))
        step[i, k] = h
        up, down = (
            copper(crystal.with_positions(crystal.positions + s)).energy
            for s in (step, -step)
        )
        assert_allclose(f[i, k], -(up - down) / (2 * h), atol=1e-6)  # h² V'''


def test_nothing_changes_when_an_atom_crosses_the_boundary(copper):
    crystal = skewed()
    # An atom on the boundary itself, and the same atom on the other side of the cell.
    fractional = np.array(crystal.fractional)
    fractional[1] = [0.5, 0.0, 0.0]
    here = copper(crystal.replace(fractional=fractional))
    fractional[1] += [0, 1, -2]
    there = copper(crystal.replace(fractional=fractional))
    for a, b in zip(here, there, strict=True):
        assert_allclose(a, b, atol=1e-12)  # round-off
    fractional[1] += [0, -1e-9, 0]
    beyond = copper(crystal.replace(fractional=fractional))
    # A step of 4e-9 Å times the stiffness, some 10 eV/Å².
    assert_allclose(beyond.forces, here.forces, atol=1e-6)
    assert_allclose(beyond.stress, here.stress, atol=1e-7)


def test_hessian_product_is_the_finite_difference_of_the_forces(copper):
    graph = build_graph(skewed(), copper.cutoff)
    displacements = jnp.asarray(np.random.default_rng(0).normal(size=(4, 3)))
    h = 1e-4
    moved = [
        forces_compiled(
            copper, graph.replace(positions=graph.positions + s * displacements)
        )
        for s in (h, -h)
    ]
    difference = (moved[1] - moved[0]) / (2 * h)
    product = jax.jit(hessian_product)(copper, graph, displacements)
    assert_allclose(product, difference, atol=1e-5)  # h² fourth derivatives
    assert_allclose(product.sum(axis=0), 0, atol=1e-12)  # momentum is conserved


def test_a_batch_gives_what_each_crystal_gives_alone(copper):
    crystals = [skewed(), fcc(3.6, 29), skewed(seed=5)]
    graph = build_graph(crystals, copper.cutoff, n_nodes=12, n_graphs=4)
    batch = evaluate_compiled(copper, graph)
    alone = [copper(crystal) for crystal in crystals]
    # round-off of sums in another order
    tolerance = {"rtol": 1e-12, "atol": 1e-13}
    assert_allclose(batch.energy[:3], [r.energy for r in alone], **tolerance)
    assert_allclose(batch.stress[:3], [r.stress for r in alone], **tolerance)
    joined = np.concatenate([r.forces for r in alone])
    assert_allclose(batch.forces[:9], joined, **tolerance)
    assert batch.energy[3] == 0
    assert not batch.forces[9:].any()
    assert not batch.stress[3].any()


def test_float32_differs_by_its_rounding(copper):
    single = copper.astype(jnp.float32)(skewed())
    double = copper(skewed())
    assert single.forces.dtype == np.float32
    assert_allclose(single.energy, double.energy, rtol=1e-5)  # float32
    assert_allclose(single.forces, double.forces, atol=1e-4)  # float32 of 10 eV/Å
    assert_allclose(single.stress, double.stress, atol=1e-5)  # float32


def test_unknown_element_is_refused_by_name(copper):
    crystal = Crystal.create(
        ["Cu", "Zn"], np.eye(3) * 4, fractional=[[0] * 3, [0.5] * 3]
    )
    with pytest.raises(ValueError, match=r"knows Cu; the crystal holds Zn"):
        copper(crystal)


def test_two_atoms_on_one_place_are_refused(copper):
    crystal = Crystal.create([29, 29], np.eye(3) * 4, fractional=[[0] * 3, [0, 0, 1]])
    with pytest.raises(ValueError, match="remove the duplicate site"):
        copper(crystal)


def test_an_energy_that_is_not_a_number_is_refused(argon):
    # Six thousandths of an Å apart: (σ/r)¹² is finite in float64, not in float32.
    pair = Crystal.create(
        [18, 18], np.eye(3) * 20, positions=[[0, 0, 0], [0.0012, 0, 0]]
    )
    with pytest.raises(ValueError, match="must be finite"):
        argon.astype(jnp.float32)(pair)
