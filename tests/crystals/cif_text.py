"""CIFs as text, and comparison of what is read with what was meant."""

import numpy as np
from scipy.spatial import KDTree

from matjax.crystals import neighbors

CUBIC = (5.64, 5.64, 5.64, 90, 90, 90)
MONOCLINIC = (5.1, 6.2, 7.3, 90, 101.5, 90)
SALT = ("Na1 Na 0 0 0", "Cl1 Cl 0.5 0.5 0.5")
ROCK_SALT = "_space_group_name_H-M_alt 'F m -3 m'"


def cif(
    *symmetry,
    cell=CUBIC,
    sites=SALT,
    columns=("label", "type_symbol", "fract_x", "fract_y", "fract_z"),
    name="x",
):
    """One data block; each of ``symmetry`` is a line, each of ``sites`` a row."""
    tags = ("length_a", "length_b", "length_c")
    tags += ("angle_alpha", "angle_beta", "angle_gamma")
    lines = [f"data_{name}"]
    lines += [f"_cell_{tag} {value}" for tag, value in zip(tags, cell, strict=True)]
    lines += [*symmetry, "loop_", *(f"_atom_site_{column}" for column in columns)]
    return "\n".join([*lines, *sites, ""])


def operations_loop(triplets, tag="_space_group_symop_operation_xyz"):
    """A loop of symmetry operations."""
    return "\n".join(["loop_", tag, *(f"'{t}'" for t in triplets)])


def assert_same_places(crystal, numbers, fractional, atol):
    """The same atoms modulo lattice vectors, in any order."""
    np.testing.assert_array_equal(np.sort(crystal.numbers), np.sort(numbers))
    for z in set(np.asarray(numbers).tolist()):
        found = np.asarray(crystal.fractional)[np.asarray(crystal.numbers) == z]
        expected = np.asarray(fractional)[np.asarray(numbers) == z]
        tree = KDTree(expected % 1.0 % 1.0, boxsize=1.0)
        distance, partner = tree.query(found % 1.0 % 1.0)
        assert distance.max() < atol
        assert len(set(partner.tolist())) == len(expected)


ROCK_SALT_CIF = """data_NaCl
_cell_length_a 5.64
_cell_length_b 5.64
_cell_length_c 5.64
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'F m -3 m'
_symmetry_Int_Tables_number 225
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Na1 Na 0 0 0 1
Cl1 Cl 0.5 0.5 0.5 1
"""


def shortest(crystal):
    edges = neighbors(crystal, 3.5)
    x = np.asarray(crystal.positions)
    steps = x[edges.senders] + edges.shifts @ crystal.cell - x[edges.receivers]
    return np.linalg.norm(steps, axis=1).min()
