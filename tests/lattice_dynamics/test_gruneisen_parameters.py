"""Grüneisen tensors against analytic powers, finite strains and relaxed crystals."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.force_constants import from_grid
from matjax.lattice_dynamics import gruneisen, phonons
from matjax.mechanics import relax
from matjax.models.potentials import Morse
from matjax.predictors import Potential
from tests.force_constants.lattices import DISTANCE, fcc, silicon, stillinger_weber

RNG = np.random.default_rng(11)
Q = RNG.uniform(-1, 1, (5, 3))


@pytest.fixture(scope="module")
def of_silicon():
    return phonons(stillinger_weber(), silicon())


def strained_frequencies(found, strain, q):
    """Frequencies of the strained crystal, the atoms at rest where forces vanish."""
    crystal = found.crystal.strained(strain)
    potential = found.source.potential
    rest = relax(potential, crystal, cell=False, fmax=1e-10).crystal
    return phonons(potential, rest).frequencies(q)


def differences(found, strain, q, step=1e-4):
    """−(1/ν) dν/dε along the strain by central differences."""
    ahead, behind = (strained_frequencies(found, s * step * strain, q) for s in (1, -1))
    return -(ahead - behind) / (2 * step) / found.frequencies(q)


@pytest.mark.slow
@pytest.mark.slow
def test_tensors_equal_differences_between_strained_and_relaxed_crystals(of_silicon):
    for strain in (
        np.diag([1.0, 0, 0]),
        np.array([[0, 0.5, 0], [0.5, 0, 0], [0, 0, 0]]),
        np.eye(3),
    ):
        tensor = gruneisen(of_silicon, Q, strain=strain).tensor
        along = np.einsum("qmab,ab->qm", tensor, strain)
        # h² of the differences, largest where two branches nearly meet
        assert_allclose(along, differences(of_silicon, strain, Q), atol=5e-5)


def test_scalars_equal_differences_by_volume(of_silicon):
    found = gruneisen(of_silicon, Q)
    expected = differences(of_silicon, np.eye(3), Q) / 3
    assert_allclose(found.scalar, expected, atol=1e-5)  # h² of the differences
    assert_allclose(found.frequencies, of_silicon.frequencies(Q), atol=1e-10)


def test_atoms_that_keep_their_coordinates_answer_shear_otherwise(of_silicon):
    shear = np.array([[0, 0.5, 0], [0.5, 0, 0], [0, 0, 0]])
    step = 1e-4
    ahead, behind = (
        phonons(stillinger_weber(), silicon().strained(s * step * shear)).frequencies(Q)
        for s in (1, -1)
    )
    expected = -(ahead - behind) / (2 * step) / of_silicon.frequencies(Q)
    clamped = gruneisen(of_silicon, Q, strain=shear, relaxed=False).tensor[..., 0, 1]
    assert_allclose(clamped, expected, atol=5e-5)  # h² of the differences
    relaxed = gruneisen(of_silicon, Q, strain=shear).tensor[..., 0, 1]
    assert abs(relaxed - clamped).max() > 0.1


def test_optical_modes_at_gamma_split_as_strained_crystals_do(of_silicon):
    """Uniaxial strain splits three into one and two."""
    gamma = np.zeros((1, 3))
    for strain in (np.diag([1.0, 0, 0]), np.ones((3, 3)) - np.eye(3)):
        step = 1e-4
        optical = of_silicon.frequencies(gamma)[0, 3:]
        ahead, behind = (
            strained_frequencies(of_silicon, s * step * strain, gamma)[0, 3:]
            for s in (1, -1)
        )
        # The order of the three turns over with the sign of the strain.
        expected = -(ahead - behind[::-1]) / (2 * step) / optical
        tensor = gruneisen(of_silicon, gamma, strain=strain).tensor[0, 3:]
        along = np.einsum("mab,ab->m", tensor, strain)
        assert_allclose(along, expected, atol=2e-5)  # h² of the differences
        gaps = np.sort(np.diff(np.sort(along)))
        assert_allclose(gaps[0], 0, atol=1e-8)  # two stay together
        assert gaps[1] > 0.1


def test_isotropic_strain_keeps_the_three_optical_modes_together(of_silicon):
    found = gruneisen(of_silicon, [0, 0, 0])
    assert_allclose(found.scalar[3:], found.scalar[3], atol=1e-10)  # by symmetry
    assert_allclose(found.tensor[:3], 0, atol=1e-12)  # translations
    # The mean over the three modes is a cubic tensor.
    mean = found.tensor[3:].mean(axis=0)
    assert_allclose(mean, found.scalar[3] * np.eye(3), atol=1e-10)


def test_morse_bonds_at_rest_soften_by_their_third_derivative_and_their_tension():
    """tr D = Σ_bonds (K + 2T/r)(1 − cos)/m, K = 2Da²(1 − 3a(r − r₀)), T = K(r − r₀).

    At rest d ln tr D/d ln r = −3ar₀ + 2, whatever q.
    """
    width = 1.2
    model = Morse(
        depth=1.0,
        width=width,
        distance=DISTANCE,
        onset=1.1 * DISTANCE,
        cutoff=1.3 * DISTANCE,
    )
    found = gruneisen(phonons(Potential.create(model).astype(np.float64), fcc()), Q)
    squares = found.frequencies**2
    mean = (squares * found.scalar).sum(axis=1) / squares.sum(axis=1)
    expected = (3 * width * DISTANCE - 2) / 6
    assert_allclose(mean, expected, rtol=1e-9)  # round-off


def test_tensors_turn_with_the_crystal(of_silicon):
    turn = np.linalg.qr(RNG.normal(size=(3, 3)))[0]
    crystal = silicon()
    turned = Crystal.create(
        [14, 14], crystal.cell @ turn, fractional=crystal.fractional
    )
    tensor = gruneisen(of_silicon, Q[0]).tensor
    found = gruneisen(phonons(stillinger_weber(), turned), Q[0]).tensor
    expected = np.einsum("ac,mab,bd->mcd", turn, tensor, turn)
    assert_allclose(found, expected, atol=1e-8)  # round-off


def test_force_constants_without_a_potential_are_refused(of_silicon):
    source = from_grid(silicon(), of_silicon.force_constants(np.zeros((1, 1, 1, 3))))
    with pytest.raises(ValueError, match="need a potential"):
        gruneisen(of_silicon.replace(source=source), Q)


@pytest.mark.parametrize(
    "strain", [np.zeros((3, 3)), np.eye(2), np.triu(np.ones((3, 3)))]
)
def test_strains_that_are_none_are_refused(of_silicon, strain):
    with pytest.raises(Exception, match=r"symmetric|3 3"):
        gruneisen(of_silicon, Q, strain=strain)
