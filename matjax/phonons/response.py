"""Exact force constants at any q from the primitive cell's graph, for any model.

Displacing atom j of cell R by u_j exp(2πi q·R), the forces on the home cell respond by
−Σ_j Φ(q)_ij u_j with Φ(q)_ij = Σ_R H[i0, jR] exp(2πi q·R). One forward derivative of
the forces with the rules of :mod:`matjax.crystals.bloch` gives a column of Φ(q).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from matjax.arrays import Array, Complex, Float
from matjax.crystals import bloch
from matjax.crystals.graph import Graph
from matjax.physics.potential import Potential, forces


def force_constant_columns(
    potential: Potential,
    graph: Graph,
    q: Float[Array, "3"],
    displacements: Complex[Array, "nodes 3"],
) -> Complex[Array, "nodes 3"]:
    """Product Φ(q) u of the force constants at q with one displacement pattern, eV/Å.

    A pure function: map it over displacements and q with ``jax.vmap``; the network
    itself is evaluated once for all of them.

    Args:
        q: wave vector in reciprocal lattice units.
        displacements: u_j of the home cell's atoms, Å.
    """
    phases = 2 * jnp.pi * (graph.shifts.astype(graph.cell.dtype) @ q)
    graph = graph.replace(phases=phases)

    def gradient(positions: Array) -> Array:
        return -forces(potential, graph.replace(positions=positions))

    def respond(tangent: Array) -> Array:
        return jax.jvp(gradient, (graph.positions,), (tangent,))[1]

    parts = jnp.stack([displacements.real, displacements.imag])
    real, imaginary = jax.vmap(respond, axis_name=bloch.AXIS)(parts)
    return jax.lax.complex(real, imaginary)
