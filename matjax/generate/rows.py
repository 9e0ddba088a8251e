"""Samples side by side: one compiled function from keys to crystals."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any

import jax
import numpy as np

from matjax.arrays import Array, Float
from matjax.crystals import Crystal
from matjax.generate.constraints import Bound
from matjax.generate.denoising import DenoiserModel, denoiser
from matjax.generate.latent import begun
from matjax.generate.orbits import constrained, symmetric
from matjax.generate.processes import JointProcess, State
from matjax.generate.sampler import SamplerConfig, guided, make_sampler, sample
from matjax.generate.steering import Steering, steered


@partial(jax.jit, static_argnames="static")
def sample_rows(
    params: Any,
    keys: jax.Array,
    given: State,
    bound: Bound,
    guidance: Float[Array, ""],
    steering: Steering | None,
    *,
    static: tuple[DenoiserModel, JointProcess, SamplerConfig, bool],
) -> Any:
    """Decoded samples, whether they are finite, their masks, and the ways to them.

    Args:
        params: of the network.
        keys: of the samples.
        given: states of their atoms, (samples, ...).
        bound: constraints, conditions and latents of each.
        guidance: weight of the conditions.
        steering: by a potential.
        static: network, process, sampler, and whether ways are kept.
    """
    model, any_process, config, keep_way = static

    def one(key: jax.Array, given: State, limits: Bound) -> Any:
        z = limits.latents
        start, process = begun(model, params, any_process, given, z)
        ask = partial(denoiser, model, params, process, z=z)
        denoise = ask(conditions=limits.conditions)
        if limits.conditions is not None:
            denoise = guided(denoise, ask(), guidance)
        orbits = limits.orbits
        if orbits is not None:
            denoise = symmetric(denoise, process, orbits)
        sampler = make_sampler(config, denoise, process)
        if steering is not None:
            sampler = steered(sampler, process, steering)
        if orbits is not None:
            sampler = constrained(sampler, process, orbits)
        samples = sample(
            *(sampler, process, key, start),
            steps=config.steps,
            known=limits.known,
            known_cell=limits.known_cell,
            keep_way=keep_way,
        )
        decoded = process.decode(samples.states)
        way = None if samples.way is None else jax.vmap(process.decode)(samples.way)
        return decoded, samples.finite, start.mask, way

    return jax.vmap(one)(keys, given, bound)


def row_crystals(made: Any, n: int, given: np.ndarray | None) -> list[Crystal | None]:
    """Crystals of the first rows, None where there is none.

    A given cell takes the place of its symmetric form.
    """
    decoded, finite, mask, _ = made
    crystals: list[Crystal | None] = []
    for k in range(n):
        crystal = None
        if finite[k] and np.isfinite(decoded.cell[k]).all():
            atoms = mask[k]
            cell = decoded.cell[k] if given is None else given
            places = np.asarray(decoded.fractional[k][atoms], np.float64)
            # Cells without a volume are no crystals, nor are atoms of no element.
            with suppress(ValueError):
                crystal = Crystal.create(
                    decoded.numbers[k][atoms], cell, fractional=places
                )
        crystals.append(crystal)
    return crystals


def row_ways(made: Any, n: int, given: np.ndarray | None) -> list[list[Crystal | None]]:
    """Crystals after each step to the first rows."""
    _, _, masks, way = made
    steps = way.cell.shape[1]
    finite = np.ones(steps, bool)  # so far as cells and coordinates are
    ways = []
    for k in range(n):
        decoded = jax.tree.map(lambda x, k=k: x[k], way)
        mask = np.broadcast_to(masks[k], (steps, len(masks[k])))
        ways.append(row_crystals((decoded, finite, mask, None), steps, given))
    return ways
