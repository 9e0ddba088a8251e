"""The crystal: a pure record, its lattice and symmetry, and the files it comes from.

crystal          atomic numbers, fractional coordinates, cell, periodicity
neighbor_search  neighbor lists on the host
lattice          cell parameters, reciprocal vectors, heights, Niggli reduction
symmetry         space groups, standard cells, averages over a group
wyckoff          positions of atoms in a space group
supercell        supercells, their map to the primitive cell, commensurate q
io               reading and writing files of all formats
file_content     format, unpacked bytes and decoded text of files
cif              crystals of CIF blocks
settings         operations of space groups in all their settings, by symbols
poscar           crystals of VASP's files
xyz              frames of extended XYZ
species          elements and isotopes as files name them
plausibility     distances that no crystal has
conversion       crystals from and to ASE and pymatgen
plain            crystals from and to plain JSON
structure_json   crystals of pymatgen's JSON
cif_symmetry     space groups that a block states
cif_sites        sites that a block states
"""

from matjax.crystals.crystal import Crystal as Crystal
from matjax.crystals.crystal import required_fixed as required_fixed
from matjax.crystals.io import read as read
from matjax.crystals.io import read_all as read_all
from matjax.crystals.io import read_each as read_each
from matjax.crystals.io import write as write
from matjax.crystals.lattice import cell_from_parameters as cell_from_parameters
from matjax.crystals.lattice import cell_parameters as cell_parameters
from matjax.crystals.lattice import heights as heights
from matjax.crystals.lattice import inverse as inverse
from matjax.crystals.lattice import niggli_reduce as niggli_reduce
from matjax.crystals.lattice import reciprocal as reciprocal
from matjax.crystals.lattice import volume as volume
from matjax.crystals.neighbor_search import Neighbors as Neighbors
from matjax.crystals.neighbor_search import neighbors as neighbors
from matjax.crystals.neighbor_search import (
    require_separate_atoms as require_separate_atoms,
)
from matjax.crystals.plain import bare as bare
from matjax.crystals.plain import crystal_from_json as crystal_from_json
from matjax.crystals.plain import crystal_to_json as crystal_to_json
from matjax.crystals.supercell import CellMap as CellMap
from matjax.crystals.supercell import Supercell as Supercell
from matjax.crystals.supercell import cell_map as cell_map
from matjax.crystals.supercell import commensurate_q as commensurate_q
from matjax.crystals.supercell import make_supercell as make_supercell
from matjax.crystals.symmetry import Symmetry as Symmetry
from matjax.crystals.symmetry import conventional as conventional
from matjax.crystals.symmetry import niggli as niggli
from matjax.crystals.symmetry import primitive as primitive
from matjax.crystals.symmetry import space_group as space_group
from matjax.crystals.symmetry import symmetrize_tensor as symmetrize_tensor
from matjax.crystals.symmetry import symmetrize_vectors as symmetrize_vectors
from matjax.crystals.symmetry import symmetrized as symmetrized
