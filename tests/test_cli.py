"""The command: how studies are found, what a run leaves behind, how it fails."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import jax
import pytest
import yaml

import matjax
from matjax import cli
from matjax.studies import catalog

TOY = """
'''Counts to a number.

More words.
'''

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import jax.numpy as jnp

from matjax.config import ExperimentConfig, Section
from matjax.studies import Run


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


@pytest.mark.parametrize("folder", ["stranger/a/b", "stranger/configs/toy"])
def test_name_never_runs_the_code_of_a_folder_that_has_one_of_this_name(
    project, folder
):
    code = "raise SystemExit('the wrong code ran')"
    for place in ("stranger/experiments", folder):
        Path(place).mkdir(parents=True, exist_ok=True)
        Path(place, "toy.py").write_text(code)
    Path(folder, "config.yaml").write_text("experiment: toy\nsteps: 6\n")
    assert cli.main(["run", f"{folder}/config.yaml", "--out", "out"]) == 0
    assert metrics(project / "out")["last"] == 5


def test_experiment_of_ones_own_is_named_by_its_path_and_announced(project, caplog):
    Path("mine").mkdir()
    Path("mine/count.py").write_text(TOY)
    Path("mine/six.yaml").write_text("experiment: ./count.py\nsteps: 6\n")
    caplog.set_level("INFO", logger="matjax")
    assert cli.main(["run", "mine/six.yaml", "--out", "out"]) == 0
    study = (project / "mine" / "count.py").resolve()
    assert caplog.messages[0] == f"running the code of {study}"
    assert metrics(project / "out")["last"] == 5
    # The configuration of the run is found again, wherever it lies.
    assert cli.main(["run", "out/config.yaml", "--out", "again"]) == 0
    assert metrics(project / "again")["last"] == 5


def test_experiments_of_matjax_are_not_announced(project, caplog):
    caplog.set_level("INFO", logger="matjax")
    assert cli.main(["run", "experiments/toy.py", "--out", "out"]) == 0
    assert "running the code" not in caplog.text


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


def test_files_that_lay_in_the_folder_stay(project, caplog):
    (project / "out").mkdir()
    (project / "out" / "counts.csv").write_text("mine")
    assert cli.main(["run", "toy", "--out", "out"]) == 1
    assert "out holds no run, but counts.csv" in caplog.text
    assert cli.main(["run", "toy", "--out", "out", "--overwrite"]) == 0
    assert (project / "out" / "counts.csv").read_text().startswith("count")
    (kept,) = (project / "out").glob("replaced-*")
    assert (kept / "counts.csv").read_text() == "mine"


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


def test_failed_replacement_leaves_the_finished_run(project):
    assert cli.main(["run", "toy", "--out", "out"]) == 0
    before = (project / "out" / "metrics.json").read_text()
    words = ["run", "toy", "fail=value", "--out", "out", "--overwrite"]
    assert cli.main(words) == 1
    assert (project / "out" / "metrics.json").read_text() == before
    (failed,) = (project / "out").glob("failed-*")
    assert (failed / "counts.csv").exists()
    assert not (failed / "metrics.json").exists()


def test_bug_is_told_in_one_line_with_its_place(project, caplog):
    assert cli.main(["run", "toy", "fail=bug", "--out", "out"]) == 1
    told = caplog.messages[-1]
    assert told.startswith("internal error: RuntimeError: a bug in ")
    assert "toy.py, line 36; please report it; --debug shows" in told
    assert "\n" not in told


@pytest.mark.parametrize(
    ("fail", "kind"), [("bug", RuntimeError), ("value", ValueError)]
)
def test_debugged_errors_show_their_traceback(project, fail, kind):
    with pytest.raises(kind):
        cli.main(["run", "toy", f"fail={fail}", "--debug"])


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


STUDY = """
import errno
from matjax.config import ExperimentConfig as Config

def main(config, run):
    {body}
"""


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ("return None", "mine.py: main(config, run) must return its metrics, a map"),
        ("return [1.0]", "names to numbers, such as {}; it returned list"),
        ("return {1: 2.0}", "must return its metrics"),
        ("return {'a': 'b'}", "a metric must be one number; a is 'b'"),
        ("raise SystemExit(0)", "the study ended the process itself, by SystemExit(0)"),
        ("raise SystemExit", "the study ended the process itself, by SystemExit(None)"),
        ("return {}['key']", "internal error: KeyError: 'key' in "),
        ("return None + 1", "internal error: TypeError: unsupported operand"),
        ("return 1 // 0", "error: integer division or modulo by zero"),
        ("assert False", "internal error: AssertionError: without a message in "),
        ("return main(config, run)", "internal error: RecursionError: maximum recur"),
        ("raise MemoryError", "error: there is not enough memory"),
        (
            "raise RuntimeError('RESOURCE_EXHAUSTED: Out of memory, 9 bytes')",
            "error: there is not enough memory (RESOURCE_EXHAUSTED: Out of memory, 9",
        ),
        (
            "raise OSError(errno.ENOSPC, 'No space left', 'out/a.csv')",
            "error: out/a.csv: no space is left on the disk",
        ),
        ("open('configs')", "error: configs: a folder, where a file is needed"),
        ("open('absent.txt')", "error: absent.txt: no such file or directory"),
        ("raise ExceptionGroup('several', [ValueError()])", "internal error: Exce"),
    ],
)
def test_failure_of_a_study_is_one_message_and_exit_code_1(
    project, caplog, body, answer
):
    Path("mine.py").write_text(STUDY.format(body=body))
    assert cli.main(["run", "mine.py", "--out", "out"]) == 1
    assert answer in caplog.messages[-1]
    assert len(caplog.messages[-1].splitlines()) == 1
    assert not (project / "out" / "metrics.json").exists()


