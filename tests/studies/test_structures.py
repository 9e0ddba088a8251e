"""Structure types have the space group, formula and bonds they are known for."""

import logging
import re

import ase.build
import numpy as np
import pytest
import yaml
from numpy.testing import assert_allclose
from pydantic import ValidationError

from matjax.config import ExperimentConfig
from matjax.crystals import Crystal, space_group
from matjax.studies import (
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


class OneCrystal(CrystalConfig):
    """An experiment on one crystal."""


QUARTZ = {"prototype": "quartz", "symbols": "SiO2", "a": 4.913, "c": 5.405}


def described(**keys):
    config = OneCrystal.model_validate({"crystal": QUARTZ, **keys})
    return config.described(logging.getLogger("test"))


def test_masses_of_elements_are_those_of_the_config():
    crystal = described(masses={"O": 17.999})
    assert_allclose(crystal.masses, [28.085] * 3 + [17.999] * 6)
    assert described().given_masses is None
    with pytest.raises(ValueError, match="masses must be of elements of the crystal"):
        described(masses={"H": 2.014})
    with pytest.raises(ValidationError, match="greater than 0"):
        described(masses={"O": -1.0})


def test_masses_keep_those_of_other_elements():
    salt = Crystal.create(
        [3, 1],
        4.0 * np.eye(3),
        fractional=[[0, 0, 0], [0.5] * 3],
        masses=[6.015, 2.014],
    )
    assert_allclose(with_masses(salt, {"Li": 7.016}).masses, [7.016, 2.014])


@pytest.mark.parametrize(
    ("fixed", "held"),
    [
        (None, None),
        ([], None),
        ([0, 8], [0, 8]),
        (["Si"], [0, 1, 2]),
        ([8, "Si"], [0, 1, 2, 8]),
    ],
)
def test_atoms_are_fixed_by_number_or_element(fixed, held, caplog):
    caplog.set_level(logging.INFO)
    crystal = described(fixed=fixed)
    if held is None:
        assert crystal.fixed is None
        assert "fixed" not in caplog.text
        return
    assert np.flatnonzero(crystal.fixed).tolist() == held
    assert f"{len(held)} atoms are fixed; fixed=[] frees all" in caplog.text


def test_an_empty_list_frees_what_a_file_has_fixed():
    crystal = described(fixed=["Si"])
    assert with_fixed(crystal, None).fixed is not None
    assert with_fixed(crystal, []).fixed is None


@pytest.mark.parametrize("entry", [9, -1, "Xx", "0"])
def test_atoms_that_are_none_cannot_be_fixed(entry):
    with pytest.raises(ValueError, match="fixed must list atoms from 0 to 8, or elem"):
        described(fixed=[entry])


@pytest.mark.parametrize("fixed", [[True, False], [0.5], "Si", 3])
def test_fixed_is_a_list_of_numbers_or_elements(fixed):
    with pytest.raises(ValidationError, match="fixed"):
        described(fixed=fixed)


class WithPath(ExperimentConfig):
    """An experiment along a path."""

    path: PathDescription | None = None


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("path: [[Γ, M, K, Γ]]", "ΓMKΓ"),
        ("path: [Γ M, K-Γ]", "ΓMKΓ"),
        ("path: {lines: [[A, B]], points: {A: [0,0,0], B: [0.5,0.5,0]}}", "AB"),
        ("path: {lines: [[Γ, B]], points: {B: [0.5,0.5,0]}}", "ΓB"),
        ("path: null", "ΓMKΓ"),
    ],
)
def test_a_path_is_described_in_yaml(text, labels):
    config = WithPath.model_validate(yaml.safe_load(text))
    layer = Crystal.from_ase(ase.build.graphene(vacuum=6.0))
    path = described_path(layer, config.path, spacing=0.1, symprec=1e-2)
    assert "".join(label for _, label in path.ticks) == labels


@pytest.mark.parametrize("text", ["path: Γ M", "path: {points: {}}", "path: [[1, 2]]"])
def test_a_path_needs_lines_of_names(text):
    with pytest.raises(ValidationError, match="path"):
        WithPath.model_validate(yaml.safe_load(text))


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
