"""Stillinger–Weber silicon against the paper and against a direct sum."""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.models.potentials import StillingerWeber
from matjax.predictors import Potential

MODEL = StillingerWeber()


@pytest.fixture(scope="module")
def potential():
    return Potential.create(MODEL)


def direct_energy(positions: np.ndarray) -> float:
    """The formula of the paper, summed over pairs and angles of a cluster."""
    m = MODEL
    vectors = positions[None] - positions[:, None]
    r = np.linalg.norm(vectors, axis=-1)
    energy = 0.0
    close = lambda i, j: i != j and r[i, j] < m.cutoff
    atoms = range(len(positions))
    for i, j in itertools.combinations(atoms, 2):
        if close(i, j):
            x = m.sigma / r[i, j]
            decay = np.exp(m.sigma / (r[i, j] - m.cutoff))
            energy += m.repulsion * m.epsilon * (m.ratio * x**4 - 1) * decay
    for i in atoms:
        for j, k in itertools.combinations(atoms, 2):
            if close(i, j) and close(i, k):
                cosine = vectors[i, j] @ vectors[i, k] / (r[i, j] * r[i, k])
                decay = np.exp(
                    m.decay * m.sigma * (1 / (r[i, j] - m.cutoff))
                    + m.decay * m.sigma * (1 / (r[i, k] - m.cutoff))
                )
                energy += m.strength * m.epsilon * (cosine + 1 / 3) ** 2 * decay
    return energy


def test_cluster_has_the_energy_of_the_direct_sum(potential):
    generator = np.random.default_rng(0)
    positions = generator.random((7, 3)) * 4.5
    cluster = Crystal.create([14] * 7, np.eye(3) * 30, positions=positions, pbc=False)
    # float64 round-off of a sum whose terms are up to 1e3 eV.
    assert_allclose(potential(cluster).energy, direct_energy(positions), rtol=1e-10)


def test_diamond_has_no_three_body_energy_and_the_known_elastic_constants(potential):
    cell = 5.431 / 2 * (1 - np.eye(3))
    silicon = Crystal.create([14, 14], cell, fractional=[[0] * 3, [0.25] * 3])
    assert_allclose(potential(silicon).energy, -4 * MODEL.epsilon, atol=2e-5)

    # C11 + 2 C12 from the pressure under uniform strain; Cowley, Phys. Rev. Lett. 60,
    # 2379 (1988) and Balamane et al., Phys. Rev. B 46, 2250 (1992) give C11 = 151.4 and
    # C12 = 76.4 GPa; the bulk modulus is their (C11 + 2 C12)/3 = 101.4 GPa.
    h = 1e-4
    stress = [
        potential(silicon.strained(np.eye(3) * s)).stress.trace() / 3 for s in (-h, h)
    ]
    bulk = (stress[1] - stress[0]) / (2 * h) / 3 * 160.21766
    assert bulk == pytest.approx(101.4, abs=0.2)  # printed to one digit
