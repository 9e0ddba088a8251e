"""The field of polar crystals: textbook limits, invariances, derivatives."""

import jax
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import commensurate_q, space_group
from matjax.force_constants import band_path, regular_mesh
from matjax.force_constants.ewald import COULOMB
from matjax.lattice_dynamics import path_with_limits, with_polar
from matjax.units import THZ
from tests.force_constants.ionic import (
    low,
    rocksalt,
    spring_phonons,
    triclinic,
    wurtzite,
)

CHARGE = 1.1
EPSILON = 2.4
Q = np.array([[0.1, 0.23, -0.4], [0.37, 0.02, 0.11], [-0.2, 0.5, 0.31]])
METHODS = ["gonze", "wang"]


def ions(crystal, charges, dielectric, grid=(2, 2, 2), **options):
    charges = np.asarray(charges)[:, None, None] * np.eye(3)
    return with_polar(spring_phonons(crystal), charges, dielectric, grid, **options)


def salt(**options):
    return ions(rocksalt(), [CHARGE, -CHARGE], EPSILON * np.eye(3), **options)


def nitride(method="gonze", grid=(2, 2, 2)):
    """Wurtzite, with charges and a dielectric tensor of its symmetry."""
    z = np.diag([2.6, 2.6, 2.75])
    charges = np.array([z, -z, z, -z])
    dielectric = np.diag([5.2, 5.2, 5.5])
    return with_polar(
        spring_phonons(wurtzite()), charges, dielectric, grid, method=method
    )


@pytest.mark.parametrize("method", METHODS)
def test_splitting_of_a_salt_is_that_of_born_and_huang(method):
    """ω_LO² − ω_TO² = (e²/ε₀) Z² / (V ε μ), along every direction."""
    found = salt(method=method)
    mass = 1 / np.sum(1 / found.masses)
    expected = 4 * np.pi * COULOMB * CHARGE**2 / (found.crystal.volume * EPSILON * mass)
    for direction in ([1, 0, 0], [1, 1, 0], [0.3, -0.2, 0.7]):
        nu = found.towards(direction).frequencies(np.zeros(3))
        assert_allclose(nu[3], nu[4], rtol=1e-7)  # round-off of degenerate roots
        assert_allclose((nu[5] ** 2 - nu[3] ** 2) / THZ**2, expected, rtol=1e-9)
        assert_allclose(nu[:3], 0, atol=1e-5)  # root of round-off


def rigid(method):
    """Triclinic, of rigid ions: their field does not change as the crystal turns."""
    charges = np.array([0.9, -1.3, 0.4])[:, None, None] * np.eye(3)
    dielectric = low().source.dipoles.dielectric
    return with_polar(
        spring_phonons(triclinic()), charges, dielectric, (2, 2, 2), method=method
    )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("make", [nitride, rigid])
def test_frequencies_approach_the_limit_along_the_direction(make, method):
    found = make(method)
    direction = np.array([0.3, -0.1, 0.2])
    limit = found.towards(direction).frequencies(np.zeros(3))
    near = found.frequencies(1e-5 * direction)
    # THz: optical branches are flat to second order, acoustic ones are at 1e-5 of it
    assert_allclose(near, limit, atol=1e-4)
    without = found.frequencies(np.zeros(3))
    assert abs(limit - without).max() > 0.1


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("make", [nitride, low])
def test_the_correction_vanishes_on_the_grid_and_the_sum_rule_holds(make, method):
    source = make(method).source
    q = np.concatenate([commensurate_q((2, 2, 2)), [[1.0, 0.0, -2.0]]])
    added = source(q) - source.analytic(q)
    assert_allclose(added, 0, atol=1e-10)  # eV/Å²; ends of the Ewald sums, round-off
    limit = source.replace(direction=np.array([0.1, 0.7, 0.2]))(np.zeros(3))
    sums = limit.reshape(len(limit), -1, 3).sum(axis=1)
    assert_allclose(sums, 0, atol=1e-10)  # round-off


@pytest.mark.parametrize("method", METHODS)
def test_matrices_are_hermitian_periodic_and_even_in_q(method):
    source = low(method).source
    matrices = source(Q)
    assert_allclose(matrices, matrices.conj().swapaxes(1, 2), atol=1e-12)
    assert_allclose(
        source(Q + np.array([1, -2, 3])), matrices, atol=1e-10
    )  # ends of the sums
    assert_allclose(source(-Q), matrices.conj(), atol=1e-10)


@pytest.mark.parametrize("method", METHODS)
def test_symmetry_of_the_crystal_is_kept(method):
    found = nitride(method)
    rotations = space_group(found.crystal).rotations
    images = np.einsum("i,kij->kj", Q[1], rotations)
    frequencies = found.frequencies(images)
    # THz: positions are symmetric to 1e-16, frequencies to round-off
    assert_allclose(frequencies, np.tile(frequencies[0], (len(images), 1)), atol=1e-7)


