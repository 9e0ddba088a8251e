"""Work in processes of its own: many items shared out, several codes in turns.

workers  a pool of processes, records that survive a crash
process  what such a process runs
turns    several codes on the same work, in turns
peer     what the process of one code runs
"""

from matjax.processes.turns import Code as Code
from matjax.processes.turns import in_turns as in_turns
from matjax.processes.workers import Failure as Failure
from matjax.processes.workers import all_values as all_values
from matjax.processes.workers import read_answers as read_answers
from matjax.processes.workers import survey as survey
