"""NequIP with the refinements of Nequix: gates, RMS norm, shared or indexed skips.

Sources: Batzner et al., Nat. Commun. 13, 2453 (2022); Koker et al., "Training a
foundation model for materials on a budget", arXiv 2508.16067 (Nequix).
"""

# pyright: reportArgumentType=false, reportOptionalMemberAccess=false
# pyright: reportOptionalOperand=false, reportAttributeAccessIssue=false
# pyright: reportOperatorIssue=false, reportReturnType=false
# e3nn-jax takes and returns more than its annotations say.

from __future__ import annotations

import flax.linen as nn

from matjax.arrays import Array, Float
from matjax.graphs import Graph
from matjax.nn import (
    Inputs,
    RMSNorm,
    by_species,
    gate,
    inputs_of,
    neighbor_sums,
    node_energies,
)
from matjax.nn.e3nn import e3nn


class NequIP(nn.Module):
    """Equivariant message passing on one-hot species; a scalar readout for each node.

    Attributes:
        species: atomic numbers, in the order of the one-hot encoding.
        cutoff: Å.
        hidden: irreps of the features between layers.
        lmax: highest degree of the edge harmonics.
        layers: number of message-passing layers; the last keeps scalars only.
        basis: number of Bessel functions.
        radial_widths: hidden sizes of the perceptron that makes the radial weights.
        envelope: power p of the polynomial envelope.
        gain: initial variance of the radial perceptron's hidden layers.
        neighbors: mean number of neighbors, by whose root sums are divided.
        scale: eV, multiplies the readout.
        shift: eV, added to each node's energy.
        index_weights: whether skip connections have weights of each species' own.
        norm: whether features are normalised by :class:`RMSNorm`.
    """

    species: tuple[int, ...]
    cutoff: float = 5.0
    hidden: str = "64x0e + 32x1o + 16x2e"
    lmax: int = 2
    layers: int = 3
    basis: int = 8
    radial_widths: tuple[int, ...] = (64, 64)
    envelope: float = 6.0
    gain: float = 4.0
    neighbors: float = 30.0
    scale: float = 1.0
    shift: float = 0.0
    index_weights: bool = False
    norm: bool = True

    @nn.compact
    def __call__(
        self, graph: Graph, *, read: bool = True
    ) -> Float[Array, "nodes"] | e3nn.IrrepsArray:
        """Node energies, eV, or without ``read`` the features they are read from."""
        inputs = inputs_of(graph, self)
        features = inputs.shares
        hidden = e3nn.Irreps(self.hidden)
        scalars = hidden.filter("0e")
        for i in range(self.layers):
            features = Interaction(
                outputs=str(hidden if i < self.layers - 1 else scalars),
                model=self.clone(parent=None),
                name=f"layer_{i}",
            )(graph, features, inputs)
        if not read:
            return features
        readout = e3nn.flax.Linear("0e", name="readout")(features).array[:, 0]
        return node_energies(self, readout, graph)

    def features(self, graph: Graph) -> e3nn.IrrepsArray:
        """Node features of the last layer, scalars."""
        return self(graph, read=False)


class Interaction(nn.Module):
    """One layer: linear, convolution, linear plus skip connection, norm, gate."""

    outputs: str
    model: NequIP

    @nn.compact
    def __call__(
        self,
        graph: Graph,
        features: e3nn.IrrepsArray,
        inputs: Inputs,
    ) -> e3nn.IrrepsArray:
        """Node features after one exchange with the neighbors."""
        config = self.model
        outputs = e3nn.Irreps(self.outputs)
        n_gates = outputs.num_irreps - outputs.count("0e")
        gated = (outputs + e3nn.Irreps(f"{n_gates}x0e")).regroup()

        messages = neighbor_sums(graph, features, inputs.edges, config, wanted=outputs)
        mixed = e3nn.flax.Linear(gated, name="linear_out")(messages)
        if config.index_weights:
            own = e3nn.flax.Linear(
                gated,
                num_indexed_weights=len(config.species),
                force_irreps_out=True,
                name="skip",
            )
            skip = by_species(own, inputs, features)
        else:
            skip = e3nn.flax.Linear(gated, force_irreps_out=True, name="skip")(features)
        features = mixed + skip
        if config.norm:
            features = RMSNorm(name="norm")(features)
        return gate(features)
