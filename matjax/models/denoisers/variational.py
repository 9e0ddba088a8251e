"""What variational networks share: encoder, prior, and a decoder that is a denoiser."""

from __future__ import annotations

from typing import Literal

import flax.linen as nn
import jax.numpy as jnp

from matjax.arrays import Array, Float
from matjax.graphs import Graph
from matjax.nn import (
    Contents,
    DirectedEdges,
    DirectionalNetwork,
    EdgeForces,
    Gaussian,
    LatentPrior,
    PriorKind,
    at_density,
    directed_edges,
    embedded_times,
    species_shares,
)

Condition = Literal["composition", "property"]
"""What latents may be asked for."""


class Variational(nn.Module):
    """A latent for each crystal, and what does not depend on what is read from it.

    Attributes:
        species: atomic numbers, in the order of the inputs and outputs.
        sizes: numbers of atoms of a cell that occur.
        cutoff: Å, in a crystal of the typical volume by atom.
        degree: edge slots of each atom; where they do not suffice there is no output.
        features: of each atom.
        layers: number of exchanges with the neighbors.
        channels: sums of unit vectors in each.
        basis: number of Bessel functions.
        neighbors: mean number of neighbors, by whose root sums are divided.
        latent: numbers of a latent, or of each of its parts.
        width: of the hidden layers of what is read.
        times: frequencies of the time's functions.
        prior: of the latent; all but ``normal`` need a condition.
        told: what the prior is told: ``composition`` (elements are given then),
            ``property``.
        volume: Å³, typical of an atom in the data.
        spread: typical deviation of a logarithmic stretch in the data.
    """

    species: tuple[int, ...]
    sizes: tuple[int, ...] = (1,)
    cutoff: float = 5.0
    degree: int = 64
    features: int = 128
    layers: int = 3
    channels: int = 16
    basis: int = 8
    neighbors: float = 30.0
    latent: int = 64
    width: int = 128
    times: int = 8
    prior: PriorKind = "normal"
    told: tuple[Condition, ...] = ()
    volume: float = 1.0
    spread: float = 1.0

    label = ""
    scale = 1.0
    shift = 0.0

    @property
    def n_latent(self) -> int:
        """Numbers of a latent, all parts together."""
        return self.latent

    @property
    def is_told_composition(self) -> bool:
        """Whether elements are given, and the latent is one of their composition."""
        return "composition" in self.told

    def setup(self) -> None:
        """Makes encoder, prior and decoder.

        Raises:
            ValueError: unless the prior fits what it is told.
        """
        require_condition(self)
        sizes = (self.features, self.layers, self.channels)
        self.encoder = DirectionalNetwork(*sizes)
        self.decoder = DirectionalNetwork(*sizes)
        self.forces = EdgeForces()
        self.latent_prior = LatentPrior(
            *(self.prior, self.n_latent, self.width, self.times)
        )

    def begun(
        self,
        graph: Graph,
        times: Float[Array, "graphs parts"] | None,
        z: Float[Array, "graphs latent"] | None,
    ) -> tuple[Array, Array]:
        """Times and latents: no noise, and the crystals' own, where they are not given.

        While parameters are made, all that no decoder calls is called for theirs.
        """
        times = jnp.zeros((graph.n_graphs, 3)) if times is None else times
        latents: Array = self.encode(graph).mean if z is None else z
        if self.is_initializing():
            self.start(self.read(latents))
        return times, latents

    def encoded(self, graph: Graph) -> Float[Array, "graphs features"]:
        """Features of crystals without noise, means over their atoms."""
        scaled, edges, size = self._surroundings(graph)
        known = [species_shares(graph, self.species), graph.per_node(size)]
        v = self.encoder(scaled, jnp.concatenate(known, axis=-1), edges)
        return graph.pool(v)

    def decoded(
        self,
        graph: Graph,
        times: Float[Array, "graphs parts"],
        z: Float[Array, "graphs latent"],
    ) -> tuple[Float[Array, "nodes features"], Float[Array, "nodes 3"]]:
        """Features of noisy atoms, and vectors that pull at them, given latents."""
        scaled, edges, size = self._surroundings(graph)
        waves = embedded_times(times.astype(z.dtype), self.times)
        known = graph.per_node(jnp.concatenate([z, waves, size], axis=-1))
        inputs = jnp.concatenate([species_shares(graph, self.species), known], axis=-1)
        v = self.decoder(scaled, inputs, edges)
        return v, self.forces(scaled, v, edges)

    def condition(self, contents: Contents) -> Float[Array, "graphs condition"]:
        """What the prior is told of what is asked for."""
        standard = (contents.value - self.shift) / self.scale
        known = {"composition": contents.shares, "property": standard[:, None]}
        nothing = jnp.zeros((len(standard), 0), standard.dtype)
        return jnp.concatenate([nothing, *(known[name] for name in self.told)], axis=-1)

    def prior_of(self, condition: Float[Array, "graphs condition"]) -> Gaussian:
        """The distribution that latents are drawn from; of a diffusion its noise."""
        return self.latent_prior(condition)

    def prior_noise(
        self,
        z: Float[Array, "graphs latent"],
        time: Float[Array, "graphs"],
        condition: Float[Array, "graphs condition"],
    ) -> Float[Array, "graphs latent"]:
        """Noise on latents, of a prior that is a diffusion."""
        return self.latent_prior.noise(z, time, condition)

    def start(self, contents: Contents) -> None:
        """Calls the prior, for the sake of its parameters."""
        condition = self.condition(contents)
        z = self.prior_of(condition).mean
        if self.prior == "diffusion":
            self.prior_noise(z, z[:, 0], condition)

    def _surroundings(
        self, graph: Graph
    ) -> tuple[Graph, DirectedEdges, Float[Array, "graphs 1"]]:
        """Crystals at one density, their edges, and how large they were."""
        scaled, length = at_density(graph, self.volume)
        edges = directed_edges(scaled, self.cutoff, self.basis, self.neighbors)
        return scaled, edges, jnp.log(length)[:, None] / self.spread


def require_condition(model: Variational) -> None:
    """Raises ValueError unless the prior fits what it is told."""
    if (model.prior == "normal") != (not model.told):
        raise ValueError(
            "a normal prior is told nothing, and the others composition, property or "
            "both; received "
            f"prior={model.prior!r}, told={model.told}"
        )
    if "property" in model.told and not model.label:
        raise ValueError(
            "a latent under the condition of a property needs the label of one: take "
            "the network cdvae, and set its label"
        )
