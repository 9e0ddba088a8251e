"""Training: losses, one step for every model, the loop around it.

columns     columns of force constants at random q, their stream of batches
references  energies of the elements, fitted before training
predictions what models say of a batch; comparisons with labels
losses      terms of a loss, as sums that add up over devices
metrics     errors in words and units
optimizers  Optax chains by name
step        one step: state and batch to the next state
sharding    batches and states on all devices
checkpoints what a run needs to go on, through Orbax
records     metrics by step, watch over losses
loop        training from start or checkpoint to the end
"""

from matjax.train.checkpoints import Checkpoints as Checkpoints
from matjax.train.columns import ColumnBatch as ColumnBatch
from matjax.train.columns import ColumnExample as ColumnExample
from matjax.train.columns import ColumnLoader as ColumnLoader
from matjax.train.columns import common_shape as common_shape
from matjax.train.columns import common_shapes as common_shapes
from matjax.train.columns import random_columns as random_columns
from matjax.train.loop import FitConfig as FitConfig
from matjax.train.loop import Fitted as Fitted
from matjax.train.loop import Task as Task
from matjax.train.loop import fit as fit
from matjax.train.losses import Kind as Kind
from matjax.train.losses import Predict as Predict
from matjax.train.losses import Sums as Sums
from matjax.train.losses import Term as Term
from matjax.train.losses import term_sums as term_sums
from matjax.train.losses import total as total
from matjax.train.optimizers import OptimizerConfig as OptimizerConfig
from matjax.train.optimizers import make_optimizer as make_optimizer
from matjax.train.optimizers import make_schedule as make_schedule
from matjax.train.predictions import Comparison as Comparison
from matjax.train.predictions import compare as compare
from matjax.train.predictions import mean_absolute_errors as mean_absolute_errors
from matjax.train.predictions import potential_predictions as potential_predictions
from matjax.train.predictions import property_predictions as property_predictions
from matjax.train.records import read_records as read_records
from matjax.train.references import with_references as with_references
from matjax.train.sharding import device_mesh as device_mesh
from matjax.train.sharding import gathered as gathered
from matjax.train.sharding import place_batch as place_batch
from matjax.train.sharding import place_state as place_state
from matjax.train.sharding import state_shardings as state_shardings
from matjax.train.step import Report as Report
from matjax.train.step import TrainState as TrainState
from matjax.train.step import make_evaluation as make_evaluation
from matjax.train.step import make_train_step as make_train_step
