"""Records of a run: what was written after the last checkpoint is dropped."""

import jax.numpy as jnp
import numpy as np
import pytest

from matjax.errors import DivergenceError
from matjax.train import read_records
from matjax.train.losses import Sums
from matjax.train.records import Records, Watch
from matjax.train.step import Report


def report(finite=True):
    return Report(
        loss=jnp.array(1.0 if finite else jnp.nan),
        sums={"gap": Sums(1.0, 1.0, 1.0, 2.0)},
        gradient_norm=jnp.array(1.0),
        finite=jnp.array(finite),
    )


def test_lines_after_the_checkpoint_and_half_lines_are_dropped(tmp_path):
    records = Records(tmp_path, step=0)
    for step in (1, 2, 3):
        records.write(step, {"loss": 1.0 / step})
    records.close()
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 4, "lo')  # of a run that was killed
    resumed = Records(tmp_path, step=2)
    resumed.write(3, {"loss": 0.25})
    resumed.close()
    expected = [(1, 1.0), (2, 0.5), (3, 0.25)]
    assert [(r["step"], r["loss"]) for r in read_records(tmp_path)] == expected


def test_a_watch_adds_up_the_steps_of_an_epoch(tmp_path):
    watch = Watch(tmp_path)
    for _ in range(3):
        watch.see(report(), batch=None)
    assert watch.epoch()["gap"] == Sums(3.0, 3.0, 3.0, 6.0)
    assert watch.epoch() == {}


def test_the_batch_of_a_step_that_is_no_number_is_kept(tmp_path):
    watch = Watch(tmp_path)
    watch.see(report(finite=False), batch={"numbers": np.arange(3)})
    with pytest.raises(DivergenceError, match="loss and gradient must be numbers"):
        watch.look()
    with np.load(tmp_path / "batch.npz") as kept:
        assert [kept[name].tolist() for name in kept] == [[0, 1, 2]]
