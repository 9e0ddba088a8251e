"""NequIP with the refinements of Nequix and the choices of SevenNet.

Of Nequix: RMS norm, shared or indexed skips. Of SevenNet: an embedding of the species,
learned frequencies, an XPLOR switch, features without parity.

Sources: Batzner et al., Nat. Commun. 13, 2453 (2022); Koker et al., "Training a
foundation model for materials on a budget", arXiv 2508.16067 (Nequix); Park et al.,
J. Chem. Theory Comput. 20, 4857 (2024) (SevenNet).
"""

# pyright: reportArgumentType=false, reportOptionalMemberAccess=false
# pyright: reportOptionalOperand=false, reportAttributeAccessIssue=false
# pyright: reportOperatorIssue=false, reportReturnType=false
# e3nn-jax takes and returns more than its annotations say.

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp

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

    With the polynomial envelope energies have two continuous derivatives by positions.
    With an XPLOR switch they have one: force constants have a step where a distance
    crosses its onset or the cutoff.

    Without parity, features of odd degree count as even, vector products among them:
    the energy of a chiral crystal is then not that of its mirror image (tellurium of
    either hand: 1.3 meV/atom apart with SevenNet-0).

    Attributes:
        species: atomic numbers, in the order of the one-hot encoding.
        cutoff: Å.
        hidden: irreps of the features between layers.
        lmax: highest degree of the edge harmonics.
        layers: number of message-passing layers.
        basis: number of Bessel functions.
        radial_widths: hidden sizes of the perceptron that makes the radial weights.
        envelope: power p of the polynomial envelope.
        gain: initial variance of the radial perceptron's hidden layers.
        neighbors: mean number of neighbors, by whose root sums are divided.
        scale: eV, multiplies the readout.
        shift: eV, added to each node's energy.
        index_weights: whether skip connections have weights of each species' own.
        norm: whether features are normalised by :class:`RMSNorm`.
        embed: whether species are embedded into the scalars of ``hidden`` first.
        learned_basis: whether the frequencies of the Bessel functions are parameters.
        xplor: Å, where an XPLOR switch begins; None for the polynomial envelope.
        parity: whether features of odd degree are odd under inversion; if not, all
            irreps of ``hidden`` are even.
        last: irreps of the last layer's features; by default the scalars of ``hidden``.
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
    embed: bool = False
    learned_basis: bool = False
    xplor: float | None = None
    parity: bool = True
    last: str = ""

    @nn.compact
    def __call__(
        self, graph: Graph, *, read: bool = True
    ) -> Float[Array, "nodes"] | e3nn.IrrepsArray:
        """Node energies, eV, or without ``read`` the features they are read from."""
        frequencies = None
        if self.learned_basis:
            first = jnp.arange(1, self.basis + 1, dtype=float)
            frequencies = self.param("frequencies", lambda _: first)
        inputs = inputs_of(
            graph,
            self,
            frequencies=frequencies,
            xplor=self.xplor,
            parity=self.parity,
        )
        features = inputs.shares
        hidden = e3nn.Irreps(self.hidden)
        scalars = hidden.filter("0e")
        if self.embed:
            features = e3nn.flax.Linear(scalars, name="embedding")(features)
        for i in range(self.layers):
            features = Interaction(
                outputs=str(hidden if i < self.layers - 1 else self.last or scalars),
                model=self.clone(parent=None),
                name=f"layer_{i}",
            )(graph, features, inputs)
        if not read:
            return features
        readout = e3nn.flax.Linear("0e", name="readout")(features).array[:, 0]
        return node_energies(self, readout, graph)

    def features(self, graph: Graph) -> e3nn.IrrepsArray:
        """Node features of the last layer, scalars unless ``last`` says otherwise."""
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
