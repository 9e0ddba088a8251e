"""Labeled crystals: data sets, their graphs, statistics and streams of batches.

datasets        labeled crystals from files, folders and named data sets
splits          disjoint parts of a data set
labeled_graphs  their graphs, neighbor lists kept; padded batches
statistics      reference energies, scales, sizes, shapes of batches
assembly        batches divided over processes and devices
loader          the stream of batches
batch_numbers   batches that carry their number
sources         data sets by path or name
published       data sets that their authors publish
entry           crystals one after another, from files, folders, tables, databases
structure_tables files that are tables with a structure in each row
csv_structures  those of a CSV with a column of CIF texts
json_structures those of pymatgen's JSON
ase_database    those of ASE's databases
optimade        those of databases with an OPTIMADE interface
hull            energies above the hull of competing phases
items           crystals of a source by key, with reference values
"""

from matjax.data.assembly import Share as Share
from matjax.data.batch_numbers import NumberedLoader as NumberedLoader
from matjax.data.batch_numbers import numbered as numbered
from matjax.data.datasets import Dataset as Dataset
from matjax.data.datasets import Example as Example
from matjax.data.datasets import joined as joined
from matjax.data.datasets import read_dataset as read_dataset
from matjax.data.entry import Entry as Entry
from matjax.data.entry import entries as entries
from matjax.data.entry import source_parts as source_parts
from matjax.data.hull import AboveHull as AboveHull
from matjax.data.hull import energies_above_hull as energies_above_hull
from matjax.data.items import Item as Item
from matjax.data.items import choose as choose
from matjax.data.items import composition as composition
from matjax.data.items import fingerprints as fingerprints
from matjax.data.items import read_items as read_items
from matjax.data.items import small_first as small_first
from matjax.data.labeled_graphs import Batch as Batch
from matjax.data.labeled_graphs import LabeledGraphs as LabeledGraphs
from matjax.data.loader import Batches as Batches
from matjax.data.loader import Loader as Loader
from matjax.data.loader import in_order as in_order
from matjax.data.splits import by_group as by_group
from matjax.data.splits import fold as fold
from matjax.data.splits import split as split
from matjax.data.statistics import References as References
from matjax.data.statistics import Statistics as Statistics
from matjax.data.statistics import dataset_statistics as dataset_statistics
from matjax.data.statistics import describe as describe
from matjax.data.statistics import force_rms as force_rms
from matjax.data.statistics import reference_energies as reference_energies
