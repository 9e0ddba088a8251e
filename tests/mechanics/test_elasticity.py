"""Elastic constants against textbooks, finite differences, phonons and another code."""

import importlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal, make_supercell
from matjax.mechanics import elastic, sound_velocities
from matjax.mechanics.elastic_response import _columns, chunk_size
from matjax.mechanics.elasticity import VOIGT
from matjax.units import GPA
from tests.force_constants.lattices import (
    DISTANCE,
    STIFFNESS,
    fcc,
    silicon,
    springs,
    stillinger_weber,
)
from tests.mechanics.elastic_crystals import (
    CRYSTALS,
    relaxed_atoms,
    triclinic,
    unequal_springs,
)

RNG = np.random.default_rng(7)


def strain(component, size):
    i, j = VOIGT[component]
    direction = np.zeros((3, 3))
    direction[i, j] += size / 2
    direction[j, i] += size / 2
    return direction


def by_differences(potential, crystal, size=1e-3):
    """Change of the stress with strain, atoms at rest, to fourth order; GPa."""

    def stress(component, size):
        strained = crystal.strained(strain(component, size))
        stress = GPA * potential(relaxed_atoms(potential, strained)).stress
        return np.array([stress[i, j] for i, j in VOIGT])

    def column(component):
        near = (stress(component, size) - stress(component, -size)) / (2 * size)
        far = (stress(component, 2 * size) - stress(component, -2 * size)) / (4 * size)
        return (4 * near - far) / 3

    return np.stack([column(component) for component in range(6)], axis=1)


def test_silicon_of_stillinger_and_weber_has_its_known_constants():
    """As E. R. Cowley, Phys. Rev. Lett. 60, 2379 (1988), found analytically."""
    found = elastic(stillinger_weber(), silicon())
    c11, c12, c44 = (found.tensor[i] for i in [(0, 0), (0, 1), (3, 3)])
    # Published digits; 5.431 Å is the minimum to 1e-5.
    assert_allclose([c11, c12, c44], [151.4, 76.4, 56.4], atol=0.06)
    cubic = np.full((6, 6), 0.0)
    cubic[:3, :3] = c12
    np.fill_diagonal(cubic, [c11] * 3 + [c44] * 3)
    assert_allclose(found.tensor, cubic, atol=1e-9)  # round-off
    assert found.max_force < 1e-12
    assert found.max_stress < 0.01
    assert found.stable


def test_clamped_silicon_is_as_published():
    """Balamane, Halicioglu and Tiller, Phys. Rev. B 46, 2250 (1992), Table IV.

    They use the scale that gives the measured cohesive energy, 4.63 eV.
    """
    potential = stillinger_weber()
    scaled = {**potential.params, "epsilon": jnp.asarray(2.315)}
    found = elastic(potential.replace(params=scaled), silicon())
    assert_allclose(found.clamped[3, 3], 117.2, atol=0.06)  # published digits
    assert_allclose(found.clamped[:3, :3], found.tensor[:3, :3], atol=1e-9)
    c11, c12, c44 = (found.tensor[i] for i in [(0, 0), (0, 1), (3, 3)])
    assert_allclose([c11, c12, c44], [161.6, 81.6, 60.3], atol=0.1)  # published digits
    # Kleinman's parameter 0.629 (same table): u = ¼ a ζ γ between the two atoms.
    moved = found.displacements[0, 0, 3] - found.displacements[1, 0, 3]
    assert_allclose(abs(moved) * 4 / 5.431, 0.629, atol=6e-4)


def test_springs_in_a_cubic_lattice_have_the_constants_of_textbooks():
    """C11 = 2k/a and C12 = C44 = k/a for central forces between nearest neighbors."""
    found = elastic(springs(), fcc())
    unit = GPA * STIFFNESS / (DISTANCE * 2**0.5)
    expected = np.diag([1, 1, 1, 1, 1, 1.0])
    expected[:3, :3] += 1
    assert_allclose(found.tensor, unit * expected, atol=1e-9)  # round-off
    assert_allclose(found.clamped, found.tensor, atol=1e-12)  # one atom cannot move
    assert found.softest == np.inf


