"""One calculation on many crystals.

benchmark   items of a data file; table, figure and errors of predictions
workers     processes that share the crystals out, records that survive a crash
process     what such a process runs
sizes       few sizes of graphs, so that crystals share compiled functions
"""

from matjax.survey.benchmark import item_crystal as item_crystal
from matjax.survey.benchmark import read_items as read_items
from matjax.survey.benchmark import report as report
from matjax.survey.benchmark import small_first as small_first
from matjax.survey.sizes import SizedPotential as SizedPotential
from matjax.survey.sizes import relax_sized as relax_sized
from matjax.survey.sizes import sized_potential as sized_potential
from matjax.survey.workers import Failure as Failure
from matjax.survey.workers import choose as choose
from matjax.survey.workers import read_records as read_records
from matjax.survey.workers import survey as survey
