"""One calculation on many crystals.

benchmark     items of a data file; table, figure and errors of predictions
pool          crystals drawn from a data file for training and judging
teacher       what a potential says of crystals and distorted copies, to be learned
substitution  crystals that no file has, made from others
peers         several codes on the same work, in turns
workers       processes that share the crystals out, records that survive a crash
process       what such a process runs
sizes         few sizes of graphs, so that crystals share compiled functions
"""

from matjax.survey.benchmark import composition as composition
from matjax.survey.benchmark import crystal_item as crystal_item
from matjax.survey.benchmark import fingerprints as fingerprints
from matjax.survey.benchmark import item_crystal as item_crystal
from matjax.survey.benchmark import read_items as read_items
from matjax.survey.benchmark import report as report
from matjax.survey.benchmark import small_first as small_first
from matjax.survey.peers import Code as Code
from matjax.survey.peers import in_turns as in_turns
from matjax.survey.pool import Cotraining as Cotraining
from matjax.survey.pool import Drawn as Drawn
from matjax.survey.pool import Pool as Pool
from matjax.survey.pool import draw as draw
from matjax.survey.pool import draw_cotraining as draw_cotraining
from matjax.survey.sizes import SizedPotential as SizedPotential
from matjax.survey.sizes import divisions as divisions
from matjax.survey.sizes import relax_sized as relax_sized
from matjax.survey.sizes import sized_potential as sized_potential
from matjax.survey.teacher import Labels as Labels
from matjax.survey.teacher import column_examples as column_examples
from matjax.survey.teacher import label_copies as label_copies
from matjax.survey.teacher import label_crystals as label_crystals
from matjax.survey.teacher import label_phonopy as label_phonopy
from matjax.survey.teacher import survey_phonons as survey_phonons
from matjax.survey.workers import Failure as Failure
from matjax.survey.workers import all_values as all_values
from matjax.survey.workers import choose as choose
from matjax.survey.workers import read_records as read_records
from matjax.survey.workers import survey as survey
