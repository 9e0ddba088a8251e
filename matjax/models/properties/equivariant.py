"""Numbers and tensors of crystals or atoms from features of NequIP or MACE.

A tensor is linear in features of its own irreps, so that it turns with the crystal and
has the symmetries of its indices by construction, as those of MatTEN (Wen et al.,
Digital Discovery 3, 869 (2024)).
"""

# pyright: reportArgumentType=false, reportAttributeAccessIssue=false
# e3nn-jax takes and returns more than its annotations say.

from __future__ import annotations

from typing import Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

from matjax.arrays import Array, Float
from matjax.graphs import Graph
from matjax.models.potentials.mace import MACE
from matjax.models.potentials.nequip import NequIP
from matjax.nn import TensorReadout, property_readout
from matjax.nn.e3nn import e3nn


class Equivariant(nn.Module):
    """Properties read from equivariant features, of atoms or of their mean.

    | equation                               | code                        |
    |----------------------------------------|-----------------------------|
    | h_i = features of NequIP or MACE       | ``network``                 |
    | h = Σ_i h_i / atoms, of crystals       | ``pool``                    |
    | number: y = W₂ g(W₁ h + b₁) + b₂       | ``head_0``, ``readout``     |
    | tensor: T = Σ_c (W h)_c B_c            | ``tensor_NAME``             |

    B_c are an orthonormal basis of the tensors of the symmetry, each of one irrep.

    Attributes:
        species: atomic numbers, in the order of the one-hot encoding.
        properties: names of the outputs, all of one symmetry.
        network: whose features are read.
        cutoff: Å.
        hidden: irreps of the features, all of one multiplicity for MACE; tensors need
            those that they consist of: 0e and 2e of a dielectric, 4e too of an elastic
            one.
        lmax: highest degree of the edge harmonics; the first layer has no features of a
            higher one.
        layers: of the network.
        basis: number of Bessel functions.
        radial_widths: hidden sizes of the perceptron that makes the radial weights.
        neighbors: mean number of neighbors, by whose root sums are divided.
        symmetry: of the indices of tensors, such as ``ij=ji`` or ``ijkl=jikl=klij``;
            empty for numbers.
        of_atoms: whether each atom has a value, not the crystal.
        head: widths of the hidden layers of numbers.
        scale: multiplies the readout; one number, or one of each property.
        shift: added to numbers; likewise.
    """

    species: tuple[int, ...]
    properties: tuple[str, ...]
    network: Literal["nequip", "mace"] = "nequip"
    cutoff: float = 5.0
    hidden: str = "32x0e + 32x1o + 32x2e"
    lmax: int = 2
    layers: int = 3
    basis: int = 8
    radial_widths: tuple[int, ...] = (64,)
    neighbors: float = 30.0
    symmetry: str = ""
    of_atoms: bool = False
    head: tuple[int, ...] = (64,)
    scale: float | tuple[float, ...] = 1.0
    shift: float | tuple[float, ...] = 0.0

    @nn.compact
    def __call__(self, graph: Graph) -> dict[str, Float[Array, "rows ..."]]:
        """Properties of each crystal or atom; what padding gives has no meaning."""
        kind = {"nequip": NequIP, "mace": MACE}[self.network]
        network = kind(
            *(self.species, self.cutoff, self.hidden, self.lmax, self.layers),
            basis=self.basis,
            radial_widths=self.radial_widths,
            neighbors=self.neighbors,
            last=self.hidden if self.symmetry else "",
            name="network",
        )
        features = network(graph, read=False)
        rows = features.array if self.of_atoms else graph.pool(features.array)
        if not self.symmetry:
            return property_readout(self, rows, jax.nn.silu)
        rows = e3nn.IrrepsArray(features.irreps, rows)
        scales = jnp.broadcast_to(jnp.asarray(self.scale), len(self.properties))
        return {
            name: scales[k].astype(rows.array.dtype)
            * TensorReadout(self.symmetry, name=f"tensor_{name}")(rows)
            for k, name in enumerate(self.properties)
        }
