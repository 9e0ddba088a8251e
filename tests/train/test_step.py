"""One training step: the same for whole batches, parts, turns and devices."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from numpy.testing import assert_allclose

from matjax.data import Loader, Share
from matjax.train import (
    Term,
    TrainState,
    make_evaluation,
    make_train_step,
    potential_predictions,
    total,
)
from tests.train.argon import LABELS, MODEL, graphs, student

TERMS = [Term("energy", 1.0, "mse"), Term("forces", 2.0), Term("stress", 5.0, "huber")]


@pytest.fixture(scope="module")
def data():
    return graphs()


def batch_of(data, n_shards):
    loader = Loader(
        data, batch_size=8, dtype=np.float64, share=Share(n_shards), prefetch=0
    )
    return next(loader.iterate())


def step_of(**kwargs):
    optimizer = optax.adam(1e-3)
    predict = potential_predictions(MODEL, LABELS)
    step = jax.jit(make_train_step(predict, TERMS, optimizer, **kwargs))
    return TrainState.create(student().params, optimizer), step


def assert_close(a, b, *, rtol):
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert_allclose(x, y, rtol=rtol)


def test_parts_and_turns_of_a_batch_make_the_same_step(data):
    state, step = step_of()
    whole, report = step(state, batch_of(data, 1))
    assert report.finite
    for n_shards, turns in ((4, 1), (4, 2)):
        _, step = step_of(accumulate=turns)
        parts, other = step(state, batch_of(data, n_shards))
        # round-off of sums in another order
        assert_allclose(other.loss, report.loss, rtol=1e-12)
        assert_close(parts.params, whole.params, rtol=1e-12)
        same = jax.tree.map(np.allclose, other.sums, report.sums)
        assert all(jax.tree.leaves(same))


@pytest.mark.slow
def test_a_batch_of_two_kinds_counts_what_each_has(data):
    parts = batch_of(data, 4)
    one, two = (jax.tree.map(lambda x, k=k: x[k::2], parts) for k in range(2))
    labels = {k: v for k, v in two.labels.items() if k != "stress"}
    both = (one, two.replace(labels=labels))
    evaluate = jax.jit(make_evaluation(potential_predictions(MODEL, LABELS), TERMS))
    params = student().params
    found, whole, first = (evaluate(params, b) for b in (both, parts, one))
    for label, expected in (("energy", whole), ("forces", whole), ("stress", first)):
        assert_close(found[label], expected[label], rtol=1e-12)  # round-off

    state, step = step_of()
    once, report = step(state, both)
    assert_allclose(report.loss, total(TERMS, found), rtol=1e-12)
    in_turns, _ = step_of(accumulate=2)[1](state, both)
    assert_close(in_turns.params, once.params, rtol=1e-12)
    with pytest.raises(ValueError, match="a term of 'stress'; the batch has labels"):
        evaluate(params, (both[1], both[1]))


def test_steps_find_the_parameters_behind_the_labels(data):
    optimizer = optax.adam(optax.cosine_decay_schedule(1e-2, 300))
    predict = potential_predictions(MODEL, LABELS)
    terms = [
        Term("energy", 1.0, "mse", scale=0.01),
        Term("forces", 1.0, "mse", scale=0.1),
    ]
    step = jax.jit(make_train_step(predict, terms, optimizer))
    state = TrainState.create(student().params, optimizer)
    batch = batch_of(data, 1)
    for _ in range(300):
        state, _ = step(state, batch)
    # What Adam leaves at the end of its schedule.
    assert_allclose(state.params["epsilon"], 0.012, rtol=1e-5)
    assert_allclose(state.params["sigma"], 3.3, rtol=1e-5)


def test_a_step_that_is_not_a_number_changes_nothing(data):
    state, step = step_of()
    batch = batch_of(data, 1)
    labels = {**batch.labels, "energy": batch.labels["energy"] * np.nan}
    after, report = step(state, batch.replace(labels=labels))
    assert not report.finite
    assert_close(after, state, rtol=0)


def test_the_average_is_the_mean_of_all_steps_while_these_are_few(data):
    state, step = step_of(average_decay=0.99)
    batch, seen = batch_of(data, 1), []
    for _ in range(4):
        state, _ = step(state, batch)
        seen.append(state.params["sigma"])
    # round-off
    assert_allclose(state.average["sigma"], np.mean(seen), rtol=1e-12)


def test_a_step_lowers_the_loss_along_its_gradient(data):
    optimizer = optax.sgd(1.0)
    predict = potential_predictions(MODEL, LABELS)
    make = make_train_step(predict, [Term("energy", 1.0, "mse")], optimizer)
    state, batch = TrainState.create(student().params, optimizer), batch_of(data, 1)
    after, report = jax.jit(make)(state, batch)
    moved = jax.tree.map(jnp.subtract, state.params, after.params)
    # The step of plain descent is the gradient itself.
    assert_allclose(report.gradient_norm, optax.tree.norm(moved), rtol=1e-10)

    def loss_at(h):
        params = jax.tree.map(lambda p, g: p - h * g, state.params, moved)
        return jax.jit(make)(state.replace(params=params), batch)[1].loss

    h = 1e-5
    slope = (loss_at(h) - loss_at(-h)) / (2 * h)
    assert_allclose(slope, -(report.gradient_norm**2), rtol=1e-4)  # h² of differences
