"""Samplers: from noise to crystals, as (init, step) over a joint process.

A sampler asks a denoiser what noise a state has and moves every part by its own
process. Deterministic ways are taken by the parts that have one; the others (discrete
elements) take their random step.

Sources: ancestral, Ho et al., NeurIPS 2020 (arXiv 2006.11239); predictor–corrector and
probability flow, Song et al., ICLR 2021 (arXiv 2011.13456); annealed Langevin, Song and
Ermon, NeurIPS 2019 (arXiv 1907.05600); Heun, Karras et al., NeurIPS 2022 (arXiv
2206.00364); guidance, Ho and Salimans (arXiv 2207.12598); annealing of flows, Bose et
al., ICLR 2024 (arXiv 2310.02391).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import struct

from matjax.arrays import Array, Bool, Float, Leaf
from matjax.config import nearest
from matjax.generate.processes import Continuous, JointProcess, Parts, Scored, State

MOST_ANNEALING = 100
"""Beyond it the first step of a hundred would carry atoms to their ends."""

Denoise = Callable[[State, Array], Parts]
"""From a state and the times of its parts to a network's outputs, for one crystal."""


class Walk(struct.PyTreeNode):
    """A sample on its way."""

    state: State
    key: Leaf
    """From which the random numbers of the next steps follow."""


class Sampler(NamedTuple):
    """A way from noise to data, of one crystal."""

    init: Callable[[Array, State], Walk]
    """From a key, and a state with the atoms and what is given, to the start."""
    step: Callable[[Walk, Array, Array], Walk]
    """From one time to an earlier one."""


@dataclass(frozen=True)
class SamplerConfig:
    """Which way, in how many steps."""

    method: str = "ancestral"
    """Name in :data:`METHODS`."""
    steps: int = 100
    corrections: int = 1
    """Langevin steps at each time, of the methods that have them."""
    size: float = 0.02
    """Size of a Langevin step, in variances of the noise at its time."""
    annealing: float = 0.0
    """a: how much the velocities of a flow of coordinates grow towards the data,
    dx/dt = (1 + a (1 − t)) u, which sharpens what comes out."""

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(
                f"there is no sampler {self.method!r}; {nearest(self.method, METHODS)}"
            )
        if self.steps < 1 or self.corrections < 1 or not self.size > 0:
            raise ValueError(
                "a sampling needs at least one step and one correction of positive "
                f"size; received {self}"
            )
        if not 0 <= self.annealing <= MOST_ANNEALING:
            raise ValueError(
                f"annealing lies in [0, {MOST_ANNEALING}]; received {self.annealing}"
            )

    @property
    def evaluations(self) -> int:
        """Times that the network is asked for one sample."""
        each = {
            "heun": 2,
            "predictor_corrector": 1 + self.corrections,
            "langevin": 1 + self.corrections,
        }
        return self.steps * each.get(self.method, 1)


class Samples(struct.PyTreeNode):
    """Samples as they came out, those that went wrong among them."""

    states: State
    """(samples, ...)."""
    finite: Leaf
    """Which samples are numbers, (samples,)."""
    way: State | None = None
    """States after each step, (samples, steps, ...), where they are kept."""


def make_sampler(
    config: SamplerConfig, denoise: Denoise, process: JointProcess
) -> Sampler:
    """The sampler of a configuration.

    Args:
        config: of the sampler.
        denoise: for one crystal.
        process: whose way it goes back.
    """
    move = METHODS[config.method]

    def init(key: Array, given: State) -> Walk:
        first, rest = jax.random.split(key)
        return Walk(state=process.prior(first, given), key=rest)

    def step(walk: Walk, now: Array, then: Array) -> Walk:
        key, rest = jax.random.split(walk.key)
        way = _Way(config, denoise, process, key, (now, then))
        return Walk(state=move(way, walk.state), key=rest)

    return Sampler(init, step)


