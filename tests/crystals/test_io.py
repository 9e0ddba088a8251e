"""Files and conversions: what is written comes back, what is wrong is refused."""

import os
import sys
from pathlib import Path

import ase
import ase.io
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import (
    Crystal,
    make_supercell,
    neighbors,
    read,
    read_all,
    space_group,
    write,
)
from tests.crystals.cif_text import ROCK_SALT_CIF

MOLECULE_XYZ = """3
water
O 0.0 0.0 0.1
H 0.0 0.8 -0.5
H 0.0 -0.8 -0.5
"""


def chiral_crystal(*, left_handed=False):
    """A crystal without any symmetry, so that its mirror image differs from it."""
    crystal = Crystal.create(
        ["Si", "O", "Na"],
        [[4.0, 0.2, 0.1], [-1.1, 3.7, 0.4], [0.3, 0.9, 4.4]],
        fractional=[[0.1, 0.2, 0.3], [0.55, 0.4, 0.8], [0.3, 0.7, 0.05]],
    )
    if not left_handed:
        return crystal
    swap = [1, 0, 2]
    return crystal.replace(
        cell=crystal.cell[swap], fractional=crystal.fractional[:, swap]
    )


def triple_product(crystal):
    """Handedness of the edges from one atom to its three nearest neighbors."""
    edges = neighbors(crystal, 6.0)
    x = crystal.positions
    vectors = x[edges.senders] + edges.shifts @ crystal.cell - x[edges.receivers]
    vectors = vectors[edges.receivers == 0]
    nearest = np.argsort(np.linalg.norm(vectors, axis=1))[:3]
    return np.linalg.det(vectors[nearest])


@pytest.mark.parametrize("left_handed", [False, True])
@pytest.mark.parametrize(
    "name", ["POSCAR", "x.vasp", "x.extxyz", "x.xyz", "x.extxyz.gz", "x.traj", "x.json"]
)
def test_written_crystal_comes_back(tmp_path, name, left_handed):
    crystal = chiral_crystal(left_handed=left_handed)
    write(tmp_path / name, crystal)
    again = read(tmp_path / name)
    assert (again.numbers == crystal.numbers).all()
    assert_allclose(again.cell, crystal.cell, atol=1e-12)  # all digits are written
    assert_allclose(again.positions, crystal.positions, atol=1e-8)  # digits of XYZ
    assert again.pbc == (True, True, True)


@pytest.mark.parametrize("name", ["x.cif", "x.cif.gz"])
@pytest.mark.parametrize("left_handed", [False, True])
def test_cif_keeps_the_crystal_and_its_handedness(tmp_path, name, left_handed):
    crystal = chiral_crystal(left_handed=left_handed)
    write(tmp_path / name, crystal)
    again = read(tmp_path / name)
    assert (again.numbers == crystal.numbers).all()
    # CIF turns the cell, not the crystal into its mirror image; round-off
    assert_allclose(triple_product(again), triple_product(crystal), rtol=1e-9)
    assert_allclose(again.volume, crystal.volume, rtol=1e-12)


def test_several_crystals_come_back_in_order(tmp_path):
    crystal = chiral_crystal()
    larger = make_supercell(crystal, [2, 1, 1]).crystal
    path = tmp_path / "two.extxyz"
    write(path, [crystal, larger])
    assert [c.n_atoms for c in read_all(path)] == [3, 6]
    assert read(path).n_atoms == 6  # the last, as in ASE
    assert read(path, 0).n_atoms == 3


def test_crystal_of_jax_arrays_is_written(tmp_path):
    crystal = jax.tree.map(jnp.asarray, chiral_crystal())
    write(tmp_path / "x.extxyz", crystal)
    assert read(tmp_path / "x.extxyz").n_atoms == 3


def test_cif_is_expanded_by_its_space_group(tmp_path):
    path = tmp_path / "salt.cif"
    path.write_text(ROCK_SALT_CIF)
    crystal = read(path)
    assert crystal.n_atoms == 8
    assert space_group(crystal).number == 225
    assert_allclose(neighbors(crystal, 3.0).mask.sum(), 8 * 6)


