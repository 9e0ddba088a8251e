"""M3GNet for properties of crystals: its atoms read by Set2Set.

Source: C. Chen and S. P. Ong, Nat. Comput. Sci. 2, 718 (2022); what the paper leaves
open as in the published code (matgl) and weights.
"""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp

from matjax.arrays import Array, Float
from matjax.graphs import Graph
from matjax.nn import Perceptron, Set2Set, three_body_features


class M3GNetProperties(nn.Module):
    """Scalar properties of crystals, by the exchanges of M3GNet and Set2Set.

    The exchanges are those of :func:`matjax.nn.three_body_features`. An LSTM that
    attends to the atoms (:class:`matjax.nn.Set2Set`) makes one vector of a crystal, a
    perceptron its properties.

    Attributes:
        species: atomic numbers, in the order of the embedding's rows.
        properties: names of the outputs.
        cutoff: Å.
        three_body_cutoff: Å, no longer than the cutoff.
        features: of each atom and of each edge.
        units: width of hidden layers.
        layers: number of exchanges.
        degrees: l = 0, 1, … of the angular functions.
        basis: number of radial functions; of each degree, unless they are smooth.
        smooth: whether radial functions end with two continuous derivatives.
        turns: in which the LSTM attends to the atoms.
        readout_layers: of the LSTM.
        scale: multiplies the readout; one number, or one of each property.
        shift: added to it; likewise.
    """

    species: tuple[int, ...]
    properties: tuple[str, ...]
    cutoff: float = 5.0
    three_body_cutoff: float = 4.0
    features: int = 64
    units: int = 64
    layers: int = 3
    degrees: int = 3
    basis: int = 3
    smooth: bool = True
    turns: int = 3
    readout_layers: int = 1
    scale: float | tuple[float, ...] = 1.0
    shift: float | tuple[float, ...] = 0.0

    @nn.compact
    def __call__(self, graph: Graph) -> dict[str, Float[Array, "graphs"]]:
        """Properties of each crystal; what padded graphs give has no meaning."""
        v = three_body_features(graph, self)
        x = Set2Set(self.turns, self.readout_layers, name="read")(graph, v)
        widths = (self.units, self.units, len(self.properties))
        y = Perceptron(widths, ends_active=False, name="readout")(x)
        y = y * jnp.asarray(self.scale, y.dtype) + jnp.asarray(self.shift, y.dtype)
        return dict(zip(self.properties, y.T, strict=True))