def sample(
    sampler: Sampler,
    process: JointProcess,
    key: Array,
    given: State,
    *,
    steps: int,
    known: Bool[Array, "nodes"] | None = None,
    known_cell: Bool[Array, ""] | None = None,
    keep_way: bool = False,
) -> Samples:
    """One sample: a compiled loop from time 1 to 0. Map it over keys for many.

    Args:
        sampler: from :func:`make_sampler`.
        process: of the sampler.
        key: of this sample.
        given: atoms, and the values of what is given.
        steps: of equal length in time.
        known: atoms that stay where they are given, as the others come to them: their
            values at each time are the given ones with the noise of that time.
        known_cell: whether the cell stays likewise.
        keep_way: whether states after each step are returned, too.
    """
    walk_key, known_key = jax.random.split(key)
    kept = None
    if known is not None or known_cell is not None:
        none = jnp.zeros_like(given.mask)
        atoms = none if known is None else known
        cell = none[:1] if known_cell is None else known_cell[None]
        kept = Parts(atoms, cell, atoms)
    times = jnp.linspace(1.0, 0.0, steps + 1, dtype=given.fractional.dtype)
    walk = sampler.init(walk_key, given)

    def body(walk: Walk, number: Array) -> tuple[Walk, State | None]:
        walk = sampler.step(walk, times[number], times[number + 1])
        if kept is not None:
            noise_key = jax.random.fold_in(known_key, number)
            noisy, _ = process.corrupt(noise_key, given, times[number + 1])
            walk = walk.replace(state=_held(walk.state, noisy, kept))
        return walk, walk.state if keep_way else None

    walk, way = jax.lax.scan(body, walk, jnp.arange(steps))
    state = walk.state if kept is None else _held(walk.state, given, kept)
    numbers = [x for x in state.parts if jnp.issubdtype(x.dtype, jnp.floating)]
    finite = jnp.stack([jnp.all(jnp.isfinite(x)) for x in numbers]).all()
    return Samples(states=state, finite=finite, way=way)


def sample_keys(seed: int, n: int) -> Array:
    """A key of each sample, the same in batches of any size."""
    root = jax.random.key(seed)
    return jax.vmap(lambda k: jax.random.fold_in(root, k))(jnp.arange(n))


def guided(
    conditional: Denoise, unconditional: Denoise, weight: float | Float[Array, ""]
) -> Denoise:
    """Classifier-free guidance: c + w (c − u), away from what no condition gives.

    Args:
        conditional: c, which knows the condition.
        unconditional: u, which does not.
        weight: w; 0 leaves the conditional one as it is.
    """

    def denoise(state: State, times: Float[Array, "parts"]) -> Parts:
        with_it, without = conditional(state, times), unconditional(state, times)
        return jax.tree.map(lambda c, u: c + weight * (c - u), with_it, without)

    return denoise


@dataclass
class _Way:
    """One step of a sampler: what its moves need."""

    config: SamplerConfig
    denoise: Denoise
    process: JointProcess
    key: Array
    span: tuple[Array, Array]

    def keys(self) -> Parts:
        """A key for each part; new ones at every call."""
        self.key, *parts = jax.random.split(self.key, 4)
        return Parts(*parts)

    def spans(self) -> Parts:
        """Both times of each part."""
        return Parts(*zip(*map(self.process.times, self.span), strict=True))

    def outputs(self, state: State, time: Array) -> Parts:
        """What the network says of a state."""
        outputs = self.denoise(state, self.process.times(time))
        moves = self.process.fractional
        if isinstance(moves, Continuous) and not isinstance(moves, Scored):
            growth = 1 + self.config.annealing * (1 - self.process.times(time)[0])
            outputs = outputs._replace(fractional=growth * outputs.fractional)
        return outputs


def _ancestral(way: _Way, state: State) -> State:
    """A random step of every part."""
    outputs = way.outputs(state, way.span[0])
    moved = way.process.each(
        lambda p, old, out, key, span, mask: p.step(key, old, out, span, mask),
        *(state.parts, outputs, way.keys(), way.spans(), state.masks),
    )
    return state.with_parts(moved)


