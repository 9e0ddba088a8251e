"""Few shapes of padded graphs for many crystals, so that few functions are compiled."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import jax
import numpy as np

from matjax.graphs.padding import Shape, bucket

CPU_SLOTS = 2**13
"""Edge slots of a batch on CPUs, where more crystals at once save nothing: what a step
costs beside the network is then small."""

SLOTS = 2**18
"""Edge slots of a batch on other hardware: networks that keep 100 kB for each take
26 GB."""


def batch_slots() -> int:
    """Edge slots that crystals which are computed together may have, all together."""
    return CPU_SLOTS if jax.default_backend() == "cpu" else SLOTS


@dataclass(frozen=True)
class Shapes:
    """The few shapes of the batches of a loader, the smallest first."""

    shapes: tuple[Shape, ...]
    padding: float
    """Expected share of edge slots that are empty."""

    def smallest(self, n_nodes: int, degree: int) -> Shape:
        """The shape with fewest slots that holds so many.

        Raises:
            ValueError: if none does.
        """
        for shape in self.shapes:
            if shape.n_nodes >= n_nodes and shape.degree >= degree:
                return shape
        raise ValueError(
            f"a batch of {n_nodes} nodes of degree {degree} needs a shape that holds "
            f"it; the largest is {self.shapes[-1]}"
        )


def bucket_sizes(
    needed: np.ndarray, largest: Shape, *, n_shapes: int = 3, node_step: int = 8
) -> Shapes:
    """At most ``n_shapes`` shapes for batches that need these sizes, with few slots.

    Args:
        needed: nodes, degree and edges of typical batches, (batches, 3).
        largest: holds any batch; the last of the shapes, compiled only if it is met.
        n_shapes: number of shapes, at least 1.
        node_step: numbers of nodes are multiples of it, but for the largest.

    Raises:
        ValueError: if no shape is allowed, or a typical batch does not fit the largest.
    """
    if n_shapes < 1:
        raise ValueError(f"at least one shape is needed; received {n_shapes}")
    pairs, edges = needed[:, :2], needed[:, 2]
    if (pairs > [largest.n_nodes, largest.degree]).any():
        raise ValueError(
            f"the largest shape {largest} must hold every batch; some need "
            f"{pairs.max(axis=0).tolist()} nodes and degree"
        )
    quantiles = [0.25, 0.5, 0.75, 0.9, 0.97, 1.0]
    grid = np.quantile(pairs, quantiles, axis=0, method="higher").astype(int)
    grid[:, 0] = np.minimum(-(-grid[:, 0] // node_step) * node_step, largest.n_nodes)
    some = np.array(sorted({(n, d) for n in grid[:, 0] for d in grid[:, 1]}))
    fits = (pairs[:, None] <= some).all(axis=2)
    costs = np.where(fits, some.prod(axis=1), largest.n_slots)
    best: tuple[int, ...] = ()
    least = largest.n_slots * len(pairs)
    for size in range(1, n_shapes):
        for chosen in combinations(range(len(some)), size):
            cost = costs[:, chosen].min(axis=1).sum()
            if cost < 0.99 * least:  # one more shape must be worth its compilation
                best, least = chosen, cost
    chosen_shapes = {
        Shape(n, d, largest.n_graphs) for n, d in some[list(best)].tolist()
    }
    shapes = tuple(sorted(chosen_shapes | {largest}, key=lambda s: (s.n_slots, s)))
    return Shapes(shapes=shapes, padding=float(1 - edges.sum() / max(least, 1)))


def grouped_by_shape(needed: np.ndarray) -> dict[Shape, list[int]]:
    """Crystals by the smallest of a few shapes that holds each of them.

    Args:
        needed: nodes, degree and edges of each crystal, (crystals, 3).
    """
    n_nodes, degree, _ = needed.max(axis=0).tolist()
    largest = Shape(n_nodes, bucket(degree), 1)
    shapes = bucket_sizes(needed, largest, node_step=1)
    groups: dict[Shape, list[int]] = {}
    for k, (n, d, _) in enumerate(needed.tolist()):
        groups.setdefault(shapes.smallest(n, d), []).append(k)
    return groups
