"""What follows from an energy: forces, relaxation, dynamics, calculators.

potential      energies, forces, stresses, Hessian products: the only dE in matjax
"""

from matjax.physics.potential import EnergyModel as EnergyModel
from matjax.physics.potential import Evaluation as Evaluation
from matjax.physics.potential import Potential as Potential
from matjax.physics.potential import Prediction as Prediction
from matjax.physics.potential import energy as energy
from matjax.physics.potential import evaluate as evaluate
from matjax.physics.potential import forces as forces
from matjax.physics.potential import hessian_product as hessian_product
