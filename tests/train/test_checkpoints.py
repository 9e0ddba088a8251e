"""Checkpoints: what comes back is bit for bit what was saved, or is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from numpy.testing import assert_array_equal

from matjax.train import Checkpoints, TrainState
from matjax.train.checkpoints import require_same

OPTIMIZER = optax.adam(0.1)


def state(seed: int, step: int) -> TrainState:
    values = np.random.default_rng(seed).normal(size=3)
    made = TrainState.create({"w": jnp.asarray(values)}, OPTIMIZER)
    return made.replace(step=jnp.asarray(step, jnp.int32))


def test_the_newest_checkpoint_comes_back_bit_for_bit(tmp_path):
    written = Checkpoints(tmp_path / "c", {"seed": 1})
    for step in (1, 2, 3):
        written.save(state(step, step), {"epoch": step})
    written.close()
    opened = Checkpoints(tmp_path / "c", {"seed": 1})
    found = opened.latest(state(0, 0))
    opened.close()
    assert found.progress == {"epoch": 3}
    jax.tree.map(assert_array_equal, found.state, state(3, 3))
    kept = {p.name for p in (tmp_path / "c").iterdir() if p.name.isdigit()}
    assert kept == {"2", "3"}


def test_a_checkpoint_of_another_run_is_refused_by_what_differs(tmp_path):
    written = Checkpoints(tmp_path / "c", {"seed": 1, "model": {"layers": 2}})
    written.save(state(1, 1), {})
    written.close()
    other = Checkpoints(tmp_path / "c", {"seed": 1, "model": {"layers": 3}})
    with pytest.raises(ValueError, match=r"model\.layers: 2 -> 3"):
        other.latest(state(0, 0))
    other.close()


def test_keys_that_come_and_go_are_named():
    with pytest.raises(ValueError, match=r"a: 1 -> absent; b: absent -> 2"):
        require_same({"a": 1, "c": [1, 2]}, {"b": 2, "c": (1, 2)})
