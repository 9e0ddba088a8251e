"""Functions that are traced and compiled once, and found by later processes.

functions     a function in place of ``jax.jit`` that is exported to a folder
descriptions  what a function is traced for, in words that all processes share
shapes        of what a function would return
store         the folder: files that are whole, of this version, and not too many
start         what a process sets before it computes, and hands to its children
"""

from matjax.compilation.descriptions import UnstableError as UnstableError
from matjax.compilation.descriptions import described as described
from matjax.compilation.functions import exported as exported
from matjax.compilation.shapes import remembered_shapes as remembered_shapes
from matjax.compilation.start import child_environment as child_environment
from matjax.compilation.start import prepare as prepare
from matjax.compilation.store import keep_exported as keep_exported
