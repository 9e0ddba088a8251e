"""Work in processes of its own: many items shared out, several codes in turns.

surveys  one function on many items
records  the file of a survey, which survives a crash
tasks    what a worker does with some items
cluster  workers of this machine, or of a Dask scheduler
output   where workers write what libraries print
turns    several codes on the same work, in turns
peer     what the process of one code runs
"""

from matjax.processes.cluster import backends as backends
from matjax.processes.cluster import workers as workers
from matjax.processes.records import Records as Records
from matjax.processes.records import all_values as all_values
from matjax.processes.records import read_answers as read_answers
from matjax.processes.surveys import survey as survey
from matjax.processes.surveys import surveyed as surveyed
from matjax.processes.tasks import Failure as Failure
from matjax.processes.tasks import Item as Item
from matjax.processes.turns import Code as Code
from matjax.processes.turns import in_turns as in_turns
