"""SchNet for properties, with messages through reciprocal space where they are wanted.

Sources: Schütt et al., NeurIPS 2017 (arXiv 1706.08566); J. Chem. Phys. 148, 241722
(2018); Kosmala et al., ICML 2023 (arXiv 2303.04791) for the latter.
"""

from __future__ import annotations

import flax.linen as nn

from matjax.arrays import Array, Float
from matjax.graphs import Graph
from matjax.nn import ContinuousFilters, property_readout, shifted_softplus


class SchNet(nn.Module):
    """Properties of crystals as means of what their atoms contribute.

    Features of :class:`matjax.nn.ContinuousFilters`; contributions B₂ ssp(B₁ h_i),
    whose mean over the atoms is a property: the paper's sum is that of a molecule.

    Attributes:
        species: atomic numbers, in the order of the embedding's rows.
        properties: names of the outputs.
        cutoff: Å.
        features: of each atom.
        layers: number of exchanges.
        step: Å, distance of the Gaussians' centers.
        head: widths of the hidden layers of the contributions.
        scale: multiplies the readout; one number, or one of each property.
        shift: added to it; likewise.
        waves: reach of messages through reciprocal space; 0 is none.
        wave_cutoff: 1/Å, where these end.
    """

    species: tuple[int, ...]
    properties: tuple[str, ...]
    cutoff: float = 5.0
    features: int = 64
    layers: int = 3
    step: float = 0.1
    head: tuple[int, ...] = (32,)
    scale: float | tuple[float, ...] = 1.0
    shift: float | tuple[float, ...] = 0.0
    waves: int = 0
    wave_cutoff: float = 2.0

    @nn.compact
    def __call__(self, graph: Graph) -> dict[str, Float[Array, "graphs"]]:
        """Properties of each crystal; what padded graphs give has no meaning."""
        h = ContinuousFilters(
            *(self.species, self.cutoff, self.features, self.layers, self.step),
            *(self.waves, self.wave_cutoff),
            name="features",
        )(graph)
        each = property_readout(self, h, shifted_softplus)
        return {name: graph.pool(values) for name, values in each.items()}


class EwaldSchNet(SchNet):
    """SchNet with messages through reciprocal space, as the paper adds them."""

    waves: int = 3
