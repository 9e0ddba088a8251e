"""Structure types have the space group, formula and bonds they are known for."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import space_group
from matjax.structures import Prototype, described_crystal

# Bond lengths (Å) as measured, at the measured lattice constants.
KNOWN = [
    ("perovskite", "SrTiO3", (3.905, None), "Pm-3m", 5, 3.905 / 2),
    ("rutile", "TiO2", (4.594, 2.959), "P4_2/mnm", 6, 1.95),
    ("quartz", "SiO2", (4.913, 5.405), "P3_221", 9, 1.605),
    ("wurtzite", "GaN", (3.190, 5.189), "P6_3mc", 4, 1.95),
    ("rocksalt", "NaCl", (5.64, None), "Fm-3m", 2, 2.82),
]


@pytest.mark.parametrize(("kind", "symbols", "cell", "group", "n", "bond"), KNOWN)
def test_structure_types_are_those_of_the_tables(kind, symbols, cell, group, n, bond):
    a, c = cell
    crystal = described_crystal(Prototype(prototype=kind, symbols=symbols, a=a, c=c))
    assert space_group(crystal).symbol == group
    assert crystal.n_atoms == n
    distances = crystal.to_ase().get_all_distances(mic=True)
    nearest = np.where(distances > 0, distances, np.inf).min(axis=1)
    assert_allclose(nearest.min(), bond, atol=0.005)  # digits of the bond


def test_a_formula_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="1 : 1 : 3 atoms"):
        described_crystal(Prototype(prototype="perovskite", symbols="TiO2", a=4.0))


def test_lattice_constants_must_be_those_of_the_type():
    with pytest.raises(ValueError, match="needs a second lattice constant"):
        described_crystal(Prototype(prototype="quartz", symbols="SiO2", a=4.9))
    with pytest.raises(ValueError, match="has one lattice constant"):
        described_crystal(
            Prototype(prototype="perovskite", symbols="SrTiO3", a=3.9, c=4.0)
        )
