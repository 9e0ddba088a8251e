"""One potential learns from another: which crystals, what is said of them, how well.

pool             crystals drawn from a data file for training and judging
substitution     crystals that no file has, made from others
labels           labels of many crystals, asked of a potential in processes
teacher          what such a process runs
copies           distorted copies of crystals
phonopy_labels   labels from phonopy's files
labeled_crystal  a crystal with what is known of it and of its copies
phonon_summary   phonons of a crystal in a few numbers
material         labeled copies in three parts, and crystals that are judged
task             what a student predicts, and how errors count
members          several trainings and the one potential that comes of them
judgment         errors of a potential on the test part
cost             time and memory of columns
"""

from typing import TYPE_CHECKING

from matjax.lazy import import_when_used

if TYPE_CHECKING:
    from matjax.distillation.cost import column_costs as column_costs
    from matjax.distillation.judgment import COMPARED as COMPARED
    from matjax.distillation.judgment import Judge as Judge
    from matjax.distillation.labeled_crystal import LabeledCrystal as LabeledCrystal
    from matjax.distillation.labels import Labels as Labels
    from matjax.distillation.labels import label_copies as label_copies
    from matjax.distillation.labels import label_crystals as label_crystals
    from matjax.distillation.labels import survey_phonons as survey_phonons
    from matjax.distillation.material import PARTS as PARTS
    from matjax.distillation.material import Domain as Domain
    from matjax.distillation.material import Material as Material
    from matjax.distillation.material import common_domain as common_domain
    from matjax.distillation.material import cotraining_examples as cotraining_examples
    from matjax.distillation.material import divided as divided
    from matjax.distillation.material import material_of_phonopy as material_of_phonopy
    from matjax.distillation.material import material_of_teacher as material_of_teacher
    from matjax.distillation.members import Member as Member
    from matjax.distillation.members import blended as blended
    from matjax.distillation.members import joint_metrics as joint_metrics
    from matjax.distillation.phonon_summary import PhononSummary as PhononSummary
    from matjax.distillation.phonopy_labels import label_phonopy as label_phonopy
    from matjax.distillation.pool import Cotraining as Cotraining
    from matjax.distillation.pool import Drawn as Drawn
    from matjax.distillation.pool import Pool as Pool
    from matjax.distillation.pool import draw as draw
    from matjax.distillation.pool import draw_cotraining as draw_cotraining
    from matjax.distillation.substitution import substituted as substituted
    from matjax.distillation.task import ColumnLoss as ColumnLoss
    from matjax.distillation.task import Loss as Loss
    from matjax.distillation.task import Losses as Losses
    from matjax.distillation.task import student_task as student_task

import_when_used(__name__)
