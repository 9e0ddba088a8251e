"""Many crystals as graphs of few shapes, so that a network is compiled a few times."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from matjax.crystals import Crystal
from matjax.graphs import (
    Edges,
    Graph,
    Shape,
    batch_slots,
    find_edges,
    grouped_by_shape,
    pad_crystals,
)
from matjax.predictors.network import Network


class Batch(NamedTuple):
    """Crystals that are computed together."""

    indices: list[int]
    """Their places among the crystals that were given."""
    graph: Graph
    ends: np.ndarray
    """First node of each, and that after the last."""


def batches(network: Network, crystals: Sequence[Crystal]) -> Iterator[Batch]:
    """All crystals once, in graphs of a few shapes.

    Args:
        network: whose cutoff, neighbors and precision the graphs have.
        crystals: with concrete arrays.

    Raises:
        ValueError: naming the place of a crystal that has an element which the network
            does not know, or two atoms on one place.
    """
    edges = [_edges(network, crystal, k) for k, crystal in enumerate(crystals)]
    needed = np.array([(len(e.mask), e.degree, e.n_edges) for e in edges])
    for shape, group in grouped_by_shape(needed).items():
        size = max(1, min(len(group), batch_slots() // max(shape.n_slots, 1)))
        whole = Shape(size * shape.n_nodes, shape.degree, size)
        for start in range(0, len(group), size):
            yield _batch(crystals, edges, group[start : start + size], whole, network)


def _edges(network: Network, crystal: Crystal, index: int) -> Edges:
    try:
        network.require_species(crystal)
        return find_edges(crystal, network.cutoff, network.n_nearest)
    except ValueError as error:
        raise ValueError(f"crystal {index}: {error}") from error


def _batch(
    crystals: Sequence[Crystal],
    edges: Sequence[Edges],
    indices: list[int],
    shape: Shape,
    network: Network,
) -> Batch:
    some = [crystals[k] for k in indices]
    graph = pad_crystals(some, [edges[k] for k in indices], shape, network.dtype)
    return Batch(indices, graph, np.cumsum([0, *(c.n_atoms for c in some)]))
