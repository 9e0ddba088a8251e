"""M3GNet: a graph network with three-body terms, universal over 89 elements.

Source: C. Chen and S. P. Ong, Nat. Comput. Sci. 2, 718 (2022); what the paper leaves
open as in the published code (matgl) and weights.
"""

from __future__ import annotations

import flax.linen as nn

from matjax.arrays import Array, Float
from matjax.graphs import Graph
from matjax.nn import GatedPerceptron, node_energies, three_body_features


class M3GNet(nn.Module):
    """Node energies from features that know distances and angles.

    The exchanges between atoms, edges and triples are those of
    :func:`matjax.nn.three_body_features`; a gated perceptron makes an energy of each
    atom's features.

    With ``smooth`` radial functions the energy has two continuous derivatives where a
    neighbor crosses the cutoff. The spherical Bessel functions of the first published
    weights (2021.2.8) vanish there with a slope: forces then have a step.

    The published code finds the edges of a triple by their places in a shorter list
    than it looks them up in, wherever the three-body cutoff is the shorter one: its
    energies depend on the order of the edges. The sum over triples here is that of the
    paper, and differs from the published code's by up to 2·10⁻⁴ eV/atom.

    Attributes:
        species: atomic numbers, in the order of the embedding's rows.
        cutoff: Å.
        three_body_cutoff: Å, no longer than the cutoff.
        features: of each atom and of each edge.
        units: width of hidden layers.
        layers: number of exchanges.
        degrees: l = 0, 1, … of the angular functions.
        basis: number of radial functions; of each degree, unless they are smooth.
        smooth: whether radial functions end with two continuous derivatives.
        scale: eV, multiplies the readout.
        shift: eV, added to each node's energy.
    """

    species: tuple[int, ...]
    cutoff: float = 5.0
    three_body_cutoff: float = 4.0
    features: int = 64
    units: int = 64
    layers: int = 3
    degrees: int = 3
    basis: int = 3
    smooth: bool = True
    scale: float = 1.0
    shift: float = 0.0

    @nn.compact
    def __call__(self, graph: Graph) -> Float[Array, "nodes"]:
        """Node energies, eV."""
        v = three_body_features(graph, self)
        widths = (self.features, self.units, self.units, 1)
        readout = GatedPerceptron(widths, ends_active=False, name="readout")(v)
        return node_energies(self, readout[:, 0], graph)
