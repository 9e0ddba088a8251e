"""Training: the data side: labeled crystals, statistics, batches.

datasets    labeled crystals from files, folders and named data sets
splits      disjoint parts of a data set
graphs      their graphs, neighbor lists kept; padded batches
statistics  reference energies, scales, sizes, shapes of batches
parts       batches divided over processes and devices
loader      the stream of batches
"""

from matjax.train.datasets import Dataset as Dataset
from matjax.train.datasets import Example as Example
from matjax.train.datasets import find_data as find_data
from matjax.train.datasets import read_dataset as read_dataset
from matjax.train.graphs import Batch as Batch
from matjax.train.graphs import LabeledGraphs as LabeledGraphs
from matjax.train.graphs import Shape as Shape
from matjax.train.loader import Batches as Batches
from matjax.train.loader import Loader as Loader
from matjax.train.loader import in_order as in_order
from matjax.train.parts import Share as Share
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
