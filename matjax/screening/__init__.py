"""Screens: named columns of many crystals, shared out over workers.

settings  what a screen is told
batch     crystals that are worked on together, and what is computed of them once
columns   the columns: functions of a batch, by name
worker    what a worker does with a batch
pipeline  entries in, records out
table     the table and the structures of a screen, line by line
tally     its numbers side by side, and their errors
"""

from typing import TYPE_CHECKING

from matjax.lazy import import_when_used

if TYPE_CHECKING:
    from matjax.screening.batch import Batch as Batch
    from matjax.screening.columns import COLUMNS as COLUMNS
    from matjax.screening.columns import Column as Column
    from matjax.screening.columns import Missing as Missing
    from matjax.screening.columns import column as column
    from matjax.screening.columns import find_column as find_column
    from matjax.screening.pipeline import screened as screened
    from matjax.screening.pipeline import selection as selection
    from matjax.screening.settings import ScreenSettings as ScreenSettings
    from matjax.screening.tally import Tally as Tally

import_when_used(__name__)
