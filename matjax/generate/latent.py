"""Networks whose noise comes after a latent: their losses, and what samples begin with.

A latent z of the crystal is drawn first. From it follows what has no noise of its own
(the cell, for some networks the elements, and how many atoms there are); the other
parts lose their noise in its presence. Source: Xie et al., ICLR 2022 (arXiv 2110.06197,
CDVAE).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import partial
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np

from matjax.arrays import Array, Float
from matjax.data import Dataset
from matjax.generate.processes import (
    CartesianDiffusion,
    ElementComposition,
    JointProcess,
    ProcessConfig,
    State,
    parts_of,
)
from matjax.generate.processes.gaussian import GaussianDiffusion
from matjax.graphs import Graph
from matjax.nn import Contents, Gaussian, divergence

PRIOR_STEPS = 50
"""Steps of a prior that is a diffusion; each is a small perceptron's."""
OF_LATENTS = 0x1A7E
"""What sets the random numbers of latents apart from those of the sampling."""
ONLY_LATENT = {
    "fractional": ("cartesian",),
    "cell": ("latent",),
    "elements": ("composition", "latent"),
}
"""Choices of processes that need a latent."""


@runtime_checkable
class LatentModel(Protocol):
    """What a network with latents offers beside being a denoiser.

    It is called with a graph, times and latents ``z`` (graphs, latent), and offers
    methods for graphs of one crystal: ``encode(graph, contents)`` gives a
    :class:`~matjax.nn.Gaussian`, ``condition(contents)`` what the prior is told,
    ``prior_of(condition)`` a Gaussian, ``prior_noise(z, time, condition)`` the noise of
    a prior that is a diffusion, ``read(z)`` :class:`~matjax.nn.Contents`,
    ``read_losses(z, contents)`` terms of the loss by name, and ``target(graph,
    displacements)`` what of the way back from noise (nodes, 3), Å, it can be asked for.
    """

    @property
    def n_latent(self) -> int:
        """Numbers of a latent."""
        ...

    @property
    def prior(self) -> str:
        """Kind of the prior, as :data:`matjax.nn.PriorKind`."""
        ...

    @property
    def told(self) -> tuple[str, ...]:
        """What a latent is asked for: of composition, property."""
        ...

    @property
    def label(self) -> str:
        """Name of the property that is read from it; empty for none."""
        ...

    @property
    def needs(self) -> dict[str, str]:
        """Processes of the parts, by the names of a configuration."""
        ...

    @property
    def terms(self) -> dict[str, float]:
        """Published weight of each term of its loss."""
        ...

    def encode(self, graph: Graph, contents: Contents | None = None) -> Gaussian:
        """The distribution of the latents of crystals."""
        ...

    def read(self, z: Array) -> Contents:
        """What is read from latents."""
        ...

    def apply(self, *args: Any, **kwargs: Any) -> Any:
        """As ``flax.linen.Module.apply``."""
        ...


def require_process(model: Any, config: ProcessConfig) -> None:
    """Raises ValueError unless processes are such as the network needs."""
    chosen = config.model_dump()
    if isinstance(model, LatentModel):
        wrong = {k: v for k, v in model.needs.items() if chosen[k] != v}
        if wrong:
            wanted = ", ".join(f"{k}: {v}" for k, v in model.needs.items())
            raise ValueError(
                f"{type(model).__name__} with told={model.told} needs "
                f"process: {{{wanted}}}; received { {k: chosen[k] for k in wrong} }"
            )
        if config.given_share:
            raise ValueError(
                f"elements are given to all examples of {type(model).__name__} or to "
                "none, because its latent tells them or is one of theirs; received "
                f"given_share: {config.given_share}: leave it out"
            )
        return
    wrong = [f"{k}: {chosen[k]}" for k, v in ONLY_LATENT.items() if chosen[k] in v]
    if wrong:
        raise ValueError(
            f"process: {{{', '.join(wrong)}}} is read from a latent, which "
            f"{type(model).__name__} has not; choose another process, or the network "
            "cdvae or symat"
        )


