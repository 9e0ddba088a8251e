"""Structure types have the space group, formula and bonds they are known for."""

import re

import numpy as np
import pytest
import yaml
from numpy.testing import assert_allclose
from pydantic import ValidationError

from matjax.config import ExperimentConfig
from matjax.crystals import Crystal, space_group
from matjax.structures import (
    CrystalConfig,
    PathDescription,
    Prototype,
    described_crystal,
    described_path,
    with_fixed,
    with_masses,
)

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


@pytest.mark.parametrize(
    ("kind", "symbols", "answer"),
    [
        ("diamond", "Xx", "a chemical symbol such as 'Si' is needed; received 'Xx'"),
        ("diamond", "X", "received 'X'"),
        ("perovskite", "SrXxO3", "received 'Xx'"),
        ("diamond", "", "symbols must be a formula such as NaCl; received ''"),
        ("rutile", "(", "symbols must be a formula such as NaCl"),
        ("diamond", "si", "symbols must be a formula such as NaCl"),
        ("rocksalt", "Si", "rocksalt cannot be built of Si with a=4.0"),
        ("wurtzite", "SrTiO3", "wurtzite cannot be built of SrTiO3"),
    ],
)
def test_symbols_that_make_no_crystal_are_named(kind, symbols, answer):
    with pytest.raises(ValueError, match=re.escape(answer)):
        described_crystal(Prototype(prototype=kind, symbols=symbols, a=4.0))


@pytest.mark.parametrize("name", ["", " "])
def test_a_crystal_without_a_name_is_refused(name):
    with pytest.raises(ValueError, match="crystal must be a file, or a structure type"):
        described_crystal(name)


def test_a_folder_is_no_crystal(tmp_path):
    with pytest.raises(ValueError, match=f"{tmp_path} is a folder: name a file in it"):
        described_crystal(str(tmp_path))
