"""The training loop: it goes on bit for bit, and stops on what is no number."""

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time

import jax
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from matjax.data import Loader, in_order
from matjax.errors import DivergenceError
from matjax.train import (
    Checkpoints,
    FitConfig,
    OptimizerConfig,
    Task,
    Term,
    fit,
    potential_predictions,
    read_records,
)
from tests.train.argon import LABELS, MODEL, graphs, student

TERMS = [
    Term("energy", 1.0, "mse", scale=0.01),
    Term("forces", 1.0, "mse", scale=0.1),
]
PREDICT = potential_predictions(MODEL, LABELS)
CONFIG = FitConfig(
    epochs=5,
    optimizer=OptimizerConfig(learning_rate=1e-2, name="adam"),
    average_decay=0.9,
    checkpoint_minutes=0,
)


@pytest.fixture(scope="module")
def data():
    return graphs()


@pytest.fixture(scope="module")
def held_out():
    return graphs(n=4, seed=1)


def run(folder, data, held_out, *, config=CONFIG, stop_at=None, steps=None, **kwargs):
    """A training of 20 steps; ``stop_at`` ends it as Ctrl-C would."""

    def stopped(items, description, *, total):
        for k, item in enumerate(items):
            if k == stop_at:
                raise KeyboardInterrupt
            yield item

    task = Task(PREDICT, student().params, TERMS, **kwargs)
    loader = Loader(data, batch_size=4, dtype=np.float64, seed=3)

    def validation():
        return (b for _, b in in_order(held_out, batch_size=4, dtype=np.float64))

    return fit(task, loader, validation, folder, config, progress=steps or stopped)


@pytest.mark.slow
def test_a_training_that_was_interrupted_ends_bit_for_bit_the_same(
    data, held_out, tmp_path
):
    whole = run(tmp_path / "whole", data, held_out)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "parts", data, held_out, stop_at=10)
    parts = run(tmp_path / "parts", data, held_out)
    assert (whole.steps, parts.steps) == (20, 20)
    for a, b in zip(*map(jax.tree.leaves, (whole.params, parts.params)), strict=True):
        assert_array_equal(a, b)
    records = [read_records(tmp_path / name) for name in ("whole", "parts")]
    assert [[r["step"] for r in some] for some in records] == [[4, 8, 12, 16, 20]] * 2
    for a, b in zip(*records, strict=True):
        assert a["val_loss"] == b["val_loss"]


def damage(checkpoint, how):
    files = sorted(p for p in checkpoint.rglob("*") if p.is_file())
    if how == "cut":
        for path in files:
            path.write_bytes(path.read_bytes()[:20])
    elif how == "no state":
        shutil.rmtree(checkpoint / "state")
    elif how == "no meta":
        shutil.rmtree(checkpoint / "meta")
    elif how == "other meta":
        for path in (checkpoint / "meta").iterdir():
            path.write_text('{"something": 1}')
    elif how == "flipped":
        for path in (checkpoint / "state").rglob("*"):
            if path.is_file() and path.stat().st_size > 100:
                content = bytearray(path.read_bytes())
                middle = len(content) // 2
                content[middle : middle + 20] = bytes(20)
                path.write_bytes(content)


@pytest.mark.parametrize("how", ["cut", "no state", "no meta", "other meta", "flipped"])
def test_a_damaged_checkpoint_is_said_and_the_one_before_taken(
    data, held_out, tmp_path, caplog, how
):
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, data, held_out, stop_at=10)
    newest, *_ = sorted(
        (tmp_path / "checkpoints").iterdir(), reverse=True, key=int_name
    )
    damage(newest, how)
    with caplog.at_level(logging.WARNING, "matjax.train"):
        found = run(tmp_path, data, held_out)
    assert f"the checkpoint of step {newest.name} is damaged" in caplog.text
    assert (tmp_path / f"damaged-{newest.name}").is_dir()
    assert found.steps == 20


def test_damaged_checkpoints_alone_end_with_a_message(data, held_out, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, data, held_out, stop_at=10)
    checkpoints = list((tmp_path / "checkpoints").iterdir())
    for checkpoint in checkpoints:
        damage(checkpoint, "no meta")
    for _ in range(2):  # the second start does not begin anew without a word either
        with pytest.raises(ValueError, match=r"none of the checkpoints.*KeyError"):
            run(tmp_path, data, held_out)
    assert all(checkpoint.is_dir() for checkpoint in checkpoints)


