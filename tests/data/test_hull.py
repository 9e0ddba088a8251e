"""Energies above the hull: analytic cases, pymatgen's, invariances, what is missing."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.data import energies_above_hull, hull

ELEMENTS = ["Li", "O", "Fe", "P", "Si"]
NO_REASON = ""


def above(compositions, energies, phases, phase_energies):
    found = energies_above_hull(compositions, energies, phases, phase_energies)
    assert found.reasons == [NO_REASON] * len(compositions)
    return found.energies


def random_phases(n_elements, n, rng):
    """Compositions of some of the elements, the pure ones first, and energies, eV."""
    pure = [{element: 2} for element in ELEMENTS[:n_elements]]
    mixed = []
    while len(mixed) < n:
        numbers = rng.integers(0, 5, n_elements)
        if numbers.any():
            pairs = zip(ELEMENTS, numbers.tolist(), strict=False)
            mixed.append({element: k for element, k in pairs if k})
    compositions = pure + mixed
    sizes = np.array([sum(c.values()) for c in compositions])
    per_atom = rng.normal(-4, 1, len(compositions)) - 2 * (sizes > 2)
    return compositions, per_atom * sizes


def test_binary_hull_is_the_line_between_phases():
    phases = [{"Li": 1}, {"O": 2}, {"Li": 2, "O": 1}]
    energies = [-2.0, -10.0, -15.0]  # Li2O forms with -2 eV/atom
    crystals = [{"Li": 2, "O": 2}, {"Li": 4, "O": 2}, {"Li": 1, "O": 3}, {"Li": 3}]
    # LiO decomposes into Li2O and O at -5 eV/atom, and so does LiO3. The last crystal
    # is a phase of Li that is lower than the competing one.
    found = above(crystals, [-19.0, -29.7, -17.75, -7.5], phases, energies)
    assert_allclose(found, [0.25, 0.05, 0.5625, 0], atol=1e-10)  # of the solver


@pytest.mark.parametrize("n_elements", [2, 3, 4, 5])
@pytest.mark.parametrize("seed", range(3))
def test_energies_are_those_of_pymatgen(n_elements, seed):
    diagram = pytest.importorskip("pymatgen.analysis.phase_diagram")
    core = pytest.importorskip("pymatgen.core")
    rng = np.random.default_rng([n_elements, seed])
    compositions, energies = random_phases(n_elements, 60, rng)
    entries = [
        diagram.PDEntry(core.Composition(c), e)
        for c, e in zip(compositions, energies, strict=True)
    ]
    whole = diagram.PhaseDiagram(entries)
    expected = [whole.get_e_above_hull(entry) for entry in entries]
    n = len(compositions) // 2
    found = above(compositions[n:], energies[n:], compositions[:n], energies[:n])
    assert (np.array(expected) > 0.01).sum() > 10
    # round-off of two codes; pymatgen has 1e-8 where phases are nearly degenerate
    assert_allclose(found, expected[n:], atol=1e-10)


def test_cells_and_reference_energies_do_not_matter():
    rng = np.random.default_rng(0)
    compositions, energies = random_phases(3, 30, rng)
    found = above(compositions, energies, [], [])
    double = [{x: 2 * n for x, n in c.items()} for c in compositions]
    assert_allclose(above(double, 2 * energies, [], []), found, atol=1e-10)
    shift = {"Li": 3.0, "O": -700.0, "Fe": 40.0}
    moved = [
        energy + sum(shift[x] * n for x, n in c.items())
        for c, energy in zip(compositions, energies, strict=True)
    ]
    # 1e-13 of 700 eV
    assert_allclose(above(compositions, moved, [], []), found, atol=1e-9)


def test_compositions_solved_together_or_apart_are_the_same(monkeypatch):
    compositions, energies = random_phases(4, 50, np.random.default_rng(1))
    together = above(compositions, energies, [], [])
    monkeypatch.setattr(hull, "_VARIABLES", 1)
    assert_allclose(above(compositions, energies, [], []), together, atol=1e-10)


def test_phases_with_other_elements_do_not_compete():
    pure, energies = [{"Li": 1}, {"O": 1}, {"Fe": 1}], [0.0, 0.0, 0.0]
    phases = [*pure, {"Li": 1, "Fe": 1}, {"Li": 1, "O": 1, "Fe": 1}]
    found = above([{"Li": 1, "O": 1}], [-1.0], phases, [*energies, -50.0, -100.0])
    assert_allclose(found, 0, atol=1e-10)


def test_of_one_composition_the_lowest_is_a_phase():
    phases = [{"Si": 1}, {"Si": 8}, {"Si": 2}]
    found = above([{"Si": 1}, {"Si": 3}], [-4.0, -15.0], phases, [-5.0, -44.0, 0.0])
    assert_allclose(found, [1.5, 0.5], atol=1e-12)


def test_elements_without_a_phase_are_named():
    found = energies_above_hull(
        [{"Li": 1, "O": 1}, {"Fe": 2, "P": 1, "Li": 1}, {"Li": 2}],
        [-1.0, -1.0, -1.0],
        [{"O": 1}, {"Fe": 1, "P": 1}],
        [0.0, -4.0],
    )
    assert_allclose(found.energies, [0, np.nan, 0])
    assert found.reasons[1].endswith("there is none of Fe, P")
    assert found.reasons[::2] == ["", ""]


def test_crystal_without_an_energy_is_no_phase():
    found = energies_above_hull(
        [{"Si": 1}, {"Si": 1}, {"Si": 1}], [np.nan, -np.inf, -3.0], [{"Si": 1}], [-4.0]
    )
    assert_allclose(found.energies, [np.nan, np.nan, 1.0])
    assert "must be finite; it is nan" in found.reasons[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([{"Si": 1}], [], [], []), "1 compositions and 0 energies"),
        (([], [], [{"Si": 1}], [np.nan]), "number 0, {'Si': 1}, has nan"),
        (([{"Si": 0}], [0.0], [], []), "positive numbers of atoms; received {'Si': 0}"),
        (([{}], [0.0], [], []), "positive numbers"),
        (([], [], [{"Si": np.nan}], [0.0]), "positive numbers"),
    ],
)
def test_input_that_is_wrong_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        energies_above_hull(*arguments)


def test_nothing_has_no_energies():
    found = energies_above_hull([], [], [], [])
    assert (found.energies.shape, found.reasons) == ((0,), [])