@pytest.mark.parametrize("name", CRYSTALS)
def test_constants_are_the_change_of_stress_with_strain(name):
    potential, crystal = (make() for make in CRYSTALS[name])
    found = elastic(potential, crystal)
    assert found.max_force < 1e-9
    assert abs(found.tensor - found.clamped).max() > 0.1  # atoms do relax
    differences = by_differences(potential, crystal)
    # The residual stress times a strain, and finite differences of fourth order.
    assert_allclose(found.tensor, differences, atol=1e-4 * found.tensor.max())


def test_under_pressure_the_bulk_modulus_is_that_of_the_equation_of_state():
    potential, crystal = stillinger_weber(), silicon().strained(-0.015 * np.eye(3))
    found = elastic(potential, crystal)
    assert_allclose(found.stress, found.stress[0, 0] * np.eye(3), atol=1e-9)
    assert found.stress[0, 0] < -4

    def pressure(factor):
        compressed = crystal.strained((factor ** (1 / 3) - 1) * np.eye(3))
        return -GPA * np.trace(potential(compressed).stress) / 3

    h = 1e-4
    slope = -(pressure(1 + h) - pressure(1 - h)) / (2 * h)  # −V dp/dV
    assert_allclose(found.bulk, slope, rtol=1e-6)  # h²


def test_moduli_do_not_depend_on_the_orientation():
    potential, crystal = unequal_springs(), triclinic()
    found = elastic(potential, crystal)
    rotation, _ = np.linalg.qr(RNG.normal(size=(3, 3)))
    turned = elastic(potential, crystal.replace(cell=crystal.cell @ rotation))
    full = np.einsum("ijkl,ia,jb,kc,ld", found.full, *[rotation] * 4)
    assert_allclose(turned.full, full, atol=1e-9)  # round-off
    assert_allclose(turned.eigenvalues, found.eigenvalues, atol=1e-9)
    assert_allclose(turned.bulk, found.bulk)
    assert_allclose(turned.shear, found.shear)


def test_padding_and_the_number_of_columns_at_a_time_change_nothing(monkeypatch):
    potential, crystal = unequal_springs(), triclinic()
    found = elastic(potential, crystal)
    assert chunk_size(potential.graph(crystal)) == 14  # 27 columns in two calls
    padded = potential.graph(crystal, n_nodes=9)
    module = importlib.import_module("matjax.mechanics.elastic_response")
    monkeypatch.setattr(module, "MEMORY", 5 * 9 * 12 * module.EDGE_REALS * 8)
    assert chunk_size(padded) == 5
    other = elastic(potential, crystal, graph=padded)
    assert_allclose(other.tensor, found.tensor, atol=1e-9)  # round-off
    assert_allclose(other.displacements, found.displacements, atol=1e-9)
    assert other.displacements.shape == (7, 3, 6)


def test_crystals_of_one_bucket_share_a_compiled_function():
    potential = springs()
    large = make_supercell(fcc(), np.diag([1, 1, 2])).crystal
    graph = potential.graph(large)
    doubled = elastic(potential, large, graph=graph)
    before = _columns._cache_size()
    same = potential.graph(fcc(), n_nodes=graph.n_nodes, degree=graph.degree)
    single = elastic(potential, fcc(), graph=same)
    assert _columns._cache_size() == before
    assert_allclose(single.tensor, doubled.tensor, atol=1e-9)  # round-off
    assert_allclose(single.density, doubled.density)


def test_moduli_are_those_of_pymatgen():
    pymatgen = pytest.importorskip("pymatgen.analysis.elasticity")
    found = elastic(unequal_springs(), triclinic())
    other = pymatgen.ElasticTensor.from_voigt(found.tensor)
    assert_allclose(found.full, other, rtol=1e-12)
    ours = [found.bulk_voigt, found.bulk_reuss, found.bulk]
    assert_allclose(ours, [other.k_voigt, other.k_reuss, other.k_vrh])
    ours = [found.shear_voigt, found.shear_reuss, found.shear]
    assert_allclose(ours, [other.g_voigt, other.g_reuss, other.g_vrh])
    assert_allclose(found.young, other.y_mod / 1e9)
    assert_allclose(found.poisson, other.homogeneous_poisson)
    assert_allclose(found.anisotropy, other.universal_anisotropy)


