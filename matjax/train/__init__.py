"""Training: data, losses, one step for every model, the loop around it.

datasets    labeled crystals from files, folders and named data sets
splits      disjoint parts of a data set
graphs      their graphs, neighbor lists kept; padded batches
statistics  reference energies, scales, sizes, shapes of batches
parts       batches divided over processes and devices
loader      the stream of batches
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
session     a training as experiments set it up
"""

from matjax.train.checkpoints import Checkpoints as Checkpoints
from matjax.train.columns import ColumnBatch as ColumnBatch
from matjax.train.columns import ColumnExample as ColumnExample
from matjax.train.columns import ColumnLoader as ColumnLoader
from matjax.train.columns import common_shape as common_shape
from matjax.train.columns import common_shapes as common_shapes
from matjax.train.columns import random_columns as random_columns
from matjax.train.datasets import Dataset as Dataset
from matjax.train.datasets import Example as Example
from matjax.train.datasets import joined as joined
from matjax.train.datasets import read_dataset as read_dataset
from matjax.train.graphs import Batch as Batch
from matjax.train.graphs import LabeledGraphs as LabeledGraphs
from matjax.train.graphs import Shape as Shape
from matjax.train.loader import Batches as Batches
from matjax.train.loader import Loader as Loader
from matjax.train.loader import in_order as in_order
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
from matjax.train.parts import Share as Share
from matjax.train.predictions import Comparison as Comparison
from matjax.train.predictions import compare as compare
from matjax.train.predictions import mean_absolute_errors as mean_absolute_errors
from matjax.train.predictions import potential_predictions as potential_predictions
from matjax.train.predictions import property_predictions as property_predictions
from matjax.train.records import read_records as read_records
from matjax.train.references import with_references as with_references
from matjax.train.session import Data as Data
from matjax.train.session import Judgment as Judgment
from matjax.train.session import fit_graphs as fit_graphs
from matjax.train.session import judge as judge
from matjax.train.session import new_potential as new_potential
from matjax.train.session import process_share as process_share
from matjax.train.sharding import device_mesh as device_mesh
from matjax.train.sharding import gathered as gathered
from matjax.train.sharding import place_batch as place_batch
from matjax.train.sharding import place_state as place_state
from matjax.train.sharding import state_shardings as state_shardings
from matjax.train.splits import split as split
from matjax.train.statistics import References as References
from matjax.train.statistics import Shapes as Shapes
from matjax.train.statistics import Statistics as Statistics
from matjax.train.statistics import bucket_sizes as bucket_sizes
from matjax.train.statistics import (
    dataset_statistics as dataset_statistics,
)
from matjax.train.statistics import describe as describe
from matjax.train.statistics import force_rms as force_rms
from matjax.train.statistics import reference_energies as reference_energies
from matjax.train.step import Report as Report
from matjax.train.step import TrainState as TrainState
from matjax.train.step import make_evaluation as make_evaluation
from matjax.train.step import make_train_step as make_train_step
