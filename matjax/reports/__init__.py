"""Tables and figures of results. The only home of matplotlib.

drawing        one style for all figures, and their writing
captions       what figures say of a crystal
phonons        bands, and beside them the density of states
phonon_tables  tables of phonons, and the numbers and remarks that sum them up
thermal        thermal properties by temperature
elasticity     a modulus by direction
descents       soft modes and the way down from them
stability      the same in words and as plain JSON
training       how errors fell; predictions beside labels
calibration    how sure predictions are, and whether rightly
leaderboard    networks side by side
students       phonons of a student beside those of its teacher
parity         predictions against references, the panel
screening      a screen at one glance: outcomes, distributions, agreement
distributions  numbers of samples beside those of data
structures     crystals side by side
candidates     candidates side by side as pictures, the way to one as animation
costs          time and memory beside other routes and codes
"""

from typing import TYPE_CHECKING

from matjax.lazy import import_when_used

if TYPE_CHECKING:
    from matjax.reports.calibration import calibration_figure as calibration_figure
    from matjax.reports.calibration import reliability_figure as reliability_figure
    from matjax.reports.candidates import candidates_figure as candidates_figure
    from matjax.reports.candidates import save_animation as save_animation
    from matjax.reports.captions import IMAGINARY as IMAGINARY
    from matjax.reports.captions import UNCONVERGED as UNCONVERGED
    from matjax.reports.captions import figure_title as figure_title
    from matjax.reports.costs import neighbor_cost_figure as neighbor_cost_figure
    from matjax.reports.costs import phonon_cost_figure as phonon_cost_figure
    from matjax.reports.descents import descent_figure as descent_figure
    from matjax.reports.distributions import distribution_figure as distribution_figure
    from matjax.reports.drawing import new_figure as new_figure
    from matjax.reports.drawing import save_figure as save_figure
    from matjax.reports.drawing import style as style
    from matjax.reports.elasticity import young_figure as young_figure
    from matjax.reports.leaderboard import leaderboard_figure as leaderboard_figure
    from matjax.reports.leaderboard import ranked as ranked
    from matjax.reports.parity import Agreement as Agreement
    from matjax.reports.parity import agreement as agreement
    from matjax.reports.parity import draw_parity as draw_parity
    from matjax.reports.phonons import band_points as band_points
    from matjax.reports.phonons import draw_bands as draw_bands
    from matjax.reports.phonons import phonon_figure as phonon_figure
    from matjax.reports.phonons import stagger_labels as stagger_labels
    from matjax.reports.screening import ColumnValues as ColumnValues
    from matjax.reports.screening import overview_figure as overview_figure
    from matjax.reports.stability import stage_in_words as stage_in_words
    from matjax.reports.stability import stage_record as stage_record
    from matjax.reports.stability import verdict as verdict
    from matjax.reports.structures import contribution_figure as contribution_figure
    from matjax.reports.structures import structure_figure as structure_figure
    from matjax.reports.students import student_figure as student_figure
    from matjax.reports.students import student_table as student_table
    from matjax.reports.thermal import thermal_figure as thermal_figure
    from matjax.reports.training import learning_figure as learning_figure
    from matjax.reports.training import parity_figure as parity_figure

import_when_used(__name__)
