"""Lattice dynamics from the response of the primitive cell, exact at every q.

response            force constants at any q, without supercells
dynamical_matrix    dynamical matrix, frequencies and modes; the public record
interpolation       force constants between atoms, and their Fourier sum
symmetry            how symmetry acts on force constants, columns that it leaves
grids               exact force constants on grids of q
refinement          interpolation from grids, with a measured error
kriging             force constants at some q predicted from those at others
sampling            exact ones where predictions are least certain, others predicted
qpoints             symmetry-reduced meshes and paths of q
standard_paths      named points of zones and lines between them
bands               frequencies along a path, and their branches
projections         shares of modes on atoms, elements and directions
tetrahedra          integrals over the zone
dos                 density of states, total and in parts
derivatives         perturbation theory that is safe at degeneracies
velocities          group velocities, velocities of sound
gruneisen           how frequencies answer strain
volumes             free energies at several volumes (quasiharmonic)
equation_of_state   energy by volume, fitted (quasiharmonic)
quasiharmonic       thermal expansion, bulk moduli and C_p by temperature
stability           where the zone is softest
order_parameter     displacements of a soft mode and their symmetry
modulation          the way down from an unstable crystal
thermal             free and internal energy, entropy, heat capacity
displacements       mean-square displacements and their tensors in CIF files
sum_rules           rules that force constants obey, how well, and enforcement
pair_rules          the same for force constants between atoms
polar               macroscopic field of polar crystals, LO-TO splitting
ewald               sums over dipoles
interchange         phonons from the files of phonopy
phonopy_yaml        parser of its yaml files, against a schema
phonopy_files       parsers of its plain files
force_sets          force constants from forces on single displaced atoms
force_fit           force constants from any displacements
export              files for phonopy, the phonon website, viewers of modes
finite_displacements    phonons by phonopy and supercells, to compare with
"""

from matjax.phonons.bands import Bands as Bands
from matjax.phonons.bands import connect as connect
from matjax.phonons.displacements import Displacements as Displacements
from matjax.phonons.displacements import cif_loop as cif_loop
from matjax.phonons.displacements import (
    mean_square_displacements as mean_square_displacements,
)
from matjax.phonons.displacements import u_cif as u_cif
from matjax.phonons.dos import DensityOfStates as DensityOfStates
from matjax.phonons.dos import density_of_states as density_of_states
from matjax.phonons.dynamical_matrix import ForceConstants as ForceConstants
from matjax.phonons.dynamical_matrix import Modes as Modes
from matjax.phonons.dynamical_matrix import Phonons as Phonons
from matjax.phonons.dynamical_matrix import phonons as phonons
from matjax.phonons.export import write_animation as write_animation
from matjax.phonons.export import write_phononwebsite as write_phononwebsite
from matjax.phonons.export import write_phonopy as write_phonopy
from matjax.phonons.finite_displacements import (
    FiniteDisplacements as FiniteDisplacements,
)
from matjax.phonons.finite_displacements import (
    finite_displacements as finite_displacements,
)
from matjax.phonons.grids import SymmetricResponse as SymmetricResponse
from matjax.phonons.gruneisen import Gruneisen as Gruneisen
from matjax.phonons.gruneisen import gruneisen as gruneisen
from matjax.phonons.interchange import read_phonopy as read_phonopy
from matjax.phonons.interpolation import (
    RealSpaceForceConstants as RealSpaceForceConstants,
)
from matjax.phonons.interpolation import from_grid as from_grid
from matjax.phonons.interpolation import from_supercell as from_supercell
from matjax.phonons.modulation import Branch as Branch
from matjax.phonons.modulation import Descent as Descent
from matjax.phonons.modulation import FollowSettings as FollowSettings
from matjax.phonons.modulation import Stage as Stage
from matjax.phonons.modulation import descend as descend
from matjax.phonons.modulation import follow_mode as follow_mode
from matjax.phonons.order_parameter import commensurate_cell as commensurate_cell
from matjax.phonons.polar import PolarPhonons as PolarPhonons
from matjax.phonons.polar import path_with_limits as path_with_limits
from matjax.phonons.polar import with_polar as with_polar
from matjax.phonons.projections import projections as projections
from matjax.phonons.projections import site_labels as site_labels
from matjax.phonons.qpoints import Mesh as Mesh
from matjax.phonons.qpoints import Path as Path
from matjax.phonons.qpoints import band_path as band_path
from matjax.phonons.qpoints import mesh_divisions as mesh_divisions
from matjax.phonons.qpoints import path_through as path_through
from matjax.phonons.qpoints import regular_mesh as regular_mesh
from matjax.phonons.quasiharmonic import QuasiHarmonic as QuasiHarmonic
from matjax.phonons.quasiharmonic import gruneisen_expansion as gruneisen_expansion
from matjax.phonons.quasiharmonic import quasiharmonic as quasiharmonic
from matjax.phonons.response import Response as Response
from matjax.phonons.response import force_constant_columns as force_constant_columns
from matjax.phonons.response import force_constants as force_constants
from matjax.phonons.stability import SoftMode as SoftMode
from matjax.phonons.stability import Stability as Stability
from matjax.phonons.stability import examine_stability as examine_stability
from matjax.phonons.stability import lowest_mode as lowest_mode
from matjax.phonons.stability import mode_at as mode_at
from matjax.phonons.sum_rules import SumRules as SumRules
from matjax.phonons.sum_rules import Violation as Violation
from matjax.phonons.sum_rules import enforce as enforce
from matjax.phonons.sum_rules import sum_rules as sum_rules
from matjax.phonons.thermal import Thermal as Thermal
from matjax.phonons.thermal import temperature_range as temperature_range
from matjax.phonons.thermal import thermal_properties as thermal_properties
from matjax.phonons.velocities import AcousticVelocities as AcousticVelocities
from matjax.phonons.velocities import acoustic_velocities as acoustic_velocities
from matjax.phonons.velocities import group_velocities as group_velocities
from matjax.phonons.volumes import VolumeScan as VolumeScan
from matjax.phonons.volumes import thermal_scan as thermal_scan
from matjax.phonons.volumes import volume_scan as volume_scan
from matjax.phonons.volumes import volume_series as volume_series