def _directions(way: _Way, state: State, time: Array) -> tuple[Parts, Parts]:
    """Outputs, and the slopes that those of continuous parts mean."""
    outputs = way.outputs(state, time)
    slopes = way.process.each(
        lambda p, old, out, t: (
            p.direction(old, out, t) if isinstance(p, Continuous) else out
        ),
        *(state.parts, outputs, way.process.times(time)),
    )
    return outputs, slopes


def _advanced(way: _Way, state: State, slopes: Parts, keys: Parts) -> State:
    """Every part moved along its slope, or at random where it has none."""

    def move(
        p: Any, old: Array, slope: Array, key: Array, span: Any, mask: Array
    ) -> Array:
        if isinstance(p, Continuous):
            return p.advance(old, slope, span, mask)
        return p.step(key, old, slope, span, mask)

    arguments = (state.parts, slopes, keys, way.spans(), state.masks)
    return state.with_parts(way.process.each(move, *arguments))


def _euler(way: _Way, state: State) -> State:
    """One step along the slope where it begins."""
    _, slopes = _directions(way, state, way.span[0])
    return _advanced(way, state, slopes, way.keys())


def _heun(way: _Way, state: State) -> State:
    """One step along the mean of the slopes where it begins and where it would end.

    Where a diffusion ends there is no noise, and no slope: the last step is Euler's.
    """
    keys = way.keys()
    _, first = _directions(way, state, way.span[0])
    _, second = _directions(way, _advanced(way, state, first, keys), way.span[1])

    def mean(p: Any, a: Array, b: Array) -> Array:
        if not isinstance(p, Continuous):
            return a
        ends = jnp.asarray(isinstance(p, Scored)) & (way.span[1] == 0)
        return jnp.where(ends, a, (a + b) / 2)

    return _advanced(way, state, way.process.each(mean, first, second), keys)


def _corrected(way: _Way, state: State) -> State:
    """Langevin steps at the later time, of the parts whose score is known."""

    def correct(
        p: Any, old: Array, out: Array, key: Array, time: Array, mask: Array
    ) -> Array:
        if not isinstance(p, Scored):
            return old
        return p.correct(key, old, out, time, size=way.config.size, mask=mask)

    for _ in range(way.config.corrections):
        outputs = way.outputs(state, way.span[1])
        times = way.process.times(way.span[1])
        arguments = (state.parts, outputs, way.keys(), times, state.masks)
        state = state.with_parts(way.process.each(correct, *arguments))
    return state


def _predictor_corrector(way: _Way, state: State) -> State:
    """An ancestral step, then Langevin steps."""
    return _corrected(way, _ancestral(way, state))


def _langevin(way: _Way, state: State) -> State:
    """Langevin steps at ever lower noise; parts without a score take their own step."""
    outputs = way.outputs(state, way.span[0])
    moved = way.process.each(
        lambda p, old, out, key, span, mask: (
            old if isinstance(p, Scored) else p.step(key, old, out, span, mask)
        ),
        *(state.parts, outputs, way.keys(), way.spans(), state.masks),
    )
    return _corrected(way, state.with_parts(moved))


METHODS: dict[str, Callable[[_Way, State], State]] = {
    "ancestral": _ancestral,
    "predictor_corrector": _predictor_corrector,
    "langevin": _langevin,
    "ode": _euler,
    "heun": _heun,
}
"""Samplers by name; ``ode`` and ``heun`` integrate flows and the probability flow of
diffusions alike."""


def _held(state: State, other: State, known: Parts) -> State:
    """The state with the known rows of another one."""

    def chosen(new: Array, old: Array, rows: Array) -> Array:
        rows = rows.reshape(-1, *(1,) * (new.ndim - 1))
        return jnp.where(rows, new.astype(old.dtype), old)

    return state.with_parts(jax.tree.map(chosen, other.parts, state.parts, known))
