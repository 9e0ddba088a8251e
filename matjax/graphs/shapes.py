"""Few shapes of padded graphs for many crystals, so that few functions are compiled."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import jax
import numpy as np

from matjax.graphs.padding import Shape, bucket

CPU_SLOTS = 2**13
"""Edge slots of a batch on CPUs, where more crystals at once save nothing: what a step
costs beside the network is then small."""

SLOTS = 2**18
"""Edge slots of a batch on other hardware: networks that keep 100 kB for each take
26 GB."""

NODES = (4, 8, 12, 24, 40, 64, 104, 192)
"""Nodes of the standard shapes."""

DEGREES = (16, 56, 80, 112, 160, 240)
"""Edge slots of each node of the standard shapes. 200 crystals of up to 12 atoms, with
room for 1.25 times their neighbors within 6 Å, need ten shapes and 1.4 times the slots
that they fill."""

REACHES = (3, 6, 12, 24)
"""Cells searched for neighbors either way along each axis, of standard sizes. In twelve
atoms a search takes 0.4 ms with 3, as with 2, and 0.7 ms with 6."""

N_SHAPES = 3
"""Most shapes for a list of crystals, and for the batches of a loader."""

WORTH = 2**14
"""Edge slots, of all crystals of a list, that one more shape must save. A network of
which a slot takes 0.08 ms of a CPU compiles for 15 s, as long as eleven evaluations of
these take; where slots take less, a compilation costs more of them."""

SPARED = 0.1
"""Share of more slots for which few shapes are those of the standard ladder."""

Policy = Literal["few", "standard"]
"""Where the shapes for a list of crystals come from: ``few`` are as few as these
crystals need; ``standard`` are those of a fixed ladder, which are more and padded more,
but the same for every list and in every process."""


def require_policy(shapes: str) -> None:
    """Raises ValueError if there is no such policy."""
    if shapes not in ("few", "standard"):
        raise ValueError(f"shapes must be 'few' or 'standard'; received {shapes!r}")


def standard_shape(n_nodes: int, degree: int) -> Shape:
    """The shape of a fixed ladder, for one crystal, that holds so much.

    What is larger than the ladder comes in the usual buckets.

    >>> standard_shape(5, 57)
    Shape(n_nodes=8, degree=80, n_graphs=1)
    """
    return Shape(_rung(n_nodes, NODES), _rung(degree, DEGREES), 1)


def standard_reach(reach: tuple[int, int, int]) -> tuple[int, int, int]:
    """The cubic reach of a fixed ladder that holds another one."""
    most = _rung(max(reach), REACHES)
    return (most, most, most)


def batch_slots() -> int:
    """Edge slots that crystals which are computed together may have, all together."""
    return CPU_SLOTS if jax.default_backend() == "cpu" else SLOTS


def batch_size(
    shape: Shape,
    n_crystals: int,
    shapes: Policy = "few",
    *,
    slots: int | None = None,
) -> int:
    """Crystals of a shape that are computed together.

    Args:
        shape: of one crystal.
        n_crystals: how many there are.
        shapes: the policy. The standard sizes are 1 on CPUs, and elsewhere powers of
            four.
        slots: edge slots that they may have, all together; by default
            :func:`batch_slots`.
    """
    most = max(1, (slots or batch_slots()) // max(shape.n_slots, 1))
    if shapes == "few":
        return min(n_crystals, most)
    if jax.default_backend() == "cpu":
        return 1
    size = 1
    while size < n_crystals and 4 * size <= most:
        size *= 4
    return size


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
        return _smallest(self.shapes, n_nodes, degree)


def bucket_sizes(
    needed: np.ndarray,
    largest: Shape,
    *,
    n_shapes: int = N_SHAPES,
    node_step: int = 8,
    saving: float = 0.01,
) -> Shapes:
    """At most ``n_shapes`` shapes for batches that need these sizes, with few slots.

    Where no batch has edges, networks see all pairs of atoms, which count as slots.

    Args:
        needed: nodes, degree and edges of typical batches, (batches, 3).
        largest: holds any batch; the last of the shapes, compiled only if it is met.
        n_shapes: number of shapes, at least 1.
        node_step: numbers of nodes are multiples of it, but for the largest.
        saving: share of the slots that one more shape must save to be worth its
            compilation.

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
    grid = _typical(pairs)
    grid[:, 0] = np.minimum(-(-grid[:, 0] // node_step) * node_step, largest.n_nodes)
    shapes, slots = _chosen(pairs, grid, largest, n_shapes, saving)
    return Shapes(shapes=shapes, padding=float(1 - edges.sum() / max(slots, 1)))


def _typical(pairs: np.ndarray) -> np.ndarray:
    """Nodes and degrees that shares of the batches do not exceed, (shares, 2)."""
    shares = [0.25, 0.5, 0.75, 0.9, 0.97, 1.0]
    return np.quantile(pairs, shares, axis=0, method="higher").astype(int)


def _chosen(
    pairs: np.ndarray,
    grid: np.ndarray,
    largest: Shape,
    n_shapes: int,
    saving: float,
    worth: int = 0,
) -> tuple[tuple[Shape, ...], int]:
    """The largest shape and others of a grid, as :func:`bucket_sizes` asks for them.

    Args:
        pairs: nodes and degree that are needed, (batches, 2).
        grid: nodes and degrees that shapes may have, (sizes, 2).
        largest: holds all.
        n_shapes: most shapes.
        saving: of one more.
        worth: slots that one more must save, too.

    Returns:
        The shapes, the smallest first, and the slots that all take in them.
    """
    some = np.array(sorted({(n, d) for n in grid[:, 0] for d in grid[:, 1]}))
    fits = (pairs[:, None] <= some).all(axis=2)
    by_edges = largest.degree > 0
    most = largest.n_slots if by_edges else largest.n_nodes**2
    costs = np.where(fits, some[:, 0] * some[:, int(by_edges)], most)
    best: tuple[int, ...] = ()
    least = most * len(pairs)
    for size in range(1, n_shapes):
        cost, chosen = min(
            (int(costs[:, chosen].min(axis=1).sum()), chosen)
            for chosen in combinations(range(len(some)), min(size, len(some)))
        )
        if cost < least - max(saving * least, worth):
            best, least = chosen, cost
    chosen_shapes = {
        Shape(n, d, largest.n_graphs) for n, d in some[list(best)].tolist()
    }
    shapes = sorted(chosen_shapes | {largest}, key=lambda s: (s.n_slots, s))
    return tuple(shapes), int(least)


def _few_shapes(needed: np.ndarray, saving: float, worth: int) -> tuple[Shape, ...]:
    """Few shapes for crystals, of the standard ladder where that costs little more.

    Lists of like crystals then share compiled functions with each other.
    """
    pairs = needed[:, :2]
    n_nodes, degree = pairs.max(axis=0).tolist()
    if len(needed) == 1:
        return (Shape(bucket(n_nodes), bucket(degree), 1),)
    own = _typical(pairs)
    rungs = np.array([standard_shape(n, d)[:2] for n, d in own.tolist()])
    largest = Shape(n_nodes, bucket(degree), 1), standard_shape(n_nodes, degree)
    (exact, least), (standard, slots) = (
        _chosen(pairs, grid, most, N_SHAPES, saving, worth)
        for grid, most in zip((own, rungs), largest, strict=True)
    )
    return standard if slots <= (1 + SPARED) * least else exact


def grouped_by_shape(
    needed: np.ndarray,
    shapes: Policy = "few",
    *,
    saving: float = 0.01,
    worth: int = WORTH,
) -> dict[Shape, list[int]]:
    """Crystals by the smallest shape of a policy that holds each of them.

    Args:
        needed: nodes, degree and edges of each crystal, (crystals, 3).
        shapes: the policy. With ``few`` a single crystal comes in its buckets, and
            several in shapes of the standard ladder where these take at most a tenth
            more slots: other calls share them.
        saving: of few shapes, as for :func:`bucket_sizes`.
        worth: slots that one more of few shapes must save, too.

    Raises:
        ValueError: if there is no such policy.
    """
    require_policy(shapes)
    if len(needed) == 0:
        return {}
    few = _few_shapes(needed, saving, worth)
    groups: dict[Shape, list[int]] = {}
    for k, (n, d, _) in enumerate(needed.tolist()):
        shape = _smallest(few, n, d) if shapes == "few" else standard_shape(n, d)
        groups.setdefault(shape, []).append(k)
    return groups


def _smallest(shapes: tuple[Shape, ...], n_nodes: int, degree: int) -> Shape:
    for shape in shapes:
        if shape.n_nodes >= n_nodes and shape.degree >= degree:
            return shape
    raise ValueError(
        f"a batch of {n_nodes} nodes of degree {degree} needs a shape that holds it; "
        f"the largest is {shapes[-1]}"
    )


def _rung(size: int, ladder: tuple[int, ...]) -> int:
    return next((rung for rung in ladder if rung >= size), bucket(size))
