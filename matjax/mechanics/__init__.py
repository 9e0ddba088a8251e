"""Atoms at rest and in motion: relaxation, elasticity, dynamics.

landscape   the enthalpy as a function of one array of coordinates
relaxation  relaxation of atoms and cell
batch       many crystals on their way to rest, each with its own end
rows        crystals as rows of few shapes
stepping    steps of all rows in one compiled loop
ensembles   NVE, NVT, Langevin and NPT through jax-md
dynamics    molecular dynamics
lockstep    crystals in motion, in batches that keep step
trajectory  the record of a run
elasticity  the elastic tensor: moduli, stability, sound velocities
elastic_response  elastic constants with relaxing atoms, of one crystal or many
chunks      what compiled loops share
fire        fast inertial relaxation, an (init, step) pair
lbfgs       L-BFGS, likewise
motion      integrators of jax-md on periodic graphs
"""

from matjax.mechanics.dynamics import molecular_dynamics as molecular_dynamics
from matjax.mechanics.elastic_response import elastic as elastic
from matjax.mechanics.elasticity import Elasticity as Elasticity
from matjax.mechanics.elasticity import sound_velocities as sound_velocities
from matjax.mechanics.ensembles import NPT as NPT
from matjax.mechanics.ensembles import NVE as NVE
from matjax.mechanics.ensembles import NVT as NVT
from matjax.mechanics.ensembles import Langevin as Langevin
from matjax.mechanics.relaxation import Relaxation as Relaxation
from matjax.mechanics.relaxation import relax as relax
from matjax.mechanics.trajectory import Trajectory as Trajectory