def test_study_that_ends_the_process_has_failed_when_debugged_too(project):
    Path("mine.py").write_text(STUDY.format(body="raise SystemExit(0)"))
    assert cli.main(["run", "mine.py", "--debug"]) == 1


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        (b"def main(:\n", "mine.py cannot be loaded: invalid syntax in line 1"),
        (b"x = 1\n  y = 2", "unexpected indent in line 2"),
        (b"a\0b", "mine.py cannot be loaded: "),
        (b"\xff\xfe", "mine.py cannot be loaded: "),
        (b"import absent_package", "ModuleNotFoundError: No module named 'absent_pa"),
        (b"raise SystemExit(0)", "mine.py cannot be loaded: SystemExit: 0"),
        (b"(" * 10_000, "mine.py cannot be loaded: "),
        (b"undefined", "NameError: name 'undefined' is not defined"),
        (b"", "an experiment needs a class Config(ExperimentConfig)"),
        (b"from matjax.config import ExperimentConfig as Config", "a function main("),
    ],
)
def test_study_that_does_not_load_is_named(project, caplog, content, answer):
    Path("mine.py").write_bytes(content)
    assert cli.main(["run", "mine.py"]) == 1
    assert "mine.py" in caplog.messages[-1]
    assert answer in caplog.messages[-1]
    assert len(caplog.messages[-1].splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "content", "answer"),
    [
        ("", "", "the name of a configuration or an experiment is needed"),
        ("..", "", "the name of a configuration or an experiment is needed"),
        ("a" * 300, "", "error: a"),
        ("a\0b", "", "no configuration 'a"),
        ("x.yaml", "experiment: ''", "there is no experiment ''"),
        ("x.yaml", "experiment: [toy]", "x.yaml: experiment must be a name or"),
        ("x.yaml", "experiment: null", "x.yaml: experiment must be a name or"),
        ("x.yaml", "experiment: ./no.py", "it names the experiment ./no.py, and there"),
        ("x.yaml", "experiment: five", "is named by its path from this file: exper"),
        ("five", "", "a file of your own is run by its path: matjax run five.py"),
    ],
)
def test_what_names_no_study_is_answered_in_a_line(
    project, caplog, name, content, answer
):
    Path("five.py").write_text("")
    Path("x.yaml").write_text(content)
    assert cli.main(["run", name]) == 1
    assert answer in caplog.messages[-1]
    assert len(caplog.messages[-1].splitlines()) == 1


def test_unknown_options_are_refused(project, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(["run", "toy", "--steps=4"])
    assert caught.value.code == 2
    assert "unrecognized arguments: --steps=4" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["toy", "--help"], ["-h", "toy", "steps=4"]])
def test_help_of_a_study_lists_its_keys_and_runs_nothing(project, capsys, words):
    assert cli.main(["run", *words]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("Counts to a number.\n")
    assert "  steps: int = 3\n" in shown
    assert "  mesh.size: tuple[int, int] = [2, 2]\n" in shown
    assert "  fail: 'no', 'at once', 'value'" in shown
    assert (
        "  seed: int, ≥ 0, < 2.14748e+09 = 0\n      Seed of everything random.\n"
        in shown
    )
    assert not (project / "runs").exists()


def test_help_of_a_configuration_shows_what_it_sets(project, capsys):
    assert cli.main(["run", "toy/five", "--help"]) == 0
    assert "This configuration sets:\n\n  steps: 5\n" in capsys.readouterr().out


def test_help_of_the_command_is_that_of_argparse(project, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(["run", "--help"])
    assert caught.value.code == 0
    assert "lists the keys of that study" in capsys.readouterr().out


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
    # Where the tests run in the background, processes are born deaf to interrupts.
    hears = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    script = f"import sys; from matjax.cli import main; sys.exit(main({words}))"
    process = subprocess.Popen(
        [sys.executable, "-c", f"{hears}; {script}"],
        env=environment | {"MATJAX_CACHE": str(project / "cache")},
        stderr=subprocess.PIPE,
        text=True,
    )
    table = project / "out" / "bits.csv"
    try:
        while process.poll() is None and not (table.exists() and table.stat().st_size):
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 130, errors
    assert errors.splitlines() == [
        f"running the code of {Path('wait.py').resolve()}",
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
