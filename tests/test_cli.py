"""The command: how studies are found, what a run leaves behind, how it fails."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import jax
import numpy as np
import pytest
import yaml

import matjax
from matjax import catalog, cli, runs
from matjax.plot import new_figure, style
from matjax.runs import Run

TOY = """
'''Counts to a number.

More words.
'''

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import jax.numpy as jnp

from matjax.config import ExperimentConfig, Section
from matjax.runs import Run


class Mesh(Section):
    size: tuple[int, int] = (2, 2)


class Config(ExperimentConfig):
    steps: int = 3
    mesh: Mesh = Mesh()
    fail: Literal["no", "at once", "value", "bug", "interrupt", "nan"] = "no"


def main(config: Config, run: Run) -> Mapping[str, float]:
    if config.fail == "at once":
        raise FileNotFoundError("no such file: POSCAR")
    counted = list(run.progress(range(config.steps), "counting"))
    run.save_table("counts", {"count": counted})
    if config.fail == "value":
        raise ValueError("steps must be even; received 3")
    if config.fail == "bug":
        raise RuntimeError("a bug")
    if config.fail == "interrupt":
        raise KeyboardInterrupt
    last = jnp.asarray(counted[-1], dtype=float)
    return {
        "last": last / 0 if config.fail == "nan" else last,
        "n_bytes": last.dtype.itemsize,
    }
