"""Conditions on a crystal as inputs of networks, each of which may be left open.

Source: Zeni et al., Nature 639, 624 (2025) (arXiv 2312.03687, MatterGen), methods and
appendix B: adapters that begin as nothing, and are nothing where a condition is open.
"""

# pyright: reportArgumentType=false, reportAttributeAccessIssue=false
# e3nn-jax takes and returns more than its annotations say.

from __future__ import annotations

from itertools import accumulate

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from matjax.arrays import Array, Float
from matjax.graphs import Graph
from matjax.nn.e3nn import e3nn

ADAPTER = "adapter_"
"""How names of parameters begin that a network without conditions lacks."""
CHEMICAL_SYSTEM = "chemical_system"
"""The condition that says of each species whether the crystal has it; others are
numbers."""


def condition_slices(names: tuple[str, ...], n_species: int) -> dict[str, slice]:
    """Columns of each condition in the inputs of a network.

    Args:
        names: of the conditions, in their order.
        n_species: of the network.
    """
    widths = [n_species if name == CHEMICAL_SYSTEM else 1 for name in names]
    ends = [0, *accumulate(widths)]
    return {name: slice(*ends[k : k + 2]) for k, name in enumerate(names)}


class Adapter(nn.Module):
    """Changes the scalars of nodes by conditions: h ← h + M f(c), M = 0 at first.

    f is a perceptron of each condition and M a linear map without constant.

    Attributes:
        names: of the conditions.
        n_species: of the network.
        width: of the perceptrons.
    """

    names: tuple[str, ...]
    n_species: int
    width: int = 64

    @nn.compact
    def __call__(
        self,
        graph: Graph,
        features: e3nn.IrrepsArray,
        conditions: Float[Array, "graphs conditions"],
    ) -> e3nn.IrrepsArray:
        """Features of the nodes.

        Args:
            graph: of the nodes.
            features: of any irreps.
            conditions: in units of their spread; NaN where they are left open.
        """
        scalars = _scalar_columns(features.irreps)
        array = features.array
        for name, columns in condition_slices(self.names, self.n_species).items():
            values = conditions[:, columns].astype(array.dtype)
            stated = jnp.isfinite(values)
            hidden = nn.Dense(self.width, name=f"{name}_in")(
                jnp.where(stated, values, 0)
            )
            hidden = nn.Dense(self.width, name=f"{name}_out")(jax.nn.silu(hidden))
            mixed = nn.Dense(
                len(scalars),
                use_bias=False,
                kernel_init=nn.initializers.zeros_init(),
                name=f"{name}_mix",
            )(hidden)
            change = jnp.where(stated.all(axis=1, keepdims=True), mixed, 0)
            array = array.at[:, scalars].add(graph.per_node(change))
        return e3nn.IrrepsArray(features.irreps, array)


def _scalar_columns(irreps: e3nn.Irreps) -> np.ndarray:
    """Columns of the scalars."""
    parts = zip(irreps.slices(), irreps, strict=True)
    return np.concatenate(
        [np.arange(s.start, s.stop) for s, (_, ir) in parts if ir == "0e"]
    )
