"""DiffCSP: a network of fractional coordinates, on all pairs of a crystal's atoms.

Source: R. Jiao et al., NeurIPS 2023 (arXiv 2309.04475), section 4.3; what the paper
leaves open as in the published code.
"""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from matjax.arrays import Array, Float
from matjax.crystals.lattice import inverse, transform
from matjax.graphs import Graph, all_pairs
from matjax.nn import embedded_times, species_shares


class DiffCSP(nn.Module):
    """Noise of coordinates, cell and elements from differences of coordinates.

    | equation                                                     | code            |
    |--------------------------------------------------------------|-----------------|
    | ψ(Δ) = sin(2πkΔ), cos(2πkΔ), k = 1 … frequencies             | ``fourier``     |
    | m_ij = φ_m(h_i, h_j, L Lᵀ, ψ(f_j − f_i))                     | ``PairLayer``   |
    | h_i ← h_i + φ_h(h_i, mean_j m_ij)                            | ``PairLayer``   |
    | coordinates φ_F(h_i), cell φ_L(mean h), elements φ_A(h_i)    | ``head_*``      |

    Outputs do not change when the crystal is rotated, when all atoms move alike, or by
    a lattice vector, and follow a permutation of atoms. They depend on the choice of
    the cell, which the paper fixes by Niggli reduction.

    The paper's L Lᵀ is given in units of the data's volume, less the unit matrix and in
    units of the data's spread, so that small deformations are inputs of unit size.

    Attributes:
        species: atomic numbers, in the order of the inputs and outputs.
        features: of each atom.
        layers: number of exchanges between atoms.
        frequencies: of the Fourier functions.
        times: frequencies of the time's functions.
        volume: Å³, typical of an atom in the data.
        spread: typical deviation of a logarithmic stretch in the data.
    """

    species: tuple[int, ...]
    features: int = 256
    layers: int = 4
    frequencies: int = 10
    times: int = 32
    volume: float = 1.0
    spread: float = 1.0

    cutoff = 0.0
    degree = 0

    @nn.compact
    def __call__(
        self, graph: Graph, times: Float[Array, "graphs parts"] | None = None
    ) -> dict[str, Array]:
        """Outputs for a crystal at these times; see :mod:`matjax.models.denoisers`."""
        times = jnp.zeros((graph.n_graphs, 3)) if times is None else times
        shares = species_shares(graph, self.species)
        times = times.astype(shares.dtype)
        h = nn.Dense(self.features, name="embedding")(
            jnp.concatenate(
                [shares, graph.per_node(embedded_times(times, self.times))], axis=-1
            )
        )
        pairs = all_pairs(graph)
        fractional = _fractional(graph)
        differences = pairs.gather(fractional) - pairs.spread(fractional)
        waves = fourier(differences, self.frequencies)
        shape = cell_shape(graph, self.volume, self.spread)
        for i in range(self.layers):
            h = PairLayer(self.features, name=f"layer_{i}")(pairs, h, waves, shape)
        h = nn.LayerNorm(name="norm")(h)
        mean = graph.pool(h)
        cell = nn.Dense(9, name="head_cell")(mean).reshape(-1, 3, 3)
        return {
            "fractional": nn.Dense(3, use_bias=False, name="head_fractional")(h),
            "cell": (cell + cell.swapaxes(-1, -2)) / 2,
            "elements": nn.Dense(len(self.species), name="head_elements")(h),
        }


class PairLayer(nn.Module):
    """One exchange between all atoms of a crystal."""

    features: int

    @nn.compact
    def __call__(
        self,
        pairs: Graph,
        h: Float[Array, "nodes features"],
        waves: Float[Array, "edges waves"],
        shape: Float[Array, "graphs shape"],
    ) -> Float[Array, "nodes features"]:
        """Features of the atoms after the exchange."""
        n = self.features
        x = nn.LayerNorm(name="norm")(h)
        # Maps of atoms and of the cell act before they are repeated for the pairs.
        own = nn.Dense(n, name="center")(x)
        own = own + pairs.per_node(nn.Dense(n, use_bias=False, name="cell")(shape))
        m = (
            pairs.spread(own)
            + pairs.gather(nn.Dense(n, use_bias=False, name="neighbor")(x))
            + nn.Dense(n, use_bias=False, name="difference")(waves)
        )
        m = jax.nn.silu(nn.Dense(n, name="message")(jax.nn.silu(m)))
        counts = pairs.scatter(jnp.ones_like(m[:, :1]))
        mean = pairs.scatter(m) / jnp.maximum(counts, 1)
        update = jax.nn.silu(nn.Dense(n, name="update")(jnp.concatenate([x, mean], -1)))
        return h + jax.nn.silu(nn.Dense(n, name="out")(update))


def fourier(
    differences: Float[Array, "edges 3"], frequencies: int
) -> Float[Array, "edges waves"]:
    """Sines and cosines of all frequencies: functions on the torus."""
    k = 2 * jnp.pi * jnp.arange(1, frequencies + 1, dtype=differences.dtype)
    angles = (differences[..., None] * k).reshape(len(differences), -1)
    return jnp.concatenate([jnp.sin(angles), jnp.cos(angles)], axis=-1)


def cell_shape(
    graph: Graph, volume: float, spread: float
) -> Float[Array, "graphs shape"]:
    """The nine numbers of (L Lᵀ / l² − 1) / 2s, l³ the volume of as many atoms.

    Args:
        graph: whose cells are taken.
        volume: that counts as 1, Å³ of an atom.
        spread: s.
    """
    eye = jnp.eye(3, dtype=graph.cell.dtype)
    gram = jnp.einsum("gik,gjk->gij", graph.cell, graph.cell, precision="highest")
    unit = jnp.square(jnp.cbrt(volume * jnp.maximum(graph.n_atoms, 1)))
    deformed = (gram / unit[:, None, None] - eye) / (2 * spread)
    return deformed.reshape(-1, 9)


def _fractional(graph: Graph) -> Float[Array, "nodes 3"]:
    eye = jnp.eye(3, dtype=graph.cell.dtype)
    cell = jnp.where(graph.graph_mask[:, None, None], graph.cell, eye)
    inverses = graph.per_node(jax.vmap(inverse)(cell))
    return jax.vmap(lambda x, m: transform(x[None], m)[0])(graph.positions, inverses)
