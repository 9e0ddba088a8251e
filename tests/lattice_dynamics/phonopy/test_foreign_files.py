"""Phonopy's files that are damaged, or do not belong together."""

import pytest

import matjax as mj
from tests.lattice_dynamics.phonopy.calculations import (
    displaced,
    file_io,
    with_born,
    write_disp,
)


@pytest.fixture
def folder(tmp_path):
    made = with_born(displaced("rocksalt"))
    params = made.nac_params
    made.nac_params = None
    write_disp(made, tmp_path)
    file_io.write_BORN(
        made.primitive, params["born"], params["dielectric"], tmp_path / "BORN"
    )
    return tmp_path


def test_a_folder_without_a_description_of_the_crystal_is_refused(folder):
    with pytest.raises(FileNotFoundError, match=r"phonopy_params\.yaml"):
        mj.read_phonopy(folder / "nothing")


def test_missing_forces_are_named(folder):
    (folder / "FORCE_SETS").unlink()
    with pytest.raises(FileNotFoundError, match="neither FORCE_SETS nor"):
        mj.read_phonopy(folder)
    (folder / "force_constants.hdf5").write_bytes(b"")
    with pytest.raises(FileNotFoundError, match="as text"):
        mj.read_phonopy(folder)


def test_forces_of_another_supercell_are_refused(folder):
    other = displaced("skewed")
    file_io.write_FORCE_SETS(other.dataset, filename=folder / "FORCE_SETS")
    with pytest.raises(ValueError, match="forces on the 8 atoms"):
        mj.read_phonopy(folder)


def test_forces_of_other_displacements_are_refused(folder):
    path = folder / "FORCE_SETS"
    path.write_text(path.read_text().replace("0.0200000", "0.0300000"))
    with pytest.raises(ValueError, match=r"set 1 differ by 0\.01 Å"):
        mj.read_phonopy(folder)


def test_a_set_too_few_is_noticed(folder):
    path = folder / "FORCE_SETS"
    lines = path.read_text().splitlines()
    lines[1] = "1"
    path.write_text("\n".join(lines[: 2 + (len(lines) - 2) // 2]))
    with pytest.raises(ValueError, match="each of 2 displacements"):
        mj.read_phonopy(folder)


def test_forces_cut_short_are_refused(folder):
    path = folder / "FORCE_SETS"
    path.write_text("\n".join(path.read_text().splitlines()[:-2]))
    with pytest.raises(ValueError, match="cut short"):
        mj.read_phonopy(folder)


def test_forces_that_are_no_numbers_are_refused(folder):
    path = folder / "FORCE_SETS"
    path.write_text(path.read_text() + "end\n")
    with pytest.raises(ValueError, match="numbers only"):
        mj.read_phonopy(folder)


def test_an_atom_without_a_set_is_noticed(folder):
    path = folder / "FORCE_SETS"
    lines = path.read_text().splitlines()
    lines[1] = "1"
    path.write_text("\n".join(lines[: 2 + (len(lines) - 2) // 2]))
    yaml = folder / "phonopy_disp.yaml"
    text = yaml.read_text()
    yaml.write_text(text[: text.index("displacements:")])
    with pytest.raises(ValueError, match="sets of forces missing"):
        mj.read_phonopy(folder)


def test_charges_of_another_number_of_atoms_are_refused(folder):
    path = folder / "BORN"
    path.write_text(path.read_text() + "\n" + "1.0 0 0 0 1.0 0 0 0 1.0")
    with pytest.raises(ValueError, match="of the 2 atoms"):
        mj.read_phonopy(folder)


def test_charges_that_do_not_add_up_are_refused(folder):
    path = folder / "BORN"
    path.write_text(path.read_text().replace("-1.1", " 1.1"))
    with pytest.raises(ValueError, match="add up to zero"):
        mj.read_phonopy(folder)


def test_charges_that_break_the_symmetry_are_refused(folder):
    lines = (folder / "BORN").read_text().splitlines()
    lines[2] = "1.1 0 0.5 0 1.1 0 0 0 1.1"
    (folder / "BORN").write_text("\n".join(lines))
    with pytest.raises(ValueError, match="space group Fm-3m"):
        mj.read_phonopy(folder)


def test_a_line_of_eight_numbers_is_refused(folder):
    path = folder / "BORN"
    path.write_text(path.read_text().rsplit(maxsplit=1)[0])
    with pytest.raises(ValueError, match="nine numbers"):
        mj.read_phonopy(folder)


def test_force_constants_of_another_supercell_are_refused(folder):
    other = displaced("skewed")
    other.produce_force_constants()
    file_io.write_FORCE_CONSTANTS(
        other.force_constants, filename=folder / "FORCE_CONSTANTS"
    )
    with pytest.raises(ValueError, match="all 8 of the supercell"):
        mj.read_phonopy(folder)


def test_yaml_that_is_none_is_refused(folder):
    (folder / "phonopy_disp.yaml").write_text("a: [1, 2")
    with pytest.raises(ValueError, match="cannot be read as YAML"):
        mj.read_phonopy(folder)
    (folder / "phonopy_disp.yaml").write_text("a: 1\n")
    with pytest.raises(ValueError, match="unit_cell is missing"):
        mj.read_phonopy(folder)


def test_an_unknown_method_is_refused(folder):
    with pytest.raises(ValueError, match="'gonze' or 'wang'"):
        mj.read_phonopy(folder, method="ewald")
