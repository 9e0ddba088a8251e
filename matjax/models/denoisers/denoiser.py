"""An E(3)-equivariant denoiser on periodic edges.

The layers are those of NequIP (Batzner et al., Nat. Commun. 13, 2453 (2022)) with the
norm and gates of Nequix; the time enters every layer. That vectors, symmetric tensors
and scalars of one network are scores of coordinates, cell and elements follows Zeni et
al., Nature 639, 624 (2025), MatterGen.
"""

# pyright: reportArgumentType=false, reportOptionalMemberAccess=false
# pyright: reportAttributeAccessIssue=false, reportOperatorIssue=false
# e3nn-jax takes and returns more than its annotations say.

from __future__ import annotations

import e3nn_jax as e3nn
import flax.linen as nn
import jax
import jax.numpy as jnp

from matjax.arrays import Array, Float
from matjax.crystals.lattice import inverse
from matjax.graphs import Graph
from matjax.nn import (
    Inputs,
    RMSNorm,
    TensorReadout,
    at_density,
    embedded_times,
    gate,
    inputs_of,
    neighbor_sums,
)


class Denoiser(nn.Module):
    """Noise of coordinates, cell and elements from a crystal's edges.

    | output                                              | code                       |
    |-----------------------------------------------------|----------------------------|
    | coordinates: vectors v_i, as l v_i L⁻¹              | ``head_fractional``        |
    | cell: symmetric tensor, mean over the atoms         | ``head_cell``              |
    | elements: scalars                                   | ``head_elements``          |

    with l³ the volume of an atom, in units of which all lengths are: the network sees
    crystals of one density, and the volume beside them. The vectors and the tensor
    rotate with the crystal; coordinates in units of the cell and elements do not
    change. Nothing depends on the choice of cell: a supercell has the same vectors and
    the same tensor. Atoms that move together, or by lattice vectors, change nothing; a
    permutation goes through.

    Attributes:
        species: atomic numbers, in the order of the inputs and outputs.
        cutoff: Å, in a crystal of the typical volume by atom.
        degree: edge slots of each atom; where they do not suffice there is no output.
        hidden: irreps of the features between layers.
        lmax: highest degree of the edge harmonics.
        layers: number of exchanges with the neighbors.
        basis: number of Bessel functions.
        radial_widths: hidden sizes of the perceptron that makes the radial weights.
        envelope: power p of the polynomial envelope.
        gain: initial variance of the radial perceptron's hidden layers.
        neighbors: mean number of neighbors, by whose root sums are divided.
        times: frequencies of the time's functions.
        volume: Å³, typical of an atom in the data.
        spread: typical deviation of a logarithmic stretch in the data.
    """

    species: tuple[int, ...]
    cutoff: float = 4.5
    degree: int = 48
    hidden: str = "64x0e + 32x1o + 16x2e"
    lmax: int = 2
    layers: int = 3
    basis: int = 8
    radial_widths: tuple[int, ...] = (32,)
    envelope: float = 6.0
    gain: float = 4.0
    neighbors: float = 30.0
    times: int = 16
    volume: float = 1.0
    spread: float = 1.0

    scale = 1.0
    shift = 0.0

    @nn.compact
    def __call__(
        self,
        graph: Graph,
        times: Float[Array, "graphs parts"] | None = None,
        conditions: Float[Array, "graphs conditions"] | None = None,
    ) -> dict[str, Array]:
        """Outputs for a crystal at these times; see :mod:`matjax.models.denoisers`."""
        times = jnp.zeros((graph.n_graphs, 3)) if times is None else times
        scaled, length = at_density(graph, self.volume)
        inputs = inputs_of(scaled, self)
        waves = embedded_times(times.astype(length.dtype), self.times)
        size = jnp.log(length)[:, None] / self.spread
        moment = nn.Dense(32, name="time")(jnp.concatenate([waves, size], axis=-1))
        moment = graph.per_node(jax.nn.silu(moment))
        features = inputs.shares
        for i in range(self.layers):
            layer = TimedInteraction(self.hidden, self.clone(parent=None))
            layer = layer.copy(name=f"layer_{i}")
            features = self.adapted(graph, features, conditions, i)
            features = layer(graph, features, inputs, moment)

        vectors = e3nn.flax.Linear(
            "1x1o", force_irreps_out=True, name="head_fractional"
        )(features).array
        tensors = TensorReadout(name="head_cell")(features)
        logits = nn.Dense(len(self.species), name="head_elements")(
            features.filter("0e").array
        )
        return {
            "fractional": _along_cell(graph, vectors),
            "cell": graph.pool(tensors),
            "elements": logits,
        }

    def adapted(
        self,
        graph: Graph,
        features: e3nn.IrrepsArray,
        conditions: Float[Array, "graphs conditions"] | None,
        number: int,
    ) -> e3nn.IrrepsArray:
        """Features before a layer, which no condition changes."""
        return features


class TimedInteraction(nn.Module):
    """One layer: time and species joined to the features, convolution, norm, gate."""

    outputs: str
    model: Denoiser

    @nn.compact
    def __call__(
        self,
        graph: Graph,
        features: e3nn.IrrepsArray,
        inputs: Inputs,
        moment: Float[Array, "nodes moment"],
    ) -> e3nn.IrrepsArray:
        """Node features after one exchange with the neighbors."""
        outputs = e3nn.Irreps(self.outputs)
        n_gates = outputs.num_irreps - outputs.count("0e")
        gated = (outputs + e3nn.Irreps(f"{n_gates}x0e")).regroup()
        scalars = e3nn.IrrepsArray(f"{moment.shape[-1]}x0e", moment)
        features = e3nn.concatenate([features, inputs.shares, scalars]).regroup()
        features = e3nn.flax.Linear(
            (outputs.filter(features.irreps)).regroup(), name="join"
        )(features)
        sums = neighbor_sums(graph, features, inputs.edges, self.model, wanted=outputs)
        mixed = e3nn.flax.Linear(gated, name="linear_out")(sums)
        own = e3nn.flax.Linear(gated, force_irreps_out=True, name="skip")(features)
        return gate(RMSNorm(name="norm")(mixed + own))


def _along_cell(
    graph: Graph, vectors: Float[Array, "nodes 3"]
) -> Float[Array, "nodes 3"]:
    """Vectors in units of the cell's, times the length of an atom's volume."""
    eye = jnp.eye(3, dtype=graph.cell.dtype)
    cell = jnp.where(graph.graph_mask[:, None, None], graph.cell, eye)
    length = jnp.cbrt(graph.volume / jnp.maximum(graph.n_atoms, 1))
    inverses = graph.per_node(length[:, None, None] * jax.vmap(inverse)(cell))
    return jnp.einsum("ni,nij->nj", vectors, inverses, precision="highest")