def test_existing_file_is_replaced_only_on_demand(tmp_path):
    path = tmp_path / "POSCAR"
    write(path, chiral_crystal())
    with pytest.raises(FileExistsError, match="overwrite=True"):
        write(path, chiral_crystal())
    write(path, make_supercell(chiral_crystal(), [1, 1, 2]).crystal, overwrite=True)
    assert read(path).n_atoms == 6


def test_failed_write_keeps_the_old_file(tmp_path):
    path = tmp_path / "POSCAR"
    write(path, chiral_crystal())
    before = path.read_bytes()
    with pytest.raises(ValueError, match="POSCAR"):
        write(path, [chiral_crystal()] * 2, overwrite=True)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["POSCAR"]


def test_unknown_format_is_not_written(tmp_path):
    with pytest.raises(ValueError, match=r"x\.nonsense"):
        write(tmp_path / "x.nonsense", chiral_crystal())
    with pytest.raises(ValueError, match="at least one crystal"):
        write(tmp_path / "x.cif", [])
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("name", ["x.cif", "POSCAR"])
def test_format_without_periodicity_refuses_a_slab(tmp_path, name):
    slab = chiral_crystal().replace(pbc=(True, True, False))
    with pytest.raises(ValueError, match="write extended XYZ instead"):
        write(tmp_path / name, slab)
    write(tmp_path / "x.extxyz", slab)
    assert read(tmp_path / "x.extxyz").pbc == slab.pbc


def test_molecule_gets_a_cell_and_keeps_its_shape(tmp_path):
    path = tmp_path / "water.xyz"
    path.write_text(MOLECULE_XYZ)
    molecule = read(path)
    assert molecule.pbc == (False, False, False)
    assert_allclose(molecule.positions[1], [0, 0.8, -0.5], atol=1e-12)  # round-off
    assert len(neighbors(molecule, 1.2).senders) == 4


def test_missing_vector_of_a_slab_is_completed_at_right_angles():
    atoms = ase.Atoms(
        "Si", cell=[[3, 0, 0], [1, 3, 0], [0, 0, 0]], pbc=(True, True, False)
    )
    cell = Crystal.from_ase(atoms).cell
    assert_allclose(cell[:2] @ cell[2], 0, atol=1e-12)
    assert_allclose(cell[:2], atoms.cell[:2])


def test_missing_vector_of_a_periodic_direction_raises():
    atoms = ase.Atoms("Si", cell=[[3, 0, 0], [0, 3, 0], [0, 0, 0]], pbc=True)
    with pytest.raises(ValueError, match="needs a cell vector"):
        Crystal.from_ase(atoms)


def test_ase_atoms_come_back():
    crystal = chiral_crystal(left_handed=True).replace(pbc=(True, False, True))
    again = Crystal.from_ase(crystal.to_ase())
    assert_allclose(again.fractional, crystal.fractional, atol=1e-12)  # round-off
    assert_allclose(again.cell, crystal.cell)
    assert again.pbc == crystal.pbc


def test_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.cif"):
        read(tmp_path / "nowhere.cif")


def truncated_poscar():
    return "Si\n1.0\n5.4 0 0\n0 5.4 0\n0 0 5.4\nSi\n8\nDirect\n0 0 0\n0.5 0.5"


