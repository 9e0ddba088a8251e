"""How many crystals a device holds: measured for the network, not guessed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from matjax.crystals import Crystal
from matjax.graphs import batch_slots, build_graph
from matjax.predictors.network import Network

SHARE = 0.6
"""Of a device's memory that a batch may take: what moves the crystals needs some, too,
and memory is never free in one piece."""

N_NODES, DEGREE = 32, 64
"""Of the graph on which memory is measured; per edge slot it is then within a few
percent of that of large graphs."""

_MEASURED: dict[Any, float] = {}


def slots_that_fit(network: Network, compute: Callable[..., Any]) -> int:
    """Edge slots of the crystals that are computed together.

    On accelerators as many as a share of the memory holds; on CPUs, where more save
    nothing, those of :func:`matjax.graphs.batch_slots`.

    Args:
        network: with its parameters.
        compute: what is computed of the network and a graph.
    """
    device = jax.devices()[0]
    stats = None if device.platform == "cpu" else device.memory_stats()
    if not stats or "bytes_limit" not in stats:
        return batch_slots()
    return max(1, int(SHARE * stats["bytes_limit"] / bytes_of_slot(network, compute)))


def bytes_of_slot(network: Network, compute: Callable[..., Any]) -> float:
    """Bytes that a computation keeps for each edge slot, as XLA plans them.

    Measured once in a process for each model and precision.
    """
    leaves, structure = jax.tree.flatten(network)
    key = (compute, structure, *((leaf.shape, str(leaf.dtype)) for leaf in leaves))
    if key not in _MEASURED:
        atom = Crystal.create(
            [network.species[0]], np.eye(3) * 10, fractional=[[0, 0, 0]]
        )
        graph = build_graph(
            atom, 1.0, n_nodes=N_NODES, degree=DEGREE, dtype=network.dtype
        )
        plan: Any = jax.jit(compute).lower(network, graph).compile()
        memory = plan.memory_analysis()
        whole = memory.temp_size_in_bytes + memory.output_size_in_bytes
        _MEASURED[key] = whole / (N_NODES * DEGREE)
    return _MEASURED[key]
