"""Crystals in all settings of all space groups come back from other codes' CIFs.

Operations are those of spglib's table of 530 settings; sites are multiplied here by
hand. Fractional coordinates are written to 17 digits and compared to 1e-6 of a cell
vector, which is far above round-off and far below any misplaced atom.
"""

import itertools
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import spglib
from ase.io.cif import write_cif
from ase.spacegroup import crystal as ase_crystal
from hypothesis import given, settings
from hypothesis import strategies as st

from matjax.crystals import Crystal, cell_from_parameters, cell_parameters, read, write
from matjax.crystals.cif import block_crystal, structure_blocks
from tests.crystals.cif_text import assert_same_places, cif, operations_loop

N_SETTINGS = 530
GENERAL = np.array([0.1371, 0.2113, 0.3719])
ROUND_OFF = 1e-6


@cache
def operations(hall):
    found = spglib.get_symmetry_from_database(hall)
    return found["rotations"], found["translations"]


@cache
def kind(hall):
    return spglib.get_spacegroup_type(hall)


def metric_cell(rotations):
    """A cell that has the symmetry of a group and no more: an average of metrics."""
    cell = cell_from_parameters([11.3, 12.7, 14.9, 84, 97, 106])
    metric = cell @ cell.T
    averaged = np.mean([w.T @ metric @ w for w in rotations], axis=0)
    return np.linalg.cholesky(averaged)


def orbit(hall, x):
    """Distinct images of a place, from its definition."""
    rotations, translations = operations(hall)
    found = []
    for image in rotations @ x + translations:
        steps = np.array(found).reshape(-1, 3) - image
        if not (np.abs(steps - np.rint(steps)) < 1e-8).all(axis=1).any():
            found.append(image)
    return np.array(found)


@cache
def placed(hall):
    """Cell, a general place and a special one, all atoms: He and Ne."""
    special = np.array([0.0, 0.0, 0.0])
    images = orbit(hall, GENERAL), orbit(hall, special)
    numbers = np.repeat([2, 10], [len(i) for i in images])
    return metric_cell(operations(hall)[0]), special, numbers, np.concatenate(images)


def text_in(hall, *symmetry):
    cell, special, _, _ = placed(hall)
    parameters = [f"{value:.12f}" for value in cell_parameters(cell)]
    sites = [
        f"{name} {name} " + " ".join(f"{x:.16f}" for x in place)
        for name, place in (("He", GENERAL), ("Ne", special))
    ]
    return cif(*symmetry, cell=parameters, sites=sites)


def assert_comes_back(tmp_path, hall, *symmetry):
    [block] = structure_blocks(tmp_path / "x.cif", text_in(hall, *symmetry))
    crystal = block_crystal(block, allow_close=True)
    _, _, numbers, fractional = placed(hall)
    assert_same_places(crystal, numbers, fractional, ROUND_OFF)


def triplets(hall):
    def line(row, shift):
        terms = [f"{c:+d}{x}".replace("1", "") for c, x in zip(row, "xyz") if c]  # noqa: B905
        whole = round(shift * 24)
        return "".join(terms) + (f"+{whole}/24" if whole else "")

    return [
        ",".join(line(row, shift) for row, shift in zip(w, t, strict=True))
        for w, t in zip(*operations(hall), strict=True)
    ]


def hall_line(hall):
    """The Hall symbol; spglib writes = for its double prime."""
    primed = kind(hall).hall_symbol.replace("=", '"')
    return f"_space_group_name_Hall '{primed}'"


def symbol(hall):
    """The full symbol with the origin or the axes, as most codes write it."""
    suffix = kind(hall).choice[:1]
    name = kind(hall).international_full
    return f"{name}:{suffix}" if suffix in ("1", "2", "H", "R") else name


HALLS = range(1, N_SETTINGS + 1)
BATCHES = [HALLS[i : i + 53] for i in range(0, N_SETTINGS, 53)]
E_GLIDE = {hall for hall in HALLS if "e" in kind(hall).international_full.split("(")[0]}
"""Symbols with e say less than their settings: the origin stays open."""


@pytest.mark.parametrize("halls", BATCHES, ids=lambda halls: f"{halls[0]}")
def test_all_530_settings_are_read_by_hall_symbol(tmp_path, halls):
    for hall in halls:
        assert_comes_back(tmp_path, hall, hall_line(hall))


@pytest.mark.parametrize("halls", BATCHES, ids=lambda halls: f"{halls[0]}")
def test_all_530_settings_are_read_by_operations_and_symbol(tmp_path, halls):
    for hall in halls:
        lines = (
            operations_loop(triplets(hall)),
            f"_space_group_name_H-M_alt '{kind(hall).international_full}'",
            f"_space_group_IT_number {kind(hall).number}",
        )
        assert_comes_back(tmp_path, hall, *lines)


@pytest.mark.parametrize("halls", BATCHES, ids=lambda halls: f"{halls[0]}")
def test_settings_are_read_by_symbol_and_number(tmp_path, halls):
    for hall in set(halls) - E_GLIDE:
        lines = (
            f"_symmetry_space_group_name_H-M '{symbol(hall)}'",
            f"_symmetry_Int_Tables_number {kind(hall).number}",
        )
        assert_comes_back(tmp_path, hall, *lines)


REFERENCE = [
    next(h for h in HALLS if kind(h).number == number) for number in range(1, 231)
]


