"""Many crystals as graphs of few shapes, so that a network is compiled a few times."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from matjax.crystals import Crystal
from matjax.errors import out_of_memory
from matjax.graphs import (
    Edges,
    Graph,
    Policy,
    Shape,
    batch_size,
    find_edges,
    grouped_by_shape,
    pad_crystals,
)
from matjax.predictors.budget import slots_that_fit
from matjax.predictors.network import Network

Item = TypeVar("Item")
Result = TypeVar("Result")


class Batch(NamedTuple):
    """Crystals that are computed together."""

    indices: list[int]
    """Their places among the crystals that were given."""
    graph: Graph
    ends: np.ndarray
    """First node of each, and that after the last."""


def batches(
    network: Network,
    crystals: Sequence[Crystal],
    shapes: Policy = "few",
    *,
    compute: Callable[..., Any],
) -> Iterator[Batch]:
    """All crystals once, in graphs of a few shapes.

    Args:
        network: whose cutoff, neighbors and precision the graphs have.
        crystals: with concrete arrays.
        shapes: where the shapes come from; see :data:`matjax.graphs.Policy`.
        compute: what will be computed of the network and each graph.

    Raises:
        ValueError: if there is no such policy; or naming the place of a crystal that
            has an element which the network does not know, or two atoms on one place.
    """
    edges, refused = checked_edges(network, crystals)
    for index, error in refused.items():
        raise ValueError(f"crystal {index}: {error}") from error
    slots = slots_that_fit(network, compute)
    for shape, group in grouped(edges, shapes).items():
        size = batch_size(shape, len(group), shapes, slots=slots)
        whole = Shape(size * shape.n_nodes, shape.degree, size)
        for start in range(0, len(group), size):
            yield _batch(crystals, edges, group[start : start + size], whole, network)


def checked_edges(
    network: Network, crystals: Sequence[Crystal]
) -> tuple[dict[int, Edges], dict[int, ValueError]]:
    """Edges of the crystals that a network takes, by place, and why it refuses others.

    Args:
        network: whose cutoff and neighbors they have.
        crystals: with concrete arrays.
    """
    edges: dict[int, Edges] = {}
    refused: dict[int, ValueError] = {}
    for index, crystal in enumerate(crystals):
        try:
            network.require_species(crystal)
            edges[index] = find_edges(crystal, network.cutoff, network.n_nearest)
        except ValueError as error:
            refused[index] = error
    return edges, refused


def grouped(edges: Mapping[int, Edges], shapes: Policy) -> dict[Shape, list[int]]:
    """Places of crystals by the shape that holds each."""
    places = list(edges)
    needed = np.array([(len(e.mask), e.degree, e.n_edges) for e in edges.values()])
    groups = grouped_by_shape(needed, shapes)
    return {shape: [places[k] for k in group] for shape, group in groups.items()}


def in_parts(
    items: Sequence[Item], size: int, compute: Callable[[Sequence[Item], int], Result]
) -> Iterator[tuple[Sequence[Item], Result | RuntimeError]]:
    """Items, some at a time, with what a function says of them.

    Where memory is short half as many are computed together from then on; of one that
    exceeds it alone the error is given.

    Args:
        items: in their order.
        size: how many at a time.
        compute: told some of the items, and the size.
    """
    start = 0
    while start < len(items):
        part = items[start : start + size]
        try:
            result = compute(part, size)
        except RuntimeError as error:
            if not out_of_memory(error):
                raise
            if size > 1:
                size //= 2
                continue
            result = error
        yield part, result
        start += len(part)


def _batch(
    crystals: Sequence[Crystal],
    edges: Mapping[int, Edges],
    indices: list[int],
    shape: Shape,
    network: Network,
) -> Batch:
    some = [crystals[k] for k in indices]
    graph = pad_crystals(some, [edges[k] for k in indices], shape, network.dtype)
    return Batch(indices, graph, np.cumsum([0, *(c.n_atoms for c in some)]))
