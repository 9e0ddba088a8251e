"""Distributions whose scores, velocities and posteriors are known: no network."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from matjax.generate.processes import (
    CellDiffusion,
    CellFlow,
    ElementAbsorbing,
    ElementContinuous,
    ElementUniform,
    JointProcess,
    Parts,
    State,
    TorusDiffusion,
    TorusFlow,
)
from matjax.generate.processes.torus import (
    mean_square_score,
    wrap,
    wrapped_log_density,
    wrapped_score,
)
from matjax.generate.sampler import SamplerConfig, make_sampler, sample, sample_keys

PLACES, WEIGHTS = np.array([0.2, 0.6]), np.array([0.7, 0.3])
"""Coordinates that occur, and how often."""
MEAN, SPREAD = 0.7, 0.4
"""Of the six numbers of a cell, which are normal."""
SPECIES = np.array([0.5, 0.3, 0.2])
"""How often three elements occur."""


def joint(**processes):
    parts = {"fractional": None, "cell": None, "elements": None} | processes
    return JointProcess(species=(5, 6, 7), volume=12.0, spread=0.1, **parts)


def atoms(n, elements=None):
    """A state of atoms about which nothing is known."""
    return State(
        fractional=jnp.zeros((n, 3)),
        cell=jnp.zeros((1, 6)),
        elements=jnp.zeros(n, jnp.int32) if elements is None else elements,
        mask=jnp.ones(n, bool),
    )


def torus_score(x, sigma):
    """Score of the coordinates under wrapped normal noise."""
    logs = [wrapped_log_density(x - m, sigma) for m in PLACES]
    shares = jax.nn.softmax(jnp.log(WEIGHTS) + jnp.stack(logs, -1), axis=-1)
    scores = jnp.stack([wrapped_score(x - m, sigma) for m in PLACES], -1)
    return jnp.sum(shares * scores, axis=-1)


def torus_noise(process, x, time):
    sigma = process.sigma(time)
    return torus_score(x, sigma) / jnp.sqrt(mean_square_score(sigma))


def torus_velocity(process, x, time):
    """Mean velocity of ways from the places: all that come from near enough."""
    moved = jnp.stack([wrap(x - m) for m in PLACES], -1)
    time = jnp.maximum(time, 1e-9)
    weights = WEIGHTS * (jnp.abs(moved) <= time / 2 * (1 + 1e-9))
    total = jnp.maximum(weights.sum(-1), 1e-300)
    inside = jnp.sum(weights * moved, -1) / total / time
    # A step may leave what can be reached: to the nearest place then.
    near = jnp.take_along_axis(moved, jnp.argmin(jnp.abs(moved), -1)[..., None], -1)
    outside = jnp.clip(near[..., 0] / time, -0.5, 0.5)
    return jnp.where(weights.sum(-1) > 0, inside, outside)


def cell_noise(process, x, time):
    alpha, sigma = process.scales(time)
    return sigma * (x - alpha * MEAN) / (alpha**2 * SPREAD**2 + sigma**2)


def cell_velocity(process, x, time):
    variance = (1 - time) ** 2 * SPREAD**2 + time**2
    away = (x - (1 - time) * MEAN) / variance
    return time * away - MEAN - (1 - time) * SPREAD**2 * away


def element_logits(process, x, time):
    seen = process._forward(process.kept(time))[: process.n_species][:, x].T
    return jnp.log(SPECIES * seen)


def element_noise(process, x, time):
    alpha, sigma = process.scales(time)
    points = jnp.eye(3)
    away = jnp.sum(jnp.square(x[:, None] - alpha * points), -1)
    shares = jax.nn.softmax(jnp.log(SPECIES) - away / (2 * sigma**2), axis=-1)
    return (x - alpha * shares @ points) / jnp.maximum(sigma, 1e-9)


TOYS = {
    "torus_diffusion": ("fractional", TorusDiffusion(narrow=0.02), torus_noise),
    "torus_flow": ("fractional", TorusFlow(mean_free=False), torus_velocity),
    "cell_diffusion": ("cell", CellDiffusion(), cell_noise),
    "cell_flow": ("cell", CellFlow(), cell_velocity),
    "element_absorbing": ("elements", ElementAbsorbing(3), element_logits),
    "element_uniform": ("elements", ElementUniform(3), element_logits),
    "element_continuous": ("elements", ElementContinuous(3), element_noise),
}
"""Part, process, and what a perfect network would say."""


def samples(name, config: SamplerConfig, n=600, seed=0):
    """Samples of a toy, rows of its part."""
    part, process, exact = TOYS[name]
    whole = joint(**{part: process})

    def denoise(state, times):
        place = Parts._fields.index(part)
        says = exact(process, state.parts[place], times[place])
        return state.parts._replace(**{part: says})

    sampler = make_sampler(config, denoise, whole)
    if part == "cell":
        run = partial(sample, sampler, whole, given=atoms(1), steps=config.steps)
        found = jax.jit(jax.vmap(run))(sample_keys(seed, n))
        return np.asarray(found.states.cell[:, 0])
    elements = None
    if part == "elements":
        elements = process.encoded(jnp.zeros(n, jnp.int32))
    given = atoms(n, elements)
    run = partial(sample, sampler, whole, given=given, steps=config.steps)
    found = jax.jit(run)(sample_keys(seed, 1)[0])
    values = found.states.parts[Parts._fields.index(part)]
    return np.asarray(process.decided(values) if part == "elements" else values)
