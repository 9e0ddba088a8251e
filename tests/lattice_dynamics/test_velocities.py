"""Group velocities and sound against textbooks and finite differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import TypeCheckError
from numpy.testing import assert_allclose

from matjax.crystals import Crystal, reciprocal
from matjax.force_constants import from_grid
from matjax.lattice_dynamics import (
    acoustic_velocities,
    group_velocities,
    phonons,
    with_polar,
)
from matjax.units import THZ
from tests.force_constants.lattices import (
    DISTANCE,
    STIFFNESS,
    chain,
    fcc,
    silicon,
    springs,
    stillinger_weber,
)

RNG = np.random.default_rng(7)
THZ_A = 2 * np.pi / 10  # km/s of a slope dν/dk of 1 THz Å


@pytest.fixture(scope="module")
def of_silicon():
    return phonons(stillinger_weber(), silicon())


@pytest.fixture(scope="module")
def of_fcc():
    return phonons(springs(), fcc())


def q_of(crystal, k):
    return np.asarray(k) @ np.linalg.inv(reciprocal(crystal.cell))


def differences(found, q, step=1e-4):
    """Central differences of the frequencies along x, y and z, km/s."""
    dq = q_of(found.crystal, step * np.eye(3))
    ahead, behind = (found.frequencies(q[:, None] + s * dq) for s in (1, -1))
    return THZ_A * (ahead - behind).swapaxes(1, 2) / (2 * step)


def test_velocities_equal_differences_of_frequencies(of_silicon):
    q = RNG.uniform(-1, 1, (7, 3))
    velocities = group_velocities(of_silicon, q)
    # h² of the differences: 5e-7 of up to 5 km/s
    assert_allclose(velocities, differences(of_silicon, q), atol=1e-5)


def test_velocities_of_an_oblique_cell_with_internal_atoms_equal_differences():
    cell = fcc().cell @ (np.eye(3) + 0.03 * RNG.normal(size=(3, 3)))
    crystal = Crystal.create([29], cell, fractional=[[0.2, 0, 0]])
    found = phonons(springs(), crystal)
    q = RNG.uniform(-1, 1, (4, 3))
    # h² of the differences
    assert_allclose(group_velocities(found, q), differences(found, q), atol=1e-5)


def test_springs_of_fcc_carry_waves_as_fast_as_their_dispersion_says(of_fcc):
    """Longitudinal along [100]: ω = √(8K/m) sin(ka/4); transverse √(4K/m) sin(ka/4)."""
    a = DISTANCE * np.sqrt(2)
    k = np.linspace(0, 0.9, 4) * 2 * np.pi / a
    q = q_of(fcc(), np.stack([k, 0 * k, 0 * k], axis=-1))
    velocities = group_velocities(of_fcc, q, direction=[1, 0, 0])
    for branch, factor in ((0, 4), (1, 4), (2, 8)):
        top = 2 * np.pi * THZ * np.sqrt(factor * STIFFNESS / of_fcc.masses[0])
        expected = top * a / 4 * np.cos(k * a / 4) / 10
        assert_allclose(velocities[:, branch, 0], expected, rtol=1e-6)  # root of 1e-16
    assert_allclose(velocities[:, 2, 1:], 0, atol=1e-6)  # by symmetry; likewise


def test_sound_has_the_speeds_of_the_elastic_constants_of_springs(of_fcc):
    """C11 = 2 C12 = 2 C44 = √2 K/r₀ for springs between nearest neighbors of fcc."""
    density = of_fcc.masses[0] / of_fcc.crystal.volume
    c11 = np.sqrt(2) * STIFFNESS / DISTANCE
    c12 = c44 = c11 / 2
    moduli = {
        (1, 0, 0): (c44, c44, c11),
        (1, 1, 0): ((c11 - c12) / 2, c44, (c11 + c12 + 2 * c44) / 2),
        (-1, 1, 1): 2 * [(c11 - c12 + c44) / 3] + [(c11 + 2 * c12 + 4 * c44) / 3],
    }
    sound = acoustic_velocities(of_fcc, list(moduli))
    expected = 2 * np.pi * THZ / 10 * np.sqrt(np.array([*moduli.values()]) / density)
    assert_allclose(sound.speeds, expected, rtol=1e-10)  # round-off
    assert_allclose(abs(sound.polarizations[0, 2]), [1, 0, 0], atol=1e-10)


def test_sound_is_the_limit_of_acoustic_branches_with_atoms_that_relax(of_silicon):
    directions = RNG.normal(size=(3, 3))
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    sound = acoustic_velocities(of_silicon, directions)
    k = 1e-3
    q = q_of(of_silicon.crystal, k * directions)
    slopes = THZ_A * of_silicon.frequencies(q)[:, :3] / k
    # k² of the dispersion
    assert_allclose(sound.speeds, slopes, rtol=1e-5)
    along = np.einsum("dba,da->db", sound.group, directions)
    assert_allclose(along, sound.speeds, rtol=1e-10)  # round-off
    # So near to Γ the transverse branches differ by 1e-5 THz.
    near = group_velocities(of_silicon, q, tolerance=1e-7)[:, :3]
    assert_allclose(sound.group, near, atol=1e-4)  # k² of the dispersion


def test_velocities_at_gamma_are_those_of_sound_and_of_flat_optical_modes(of_silicon):
    for direction in ([1, 0, 0], [1, 2, 5]):
        velocities = group_velocities(of_silicon, [0, 0, 0], direction=direction)
        sound = acoustic_velocities(of_silicon, direction)
        assert_allclose(velocities[:3], sound.group, atol=1e-10)
        assert_allclose(velocities[3:], 0, atol=1e-10)  # round-off
    far = group_velocities(of_silicon, [[1, -2, 0], [0, 0, 0]])
    assert_allclose(far[0], far[1], atol=1e-6)  # round-off of phases


def test_crossing_branches_keep_their_slopes_where_they_cross(of_silicon):
    """LA and LO of diamond meet at X with opposite slopes."""
    x = np.array([0, 0.5, 0.5])  # (1, 0, 0) 2π/a
    frequencies = of_silicon.frequencies(x)
    assert_allclose(frequencies[2], frequencies[3], atol=1e-8)
    step = 1e-4
    ahead = of_silicon.frequencies(x + q_of(silicon(), [step, 0, 0]))
    one_sided = THZ_A * (ahead - frequencies) / step
    velocities = group_velocities(of_silicon, x, direction=[1, 0, 0])
    # first order in the step: curvature of the branches
    assert_allclose(velocities[:, 0], one_sided, atol=1e-3)
    assert velocities[3, 0] > 1
    assert_allclose(velocities[2, 0], -velocities[3, 0], rtol=1e-6)  # by symmetry


def test_free_modes_do_not_move():
    found = phonons(springs((11, 17)), chain())
    velocities = group_velocities(found, [0.2, 0, 0])
    assert_allclose(velocities[:4], 0, atol=1e-12)  # nothing holds them
    assert velocities[4, 0] > 1
    assert_allclose(velocities[4:, 1:], 0, atol=1e-12)


def test_velocities_of_imaginary_modes_equal_differences():
    crystal = chain().strained(np.diag([-0.03, 0, 0]))
    found = phonons(springs((11, 17)), crystal)
    q = np.array([[0.2, 0, 0]])
    assert (found.frequencies(q)[0, :4] < -0.1).all()
    velocities = group_velocities(found, q, direction=[1, 0, 0])[..., 0]
    # h² of the differences
    assert_allclose(velocities, differences(found, q)[..., 0], atol=1e-5)


def test_velocities_of_interpolated_force_constants_are_those_of_their_bands(
    of_silicon,
):
    grid = np.stack(np.meshgrid(*[np.arange(3) / 3] * 3, indexing="ij"), axis=-1)
    source = from_grid(silicon(), of_silicon.force_constants(grid))
    found = of_silicon.replace(source=source)
    q = RNG.uniform(-1, 1, (3, 3))
    # h² of the differences
    assert_allclose(group_velocities(found, q), differences(found, q), atol=1e-5)
    # Neighbors are nearer than the images of this grid.
    acoustic = acoustic_velocities(found, [1, 2, 0])
    expected = acoustic_velocities(of_silicon, [1, 2, 0])
    assert_allclose(acoustic.speeds, expected.speeds, rtol=1e-9)


@pytest.mark.slow
def test_velocities_of_polar_crystals_follow_their_field(of_silicon):
    """Silicon whose two atoms bear opposite charges: piezoelectric along [111]."""
    charges = 1.2 * np.array([np.eye(3), -np.eye(3)])
    found = with_polar(of_silicon, charges, 6 * np.eye(3), (3, 3, 3))
    q = RNG.uniform(-1, 1, (3, 3))
    # h² of the differences
    assert_allclose(group_velocities(found, q), differences(found, q), atol=1e-5)
    direction = np.ones(3) / np.sqrt(3)
    at_gamma = group_velocities(found, [0, 0, 0], direction=direction)
    k = 2e-3
    slopes = THZ_A * found.frequencies(q_of(silicon(), k * direction))[:3] / k
    # k² of the dispersion
    assert_allclose(at_gamma[:3] @ direction, slopes, rtol=1e-5)
    assert slopes[2] > 1.01 * acoustic_velocities(of_silicon, direction).speeds[2]
    with pytest.raises(ValueError, match="analytic at Γ"):
        acoustic_velocities(found, direction)


def test_velocities_keep_the_shape_of_q(of_silicon):
    q = RNG.uniform(size=(2, 3, 3))
    velocities = group_velocities(of_silicon, q)
    assert velocities.shape == (2, 3, 6, 3)
    # round-off
    assert_allclose(velocities[1, 2], group_velocities(of_silicon, q[1, 2]), atol=1e-9)
    assert group_velocities(of_silicon, np.zeros((0, 3))).shape == (0, 6, 3)


def test_derivatives_by_parameters_are_finite_and_right_at_degeneracies(of_silicon):
    """The three optical modes of silicon at Γ, and the three translations."""

    def frequencies(potential):
        return of_silicon.replace(
            source=of_silicon.source.replace(potential=potential)
        ).frequencies(jnp.zeros(3))

    @jax.jit
    def slopes(potential):
        value, pullback = jax.vjp(frequencies, potential)
        rows = jax.vmap(lambda row: pullback(row)[0].params)(jnp.eye(6))
        return value, rows

    potential = stillinger_weber()
    value, rows = slopes(potential)
    step = 1e-5
    for name, parameter in potential.params.items():

        def moved(sign, name=name, parameter=parameter):
            params = potential.params | {name: parameter * (1 + sign * step)}
            return slopes(potential.replace(params=params))[0]

        difference = (moved(1) - moved(-1)) / (2 * step * parameter)
        # h² of the differences
        assert_allclose(rows[name][3:].sum(), difference[3:].sum(), rtol=1e-6)
        # A zero mode has a slope of 0; the root of its round-off has 1e-8 of 1e0.
        assert_allclose(rows[name][:3], 0, atol=1e-4)
    assert_allclose(value[3:], value[3], rtol=1e-10)  # degenerate


@pytest.mark.parametrize("direction", [[0, 0, 0], [1, 2], [np.nan, 0, 1]])
def test_directions_that_point_nowhere_are_refused(of_fcc, direction):
    with pytest.raises(ValueError, match="directions"):
        group_velocities(of_fcc, [0.1, 0, 0], direction=direction)
    with pytest.raises(ValueError, match="directions"):
        acoustic_velocities(of_fcc, direction)


def test_wave_vectors_of_two_components_are_refused(of_fcc):
    with pytest.raises((ValueError, TypeCheckError), match=r"three components|\*q 3"):
        group_velocities(of_fcc, [0.1, 0.2])