def property_settings(label: str | None, dataset: Dataset) -> dict[str, float]:
    """Attributes of a network that reads a property: its deviation and mean.

    Args:
        label: name of the property; nothing if there is none.
        dataset: with this label.

    Raises:
        ValueError: if all values are the same.
    """
    if not label:
        return {}
    values = np.array([example.labels[label] for example in dataset.examples])
    if not values.std() > 0:
        raise ValueError(
            f"a property must differ between crystals; {label} is {values[0]:g} for "
            f"all of {dataset.name}"
        )
    return {
        "scale": float(f"{values.std():.6g}"),
        "shift": float(f"{values.mean():.6g}"),
    }


def latent_losses(
    model: LatentModel, process: JointProcess, params: Any, key: Array, batch: Any
) -> Mapping[str, Array]:
    """Terms of the loss of one crystal, of a network with a latent.

    Noise comes to coordinates and elements, at a uniform time, in the true cell.

    Args:
        model: the network.
        process: that brings the noise.
        params: of the network.
        key: of time, latent and noise.
        batch: one crystal, with its property among the labels where there is one.

    Returns:
        By name, of the rows of each part (nodes,), others (1,).
    """
    apply = partial(model.apply, {"params": params})
    latent_key, prior_key, time_key, noise_key = jax.random.split(key, 4)
    clean = process.encode(batch.graph)
    value = batch.labels[model.label] if model.label else None
    contents = contents_of(process, clean, value)
    seen = _graph(model, process, clean)
    posterior = apply(seen, contents, method="encode")
    z = posterior.draw(latent_key)
    condition = apply(contents, method="condition")
    losses = dict(apply(z, contents, method="read_losses"))
    losses["divergence"] = divergence(posterior, apply(condition, method="prior_of"))
    if model.prior == "diffusion":
        losses["prior"] = _prior_loss(model, params, prior_key, z, condition)

    bound = in_crystal(process, clean, apply(z, method="read"))
    time = jax.random.uniform(time_key, (), clean.fractional.dtype)
    state, noisy = bound.corrupt(noise_key, clean, time)
    graph, times = _graph(model, process, state), bound.times(time)
    sigma = bound.fractional.sigma(times[0])  # type: ignore[union-attr]
    way = apply(graph, sigma * noisy.fractional.target, method="target") / sigma
    noisy = noisy._replace(fractional=noisy.fractional._replace(target=way))
    outputs = parts_of(apply(graph, times[None], z))
    return losses | bound.losses(outputs, noisy, time, clean.masks)


def contents_of(
    process: JointProcess, state: State, value: Float[Array, "1"] | None = None
) -> Contents:
    """What a latent of a crystal without noise is to tell.

    Args:
        process: of the state.
        state: of one crystal.
        value: of its property.
    """
    n_atoms = jnp.sum(state.mask)[None]
    shares = jnp.sum(process.shares(state), axis=0)[None] / jnp.maximum(n_atoms, 1)
    nothing = jnp.zeros(1, state.cell.dtype)
    value = nothing if value is None else value.astype(nothing.dtype)
    return Contents(n_atoms, shares, state.cell, value)


def in_crystal(process: JointProcess, state: State, read: Contents) -> JointProcess:
    """The processes of one crystal, of known cell and composition."""
    parts: dict[str, Any] = {}
    if isinstance(process.fractional, CartesianDiffusion):
        cell = process.metric_cell(state)
        parts["fractional"] = dataclasses.replace(process.fractional, cell=cell)
    if isinstance(process.elements, ElementComposition):
        parts["elements"] = dataclasses.replace(
            process.elements, composition=read.shares[0]
        )
    return dataclasses.replace(process, **parts)


def begun(
    model: Any, params: Any, process: JointProcess, given: State, z: Array | None
) -> tuple[State, JointProcess]:
    """A state with what its latent tells, and the processes of its crystal.

    Without a latent, both as they are.

    Args:
        model: the network.
        params: of the network.
        process: of any crystal.
        given: atoms, and elements where they are given.
        z: (latent,).
    """
    if z is None:
        return given, process
    read = model.apply({"params": params}, z[None], method="read")
    state = given.replace(cell=read.cell.astype(given.cell.dtype))
    if model.needs["elements"] == "latent":
        whole = ElementComposition(len(process.species), composition=read.shares[0])
        # One sample's atoms may come in any order: their places are all alike.
        elements = whole.prior(jax.random.key(0), given.mask)
        state = state.replace(elements=elements.astype(given.elements.dtype))
    return state, in_crystal(process, state, read)


