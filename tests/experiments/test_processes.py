"""Processes that share a run train as one does, and leave one folder."""

import json
import os
import socket
import subprocess
import sys

import pytest
import yaml
from numpy.testing import assert_allclose

from matjax import cli
from matjax.train import read_records
from matjax.weights import save_potential
from tests.data.examples import write_frames
from tests.train.argon import dataset, student

# A run that Ctrl-C ends after 20 steps, goes on, and is started again.
COMMAND = """
import sys
from matjax import cli
from matjax.studies import Run

def interrupted(self, items, description, *, total=None):
    for k, item in enumerate(items):
        if k == 20:
            raise KeyboardInterrupt
        yield item

progress, Run.progress = Run.progress, interrupted
codes = [cli.main(sys.argv[1:])]
Run.progress = progress
codes.append(cli.main([*sys.argv[1:], "--resume"]))
codes.append(cli.main(sys.argv[1:]))
print("codes", codes)
"""

STUDY = {
    "experiment": "potential",
    "precision": "float32",
    "held_out": 0.25,
    "losses": {"energy": None, "stress": {"kind": "mae"}},
    "fit": {
        "epochs": 8,  # of three steps each
        "average_decay": 0.9,
        "checkpoint_minutes": 0,
        "optimizer": {"learning_rate": 0.02},
    },
}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A Lennard-Jones potential that starts beside that of the data."""
    folder = tmp_path_factory.mktemp("study")
    paths = {"pretrained": folder / "student.safetensors"}
    save_potential(student(), paths["pretrained"])
    for seed, part in enumerate(("train", "test")):
        paths[part] = folder / f"{part}.extxyz"
        write_frames(paths[part], dataset(n=12, seed=seed))
    named = {key: str(path) for key, path in paths.items()}
    path = folder / "argon.yaml"
    path.write_text(yaml.safe_dump({**STUDY, **named}))
    return path


@pytest.fixture(scope="module")
def together(study, tmp_path_factory):
    """The folder of a run of two processes, and what each of them says."""
    folder = tmp_path_factory.mktemp("two") / "run"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    words = ["run", str(study), "--out", str(folder), "--distributed"]
    words += ["--coordinator", address, "--num-processes", "2", "--process-id"]
    environment = {
        **os.environ,
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
    }
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", COMMAND, *words, str(k)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for k in range(2)
    ]
    try:
        said = [process.communicate(timeout=300) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0, 0], said
    return folder, said


@pytest.mark.slow
def test_two_processes_that_were_interrupted_train_as_one_does(
    study, together, tmp_path, monkeypatch
):
    monkeypatch.setattr(cli, "set_up_jax", lambda config: None)
    assert cli.main(["run", str(study), "--out", str(tmp_path / "one")]) == 0
    alone, found = (
        json.loads((folder / "metrics.json").read_text())
        for folder in (tmp_path / "one", together[0])
    )
    assert found.keys() == alone.keys()
    for key in found.keys() - {"train_minutes", "structures_per_s"}:
        # float32 sums in another order, over 24 steps
        assert_allclose(found[key], alone[key], rtol=1e-3, err_msg=key)


@pytest.mark.slow
def test_the_first_process_alone_writes(together):
    folder, said = together
    written = {path.name for path in folder.iterdir()}
    assert written == {
        *("config.yaml", "metrics.json", "metrics.jsonl", "tensorboard"),
        *("checkpoints", "potential.safetensors", "test.npz"),
        *("learning.png", "parity.png", ".matjax"),
    }
    assert [r["epoch"] for r in read_records(folder)] == list(range(1, 9))
    (first, its_log), (second, other_log) = said
    assert "resumed at step 16 of 24" in its_log
    assert "wrote" in first
    assert "resumed" not in other_log
    assert "wrote" not in second


@pytest.mark.slow
def test_all_processes_refuse_a_folder_that_holds_a_run(together):
    for output, log in together[1]:
        assert "codes [130, 0, 1]" in output
        assert "already holds" in log


def test_processes_without_folder_or_neighbors_are_refused(study, monkeypatch, caplog):
    monkeypatch.setattr(cli, "set_up_jax", lambda config: None)
    assert cli.main(["run", str(study), "--distributed"]) == 1
    assert "must write into one folder" in caplog.text
    assert cli.main(["run", str(study), "--num-processes", "2"]) == 1
    assert "need --distributed" in caplog.text
