"""The crystal core: everything here is a pure function of crystals and graphs.

crystal        atomic numbers, fractional coordinates, cell, periodicity
neighbors      neighbor lists on the host
neighbor_list  neighbor lists under jit, updated as atoms and cells move
graph          padded periodic graphs; gather, scatter, edge vectors
pooling        means over crystals, shares of edges and atoms
triplets       pairs of edges that meet at an atom
subgraphs      shorter and reversed edges, edges to own images, all pairs
reciprocal_space  structure factors, filters and waves
bloch          derivative rules for perturbations of wave vector q
shells         the n nearest neighbors, whole shells of them
batch          from crystals to graphs of bucketed sizes
lattice        cell parameters, reciprocal vectors, heights, Niggli reduction
symmetry       space groups, standard cells, averages over a group
supercell      supercells, their map to the primitive cell, commensurate q
io             reading and writing files of all formats
cif            crystals of CIF blocks; cif_symmetry, cif_sites: what a block states
settings       operations of space groups in all their settings, by symbols
poscar         crystals of VASP's files
xyz            frames of extended XYZ
species        elements and isotopes as files name them
plausibility   distances that no crystal has
conversion     crystals from and to ASE and pymatgen
"""

from matjax.crystals.batch import bucket as bucket
from matjax.crystals.batch import build_graph as build_graph
from matjax.crystals.crystal import Crystal as Crystal
from matjax.crystals.crystal import required_fixed as required_fixed
from matjax.crystals.graph import Graph as Graph
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
from matjax.crystals.neighbor_list import NeighborList as NeighborList
from matjax.crystals.neighbor_list import (
    allocate_neighbor_list as allocate_neighbor_list,
)
from matjax.crystals.neighbor_list import (
    allocate_neighbor_lists as allocate_neighbor_lists,
)
from matjax.crystals.neighbor_list import (
    empty_neighbor_list as empty_neighbor_list,
)
from matjax.crystals.neighbor_list import (
    update_neighbor_list as update_neighbor_list,
)
from matjax.crystals.neighbors import Neighbors as Neighbors
from matjax.crystals.neighbors import neighbors as neighbors
from matjax.crystals.reciprocal_space import (
    integer_wave_vectors as integer_wave_vectors,
)
from matjax.crystals.shells import nearest_neighbors as nearest_neighbors
from matjax.crystals.shells import shell_weights as shell_weights
from matjax.crystals.subgraphs import Reverse as Reverse
from matjax.crystals.subgraphs import Subgraph as Subgraph
from matjax.crystals.subgraphs import all_pairs as all_pairs
from matjax.crystals.subgraphs import gather_reverse as gather_reverse
from matjax.crystals.subgraphs import nearest as nearest
from matjax.crystals.subgraphs import reverse as reverse
from matjax.crystals.subgraphs import self_edges as self_edges
from matjax.crystals.subgraphs import within as within
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
from matjax.crystals.triplets import Triplets as Triplets
from matjax.crystals.triplets import triplets as triplets