BAD_FILES = {
    "empty.cif": ("", "is empty"),
    "blank.cif": ("\n\n", "blank"),
    "no_structure.cif": ("data_x\n_cell_length_a 3\n", "no_structure"),
    "text.unknown": ("just some words\n", "as unknown it cannot be read"),
    "POSCAR": (truncated_poscar(), "vasp"),
    "nan.xyz": (
        '1\nLattice="3 0 0 0 3 0 0 0 3"\nSi nan 0 0\n',
        "coordinates must be finite",
    ),
    "flat.xyz": (
        '1\nLattice="3 0 0 0 3 0 3 3 0"\nSi 0 0 0\n',
        "must span a volume",
    ),
    "none.xyz": ('0\nLattice="3 0 0 0 3 0 0 0 3"\n', "at least one atom"),
    "dummy.xyz": ('1\nLattice="3 0 0 0 3 0 0 0 3"\nX 0 0 0\n', "atomic numbers"),
    "partial.cif": (
        ROCK_SALT_CIF.replace("0.5 0.5 0.5 1", "0.5 0.5 0.5 0.8"),
        "occupancy",
    ),
    "shared.cif": (
        ROCK_SALT_CIF.replace("0 0 0 1", "0 0 0 0.5") + "K1 K 0 0 0 0.5\n",
        "listed once|occupancy",
    ),
    "twice.cif": (ROCK_SALT_CIF + "K1 K 0 0 0 1\n", "listed once"),
    "image.cif": (ROCK_SALT_CIF + "Na2 Na 0 0.5 0.5 1\n", "listed once"),
    "angles.cif": (
        ROCK_SALT_CIF.replace("alpha 90", "alpha 150").replace("beta 90", "beta 20"),
        "angles",
    ),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_file_is_refused_by_name_and_reason(tmp_path, name):
    content, reason = BAD_FILES[name]
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(ValueError, match=name) as caught:
        read(path)
    caught.match(reason)


def test_site_listed_twice_without_occupancies_is_refused(tmp_path):
    text = ROCK_SALT_CIF.replace("_atom_site_occupancy\n", "")
    text = text.replace("0 0 0 1", "0 0 0").replace("0.5 1\n", "0.5\n")
    path = tmp_path / "plain.cif"
    path.write_text(text)
    assert read(path).n_atoms == 8
    path.write_text(text + "K1 K 0 0 0\n")
    with pytest.raises(ValueError, match=r"entries 1 .Na. and 3 .K."):
        read(path)


def test_structure_beyond_the_last_is_refused(tmp_path):
    path = tmp_path / "x.extxyz"
    write(path, chiral_crystal())
    with pytest.raises(ValueError, match=r"x\.extxyz holds no structure 5"):
        read(path, 5)


def test_bad_structure_of_several_is_numbered(tmp_path):
    good = '1\nLattice="3 0 0 0 3 0 0 0 3"\nSi 0 0 0\n'
    path = tmp_path / "some.xyz"
    path.write_text(good + good.replace("Si 0", "Si nan") + good)
    with pytest.raises(ValueError, match=r"some\.xyz, structure 1: coordinates"):
        read_all(path)


def test_pymatgen_structure_comes_back():
    pytest.importorskip("pymatgen.core")
    crystal = chiral_crystal(left_handed=True)
    again = Crystal.from_pymatgen(crystal.to_pymatgen())
    assert (again.numbers == crystal.numbers).all()
    assert_allclose(again.fractional, crystal.fractional, atol=1e-12)  # round-off
    assert_allclose(again.cell, crystal.cell, atol=1e-12)


def test_disordered_pymatgen_structure_is_refused():
    core = pytest.importorskip("pymatgen.core")
    structure = core.Structure(
        core.Lattice.cubic(4), [{"Na": 0.5, "K": 0.5}], [[0, 0, 0]]
    )
    with pytest.raises(ValueError, match="ordered arrangement"):
        Crystal.from_pymatgen(structure)


def test_missing_pymatgen_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pymatgen.core", None)
    with pytest.raises(ImportError, match="pip install pymatgen"):
        chiral_crystal().to_pymatgen()


def data(name):
    path = Path(os.environ.get("MATJAX_DATA", "/nonexistent")) / name
    if not path.is_file():
        pytest.skip(f"MATJAX_DATA does not hold {name}")
    return path


def test_perovskites_of_the_data_folder_are_read():
    crystals = read_all(data("perov_5/test.extxyz.gz"))
    assert len(crystals) == 3785
    assert {c.n_atoms for c in crystals} == {5}


def test_refined_structure_of_a_diffraction_cif_is_read():
    crystal = read(data("xrd_experimental/Mg2Si_100K_synchrotron_0.49935A.cif.gz"))
    assert sorted(crystal.symbols) == ["Mg"] * 8 + ["Si"] * 4
    assert space_group(crystal).number == 225
