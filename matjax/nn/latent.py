"""Latents of variational networks: normal distributions, what is read, priors.

Sources: Kingma and Welling, ICLR 2014 (arXiv 1312.6114); priors of a condition, Sohn et
al., NeurIPS 2015, and, by diffusion, Ye et al. (arXiv 2403.12478, Con-CDVAE).
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from matjax.arrays import Array, Float, Int
from matjax.nn.times import embedded_times

FARTHEST = 14.0
"""Largest mean of a latent, in units of its prior."""
WIDEST = 6.0
"""Largest logarithm of a variance: both bounds are those of the code of SyMat."""

PriorKind = Literal["normal", "gaussian", "diffusion"]
"""The standard normal distribution, one whose mean and width a condition says, or a
diffusion under a condition."""


class Gaussian(NamedTuple):
    """Normal distributions of latents, each number by itself."""

    mean: Float[Array, "graphs latent"]
    log_variance: Float[Array, "graphs latent"]

    def draw(self, key: Array) -> Float[Array, "graphs latent"]:
        """A sample that is differentiable in mean and variance."""
        noise = jax.random.normal(key, self.mean.shape, self.mean.dtype)
        return self.mean + jnp.exp(self.log_variance / 2) * noise


class Contents(NamedTuple):
    """What of a crystal is read from its latent at once."""

    n_atoms: Int[Array, "graphs"]
    shares: Float[Array, "graphs species"]
    """Of the species among the atoms."""
    cell: Float[Array, "graphs 6"]
    """Logarithmic stretch, in units of its spread in the data."""
    value: Float[Array, "graphs"]
    """Of a property; 0 where there is none."""


def divergence(one: Gaussian, other: Gaussian) -> Float[Array, "graphs"]:
    """Kullback–Leibler divergence KL(one ‖ other), nats.

    Σ_k (σ²/τ² − 1 − ln(σ²/τ²) + (μ − ν)²/τ²)/2 of N(μ, σ²) from N(ν, τ²).
    """
    difference = one.log_variance - other.log_variance
    apart = jnp.square(one.mean - other.mean) * jnp.exp(-other.log_variance)
    return jnp.sum(jnp.exp(difference) - 1 - difference + apart, axis=-1) / 2


class Head(nn.Module):
    """A perceptron with one hidden layer."""

    width: int
    outputs: int

    @nn.compact
    def __call__(self, x: Float[Array, "... inputs"]) -> Float[Array, "... outputs"]:
        """Outputs of each row."""
        x = jax.nn.silu(nn.Dense(self.width, name="hidden")(x))
        return nn.Dense(self.outputs, name="out")(x)


class GaussianHead(nn.Module):
    """Normal distributions from features; of unit variance before any training."""

    latent: int

    @nn.compact
    def __call__(self, x: Float[Array, "graphs inputs"]) -> Gaussian:
        """The distribution of each crystal's latent."""
        mean = nn.Dense(self.latent, name="mean")(x)
        variance = nn.Dense(
            self.latent, kernel_init=nn.initializers.zeros, name="log_variance"
        )(x)
        return Gaussian(
            jnp.clip(mean, -FARTHEST, FARTHEST), jnp.minimum(variance, WIDEST)
        )


class LatentPrior(nn.Module):
    """The distribution that latents are drawn from, given what is asked for.

    Attributes:
        kind: of the distribution.
        latent: numbers of a latent.
        width: of hidden layers.
        times: frequencies of the time's functions, of a diffusion.
    """

    kind: PriorKind
    latent: int
    width: int
    times: int

    def setup(self) -> None:
        """Makes the perceptrons that the kind needs."""
        if self.kind == "gaussian":
            self.hidden = nn.Dense(self.width)
            self.place = GaussianHead(self.latent)
        if self.kind == "diffusion":
            self.start = nn.Dense(self.width)
            self.noise_head = Head(self.width, self.latent)

    def __call__(self, condition: Float[Array, "graphs condition"]) -> Gaussian:
        """The normal distribution; for a diffusion the one that it begins with."""
        if self.kind == "gaussian":
            return self.place(jax.nn.silu(self.hidden(condition)))
        zeros = jnp.zeros((len(condition), self.latent), condition.dtype)
        return Gaussian(zeros, zeros)

    def noise(
        self,
        z: Float[Array, "graphs latent"],
        time: Float[Array, "graphs"],
        condition: Float[Array, "graphs condition"],
    ) -> Float[Array, "graphs latent"]:
        """The noise on latents at a time of the diffusion."""
        waves = embedded_times(time[:, None], self.times)
        x = self.start(jnp.concatenate([z, waves, condition], axis=-1))
        return self.noise_head(jax.nn.silu(x))
