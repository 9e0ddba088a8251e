"""Models with their parameters: the only derivative of an energy in matjax.

network     what they have in common
labels      kinds of values that are known or predicted, in one table
batches     many crystals as graphs of few shapes
potential   energies, forces, stresses, Hessian products: the only dE in matjax
budget      how many crystals a device holds
committee   several potentials as one, and how far they disagree
property    networks that give properties, with their units
contributions  what each atom adds to a property
outputs     what some potentials give beside energies
calculator  a potential as an ASE calculator
"""

from matjax.predictors.budget import slots_that_fit as slots_that_fit
from matjax.predictors.calculator import ase_calculator as ase_calculator
from matjax.predictors.committee import Committee as Committee
from matjax.predictors.committee import evaluate_members as evaluate_members
from matjax.predictors.contributions import atom_contributions as atom_contributions
from matjax.predictors.labels import LABELS as LABELS
from matjax.predictors.labels import Label as Label
from matjax.predictors.labels import as_label as as_label
from matjax.predictors.network import Model as Model
from matjax.predictors.network import Network as Network
from matjax.predictors.network import initial_parameters as initial_parameters
from matjax.predictors.network import parameter_shapes as parameter_shapes
from matjax.predictors.outputs import other_outputs as other_outputs
from matjax.predictors.potential import EnergyModel as EnergyModel
from matjax.predictors.potential import Evaluation as Evaluation
from matjax.predictors.potential import Potential as Potential
from matjax.predictors.potential import Prediction as Prediction
from matjax.predictors.potential import energy as energy
from matjax.predictors.potential import evaluate as evaluate
from matjax.predictors.potential import forces as forces
from matjax.predictors.potential import hessian_product as hessian_product
from matjax.predictors.property import Properties as Properties
from matjax.predictors.property import PropertyModel as PropertyModel
from matjax.predictors.property import PropertyPredictor as PropertyPredictor
