"""What follows from an energy: forces, relaxation, dynamics, calculators.

potential      energies, forces, stresses, Hessian products: the only dE in matjax
committee      several potentials as one, and how far they disagree
landscape      the enthalpy as a function of one array of coordinates
fire, lbfgs    relaxation algorithms on it
relax          relaxation of atoms and cell
ensembles      NVE, NVT, Langevin and NPT through jax-md
md             molecular dynamics
trajectory     the record of a run
elastic        elastic constants with relaxing atoms, moduli, sound velocities
property       networks that give properties, with their units
chunks         what compiled loops share
calculator     a potential as an ASE calculator
"""

from matjax.errors import DivergenceError as DivergenceError
from matjax.physics.calculator import ase_calculator as ase_calculator
from matjax.physics.committee import Committee as Committee
from matjax.physics.committee import evaluate_members as evaluate_members
from matjax.physics.elastic import Elasticity as Elasticity
from matjax.physics.elastic import elastic as elastic
from matjax.physics.elastic import sound_velocities as sound_velocities
from matjax.physics.ensembles import NPT as NPT
from matjax.physics.ensembles import NVE as NVE
from matjax.physics.ensembles import NVT as NVT
from matjax.physics.ensembles import Langevin as Langevin
from matjax.physics.md import molecular_dynamics as molecular_dynamics
from matjax.physics.potential import EnergyModel as EnergyModel
from matjax.physics.potential import Evaluation as Evaluation
from matjax.physics.potential import Potential as Potential
from matjax.physics.potential import Prediction as Prediction
from matjax.physics.potential import energy as energy
from matjax.physics.potential import evaluate as evaluate
from matjax.physics.potential import forces as forces
from matjax.physics.potential import hessian_product as hessian_product
from matjax.physics.property import PropertyModel as PropertyModel
from matjax.physics.property import PropertyPredictor as PropertyPredictor
from matjax.physics.relax import Relaxation as Relaxation
from matjax.physics.relax import relax as relax
from matjax.physics.trajectory import Trajectory as Trajectory
