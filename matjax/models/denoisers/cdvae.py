"""CDVAE: latents from which cell and composition are read, and coordinates denoised.

Source: T. Xie et al., ICLR 2022 (arXiv 2110.06197); what the paper leaves open as in
the published code. Priors under a condition: R. Jiao et al., NeurIPS 2023 (arXiv
2309.04475), for a composition, and C.-Y. Ye et al. (arXiv 2403.12478, Con-CDVAE), for a
property.
"""

from __future__ import annotations

from collections.abc import Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp

from matjax.arrays import Array, Float
from matjax.graphs import Graph
from matjax.models.denoisers.variational import Variational
from matjax.nn import Contents, Gaussian, GaussianHead, Head


class CDVAE(Variational):
    """A variational autoencoder of crystals whose decoder is a denoiser.

    | equation                                                    | code          |
    |-------------------------------------------------------------|---------------|
    | q(z given M) = N(μ, σ²) from the mean over atoms            | ``encode``    |
    | number of atoms, composition, cell, property from z         | ``read``      |
    | displacements by σ, and elements, from noisy M and z        | ``__call__``  |
    | L = 10 L_X + L_A + L_N + 10 L_cell + L_c + L_prop + 0.01 KL | ``terms``     |

    Outputs follow rotations and permutations; moving all atoms alike, or one by a
    lattice vector, changes nothing, and neither does the choice of the cell, but for
    the cell that is read. What the paper does not have: its loss is not free of
    translations. Noise that moves all atoms alike has a target of which no network of
    these symmetries can know (:class:`matjax.generate.processes.CartesianDiffusion`).

    What differs from the paper: encoder and decoder are
    :class:`~matjax.nn.DirectionalNetwork`, which knows angles between edges but neither
    their order nor torsions, in place of DimeNet++ and GemNet-dT; forces along edges
    are those of the latter. The decoder is told the width of the noise, so that few
    steps do. The cell is read as its logarithmic stretch, not as lengths and angles,
    and decoders are trained in the true one throughout (the paper goes over to the one
    that is read, after half of its training). Coordinates and elements share a time.

    A prior ``gaussian`` under the condition ``composition`` makes it predict structures
    of given compositions; a prior ``diffusion`` under the condition ``property`` makes
    it Con-CDVAE, of one property, whose prior is trained beside the rest on latents
    that its loss does not move, in place of afterwards.

    Attributes, beside those of
    :class:`~matjax.models.denoisers.variational.Variational`:
        label: name of a property that is read from the latent; empty for none.
        scale: deviation of the property in the data.
        shift: its mean.
    """

    label: str = ""
    scale: float = 1.0
    shift: float = 0.0

    @property
    def needs(self) -> dict[str, str]:
        """Processes of the parts, by the names that configurations use."""
        elements = "given" if self.is_told_composition else "composition"
        return {"fractional": "cartesian", "cell": "latent", "elements": elements}

    @property
    def terms(self) -> dict[str, float]:
        """Terms of the loss, with the weights of the published code."""
        terms = {"fractional": 10.0, "cell": 10.0, "divergence": 0.01}
        if not self.is_told_composition:
            terms |= {"elements": 1.0, "n_atoms": 1.0, "composition": 1.0}
        if self.label:
            terms["property"] = 1.0
        if self.prior == "diffusion":
            terms["prior"] = 1.0
        return terms

    def setup(self) -> None:
        """Makes the parts of all variational networks, and what reads latents."""
        super().setup()
        self.posterior = GaussianHead(self.latent)
        self.head_cell = Head(self.width, 6)
        self.head_elements = nn.Dense(len(self.species))
        if not self.is_told_composition:
            self.head_n_atoms = Head(self.width, len(self.sizes))
            self.head_composition = Head(self.width, len(self.species))
        if self.label:
            self.head_property = Head(self.width, 1)

    def __call__(
        self,
        graph: Graph,
        times: Float[Array, "graphs parts"] | None = None,
        z: Float[Array, "graphs latent"] | None = None,
    ) -> dict[str, Array]:
        """Outputs for noisy crystals at these times, given their latents.

        ``fractional`` are displacements along Cartesian axes in units of the noise.
        Without latents, those that the crystals have themselves are taken.
        """
        times, z = self.begun(graph, times, z)
        v, pull = self.decoded(graph, times, z)
        return {
            "fractional": pull,
            "cell": jnp.zeros_like(graph.cell),  # without noise
            "elements": self.head_elements(v),
        }

    def encode(self, graph: Graph, contents: Contents | None = None) -> Gaussian:
        """The distribution of the latents of crystals without noise."""
        return self.posterior(self.encoded(graph))

    def read(self, z: Float[Array, "graphs latent"]) -> Contents:
        """Number of atoms, composition, cell and property of latents.

        Where elements are given, the first two say nothing.
        """
        if self.is_told_composition:
            n_atoms = jnp.zeros(len(z), jnp.int32)
            shares = jnp.zeros((len(z), len(self.species)), z.dtype)
        else:
            place = jnp.argmax(self.head_n_atoms(z), axis=-1)
            n_atoms = jnp.asarray(self.sizes, jnp.int32)[place]
            shares = jax.nn.softmax(self.head_composition(z))
        value = self.scale * self._standard(z) + self.shift
        return Contents(n_atoms, shares, self.head_cell(z), value)

    def read_losses(
        self, z: Float[Array, "graphs latent"], contents: Contents
    ) -> Mapping[str, Array]:
        """How far what is read from latents is from what crystals hold, (graphs,)."""
        square = jnp.square(self.head_cell(z) - contents.cell)
        losses = {"cell": jnp.mean(square, axis=-1)}
        if not self.is_told_composition:
            place = jnp.asarray(self.sizes) == contents.n_atoms[:, None]
            logs = jax.nn.log_softmax(self.head_n_atoms(z))
            losses["n_atoms"] = -jnp.sum(jnp.where(place, logs, 0), axis=-1)
            logs = jax.nn.log_softmax(self.head_composition(z))
            losses["composition"] = -jnp.sum(contents.shares * logs, axis=-1)
        if self.label:
            standard = (contents.value - self.shift) / self.scale
            losses["property"] = jnp.square(self._standard(z) - standard)
        return losses

    def target(
        self, graph: Graph, displacements: Float[Array, "nodes 3"]
    ) -> Float[Array, "nodes 3"]:
        """What ``fractional`` shall be: the displacements as they are, Å."""
        return displacements

    def _standard(self, z: Float[Array, "graphs latent"]) -> Float[Array, "graphs"]:
        """The property in units of its deviation; 0 where there is none."""
        return self.head_property(z)[:, 0] if self.label else jnp.zeros_like(z[:, 0])
