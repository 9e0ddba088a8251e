"""Force constants of the infinite crystal, exact at every q, without supercells.

protocol        what all sources of force constants have in common
response        force constants at any q, without supercells
columns         products with displacement patterns, of one crystal or many
interpolation   force constants between atoms, and their Fourier sum
symmetry        how symmetry acts on force constants, columns that it leaves
grids           exact force constants on grids of q
many_grids      the same of many crystals through shared calls
refinement      interpolation from grids, with a measured error
kriging         force constants at some q predicted from those at others
sampling        exact ones where predictions are least certain, others predicted
qpoints         symmetry-reduced meshes and paths of q
standard_paths  named points of zones and lines between them
pair_rules      the same for force constants between atoms
ewald           sums over dipoles
force_sets      force constants from forces on single displaced atoms
force_fit       force constants from any displacements
"""

from matjax.force_constants.columns import (
    force_constant_columns as force_constant_columns,
)
from matjax.force_constants.grids import SymmetricResponse as SymmetricResponse
from matjax.force_constants.interpolation import (
    RealSpaceForceConstants as RealSpaceForceConstants,
)
from matjax.force_constants.interpolation import from_grid as from_grid
from matjax.force_constants.interpolation import from_supercell as from_supercell
from matjax.force_constants.protocol import ForceConstants as ForceConstants
from matjax.force_constants.qpoints import BandPath as BandPath
from matjax.force_constants.qpoints import Mesh as Mesh
from matjax.force_constants.qpoints import band_path as band_path
from matjax.force_constants.qpoints import divisions as divisions
from matjax.force_constants.qpoints import mesh_divisions as mesh_divisions
from matjax.force_constants.qpoints import path_through as path_through
from matjax.force_constants.qpoints import regular_mesh as regular_mesh
from matjax.force_constants.response import Response as Response
from matjax.force_constants.response import force_constants as force_constants
