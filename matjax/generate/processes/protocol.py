"""What a process offers: noise forward, a target to learn, and steps back.

A process acts on one part of one crystal: rows of values (atoms, or the one row of the
cell) with a mask. Time runs from 0, the data, to 1, the prior. Functions are pure, of
one crystal; ``jax.vmap`` makes them serve many. Rows draw from keys of their own, so
that padding changes no sample.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp

from matjax.arrays import Array, Bool, Float, Int


class Corrupted(NamedTuple):
    """Values to which noise came, and what a network shall say of them."""

    values: Any
    """(rows, ...)."""
    target: Any
    """(rows, ...), as :meth:`Process.loss` wants it."""


@runtime_checkable
class Process(Protocol):
    """Every process; each of its steps may draw random numbers."""

    def prior(self, key: Array, mask: Bool[Array, "rows"]) -> Array:
        """A sample at time 1, (rows, ...); padding is as :meth:`masked` has it."""
        ...

    def corrupt(
        self,
        key: Array,
        clean: Array,
        time: Float[Array, ""],
        mask: Bool[Array, "rows"],
    ) -> Corrupted:
        """A sample at some time, given the data."""
        ...

    def loss(
        self,
        output: Float[Array, "rows outputs"],
        corrupted: Corrupted,
        time: Float[Array, ""],
        mask: Bool[Array, "rows"],
    ) -> Float[Array, "rows"]:
        """Weighted loss of a network's output, of each row; 0 for padding."""
        ...

    def step(
        self,
        key: Array,
        values: Array,
        output: Float[Array, "rows outputs"],
        span: tuple[Array, Array],
        mask: Bool[Array, "rows"],
    ) -> Array:
        """Values at the second of two times, from those at the first: a random one.

        Of a flow, which has no noise on its way, this is the deterministic step.
        """
        ...


@runtime_checkable
class Continuous(Process, Protocol):
    """A process with a deterministic way back: an ordinary differential equation."""

    def direction(
        self,
        values: Float[Array, "rows outputs"],
        output: Float[Array, "rows outputs"],
        time: Float[Array, ""],
    ) -> Float[Array, "rows outputs"]:
        """Slope of the way in the variable in which :meth:`advance` integrates it."""
        ...

    def advance(
        self,
        values: Float[Array, "rows outputs"],
        direction: Float[Array, "rows outputs"],
        span: tuple[Array, Array],
        mask: Bool[Array, "rows"],
    ) -> Float[Array, "rows outputs"]:
        """Values at the second of two times, along a direction."""
        ...


@runtime_checkable
class OfKinds(Process, Protocol):
    """A process of atoms, whose noise may go to any atom of the same kind."""

    def corrupt_kinds(
        self,
        key: Array,
        clean: Array,
        time: Float[Array, ""],
        mask: Bool[Array, "rows"],
        kinds: Int[Array, "rows"],
    ) -> Corrupted:
        """A sample at some time, given the data, where kinds of atoms are known."""
        ...


@runtime_checkable
class Scored(Continuous, Protocol):
    """A process whose score is known from the network's output: a diffusion."""

    def score(
        self, output: Float[Array, "rows outputs"], time: Float[Array, ""]
    ) -> Float[Array, "rows outputs"]:
        """Gradient of the logarithm of the density at this time."""
        ...

    def correct(
        self,
        key: Array,
        values: Float[Array, "rows outputs"],
        output: Float[Array, "rows outputs"],
        time: Float[Array, ""],
        *,
        size: float,
        mask: Bool[Array, "rows"],
    ) -> Float[Array, "rows outputs"]:
        """A Langevin step at this time, whose size counts in variances of the noise."""
        ...


def draw(key: Array, n_rows: int, sample: Callable[[Array], Array]) -> Array:
    """Random numbers of each row, from a key of its own, (rows, ...)."""
    keys = jax.vmap(lambda row: jax.random.fold_in(key, row))(jnp.arange(n_rows))
    return jax.vmap(sample)(keys)


def normal(
    key: Array, shape: tuple[int, ...], dtype: Any
) -> Float[Array, "rows values"]:
    """Normal random numbers of each row."""
    return draw(key, shape[0], lambda k: jax.random.normal(k, shape[1:], dtype))


def standard_normal(
    key: Array, mask: Bool[Array, "rows"], width: int
) -> Float[Array, "rows values"]:
    """Normal random numbers in JAX's default float; 0 for padding."""
    return masked(mask, normal(key, (len(mask), width), jnp.zeros(()).dtype))


def masked(mask: Bool[Array, "rows"], values: Array) -> Array:
    """The values, and 0 for padding."""
    return jnp.where(mask.reshape(-1, *(1,) * (values.ndim - 1)), values, 0)


def mean_square(
    error: Float[Array, "rows values"], mask: Bool[Array, "rows"]
) -> Float[Array, "rows"]:
    """Mean square of the errors of each row; 0 for padding."""
    return masked(mask, jnp.mean(jnp.square(error), axis=-1))
