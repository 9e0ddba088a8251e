"""Lattice dynamics: from force constants at any q to what is measured.

harmonic              phonons of a crystal; the public record
from_potential        phonons of crystals in a potential
sources               exact force constants of each, in graphs of few shapes
dynamical_matrix      force constants weighted by masses, frequencies and modes
bands                 frequencies along a path, and their branches
mode_projections      shares of modes on atoms, elements and directions
tetrahedra            integrals over the zone
dos                   density of states, total and in parts
derivatives           perturbation theory that is safe at degeneracies
velocities            group velocities, velocities of sound
gruneisen_parameters  how frequencies answer strain
thermal               free and internal energy, entropy, heat capacity
displacements         mean-square displacements and their tensors in CIF files
rules                 rules that force constants obey, how well, and enforcement
polar                 macroscopic field of polar crystals, LO-TO splitting
"""

from matjax.lattice_dynamics.bands import Bands as Bands
from matjax.lattice_dynamics.bands import connect as connect
from matjax.lattice_dynamics.displacements import Displacements as Displacements
from matjax.lattice_dynamics.displacements import cif_loop as cif_loop
from matjax.lattice_dynamics.displacements import (
    mean_square_displacements as mean_square_displacements,
)
from matjax.lattice_dynamics.displacements import u_cif as u_cif
from matjax.lattice_dynamics.dos import DensityOfStates as DensityOfStates
from matjax.lattice_dynamics.dos import density_of_states as density_of_states
from matjax.lattice_dynamics.dynamical_matrix import Modes as Modes
from matjax.lattice_dynamics.from_potential import phonons as phonons
from matjax.lattice_dynamics.gruneisen_parameters import Gruneisen as Gruneisen
from matjax.lattice_dynamics.gruneisen_parameters import gruneisen as gruneisen
from matjax.lattice_dynamics.harmonic import Phonons as Phonons
from matjax.lattice_dynamics.mode_projections import projections as projections
from matjax.lattice_dynamics.mode_projections import site_labels as site_labels
from matjax.lattice_dynamics.polar import PolarPhonons as PolarPhonons
from matjax.lattice_dynamics.polar import path_with_limits as path_with_limits
from matjax.lattice_dynamics.polar import with_polar as with_polar
from matjax.lattice_dynamics.rules import SumRules as SumRules
from matjax.lattice_dynamics.rules import Violation as Violation
from matjax.lattice_dynamics.rules import enforce as enforce
from matjax.lattice_dynamics.rules import sum_rules as sum_rules
from matjax.lattice_dynamics.thermal import Thermal as Thermal
from matjax.lattice_dynamics.thermal import temperature_range as temperature_range
from matjax.lattice_dynamics.thermal import thermal_properties as thermal_properties
from matjax.lattice_dynamics.velocities import AcousticVelocities as AcousticVelocities
from matjax.lattice_dynamics.velocities import (
    acoustic_velocities as acoustic_velocities,
)
from matjax.lattice_dynamics.velocities import group_velocities as group_velocities