def test_a_finer_grid_leaves_less_to_correct():
    sizes = [
        abs(found.source.correction(found.source.dipoles, Q, np.zeros(3))).max()
        for found in (salt(grid=(n, n, n)) for n in (2, 4, 8))
    ]
    assert sizes[0] > 2 * sizes[1] > 4 * sizes[2]


@pytest.mark.parametrize("method", METHODS)
def test_traced_frequencies_are_those_of_the_host_and_have_derivatives(method):
    found = low(method)

    def trace(q):
        return found.force_constants(q).real.trace()

    value, slope = jax.jit(jax.value_and_grad(trace))(Q[0])
    assert_allclose(value, trace(Q[0]), rtol=1e-12)
    h = 1e-5
    for k, step in enumerate(h * np.eye(3)):
        numeric = (trace(Q[0] + step) - trace(Q[0] - step)) / (2 * h)
        assert_allclose(slope[k], numeric, rtol=1e-6, atol=1e-7)  # h² and round-off / h


def test_polar_force_constants_are_arguments_of_compiled_functions():
    found = salt()
    traced = jax.jit(lambda source, q: source(q))(found.source, Q[0])
    assert_allclose(traced, found.source(Q[0]), atol=1e-12)  # eV/Å², round-off


def test_the_derivative_by_charges_includes_the_interpolation():
    found = salt()
    analytic = spring_phonons(found.crystal)
    dielectric = found.source.dipoles.dielectric
    charges = found.source.dipoles.charges

    def trace(scale):
        polar = with_polar(analytic, scale * charges, dielectric, (2, 1, 1))
        return polar.source.correction(
            polar.source.dipoles, Q[:1], np.zeros(3)
        ).real.trace(axis1=1, axis2=2)[0]

    # The correction is quadratic in the charges.
    assert_allclose(jax.jit(jax.grad(trace))(1.3), 2 * trace(1.3) / 1.3, rtol=1e-9)


def test_bands_end_at_gamma_in_the_limits_of_their_lines():
    found = nitride()
    path = band_path(found.crystal, spacing=0.4)
    bands = found.bands(path)
    at_gamma = [row for row, label in bands.path.ticks if label == "Γ"]
    assert len(at_gamma) >= 3
    tops = []
    for row in at_gamma:
        start, end = next(x for x in bands.path.lines if x[0] <= row < x[1])
        neighbor = row + 1 if row == start else row - 1
        assert row in (start, end - 1)
        direction = bands.path.q[neighbor]
        expected = found.towards(direction).frequencies(np.zeros(3))
        assert_allclose(bands.frequencies[row], expected, atol=1e-4)  # a hair from Γ
        tops.append(bands.frequencies[row, -1])
    assert np.ptp(tops) > 0.01  # a uniaxial crystal: in the plane and along c
    lengths = [end - start for start, end in bands.path.lines]
    assert sum(lengths) == len(bands.path.q) == len(bands.path.distance)
    assert bands.path.distance[-1] == path.distance[-1]


def test_a_path_without_gamma_inside_stays_as_it_is():
    path = band_path(rocksalt(), spacing=0.4)
    cut = path_with_limits(path)
    assert len(cut.q) == len(path.q) + 1  # Γ between K and L
    far = ~(np.round(path.q) == path.q).all(axis=1)
    assert (cut.q[(abs(cut.q).max(axis=1) > 1e-3)] == path.q[far]).all()


def test_thermal_properties_of_the_mesh_see_the_field():
    found = salt()
    mesh = regular_mesh(found.crystal, (4, 4, 4))
    assert len(mesh.q) < 64
    full = regular_mesh(found.crystal, (4, 4, 4), symmetry=False)
    for method in METHODS:
        polar = salt(method=method, grid=(3, 3, 3))
        reduced = polar.frequencies(mesh.q)[mesh.index.reshape(-1)]
        assert_allclose(reduced, polar.frequencies(full.q), atol=1e-6)  # round-off
    assert (
        found.thermal([300.0], (4, 4, 4)).free_energy
        > spring_phonons(rocksalt()).thermal([300.0], (4, 4, 4)).free_energy
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"charges": np.zeros((3, 3, 3))}, "another crystal"),
        ({"charges": np.array([np.eye(3), np.eye(3)])}, "add up to zero"),
        ({"dielectric": -np.eye(3)}, "positive eigenvalues"),
        ({"dielectric": np.eye(3) + np.eye(3, k=1)}, "symmetric"),
        ({"grid": (0, 2, 2)}, "linearly independent"),
        ({"direction": (1, 0)}, "three finite components"),
    ],
)
def test_what_belongs_to_another_crystal_is_refused(change, message):
    given = {
        "charges": np.array([np.eye(3), -np.eye(3)]),
        "dielectric": np.eye(3),
        "grid": (2, 2, 2),
        **change,
    }
    with pytest.raises(ValueError, match=message):
        with_polar(spring_phonons(rocksalt()), **given)