def test_a_start_from_the_beginning_deletes_checkpoints_alone(tmp_path):
    folder = tmp_path / "checkpoints"
    for name in ("5", "mine"):
        (folder / name).mkdir(parents=True)
        (folder / name / "file").touch()
    Checkpoints(folder, {}, resume=False).close()
    assert {path.name for path in folder.iterdir()} == {"mine"}


def int_name(path):
    return int(path.name)


def test_throughput_counts_the_steps_since_a_run_was_resumed(
    data, held_out, tmp_path, monkeypatch
):
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)

    def train(stop_at=None):
        def steps(items, description, *, total):
            nonlocal now
            for k, item in enumerate(items):
                if k == stop_at:
                    raise KeyboardInterrupt
                now += 1.0
                yield item

        return run(tmp_path, data, held_out, steps=steps)

    with pytest.raises(KeyboardInterrupt):
        train(stop_at=10)
    found = train()
    # Four structures in a step, a step in a second.
    assert [r["structures_per_s"] for r in read_records(tmp_path)] == [4.0] * 5
    assert (found.structures_per_second, found.seconds) == (4.0, 20.0)


def test_errors_fall_and_the_best_parameters_are_kept(data, held_out, tmp_path):
    kept = []
    config = CONFIG.model_copy(update={"epochs": 20, "checkpoint_minutes": 1})
    task = Task(PREDICT, student().params, TERMS)
    loader = Loader(data, batch_size=4, dtype=np.float64)
    validations = [b for _, b in in_order(held_out, batch_size=4, dtype=np.float64)]
    found = fit(
        task, loader, lambda: iter(validations), tmp_path, config, on_best=kept.append
    )
    losses = [r["val_loss"] for r in read_records(tmp_path)]
    assert losses[-1] < 1e-2 * losses[0]
    assert found.errors["val_loss"] == min(losses)
    for a, b in zip(*map(jax.tree.leaves, (found.params, kept[-1])), strict=True):
        assert_allclose(a, b, rtol=0)
    events = list((tmp_path / "tensorboard").iterdir())
    assert events
    assert all(path.stat().st_size > 500 for path in events)


def test_training_ends_when_validation_gets_no_better(data, held_out, tmp_path):
    still = OptimizerConfig(learning_rate=1e-30, name="sgd")
    update = {"optimizer": still, "patience": 2, "checkpoint_minutes": 1}
    config = CONFIG.model_copy(update={**update, "epochs": 9})
    assert run(tmp_path, data, held_out, config=config).epochs < 9


def test_a_loss_that_is_not_a_number_ends_the_run_with_its_batch_on_file(
    data, held_out, tmp_path
):
    # Exponents of this size overflow the pair energies of argon.
    wild = OptimizerConfig(learning_rate=1e9, name="sgd", warmup=0.0)
    config = CONFIG.model_copy(update={"optimizer": wild})
    with pytest.raises(DivergenceError, match=r"must be numbers.*batch\.npz"):
        run(tmp_path, data, held_out, config=config)
    with np.load(tmp_path / "batch.npz") as saved:
        assert any("positions" in name for name in saved.files)


def test_other_data_or_another_configuration_do_not_go_on(data, held_out, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, data, held_out, stop_at=6)
    config = CONFIG.model_copy(update={"average_decay": 0.5})
    with pytest.raises(ValueError, match=r"fit\.average_decay: 0\.9 -> 0\.5"):
        run(tmp_path, data, held_out, config=config)
    with pytest.raises(ValueError, match=r"data\.data_0: argon 16-0 -> argon 16-5"):
        run(tmp_path, graphs(seed=5), held_out)
    with pytest.raises(ValueError, match=r"task\.model: absent -> another"):
        run(tmp_path, data, held_out, identity={"model": "another"})


@pytest.mark.slow
def test_a_killed_process_goes_on_from_its_last_checkpoint(tmp_path):
    command = [sys.executable, "-m", "tests.train.argon_worker", str(tmp_path)]
    environment = {**os.environ, "JAX_ENABLE_X64": "1"}
    process = subprocess.Popen(command, env=environment)
    deadline = time.monotonic() + 240
    folder = tmp_path / "checkpoints"
    while not (folder.exists() and any(p.name.isdigit() for p in folder.iterdir())):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    done = subprocess.run(
        command, env=environment, check=True, capture_output=True, text=True
    )
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["steps"] == 80
    assert report["resumed_at"] > 0


def test_the_log_says_what_validation_found(data, held_out, tmp_path, caplog):
    with caplog.at_level(logging.INFO, logger="matjax.train"):
        run(tmp_path, data, held_out)
    assert "val_energy_mae_meV_per_atom" in caplog.text
