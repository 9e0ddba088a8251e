"""Derivative rules that make a primitive cell respond like the infinite crystal.

Displace atom j of cell R by Re u_j exp(2πi q·R). In a network that speaks to its
neighbors through :func:`gather`, every primal value is the same in all cells and
every tangent of it carries that phase. With φ_e = 2π q·shift_e:

    tangent of gather                (δh)_e = exp(+iφ_e) δh[sender_e]
    tangent of gather's transpose    (δc)_j = Σ_{e: sender_e = j} exp(−iφ_e) δc_e

Only the first forward derivative carries phases. The rules return ordinary operations,
so that derivatives taken around them (parameters, strain, q itself) are those of
quantities that are the same in all cells.

JAX tangents of real values are real. The complex tangent therefore travels as a mapped
axis of length two named :data:`AXIS` (real part, imaginary part); everything but the
two rules treats its entries alike, and the primal is computed once.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from matjax.arrays import Array, Float, Int

AXIS = "bloch"
"""Name of the mapped axis that holds the real and the imaginary part of a tangent."""


@jax.custom_vjp
def gather(
    values: Float[Array, "nodes *features"],
    senders: Int[Array, "edges"],
    phases: Float[Array, "edges"],
) -> Float[Array, "edges *features"]:
    """Values of the senders; tangents of it carry exp(+iφ), of its transpose exp(−iφ).

    Reverse differentiation (the forces) must come first, then one forward derivative
    inside ``jax.vmap(..., axis_name=AXIS)`` over (real, imaginary) parts.
    """
    return _gather(values, senders, phases)


def _gather_fwd(values: Array, senders: Array, phases: Array) -> tuple:
    return _gather(values, senders, phases), (senders, phases, values)


def _gather_bwd(residuals: tuple, cotangents: Array) -> tuple:
    senders, phases, values = residuals
    cotangents = tie(cotangents, values)
    return _scatter(cotangents, senders, phases, values.shape[0]), None, None


gather.defvjp(_gather_fwd, _gather_bwd)


@jax.custom_jvp
def tie(
    values: Float[Array, "*features"], anchor: Float[Array, "*shape"]
) -> Float[Array, "*features"]:
    """The values, with tangents wherever the anchor has them.

    Values that no atom's position moves (embeddings of species) would otherwise pass
    the rules unseen by the inner derivatives and meet them in an outer one, over q or
    parameters, where a rule for reverse mode alone cannot be applied.
    """
    del anchor
    return values


@tie.defjvp
def _tie_jvp(primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    return tie(*primals), tangents[0] + 0 * tangents[1].reshape(-1)[0]


@jax.custom_jvp
def _gather(values: Array, senders: Array, phases: Array) -> Array:
    del phases  # the primal is the same in all cells
    return values[senders]


@_gather.defjvp
def _gather_jvp(primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    values, senders, phases = primals
    return values[senders], rotated(tangents[0][senders], phases)


@partial(jax.custom_jvp, nondiff_argnums=(3,))
def _scatter(values: Array, senders: Array, phases: Array, n_nodes: int) -> Array:
    del phases
    return sum_at(values, senders, n_nodes)


@_scatter.defjvp
def _scatter_jvp(n_nodes: int, primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    values, senders, phases = primals
    tangent = sum_at(rotated(tangents[0], -phases), senders, n_nodes)
    return sum_at(values, senders, n_nodes), tangent


@jax.custom_vjp
def at_zone_center(
    values: Float[Array, "*features"], is_gamma: Float[Array, ""]
) -> Float[Array, "*features"]:
    """Values of a whole crystal; tangents of it and of its transpose live at Γ only.

    Displacements u_j exp(2πi q·R) change a sum or mean over all atoms of the infinite
    crystal in no first order, unless q is a reciprocal lattice vector.

    Args:
        values: the same in all cells.
        is_gamma: 1 where q is a reciprocal lattice vector, else 0.
    """
    return _at_zone_center(values, is_gamma)


def _at_zone_center_fwd(values: Array, is_gamma: Array) -> tuple:
    return _at_zone_center(values, is_gamma), (values, is_gamma)


def _at_zone_center_bwd(residuals: tuple, cotangents: Array) -> tuple:
    values, is_gamma = residuals
    return _at_zone_center(tie(cotangents, values), is_gamma), None


at_zone_center.defvjp(_at_zone_center_fwd, _at_zone_center_bwd)


@jax.custom_jvp
def _at_zone_center(values: Array, is_gamma: Array) -> Array:
    del is_gamma
    return values


@_at_zone_center.defjvp
def _at_zone_center_jvp(primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    values, is_gamma = primals
    return values, tangents[0] * is_gamma.astype(tangents[0].dtype)


def sum_at(
    values: Float[Array, "edges *features"], index: Int[Array, "edges"], size: int
) -> Float[Array, "size *features"]:
    """Sum of the values that share an index."""
    return jax.ops.segment_sum(values, index, num_segments=size)


class Images(NamedTuple):
    """Which edges of each node come from images of each other, while a response runs.

    For a network that sums over the images of a sender before displacements enter.
    """

    senders: Array
    """Sending node of each slot, (nodes, degree)."""
    phases: Array
    """2π q·shift of each slot, (nodes, degree), of the precision of the positions."""

    def sums(self, values: Array) -> Array:
        """Σ over the images of s in the slots k of n: (n, s, ...) from (n, k, ...)."""
        return jnp.einsum("nsk,nk...->ns...", self._held(), values)

    def sums_at_q(self, values: Array) -> Array:
        """The same times cos φ and times sin φ: (2, n, s, ...)."""
        turns = jnp.stack([jnp.cos(self.phases), jnp.sin(self.phases)])
        held = self._held() * turns[:, :, None, :].astype(self.phases.dtype)
        return jnp.einsum("znsk,nk...->zns...", held, values)

    def slots(self, pairs: Array) -> Array:
        """What each slot has of its pair: (n, k, ...) from (n, s, ...)."""
        return pairs[jnp.arange(len(self.senders))[:, None], self.senders]

    def _held(self) -> Array:
        nodes = jnp.arange(len(self.senders), dtype=self.senders.dtype)
        held = self.senders[:, None, :] == nodes[:, None]
        return held.astype(self.phases.dtype)


def turned(tangent: Array, direction: int = 1) -> Array:
    """The two terms of a product with exp(±iφ): with cos φ, and with sin φ.

    Their scalar product with (cos φ, sin φ) is the tangent turned; it is the real or
    the imaginary part, and the other is its partner.
    """
    partner = jax.lax.ppermute(tangent, AXIS, [(0, 1), (1, 0)])
    sign = direction * (2 * jax.lax.axis_index(AXIS) - 1)
    return jnp.stack([tangent, sign.astype(tangent.dtype) * partner])


def times_i(tangent: Array) -> Array:
    """Product with i of a complex tangent held along the mapped axis."""
    return turned(tangent)[1]


def rotated(tangent: Array, phases: Array) -> Array:
    """Product with exp(iφ), φ of the leading axis, of such a tangent."""
    phases = phases.reshape(phases.shape + (1,) * (tangent.ndim - 1))
    # (re, im) -> (re cos - im sin, im cos + re sin): the partner is the other entry.
    with_cos, with_sin = turned(tangent)
    cos = jnp.cos(phases).astype(tangent.dtype)
    sin = jnp.sin(phases).astype(tangent.dtype)
    return cos * with_cos + sin * with_sin