def test_a_crystal_pulled_along_an_axis_yields_by_its_compliance():
    found = elastic(stillinger_weber(), silicon())
    s = found.compliance
    along = found.young_along(np.array([[2.0, 0, 0], [1, 1, 1]]))
    assert_allclose(along[0], 1 / s[0, 0])
    # Nye, Physical Properties of Crystals (1985), p. 145.
    bent = s[0, 0] - 2 / 3 * (s[0, 0] - s[0, 1] - s[3, 3] / 2)
    assert_allclose(along[1], 1 / bent)
    assert_allclose(found.young_along(np.array([1.0, 0, 0])), along[0])


def test_a_lattice_that_a_strain_softens_is_not_stable():
    simple_cubic = Crystal.create([29], DISTANCE * np.eye(3), fractional=[[0, 0, 0]])
    found = elastic(springs(), simple_cubic.strained(-0.01 * np.eye(3)))
    # Compressed springs kink: C44 = −p besides what central forces resist, nothing.
    pressure = -found.stress[0, 0]
    assert_allclose(found.tensor[3, 3], -pressure, rtol=1e-9)
    assert found.eigenvalues[0] < 0
    assert not found.stable


def test_what_resists_no_shear_has_no_compliance():
    simple_cubic = Crystal.create([29], DISTANCE * np.eye(3), fractional=[[0, 0, 0]])
    found = elastic(springs(), simple_cubic)
    assert_allclose(found.bulk_voigt, GPA * STIFFNESS / (3 * DISTANCE))
    with pytest.raises(ValueError, match="resistance to every strain"):
        _ = found.shear


def test_derivatives_by_parameters_and_cell_are_those_of_differences():
    potential, crystal = unequal_springs(), triclinic()
    graph = potential.graph(crystal)

    @jax.jit
    def shear(stiffness, swelling):
        changed = potential.replace(params={"stiffness": stiffness})
        swollen = graph.strained(swelling * jnp.eye(3)[None])
        found = elastic(changed, crystal, graph=swollen)
        return found.shear + sound_velocities(found, jnp.ones(3))[0]

    stiffness = potential.params["stiffness"]
    start = (stiffness, jnp.asarray(0.01))
    gradient = jax.jit(jax.grad(shear, argnums=(0, 1)))(*start)
    found = elastic(potential, crystal.strained(0.01 * np.eye(3)))
    expected = found.shear + sound_velocities(found, np.ones(3))[0]
    assert_allclose(shear(*start), expected, rtol=1e-12)  # order of operations
    h = 1e-4
    one = jnp.zeros(7).at[2].set(h)
    slope = (shear(stiffness + one, 0.01) - shear(stiffness - one, 0.01)) / (2 * h)
    assert_allclose(gradient[0][2], slope, rtol=1e-6)  # h²
    slope = (shear(stiffness, 0.01 + h) - shear(stiffness, 0.01 - h)) / (2 * h)
    assert_allclose(gradient[1], slope, rtol=1e-5)  # h²


def test_single_precision_gives_the_same_to_its_digits():
    found = elastic(unequal_springs(), triclinic(), dtype=jnp.float32)
    exact = elastic(unequal_springs(), triclinic())
    assert found.tensor.dtype == np.float64
    assert_allclose(found.tensor, exact.tensor, atol=1e-4)  # float32, of 200


def test_what_has_no_elastic_tensor_is_refused():
    with pytest.raises(ValueError, match="three periodic directions"):
        elastic(springs(), fcc().replace(pbc=(True, True, False)))
    with pytest.raises(ValueError, match="choose another potential"):
        elastic(springs(), silicon())
    broken = springs()
    broken = broken.replace(params=jax.tree.map(lambda x: x * np.nan, broken.params))
    with pytest.raises(ValueError, match="must be finite"):
        elastic(broken, fcc())
