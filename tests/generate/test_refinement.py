"""Refinement of samples, on argon: rest, copies, ranks, symmetry, flags."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import matjax as mj
from matjax.crystals import Crystal
from matjax.generate import refinement
from matjax.generate.coverage import Coverage
from matjax.generate.refinement import (
    distinct,
    lowest_frequencies,
    refined,
    symmetric_form,
)

ARGON = mj.load_potential("lennard-jones-ar")
FCC = 2.63 * (np.ones((3, 3)) - np.eye(3))


def fcc(noise=0.0, seed=0):
    """One atom in a deformed cell."""
    strain = noise * np.random.default_rng(seed).normal(size=(3, 3))
    return Crystal.create(["Ar"], FCC + strain, fractional=[[0.0, 0.0, 0.0]])


def hcp():
    a, c = 3.72, 6.1
    cell = [[a, 0, 0], [-a / 2, a * np.sqrt(0.75), 0], [0, 0, c]]
    places = [[1 / 3, 2 / 3, 0.25], [2 / 3, 1 / 3, 0.77]]
    return Crystal.create(["Ar"] * 2, cell, fractional=places)


@pytest.fixture(scope="module")
def found():
    coverage = Coverage.of([fcc()], "argon")
    samples = [fcc(0.05, 1), hcp(), fcc(0.05, 2), fcc(0.0)]
    return refined(ARGON, samples, coverage=coverage, symprec=0.05)


def test_samples_that_become_one_crystal_are_one_candidate(found):
    assert found.failures == {}
    assert sorted(c.copies for c in found.candidates) == [1, 3]


def test_candidates_come_by_energy_and_have_their_symmetry(found):
    energies = [c.energy for c in found.candidates]
    assert energies == sorted(energies)
    assert {c.space_group for c in found.candidates} == {"Fm-3m", "P6_3/mmc"}
    for candidate in found.candidates:
        assert candidate.converged
        again = mj.relax(ARGON, candidate.relaxed, fmax=5e-3, smax=1e-4)
        assert again.steps == 0
        assert_allclose(again.energy / candidate.relaxed.n_atoms, candidate.energy)


def test_what_is_unlike_the_data_is_said(found):
    """The hexagonal sample and the deformed ones differ from the one crystal known."""
    flags = {c.space_group: c.unlike for c in found.candidates}
    assert "as sampled" in flags["P6_3/mmc"]
    assert "Å³ by atom" in flags["P6_3/mmc"]
    assert refined(ARGON, [hcp()]).candidates[0].unlike == ""


def test_lowest_frequencies_tell_what_is_stable(found):
    stable = [c.relaxed for c in found.candidates if c.number == 225]
    cubic = Crystal.create(["Ar"], 3.5 * np.eye(3), fractional=[[0.0, 0.0, 0.0]])
    lowest = lowest_frequencies(ARGON, [*stable, cubic])
    assert lowest[0] > -0.01  # translations have none, to round-off
    assert lowest[1] < -0.1


def test_without_a_matcher_energy_and_volume_tell(monkeypatch):
    monkeypatch.setattr(refinement, "find_spec", lambda name: None)
    crystals = [fcc(), fcc(), hcp()]
    assert distinct(crystals, [0.0, 1e-4, 1e-3]) == [[0, 1], [2]]
    assert distinct(crystals[:2], [0.0, 1.0]) == [[0], [1]]


def test_a_crystal_without_symmetry_stays_as_it_is():
    rng = np.random.default_rng(0)
    crystal = Crystal.create(["Ar", "Ne"], FCC * 2, fractional=rng.random((2, 3)))
    form, symbol, number = symmetric_form(crystal, 50.0)
    assert (symbol, number) == ("P1", 1)
    assert form.n_atoms == 2