"""


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """A folder with one experiment and one configuration, in which commands run."""
    (tmp_path / "experiments").mkdir()
    (tmp_path / "configs" / "toy").mkdir(parents=True)
    (tmp_path / "experiments" / "toy.py").write_text(TOY)
    (tmp_path / "configs" / "toy" / "five.yaml").write_text("steps: 5\n")
    monkeypatch.setattr(catalog, "root", lambda: tmp_path)
    monkeypatch.setattr(cli, "set_up_jax", lambda config: None)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def metrics(folder: Path) -> dict[str, float]:
    return json.loads((folder / "metrics.json").read_text())


@pytest.mark.parametrize(
    "name", ["toy/five", "configs/toy/five.yaml", "./configs/toy/five.yaml"]
)
def test_configuration_is_found_by_name_and_by_path(project, name):
    assert cli.main(["run", name, "--out", "out"]) == 0
    assert metrics(project / "out")["last"] == 4


@pytest.mark.parametrize("name", ["toy", "experiments/toy.py"])
def test_experiment_runs_with_its_defaults(project, name):
    assert cli.main(["run", name, "--out", "out"]) == 0
    assert metrics(project / "out")["last"] == 2


def test_settings_may_stand_before_and_after_options(project):
    assert cli.main(["run", "toy", "steps=7", "--out", "out", "seed=1"]) == 0
    assert metrics(project / "out")["last"] == 6
    assert yaml.safe_load((project / "out" / "config.yaml").read_text())["seed"] == 1


def test_configuration_elsewhere_names_its_experiment(project):
    Path("mine.yaml").write_text("experiment: toy\nsteps: 9\n")
    assert cli.main(["run", "mine.yaml", "--out", "out"]) == 0
    assert metrics(project / "out")["last"] == 8


def test_experiment_beside_a_configuration_comes_before_the_bundled_one(
    project, monkeypatch
):
    monkeypatch.setattr(catalog, "root", lambda: project / "elsewhere")
    assert cli.main(["run", "configs/toy/five.yaml", "--out", "out"]) == 0
    assert metrics(project / "out")["last"] == 4


def test_config_of_a_run_repeats_it(project):
    assert cli.main(["run", "toy", "steps=4", "mesh.size=[3,3]", "--out", "a"]) == 0
    assert cli.main(["run", "a/config.yaml", "--out", "b"]) == 0
    first, second = (
        yaml.safe_load((project / out / "config.yaml").read_text()) for out in "ab"
    )
    assert first == second
    assert first["experiment"] == "toy"
    assert first["mesh"] == {"size": [3, 3]}
    assert first["environment"]["jax"] == jax.__version__
    assert first["environment"]["matjax"]


def test_runs_without_folder_do_not_meet(project):
    for _ in range(3):
        assert cli.main(["run", "toy/five"]) == 0
    folders = list((project / "runs" / "toy" / "five").iterdir())
    assert len(folders) == 3
    assert all(metrics(folder)["last"] == 4 for folder in folders)


def test_finished_run_is_not_overwritten_unless_asked(project, caplog):
    assert cli.main(["run", "toy", "--out", "out"]) == 0
    assert cli.main(["run", "toy", "steps=8", "--out", "out"]) == 1
    assert "out already holds a finished run; choose another" in caplog.text
    assert metrics(project / "out")["last"] == 2
    assert cli.main(["run", "toy", "steps=8", "--out", "out", "--overwrite"]) == 0
    assert metrics(project / "out")["last"] == 7


def test_files_that_lay_in_the_folder_stay(project):
    (project / "out").mkdir()
    (project / "out" / "counts.csv").write_text("mine")
    assert cli.main(["run", "toy", "--out", "out"]) == 0
    assert (project / "out" / "counts.csv").read_text() == "mine"
    assert (project / "out" / "counts-2.csv").read_text().startswith("count")


@pytest.mark.parametrize(
    ("fail", "code", "message"),
    [
        ("value", 1, "error: steps must be even; received 3"),
        ("nan", 1, "error: a metric must be finite; last is inf"),
        ("interrupt", 130, "interrupted"),
    ],
)
def test_failed_run_keeps_its_files_and_says_why(project, caplog, fail, code, message):
    assert cli.main(["run", "toy", f"fail={fail}", "--out", "out"]) == code
    assert message in caplog.messages
    assert "out holds what was computed until here" in caplog.text
    assert (project / "out" / "config.yaml").exists()
    assert (project / "out" / "counts.csv").exists()
    assert not (project / "out" / "metrics.json").exists()


def test_run_that_failed_before_any_result_leaves_no_trace(project, caplog):
    (project / "mine").mkdir()
    for out in ("mine", "new"):
        assert cli.main(["run", "toy", "fail=at once", "--out", out]) == 1
    assert set(caplog.messages) == {"error: no such file: POSCAR"}
    assert not (project / "new").exists()
    assert cli.main(["run", "toy", "--out", "mine"]) == 0


def test_failed_replacement_does_not_look_finished(project):
    assert cli.main(["run", "toy", "--out", "out"]) == 0
    words = ["run", "toy", "fail=value", "--out", "out", "--overwrite"]
    assert cli.main(words) == 1
    assert not (project / "out" / "metrics.json").exists()


def test_bugs_and_debugged_errors_show_their_traceback(project):
    with pytest.raises(RuntimeError, match="a bug"):
        cli.main(["run", "toy", "fail=bug"])
    with pytest.raises(ValueError, match="steps must be even"):
        cli.main(["run", "toy", "fail=value", "--debug"])


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["toy/fife"], "no configuration 'toy/fife'; did you mean 'toy/five'?"),
        (["configs/toy/fiv.yaml"], "no file configs/toy/fiv.yaml; did you mean 'toy"),
        (["toy", "stepps=1"], "command line: unknown key 'stepps'; did you mean"),
        (["toy", "mesh.sizes=1"], "did you mean 'mesh.size'?"),
        (["typo.yaml"], "typo.yaml: unknown key 'mesh.siez'; did you mean 'mesh.size'"),
        (["lost.yaml"], "there is no experiment 'tyo'; did you mean 'toy'?"),
        (["broken.py"], "broken.py: an experiment needs a class Config"),
        (["toy", "--out", "typo.yaml"], "typo.yaml is a file"),
    ],
)
def test_bad_input_is_answered_in_a_line(project, caplog, words, answer):
    Path("typo.yaml").write_text("experiment: toy\nmesh:\n  siez: [1, 1]\n")
    Path("lost.yaml").write_text("experiment: tyo\n")
    Path("broken.py").write_text("Config = 1\n")
    assert cli.main(["run", *words]) == 1
    assert answer in caplog.text
    assert not (project / "runs").exists()


def test_unknown_options_are_refused(project, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(["run", "toy", "--steps=4"])
    assert caught.value.code == 2
    assert "unrecognized arguments: --steps=4" in capsys.readouterr().err


def test_list_shows_experiments_configurations_and_potentials(
    project, capsys, monkeypatch
):
    (project / "nequix-mp-1.nqx").touch()
    monkeypatch.setenv("MATJAX_MODELS", str(project))
    assert cli.main(["list"]) == 0
    shown = capsys.readouterr().out
    assert "Counts to a number." in shown
    assert "More words" not in shown
    assert "toy/five" in shown
    assert "stillinger-weber-si" in shown
    assert str(project / "nequix-mp-1.nqx") in shown


def test_tables_arrays_and_figures_are_written(tmp_path):
    run = Run(tmp_path / "out")
    table = run.save_table("t", {"x_A": np.array([0.1, 0.25]), "label": ["Γ", "X"]})
    arrays = run.save_arrays("a", x_A=jax.numpy.arange(3.0))
    with style():
        figure, axes = new_figure(1, 2, width_ratios=[3, 1], sharey=True)
        axes[0, 0].plot([0, 1], [0, 1])
    picture = run.save_figure("f", figure)
    with table.open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [["x_A", "label"], ["0.1", "Γ"], ["0.25", "X"]]
    np.testing.assert_array_equal(np.load(arrays)["x_A"], [0, 1, 2])
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert run.files == [table, arrays, picture]


def test_columns_of_different_length_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"one length; received \{'a': 1, 'b': 2\}"):
        Run(tmp_path).save_table("t", {"a": [1], "b": [1, 2]})


@pytest.mark.parametrize("value", [np.ones(2), "3", None, 1j, float("nan")])
def test_metric_that_is_no_finite_number_is_refused(tmp_path, value):
    with pytest.raises(ValueError, match="a metric must be"):
        Run(tmp_path).save_metrics({"x": value})
    assert not (tmp_path / "metrics.json").exists()


def test_long_work_says_now_and_then_how_far_it_is(tmp_path, monkeypatch, caplog):
    clock = iter(range(0, 100, 4))  # each step takes 4 s
    monkeypatch.setattr(runs.time, "monotonic", lambda: next(clock))
    caplog.set_level("INFO", logger="matjax")
    assert list(Run(tmp_path).progress("abcdef", "bands")) == list("abcdef")
    assert caplog.messages == ["bands: 3/6, 12 s", "bands: 6/6, 24 s"]


def test_command_sets_precision_keeps_compiled_functions_and_stops_on_interrupt(
    project,
):
    wait = textwrap.dedent(
        """
        import time
        from matjax.config import ExperimentConfig as Config

        def main(config, run):
            import jax
            bits = jax.jit(lambda x: 2 * x)(1.0).dtype.itemsize * 8
            run.save_table("bits", {"bits": [bits]})
            time.sleep(60)
        """
    )
    Path("wait.py").write_text(wait)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("JAX_")}
    words = ["run", "wait.py", "precision=float32", "--out", "out"]
    script = f"import sys; from matjax.cli import main; sys.exit(main({words}))"
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        env=environment | {"MATJAX_CACHE": str(project / "cache")},
        stderr=subprocess.PIPE,
        text=True,
    )
    table = project / "out" / "bits.csv"
    try:
        while process.poll() is None and not (table.exists() and table.stat().st_size):
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130, errors
    assert errors.splitlines() == [
        "out holds what was computed until here",
        "interrupted",
    ]
    assert table.read_text().split() == ["bits", "32"]
    assert list((project / "cache" / "compiled").iterdir())


def test_command_runs_as_a_module():
    found = subprocess.run(
        [sys.executable, "-m", "matjax", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == matjax.__version__
