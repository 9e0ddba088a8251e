"""Figures of results.

figures  the figures that studies draw
"""

from typing import TYPE_CHECKING

from matjax.lazy import import_when_used

if TYPE_CHECKING:
    from matjax.reports.figures import IMAGINARY as IMAGINARY
    from matjax.reports.figures import UNCONVERGED as UNCONVERGED
    from matjax.reports.figures import band_points as band_points
    from matjax.reports.figures import draw_bands as draw_bands
    from matjax.reports.figures import figure_title as figure_title
    from matjax.reports.figures import learning_figure as learning_figure
    from matjax.reports.figures import new_figure as new_figure
    from matjax.reports.figures import parity_figure as parity_figure
    from matjax.reports.figures import phonon_figure as phonon_figure
    from matjax.reports.figures import save_figure as save_figure
    from matjax.reports.figures import stagger_labels as stagger_labels
    from matjax.reports.figures import style as style
    from matjax.reports.figures import thermal_figure as thermal_figure

import_when_used(__name__)
