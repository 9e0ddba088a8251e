"""Operations whose derivatives stay finite where the textbook form gives NaN."""

from collections.abc import Callable

import jax.numpy as jnp

from matjax.arrays import Array, Bool, Float


def safe_where(
    mask: Bool[Array, "*#axes"],
    function: Callable[[Array], Array],
    x: Float[Array, "*axes"],
    *,
    inside: float,
) -> Float[Array, "*axes"]:
    """``function(x)`` where the mask holds and 0 elsewhere, to every derivative.

    Outside the mask the function is evaluated at ``inside``, a value of its domain:
    a plain ``where`` would multiply the zero cotangent by an infinite derivative.
    """
    return jnp.where(mask, function(jnp.where(mask, x, inside)), 0)


def safe_norm(vectors: Float[Array, "*axes 3"]) -> Float[Array, "*axes"]:
    """Euclidean norm over the last axis; 0, with zero derivatives, for zero vectors."""
    squared = jnp.sum(vectors * vectors, axis=-1)
    return safe_where(squared > 0, jnp.sqrt, squared, inside=1.0)
