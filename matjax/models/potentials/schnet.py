"""SchNet as a potential, with messages through reciprocal space where they are wanted.

Sources: Schütt et al., NeurIPS 2017 (arXiv 1706.08566); J. Chem. Phys. 148, 241722
(2018); Kosmala et al., ICML 2023 (arXiv 2303.04791) for the latter.
"""

from __future__ import annotations

import flax.linen as nn

from matjax.arrays import Array, Float
from matjax.graphs import Graph
from matjax.nn import ContinuousFilters, node_energies, shifted_softplus


class SchNetPotential(nn.Module):
    """Energies of atoms from continuous-filter convolutions.

    Features of :class:`matjax.nn.ContinuousFilters`; energies B₂ ssp(B₁ h_i), scaled.

    Attributes:
        species: atomic numbers, in the order of the embedding's rows.
        cutoff: Å.
        features: of each atom.
        layers: number of exchanges.
        step: Å, distance of the Gaussians' centers.
        readout_width: width of the hidden layer of the readout.
        scale: eV, multiplies the readout.
        shift: eV, added to each atom's energy.
        waves: reach of messages through reciprocal space; 0 is none.
        wave_cutoff: 1/Å, where these end.
    """

    species: tuple[int, ...]
    cutoff: float = 5.0
    features: int = 64
    layers: int = 6
    step: float = 0.1
    readout_width: int = 32
    scale: float = 1.0
    shift: float = 0.0
    waves: int = 0
    wave_cutoff: float = 2.0

    @nn.compact
    def __call__(self, graph: Graph) -> Float[Array, "nodes"]:
        """Node energies, eV."""
        h = ContinuousFilters(
            *(self.species, self.cutoff, self.features, self.layers, self.step),
            *(self.waves, self.wave_cutoff),
            name="features",
        )(graph)
        h = shifted_softplus(nn.Dense(self.readout_width, name="head")(h))
        return node_energies(self, nn.Dense(1, name="readout")(h)[:, 0], graph)
