"""MACE: message passing with many-body messages.

Source: Batatia, Kovács, Simm, Ortner and Csányi, NeurIPS 2022 (arXiv 2206.07697).
Equation numbers are those of the paper:

    8, 9    A_i,klm, sums over neighbors            ``convolve`` and ``linear_a``
    10, 11  m_i,kLM, symmetric powers of A          ``SymmetricContraction``
    12      h_i,kLM, linear in m, skip by element   ``linear_out`` and ``skip``
    13      E_i, linear in each layer, MLP in the last        ``readout_*``
"""

# pyright: reportArgumentType=false, reportOptionalMemberAccess=false
# pyright: reportOptionalOperand=false, reportAttributeAccessIssue=false
# pyright: reportOperatorIssue=false, reportReturnType=false
# e3nn-jax takes and returns more than its annotations say.

from __future__ import annotations

import math

import flax.linen as nn

from matjax.arrays import Array, Float
from matjax.graphs import Graph
from matjax.nn import (
    Inputs,
    SymmetricContraction,
    by_species,
    gate,
    inputs_of,
    neighbor_sums,
    node_energies,
)
from matjax.nn.e3nn import e3nn


class MACE(nn.Module):
    """Node energies from symmetric powers of sums over neighbors.

    A layer's messages have body order ``correlation`` + 1. With one layer and a linear
    readout the energy has no more: it is a linear atomic cluster expansion.

    Attributes:
        species: atomic numbers, in the order of the one-hot encoding.
        cutoff: Å.
        hidden: irreps of the features between layers, all of one multiplicity.
        lmax: highest degree of the edge harmonics and of A.
        layers: number of message-passing layers.
        correlation: highest power of A in a message.
        basis: number of Bessel functions.
        radial_widths: hidden sizes of the perceptron that makes the radial weights.
        envelope: power p of the polynomial envelope.
        gain: initial variance of the radial perceptron's hidden layers.
        neighbors: mean number of neighbors, by whose root sums are divided.
        readout_width: hidden size of the last layer's readout; 0 for a linear one.
        scale: eV, multiplies the readouts.
        shift: eV, added to each node's energy.
        last: irreps of the last layer's features, in one multiplicity; by default the
            scalars of ``hidden``.
    """

    species: tuple[int, ...]
    cutoff: float = 5.0
    hidden: str = "64x0e + 64x1o"
    lmax: int = 3
    layers: int = 2
    correlation: int = 3
    basis: int = 8
    radial_widths: tuple[int, ...] = (64, 64, 64)
    envelope: float = 6.0
    gain: float = 1.0
    neighbors: float = 30.0
    readout_width: int = 16
    scale: float = 1.0
    shift: float = 0.0
    last: str = ""

    @nn.compact
    def __call__(
        self, graph: Graph, *, read: bool = True
    ) -> Float[Array, "nodes"] | e3nn.IrrepsArray:
        """Node energies, eV, or without ``read`` the features of the last layer.

        Raises:
            ValueError: if the irreps of ``hidden`` differ in multiplicity or have no
                scalars, or ``layers`` or ``correlation`` is less than 1.
        """
        self._require()

        # √2 sin(nπx)/x with x = r/c: of order one, and with it A and its powers.
        inputs = inputs_of(graph, self, size=self.cutoff**2 / math.sqrt(2))
        hidden = e3nn.Irreps(self.hidden)
        scalars = hidden.filter("0e")
        features = e3nn.flax.Linear(scalars, name="embedding")(inputs.shares)
        readout = 0
        for i in range(self.layers):
            is_last = i == self.layers - 1
            features = Interaction(
                outputs=str((self.last or scalars) if is_last else hidden),
                model=self.clone(parent=None),
                name=f"layer_{i}",
            )(graph, features, inputs)
            if not read:
                continue
            last = features
            if is_last and self.readout_width:
                width = f"{self.readout_width}x0e"
                last = gate(e3nn.flax.Linear(width, name="readout_hidden")(last))
            last = e3nn.flax.Linear("0e", name=f"readout_{i}")(last)
            readout = readout + last.array[:, 0]
        return node_energies(self, readout, graph) if read else features

    def features(self, graph: Graph) -> e3nn.IrrepsArray:
        """Node features of the last layer, scalars unless ``last`` says otherwise."""
        return self(graph, read=False)

    def _require(self) -> None:
        hidden = e3nn.Irreps(self.hidden)
        if len({n for n, _ in hidden}) != 1 or "0e" not in hidden:
            raise ValueError(
                "hidden must hold scalars 0e, and all irreps in one multiplicity, such "
                f"as '64x0e + 64x1o'; received {self.hidden!r}"
            )
        if self.layers < 1 or self.correlation < 1:
            raise ValueError(
                "layers and correlation must be at least 1; received "
                f"{self.layers} and {self.correlation}"
            )


class Interaction(nn.Module):
    """One layer: sums over neighbors, their symmetric powers, linear plus skip."""

    outputs: str
    model: MACE

    @nn.compact
    def __call__(
        self,
        graph: Graph,
        features: e3nn.IrrepsArray,
        inputs: Inputs,
    ) -> e3nn.IrrepsArray:
        """Node features after one exchange with the neighbors."""
        config = self.model
        n_channels = features.irreps[0].mul
        edges = inputs.edges
        angular = e3nn.Irreps([(n_channels, ir) for _, ir in edges.harmonics.irreps])

        messages = neighbor_sums(graph, features, edges, config, wanted=angular)
        sums = e3nn.flax.Linear(angular, name="linear_a")(messages)

        powers = SymmetricContraction(
            outputs=self.outputs,
            order=config.correlation,
            n_species=len(config.species),
            name="products",
        )
        products = by_species(lambda index, rows: powers(rows, index), inputs, sums)
        mixed = e3nn.flax.Linear(
            self.outputs, force_irreps_out=True, name="linear_out"
        )(products)
        own = e3nn.flax.Linear(
            self.outputs,
            num_indexed_weights=len(config.species),
            force_irreps_out=True,
            name="skip",
        )
        return mixed + by_species(own, inputs, features)