def prior_latents(
    model: LatentModel,
    params: Any,
    process: JointProcess,
    keys: Array,
    given: State | None = None,
    *,
    values: Float[Array, "samples"] | None = None,
) -> Float[Array, "samples latent"]:
    """Latents from the prior, one for each key.

    Args:
        model: the network.
        params: of the network.
        process: of the states.
        keys: of the samples.
        given: states with the elements that are given, (samples, ...), where latents
            are those of a composition.
        values: of the property that is asked for.

    Raises:
        ValueError: if values are needed and not given, or given and not needed.
    """
    asks = "property" in model.told
    if asks != (values is not None):
        raise ValueError(
            f"latents of this generator are those of a value of {model.label!r}: draw "
            "them by sample_latents(generator, n, value=...), for decode_latents"
            if asks
            else f"the prior of this generator is told no value, but {model.told}: "
            "leave it out"
        )
    dtype = jnp.result_type(*jax.tree.leaves(params))
    given = _anything(len(keys), dtype) if given is None else given
    values = jnp.zeros(len(keys)) if values is None else values
    arguments = (params, keys, given, values.astype(dtype))
    return _draw_latents(*arguments, static=(model, process))


def _anything(n: int, dtype: Any) -> State:
    """States of one atom of any element, of which nothing is given, (samples, ...)."""
    return State(
        fractional=jnp.zeros((n, 1, 3), dtype),
        cell=jnp.zeros((n, 1, 6), dtype),
        elements=jnp.zeros((n, 1), jnp.int32),
        mask=jnp.ones((n, 1), bool),
    )


@partial(jax.jit, static_argnames="static")
def _draw_latents(
    params: Any,
    keys: Array,
    given: State,
    values: Array,
    *,
    static: tuple[Any, JointProcess],
) -> Array:
    model, process = static
    apply = partial(model.apply, {"params": params})

    def one(key: Array, state: State, value: Array) -> Array:
        contents = contents_of(process, state, value[None])
        condition = apply(contents, method="condition")
        prior = apply(condition, method="prior_of")
        z = prior.draw(jax.random.fold_in(key, OF_LATENTS))
        if model.prior == "diffusion":
            z = _without_noise(model, params, z, condition)
        return z[0]

    return jax.vmap(one)(keys, given, values)


def sizes_of(model: LatentModel, params: Any, latents: Array) -> np.ndarray:
    """Numbers of atoms that latents tell, (samples,)."""
    return np.asarray(contents_read(params, latents, model=model).n_atoms)


@partial(jax.jit, static_argnames="model")
def contents_read(
    params: Any, latents: Float[Array, "samples latent"], *, model: LatentModel
) -> Contents:
    """What is read from latents.

    Args:
        params: of the network.
        latents: to read.
        model: the network.
    """
    return model.apply({"params": params}, latents, method="read")


def _graph(model: Any, process: JointProcess, state: State) -> Graph:
    return process.graph(state, model.cutoff, model.degree)


def _prior_loss(
    model: Any, params: Any, key: Array, z: Array, condition: Array
) -> Array:
    """Mean square error of the noise on a latent, which is not moved by it."""
    diffusion = GaussianDiffusion(model.n_latent)
    time_key, noise_key = jax.random.split(key)
    time = jax.random.uniform(time_key, (), z.dtype)
    mask = jnp.ones(len(z), bool)
    noisy = diffusion.corrupt(noise_key, jax.lax.stop_gradient(z), time, mask)
    arguments = (noisy.values, time[None], condition)
    output = model.apply({"params": params}, *arguments, method="prior_noise")
    return diffusion.loss(output, noisy, time, mask)


def _without_noise(model: Any, params: Any, start: Array, condition: Array) -> Array:
    """A latent from noise, along the ordinary differential equation of its prior."""
    diffusion = GaussianDiffusion(model.n_latent)
    times = jnp.linspace(1.0, 0.0, PRIOR_STEPS + 1, dtype=start.dtype)
    mask = jnp.ones(len(start), bool)

    def step(z: Array, span: tuple[Array, Array]) -> tuple[Array, None]:
        arguments = (z, span[0][None], condition)
        noise = model.apply({"params": params}, *arguments, method="prior_noise")
        return diffusion.advance(z, noise, span, mask), None

    return jax.lax.scan(step, start, (times[:-1], times[1:]))[0]
