"""Array types of the whole package: a dtype, and axes named from one vocabulary.

The axes are ``atoms nodes edges degree graphs triplets species modes q 3``. Functions
write ``Float[Array, "nodes 3"]``; the tests execute these annotations.
"""

from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jaxtyping import Bool as Bool
from jaxtyping import Complex as Complex
from jaxtyping import Float as Float
from jaxtyping import Int as Int

Array = jax.Array | np.ndarray
"""A JAX array, a tracer of one, or a NumPy array."""

if TYPE_CHECKING:
    Leaf = Array
else:
    Leaf = Any
"""Field of a pytree: an array, or whatever a tree map puts in its place."""
