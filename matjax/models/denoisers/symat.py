"""SyMat: elements and cell from latents, coordinates from the scores of distances.

Source: Y. Luo, C. Liu and S. Ji, NeurIPS 2023 (arXiv 2307.02707); what the paper leaves
open as in the published code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from matjax.arrays import Array, Float, Int
from matjax.graphs import Graph
from matjax.models.denoisers.variational import Variational
from matjax.nn import Contents, Gaussian, GaussianHead, Head
from matjax.numerics import safe_norm


class SyMat(Variational):
    """A variational autoencoder of a crystal's set of elements and of its cell.

    | equation                                                      | code          |
    |---------------------------------------------------------------|---------------|
    | z = (z_A, z_X, z_L): of the crystal twice, and of its cell    | ``encode``    |
    | number of kinds k from z_A; the k likeliest elements;         | ``read``      |
    | how many atoms of each, from z_A times its embedding          | ``read``      |
    | cell from z_L                                                 | ``read``      |
    | s_i = Σ_j s_ij r̂_ij with s_ij from atoms, z_X and distance    | ``decoded``   |
    | target −(3/n) Σ_j (d⁰_ij − d_ij) r̂_ij by σ                    | ``target``    |
    | L = 10 L_X + L_k + 30 L_elements + L_counts + 10 L_cell       | ``terms``     |
    | + 0.01 KL                                                     | ``terms``     |

    d⁰ and d are the lengths of an edge before and under the noise. Outputs and, other
    than those of CDVAE, targets too follow rotations and permutations and do not change
    when atoms move alike or by lattice vectors: the whole density is free of them. What
    is read of the cell depends on the choice of the cell.

    What differs from the paper: networks are :class:`~matjax.nn.DirectionalNetwork` in
    place of SphereNet, and the decoder's knows angles too. Targets are divided by σ,
    not by a norm measured in the data for each width, and carry 3/n, n the edges of the
    atom, with which they are displacements; edges to images of one atom count each, not
    their mean. The decoder is told the width of the noise. The cell is read as its
    logarithmic stretch. Kinds that would make more atoms than any crystal of the data
    has are left out, the unlikeliest first. Given elements, and latents under their
    condition, are not in the paper.
    """

    @property
    def n_latent(self) -> int:
        """Numbers of the three parts of a latent."""
        return 3 * self.latent

    @property
    def needs(self) -> dict[str, str]:
        """Processes of the parts, by the names that configurations use."""
        elements = "given" if self.is_told_composition else "latent"
        return {"fractional": "cartesian", "cell": "latent", "elements": elements}

    @property
    def terms(self) -> dict[str, float]:
        """Terms of the loss, with the weights of the published code."""
        terms = {"fractional": 10.0, "cell": 10.0, "divergence": 0.01}
        if not self.is_told_composition:
            terms |= {"kinds": 1.0, "species": 30.0, "counts": 1.0}
        if self.prior == "diffusion":
            terms["prior"] = 1.0
        return terms

    def setup(self) -> None:
        """Makes the parts of all variational networks, and what reads latents."""
        super().setup()
        self.posterior = GaussianHead(2 * self.latent)
        self.cell_features = nn.Dense(self.width)
        self.cell_posterior = GaussianHead(self.latent)
        self.head_cell = Head(self.width, 6)
        if not self.is_told_composition:
            n_species, most = len(self.species), max(self.sizes)
            self.head_kinds = Head(self.width, min(n_species, most))
            self.head_species = Head(self.width, n_species)
            self.head_counts = Head(self.width, most)
            self.embedding = nn.Embed(n_species, self.latent)

    def __call__(
        self,
        graph: Graph,
        times: Float[Array, "graphs parts"] | None = None,
        z: Float[Array, "graphs latent"] | None = None,
    ) -> dict[str, Array]:
        """Outputs for noisy crystals at these times, given their latents.

        ``fractional`` are displacements along Cartesian axes in units of the noise.
        Without latents, those that crystals of the mean cell would have are taken.
        """
        times, z = self.begun(graph, times, z)
        v, pull = self.decoded(graph, times, self._parts(z)[1])
        return {  # cell and elements are without noise
            "fractional": pull,
            "cell": jnp.zeros_like(graph.cell),
            "elements": jnp.zeros((len(v), len(self.species)), v.dtype),
        }

    def encode(self, graph: Graph, contents: Contents | None = None) -> Gaussian:
        """The distribution of the latents of crystals without noise."""
        of_crystal = self.posterior(self.encoded(graph))
        if contents is None:
            cell = jnp.zeros((graph.n_graphs, 6), of_crystal.mean.dtype)
        else:
            cell = contents.cell
        of_cell = self.cell_posterior(jax.nn.silu(self.cell_features(cell)))
        joined = zip(of_crystal, of_cell, strict=True)
        return Gaussian(*(jnp.concatenate(pair, axis=-1) for pair in joined))

    def read(self, z: Float[Array, "graphs latent"]) -> Contents:
        """Number of atoms, composition and cell of latents.

        Where elements are given, the first two say nothing.
        """
        of_elements, _, of_cell = self._parts(z)
        if self.is_told_composition:
            counts = jnp.zeros((len(z), len(self.species)), jnp.int32)
        else:
            kinds = jnp.argmax(self.head_kinds(of_elements), axis=-1) + 1
            each = jnp.argmax(self._count_logits(of_elements), axis=-1) + 1
            likely = self.head_species(of_elements)
            counts = likeliest(likely, kinds, each, max(self.sizes))
        n_atoms = jnp.sum(counts, axis=-1)
        shares = (counts / jnp.maximum(n_atoms, 1)[:, None]).astype(z.dtype)
        nothing = jnp.zeros_like(z[:, 0])
        return Contents(n_atoms, shares, self.head_cell(of_cell), nothing)

    def read_losses(
        self, z: Float[Array, "graphs latent"], contents: Contents
    ) -> Mapping[str, Array]:
        """How far what is read from latents is from what crystals hold, (graphs,)."""
        of_elements, _, of_cell = self._parts(z)
        square = jnp.square(self.head_cell(of_cell) - contents.cell)
        losses = {"cell": jnp.mean(square, axis=-1)}
        if self.is_told_composition:
            return losses
        counts = jnp.rint(contents.shares * contents.n_atoms[:, None]).astype(jnp.int32)
        present = counts > 0
        kinds = jnp.sum(present, axis=-1)
        entropy = optax.softmax_cross_entropy_with_integer_labels
        losses["kinds"] = entropy(self.head_kinds(of_elements), kinds - 1)
        logits = self.head_species(of_elements)
        chances = optax.sigmoid_binary_cross_entropy(logits, present)
        losses["species"] = jnp.mean(chances, axis=-1)
        of_each = self._count_logits(of_elements)
        each = entropy(of_each, jnp.maximum(counts - 1, 0))
        losses["counts"] = jnp.sum(jnp.where(present, each, 0), axis=-1) / kinds
        return losses

    def target(
        self, graph: Graph, displacements: Float[Array, "nodes 3"]
    ) -> Float[Array, "nodes 3"]:
        """What ``fractional`` shall be: displacements as distances know them, Å."""
        vectors = graph.edge_vectors()
        before = vectors + graph.gather(displacements) - graph.spread(displacements)
        r = safe_norm(vectors)
        change = (safe_norm(before) - r) / jnp.maximum(r, 1e-6)
        atoms = jnp.arange(graph.n_nodes, dtype=r.dtype)
        others = (graph.gather(atoms) != graph.spread(atoms)).astype(r.dtype)
        n_edges = jnp.maximum(graph.scatter(others), 1)[:, None]
        return -3 / n_edges * graph.scatter((others * change)[:, None] * vectors)

    def _parts(self, z: Float[Array, "graphs latent"]) -> Sequence[Array]:
        """The parts of latents: elements, places, cell."""
        return jnp.split(z, 3, axis=-1)

    def _count_logits(
        self, z: Float[Array, "graphs latent"]
    ) -> Float[Array, "graphs species counts"]:
        """Logits of how many atoms there are of each species, if there are any."""
        return self.head_counts(z[:, None] * self.embedding.embedding)


def likeliest(
    logits: Float[Array, "graphs species"],
    kinds: Int[Array, "graphs"],
    counts: Int[Array, "graphs species"],
    most: int,
) -> Int[Array, "graphs species"]:
    """Numbers of atoms of the likeliest species, 0 of the others.

    Args:
        logits: of the species.
        kinds: how many species there are.
        counts: atoms of each species if it is there, between 1 and ``most``.
        most: atoms in a cell; species with which there would be more are left out.
    """
    order = jnp.argsort(-logits, axis=-1)
    rank = jnp.argsort(order, axis=-1)
    chosen = jnp.arange(logits.shape[-1]) < kinds[:, None]
    ordered = jnp.take_along_axis(counts, order, axis=-1) * chosen
    ordered = jnp.where(jnp.cumsum(ordered, axis=-1) <= most, ordered, 0)
    return jnp.take_along_axis(ordered, rank, axis=-1)
