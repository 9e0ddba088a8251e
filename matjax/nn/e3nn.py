"""e3nn-jax, imported when a network is traced: it takes a second, with SymPy and SciPy.

A start that finds its functions exported (:mod:`matjax.compilation`) does without.
"""

from typing import TYPE_CHECKING

from matjax.lazy import LazyModule

if TYPE_CHECKING:
    import e3nn_jax as e3nn
else:
    e3nn = LazyModule("e3nn_jax")
