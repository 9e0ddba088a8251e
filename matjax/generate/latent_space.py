"""The latent space of a generator: into it, out of it, and along a property in it.

Sources: Xie et al., ICLR 2022 (arXiv 2110.06197, CDVAE), section 5.3, optimisation; Ye
et al. (arXiv 2403.12478, Con-CDVAE), latents of a value of a property.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
import optax

from matjax.arrays import Array, Float
from matjax.crystals import Crystal
from matjax.generate.generator import Generator, Sampled
from matjax.generate.latent import (
    LatentModel,
    contents_of,
    contents_read,
    prior_latents,
    sizes_of,
)
from matjax.generate.sampler import SamplerConfig, sample_keys
from matjax.graphs import bucket, build_graph

Latents = Float[Array, "samples latent"]


def sample_latents(
    generator: Generator, n: int, seed: int = 0, *, value: float | None = None
) -> Latents:
    """Latents from the prior of a generator that chooses elements.

    Args:
        generator: with latents.
        n: number of them.
        seed: the same seed gives the same latents, whatever their number.
        value: of the property that is asked for, in the unit of the data.

    Raises:
        ValueError: if the generator has no latents, they depend on a composition, or a
            value is needed and not given.
    """
    model = _with_latents(generator)
    if "composition" in model.told:
        raise ValueError(
            "latents of this generator are those of a composition: use its sample "
            "method with a formula"
        )
    values = None if value is None else jnp.full(n, value)
    about = (model, generator.params, generator.process)
    return prior_latents(*about, sample_keys(seed, n), values=values)


def encode_latents(generator: Generator, crystals: Sequence[Crystal]) -> Latents:
    """Means of the latents of crystals.

    Args:
        generator: with latents.
        crystals: of species that it knows.

    Raises:
        ValueError: if the generator has no latents, or does not know a species.
    """
    model = _with_latents(generator)
    held = {int(z) for c in crystals for z in np.asarray(c.numbers)}
    if unknown := held - set(generator.coverage.species):
        raise ValueError(
            f"atomic numbers {sorted(unknown)} are unknown to the generator: it was "
            f"trained on {generator.coverage.described}"
        )
    n_nodes = bucket(max((c.n_atoms for c in crystals), default=1))
    dtype = jnp.result_type(*jax.tree.leaves(generator.params))
    graphs = [build_graph(c, 0.0, n_nodes=n_nodes, dtype=dtype) for c in crystals]
    process = generator.process

    @jax.jit
    def encoded(params: object, graph: object) -> Array:
        state = process.encode(graph)  # type: ignore[arg-type]
        seen = process.graph(state, generator.model.cutoff, generator.model.degree)
        arguments = (seen, contents_of(process, state))
        return model.apply({"params": params}, *arguments, method="encode").mean[0]

    return jnp.stack([encoded(generator.params, graph) for graph in graphs])


def decode_latents(
    generator: Generator,
    latents: Latents,
    seed: int = 0,
    *,
    sampler: SamplerConfig | None = None,
) -> Sampled:
    """Crystals of latents; number of atoms, composition and cell are read from them.

    Args:
        generator: with latents, which chooses elements.
        latents: (samples, latent).
        seed: of the noise.
        sampler: by default that of the generator.

    Raises:
        ValueError: if the generator has no latents.
    """
    sizes = sizes_of(_with_latents(generator), generator.params, latents)
    rows = [np.zeros(max(int(k), 1), int) for k in sizes]
    return generator.sample_each(rows, seed, sampler=sampler, latents=latents)


def property_of(generator: Generator, latents: Latents) -> Float[Array, "samples"]:
    """The property that is read from latents, in the unit of the data.

    Raises:
        ValueError: if the generator reads no property.
    """
    model = _with_property(generator)
    return contents_read(generator.params, latents, model=model).value


def optimize_latents(
    generator: Generator,
    latents: Latents,
    *,
    goal: Literal["smallest", "largest"] | float = "smallest",
    steps: int = 5000,
    rate: float = 1e-3,
) -> Latents:
    """Latents moved along the gradient of the property that is read from them.

    Adam takes the steps; their number and length are those of the paper. Nothing holds
    the latents near the prior.

    Args:
        generator: that reads a property.
        latents: to start from, of crystals or drawn.
        goal: of the property: to be small, large, or near to a value in the unit of the
            data.
        steps: of the optimisation.
        rate: length of the steps.

    Raises:
        ValueError: if the generator reads no property.
    """
    model = _with_property(generator)
    optimizer = optax.adam(rate)

    def loss(z: Array) -> Array:
        value = contents_read(generator.params, z, model=model).value
        standard = (value - model.shift) / model.scale  # type: ignore[attr-defined]
        if isinstance(goal, str):
            return jnp.sum(standard if goal == "smallest" else -standard)
        return jnp.sum(jnp.square((value - goal) / model.scale))  # type: ignore

    def step(carry: tuple, _: None) -> tuple[tuple, None]:
        z, state = carry
        change, state = optimizer.update(jax.grad(loss)(z), state)
        return (optax.apply_updates(z, change), state), None

    @jax.jit
    def run(z: Array) -> Array:
        start = (z, optimizer.init(z))
        return jax.lax.scan(step, start, length=steps)[0][0]

    return run(latents)


def _with_latents(generator: Generator) -> LatentModel:
    if not isinstance(generator.model, LatentModel):
        raise ValueError(
            f"{type(generator.model).__name__} has no latents: take a generator whose "
            "network is cdvae or symat"
        )
    return generator.model


def _with_property(generator: Generator) -> LatentModel:
    model = _with_latents(generator)
    if not model.label:
        raise ValueError(
            "no property is read from the latents of this generator: train one with "
            "network={name: cdvae, label: ...}"
        )
    return model
