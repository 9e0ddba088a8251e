"""What each atom adds to a property of its crystal.

A network reads a crystal from means over its atoms. With weights w of the atoms in
these means, from none (0) to all (1), a property goes from what the network says of
nothing to its prediction, and the path is divided among the atoms: integrated gradients
(Sundararajan, Taly and Yan, ICML 2017, arXiv 1703.01365) of the weights.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from matjax.arrays import Array, Float, Leaf
from matjax.crystals import Crystal
from matjax.graphs import Graph
from matjax.predictors.property import PropertyPredictor

POINTS = 16
"""Of Gauss and Legendre along the path."""

TOLERANCE = 0.02
"""Share of the path that the contributions may miss: softplus and other smooth
functions miss less by far."""


class WeightedGraph(Graph):
    """A graph in whose means over atoms each atom has a weight."""

    weights: Leaf | None = None
    """(nodes,)."""

    def pool(
        self, values: Float[Array, "nodes *features"]
    ) -> Float[Array, "graphs *features"]:
        """Mean over the atoms of each graph, of weighted values."""
        weights = jnp.asarray(self.weights).astype(values.dtype)
        return super().pool(weights.reshape(-1, *(1,) * (values.ndim - 1)) * values)


def atom_contributions(
    predictor: PropertyPredictor, crystal: Crystal, name: str | None = None
) -> np.ndarray:
    """What each atom adds to a number that is predicted of a crystal, (atoms,).

    Their sum is the prediction less what the network says of nothing, near the mean of
    its training data. Of a logarithm or of a probability they are in the logarithm or
    in the logarithm of the odds, where they add up.

    Args:
        predictor: of one network or several.
        crystal: any.
        name: of the property; by default the only one.

    Raises:
        ValueError: if the property is not a number of the crystal, or the network does
            not read it from means over the atoms.
    """
    named = {label.name: label for label in predictor.labels}
    if name is None and len(named) == 1:
        (name,) = named
    if name not in named or named[name].of_atoms or named[name].shape:
        raise ValueError(
            f"contributions are those to one number of a crystal, of {list(named)}; "
            f"received {name!r}"
        )
    graph = predictor.graph(crystal)
    shares, along = _along_path(predictor, graph, name)
    shares = np.asarray(shares)[: crystal.n_atoms]
    whole = float(along[1] - along[0])
    allowed = TOLERANCE * max(abs(whole), float(np.abs(shares).max()))
    if not abs(shares.sum() - whole) <= allowed:  # nor where it is not a number
        raise ValueError(
            f"{type(predictor.model).__name__} does not read {name} from means over "
            f"the atoms alone: contributions add up to {shares.sum():.4g}, the path to "
            f"{whole:.4g}"
        )
    return shares


def _along_path(
    predictor: PropertyPredictor, graph: Graph, name: str
) -> tuple[Float[Array, "nodes"], Float[Array, "2"]]:
    """Integrated gradients by the weights, and the value at both ends."""
    points, weights = np.polynomial.legendre.leggauss(POINTS)
    fields = {k: getattr(graph, k) for k in Graph.__dataclass_fields__}

    @jax.jit
    def value(atoms: Float[Array, "nodes"], fields: dict, params: object) -> Array:
        weighted = WeightedGraph(**fields, everywhere=graph.everywhere, weights=atoms)
        given = predictor.replace(params=params).apply(weighted)[name]
        return jnp.mean(given[..., 0])  # over the members

    del fields["everywhere"]
    ones = jnp.ones(graph.n_nodes, predictor.dtype)
    slope = jax.jit(jax.grad(value))
    total = jnp.zeros_like(ones)
    for point, weight in zip((points + 1) / 2, weights / 2, strict=True):
        total += weight * slope(point * ones, fields, predictor.params)
    ends = [value(t * ones, fields, predictor.params) for t in (0.0, 1.0)]
    return total, jnp.stack(ends)
