"""Crystals brought to one density, in which networks see them."""

from __future__ import annotations

import jax.numpy as jnp

from matjax.arrays import Array, Float
from matjax.graphs import Graph


def at_density(graph: Graph, volume: float) -> tuple[Graph, Float[Array, "graphs"]]:
    """The graph with a given volume by atom, and the lengths that were its units.

    Args:
        graph: of crystals.
        volume: of an atom, Å³.

    Returns:
        A graph whose lengths are divided by l, and l of each crystal: the cube root of
        its volume by atom in units of the given one.
    """
    length = jnp.cbrt(graph.volume / jnp.maximum(graph.n_atoms, 1) / volume)
    per_node = graph.per_node(length)
    scaled = graph.replace(
        positions=graph.positions / per_node[:, None],
        cell=graph.cell / length[:, None, None],
    )
    return scaled, length
