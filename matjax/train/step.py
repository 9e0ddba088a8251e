"""One training step for every model: gradient of the loss of a global batch, update.

Batches come as equal parts stacked along a leading axis. What is summed over the parts
does not depend on how many devices hold them, so that the same global batch makes the
same step on one device and on many. A batch may be a tuple of batches of several kinds,
each with some of the labels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import struct

from matjax.arrays import Array, Leaf
from matjax.train.losses import (
    Predict,
    Sums,
    Term,
    add,
    require_terms,
    term_sums,
    total,
)


class TrainState(struct.PyTreeNode):
    """Everything that a step changes."""

    step: Leaf
    """Number of steps taken."""
    params: Any
    optimizer: Any
    """State of the Optax chain."""
    average: Any
    """Exponential moving average of the parameters, which validation uses."""
    best: Any
    """The average that did best in validation; no step changes it."""

    @classmethod
    def create(cls, params: Any, optimizer: optax.GradientTransformation) -> TrainState:
        """State before the first step."""
        return cls(
            step=jnp.zeros((), jnp.int32),
            params=params,
            optimizer=optimizer.init(params),
            average=params,
            best=params,
        )


class Report(struct.PyTreeNode):
    """What a step says."""

    loss: Leaf
    sums: dict[str, Sums]
    """Sums of each term, by the name of its label."""
    gradient_norm: Leaf
    finite: Leaf
    """Whether loss and gradient are numbers; where not, the state has not changed."""


def make_train_step(
    predict: Predict,
    terms: Sequence[Term],
    optimizer: optax.GradientTransformation,
    *,
    average_decay: float = 0.0,
    accumulate: int = 1,
) -> Callable[[TrainState, Any], tuple[TrainState, Report]]:
    """A pure function from state and batch to the next state; to be compiled.

    Args:
        predict: of the parameters and one part of a batch.
        terms: of the loss.
        optimizer: an Optax chain.
        average_decay: of the moving average; it starts as a plain mean of the steps
            so far and remembers about 1 / (1 − decay) of them. 0 is no average.
        accumulate: the parts of a batch are taken in so many turns, one after the
            other in less memory; the step stays that of the whole.
    """
    sums_of = make_evaluation(predict, terms)

    def turn(
        params: Any, parts: Any, counts: dict[str, Array]
    ) -> tuple[Array, dict[str, Sums]]:
        sums = sums_of(params, parts)
        whole = {k: s._replace(count=counts[k]) for k, s in sums.items()}
        return total(terms, whole), sums

    def step(state: TrainState, batch: Any) -> tuple[TrainState, Report]:
        counts = _counts(terms, batch)
        slope = jax.value_and_grad(turn, has_aux=True)
        if accumulate == 1:
            (loss, sums), gradient = slope(state.params, batch, counts)
        else:
            loss, sums, gradient = _in_turns(
                slope, state.params, batch, counts, accumulate
            )
        updates, optimizer_state = optimizer.update(
            gradient, state.optimizer, state.params
        )
        params = optax.apply_updates(state.params, updates)
        norm = optax.tree.norm(gradient)
        finite = jnp.isfinite(loss) & jnp.isfinite(norm)
        count = state.step + 1
        moved = TrainState(
            step=count,
            params=params,
            optimizer=optimizer_state,
            average=_averaged(state.average, params, count, average_decay),
            best=state.best,
        )
        kept = jax.tree.map(lambda new, old: jnp.where(finite, new, old), moved, state)
        return kept, Report(loss=loss, sums=sums, gradient_norm=norm, finite=finite)

    return step


def make_evaluation(
    predict: Predict, terms: Sequence[Term]
) -> Callable[[Any, Any], dict[str, Sums]]:
    """A pure function from parameters and a batch to sums of errors; to be compiled."""
    require_terms(terms)

    def evaluation(params: Any, batch: Any) -> dict[str, Sums]:
        return _summed(terms, batch, lambda part: predict(params, part))

    return evaluation


def _summed(
    terms: Sequence[Term], batch: Any, predict: Callable[[Any], Mapping[str, Array]]
) -> dict[str, Sums]:
    """Sums of each term over all parts, of all kinds."""
    kinds = batch if isinstance(batch, tuple) else (batch,)
    labeled = set().union(*(kind.labels for kind in kinds))
    totals: dict[str, Sums] = {}
    for kind in kinds:
        # A label that no kind has is asked of all, for its error.
        asked = [t for t in terms if t.name in kind.labels or t.name not in labeled]
        each = jax.vmap(
            lambda part, asked=asked: term_sums(
                asked, predict(part), part.labels, part.graph
            )
        )(kind)
        for label, sums in jax.tree.map(lambda x: x.sum(axis=0), each).items():
            totals[label] = add(totals[label], sums) if label in totals else sums
    return totals


def _counts(terms: Sequence[Term], batch: Any) -> dict[str, Array]:
    """Labels of each term in the whole batch; no prediction enters."""
    sums = _summed(terms, batch, lambda part: part.labels)
    return {label: s.count for label, s in sums.items()}


def _in_turns(
    slope: Callable[..., Any], params: Any, batch: Any, counts: Any, n_turns: int
) -> tuple[Array, dict[str, Sums], Any]:
    """Loss, sums and gradient, the parts of a batch taken in turns."""
    # Parts that lie on one device follow each other: a turn takes some of each device.
    turns = jax.tree.map(
        lambda x: jnp.moveaxis(x.reshape(-1, n_turns, *x.shape[1:]), 1, 0), batch
    )
    first = jax.tree.map(lambda x: x[0], turns)
    nothing = jax.eval_shape(slope, params, first, counts)
    zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), nothing)

    def body(so_far: Any, parts: Any) -> tuple[Any, None]:
        return add(so_far, slope(params, parts, counts)), None

    ((loss, sums), gradient), _ = jax.lax.scan(body, zeros, turns)
    return loss, sums, gradient


def _averaged(average: Any, params: Any, count: Array, decay: float) -> Any:
    if decay == 0:
        return params
    # The mean of all steps until it remembers as many as the decay says.
    keep = jnp.minimum(decay, 1 - 1 / jnp.asarray(count, float))
    return jax.tree.map(
        lambda a, p: (keep * a + (1 - keep) * p).astype(p.dtype), average, params
    )