def test_gemmi_writes_what_is_read(tmp_path):
    gemmi = pytest.importorskip("gemmi")
    for hall in REFERENCE:
        cell, special, numbers, fractional = placed(hall)
        structure = gemmi.SmallStructure()
        structure.name = "x"
        structure.cell = gemmi.UnitCell(*cell_parameters(cell))
        group = gemmi.find_spacegroup_by_ops(
            gemmi.symops_from_hall(kind(hall).hall_symbol.replace("=", '"'))
        )
        structure.spacegroup_hm = group.xhm()
        for name, place in (("He", GENERAL), ("Ne", special)):
            site = gemmi.SmallStructure.Site()
            site.label, site.element = name, gemmi.Element(name)
            site.type_symbol = name
            site.fract = gemmi.Fractional(*place)
            structure.add_site(site)
        block = structure.make_cif_block()
        path = tmp_path / "x.cif"
        block.write_file(str(path)) if hasattr(block, "write_file") else (
            path.write_text(block.as_string())
        )
        crystal = read(path, allow_close=True)
        assert_same_places(crystal, numbers, fractional, 1e-4)  # digits it writes


def test_pymatgen_writes_what_is_read(tmp_path):
    core = pytest.importorskip("pymatgen.core")
    from pymatgen.io.cif import CifWriter

    for hall in REFERENCE[::6]:
        cell, _, numbers, fractional = placed(hall)
        structure = core.Structure(core.Lattice(cell), numbers, fractional)
        for symprec in (None, 1e-3):
            path = tmp_path / "x.cif"
            CifWriter(structure, symprec=symprec).write_file(path)
            crystal = read(path, allow_close=True)
            if symprec is None:
                assert_same_places(crystal, numbers, fractional, ROUND_OFF)
            # Otherwise it writes another cell: the same density and composition.
            assert abs(
                crystal.n_atoms / crystal.volume
                - len(numbers) / abs(np.linalg.det(cell))
            ) < 1e-4 * len(numbers)


def test_ase_writes_what_is_read(tmp_path):
    for hall in REFERENCE[::2]:
        cell, _, numbers, fractional = placed(hall)
        atoms = Crystal.create(numbers, cell, fractional=fractional).to_ase()
        path = tmp_path / "x.cif"
        write_cif(path, atoms)
        crystal = read(path, allow_close=True)
        assert_same_places(crystal, numbers, fractional, ROUND_OFF)


# Random crystals in random settings, stated in a random way.


@st.composite
def random_files(draw):
    hall = draw(st.integers(1, N_SETTINGS))
    digits = draw(st.sampled_from([4, 6, 12]))
    n_sites = draw(st.integers(1, 3))
    seed = draw(st.integers(0, 2**32 - 1))
    how = draw(st.sampled_from(["hall", "operations", "both"]))
    return hall, digits, n_sites, seed, how


@settings(derandomize=True, deadline=None, max_examples=100, database=None)
@given(random_files())
def test_random_crystal_in_a_random_setting_comes_back(case):
    hall, digits, n_sites, seed, how = case
    rng = np.random.default_rng(seed)
    # Places that the group moves by more than rounding can: no accidental merging.
    places = []
    while len(places) < n_sites:
        x = np.round(rng.random(3), digits)
        images = np.concatenate([orbit(hall, y) for y in [*places, x]])
        steps = images[:, None] - images
        steps -= np.rint(steps)
        np.fill_diagonal(steps[..., 0], 1)
        if np.abs(steps).max(axis=2).min() > 0.01:
            places.append(x)
        else:
            places = places[:-1]
    cell = 3 * metric_cell(operations(hall)[0])
    symmetry = {
        "hall": [hall_line(hall)],
        "operations": [operations_loop(triplets(hall))],
    }
    lines = (
        list(itertools.chain(*symmetry.values())) if how == "both" else symmetry[how]
    )
    sites = [
        f"X{i} He " + " ".join(f"{v:.{digits}f}" for v in x)
        for i, x in enumerate(places)
    ]
    text = cif(*lines, cell=cell_parameters(cell), sites=sites)
    [block] = structure_blocks(Path("x.cif"), text)
    crystal = block_crystal(block, allow_close=True)
    expected = np.concatenate([orbit(hall, x) for x in places])
    assert_same_places(crystal, [2] * len(expected), expected, ROUND_OFF)


def test_written_cif_is_read_equal(tmp_path):
    for hall in REFERENCE[::10]:
        cell, _, numbers, fractional = placed(hall)
        crystal = Crystal.create(numbers, cell, fractional=fractional)
        write(tmp_path / f"{hall}.cif", crystal)
        again = read(tmp_path / f"{hall}.cif", allow_close=True)
        assert_same_places(again, numbers, fractional, ROUND_OFF)
        np.testing.assert_allclose(  # digits that ASE writes
            cell_parameters(again.cell), cell_parameters(cell), atol=1e-6
        )


def test_ase_places_atoms_as_the_files_say():
    """Another code's crystal of one structure, independent of spglib's table."""
    rutile = ase_crystal(
        ["Ti", "O"],
        [(0, 0, 0), (0.305, 0.305, 0)],
        spacegroup=136,
        cellpar=[4.594, 4.594, 2.959, 90, 90, 90],
    )
    sites = ("Ti Ti 0 0 0", "O O 0.305 0.305 0")
    text = cif(
        "_space_group_name_H-M_alt 'P 42/m n m'",
        cell=(4.594, 4.594, 2.959, 90, 90, 90),
        sites=sites,
    )
    [block] = structure_blocks(Path("x.cif"), text)
    places = rutile.get_scaled_positions()
    assert_same_places(block_crystal(block), rutile.numbers, places, ROUND_OFF)
