"""Networks as denoisers of states, and the losses by which they are trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp

from matjax.arrays import Array, Float
from matjax.config import nearest
from matjax.generate.conditions import conditions_of
from matjax.generate.latent import LatentModel, latent_losses
from matjax.generate.processes import JointProcess, Parts, State, parts_of
from matjax.generate.sampler import Denoise
from matjax.predictors import Label

EXAMPLE, NUMBER = "example", "number"
"""Labels of a batch from which its noise follows: of the example, and of the step."""


@runtime_checkable
class DenoiserModel(Protocol):
    """What a network must offer: a Flax module of a graph and its times.

    It returns ``fractional`` (nodes, 3), along the cell vectors; ``cell`` (graphs, 3,
    3), symmetric, in the frame in which the cell is symmetric too; and ``elements``
    (nodes, species). One with an attribute ``conditions``, names that are not empty,
    takes their values as a keyword, (graphs, ...), NaN where they are left open; one
    with latents takes them as the keyword ``z``, (graphs, latent).
    """

    @property
    def species(self) -> tuple[int, ...]:
        """Atomic numbers it knows."""
        ...

    @property
    def cutoff(self) -> float:
        """Length of the longest edges, Å."""
        ...

    @property
    def degree(self) -> int:
        """Edge slots of each atom; 0 if it needs no edges."""
        ...

    def init(self, *args: Any, **kwargs: Any) -> Any:
        """As ``flax.linen.Module.init``."""
        ...

    def apply(self, *args: Any, **kwargs: Any) -> Any:
        """As ``flax.linen.Module.apply``."""
        ...


def denoiser(
    model: DenoiserModel,
    params: Any,
    process: JointProcess,
    *,
    z: Float[Array, "latent"] | None = None,
    conditions: Float[Array, "conditions"] | None = None,
) -> Denoise:
    """A network with its parameters as a denoiser, which builds edges as atoms move.

    Args:
        model: the network.
        params: of the network.
        process: of the states.
        z: latent of the crystal, for networks that have them.
        conditions: of a network that takes some; NaN where they are left open.
    """
    inputs = {"z": z, "conditions": conditions}
    given = {name: x[None] for name, x in inputs.items() if x is not None}

    def denoise(state: State, times: Array) -> Parts:
        graph = process.graph(state, model.cutoff, model.degree)
        return parts_of(model.apply({"params": params}, graph, times[None], **given))

    return denoise


def denoising_labels(process: JointProcess, model: Any = None) -> dict[str, Label]:
    """Labels of the losses of each part that has a process, and of a network's own.

    The predictions of :func:`denoising_losses` are losses already; compared with zeros
    by their absolute value, terms of a loss take them as they are.
    """
    names = {"fractional": "atom", "cell": "graph", "elements": "atom"}
    labels = {
        name: Label(f"{name}_loss", per)  # type: ignore[arg-type]
        for (name, per), given in zip(names.items(), process.processes, strict=True)
        if given is not None
    }
    own = model.terms if isinstance(model, LatentModel) else {}
    return labels | {k: Label(f"{k}_loss") for k in own if k not in labels}


def loss_weights(
    model: Any, labels: Mapping[str, Label], chosen: Mapping[str, float]
) -> dict[str, float]:
    """What each loss counts: as chosen, else as published for the network, else 1.

    Args:
        model: the network.
        labels: from :func:`denoising_labels`.
        chosen: by the same names.

    Raises:
        ValueError: if there is no loss of a name that was chosen.
    """
    for name in chosen:
        if name not in labels:
            raise ValueError(
                f"there is no loss of {name!r} to weigh; {nearest(name, labels)}"
            )
    published = model.terms if isinstance(model, LatentModel) else {}
    return {name: chosen.get(name, published.get(name, 1.0)) for name in labels}


def denoising_losses(
    model: DenoiserModel, process: JointProcess, *, seed: int = 0
) -> Callable[[Any, Any], Mapping[str, Array]]:
    """Losses of one crystal with noise, from parameters and a part of a batch.

    The time is uniform. A share of the examples has its elements given, if the process
    says so, and no loss of them. Noise follows from the seed, the number of the step
    and that of the example, whatever devices the batch is divided over.

    Args:
        model: whose parameters are trained.
        process: that brings the noise.
        seed: of the noise.
    """

    def predict(params: Any, batch: Any) -> Mapping[str, Array]:
        key = jax.random.key(seed)
        for name in (NUMBER, EXAMPLE):
            key = jax.random.fold_in(key, batch.labels[name][0].astype(jnp.uint32))
        if isinstance(model, LatentModel):
            losses = latent_losses(model, process, params, key, batch)
        else:
            losses = _noise_losses(model, process, params, key, batch)
        return {f"{name}_loss": values for name, values in losses.items()}

    return predict


def _noise_losses(
    model: DenoiserModel, process: JointProcess, params: Any, key: Array, batch: Any
) -> Mapping[str, Array]:
    """Losses of the parts of one crystal."""
    time_key, noise_key = jax.random.split(key)
    open_key, given_key = (jax.random.fold_in(key, number) for number in (2, 3))
    clean = process.encode(batch.graph)
    time = jax.random.uniform(time_key, (), clean.fractional.dtype)
    state, noisy = process.corrupt(noise_key, clean, time)
    given = jax.random.bernoulli(given_key, process.given_share)
    seen, times = process.with_elements_given(given, state, clean, time)
    conditions = conditions_of(model, batch.graph, batch.labels, open_key)
    outputs = denoiser(model, params, process, conditions=conditions)(seen, times)
    losses = process.losses(outputs, noisy, time, clean.masks)
    if process.elements is not None:  # nothing is learned of what is given
        losses["elements"] = jnp.where(given, 0, losses["elements"])
    return losses
