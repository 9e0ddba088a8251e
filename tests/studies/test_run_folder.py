"""No finished result is lost, whatever state a folder is in and however a run ends."""

import errno
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from matjax import cli
from matjax.studies import CONFIG, INNER, METRICS, RunFolder
from matjax.studies import run as runs

STUDY = '''
"""A study that writes a table and ends as it is told."""
import os
import signal
import time
from matjax.config import ExperimentConfig

class Config(ExperimentConfig):
    value: float = 1.0
    end: str = "well"

def main(config, run):
    if config.end == "early":
        raise ValueError("refused before anything was written")
    run.save_table("numbers", {"x": [config.value]})
    run.save_arrays("arrays", x=[config.value, 2.0])
    if config.value == 1.0:
        run.save_table("first_only", {"x": [1.0]})
    if config.end == "late":
        raise ValueError("refused after a table was written")
    if config.end == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if config.end == "wait":
        (run.folder / "started").touch()
        time.sleep(60)
    return {"value": config.value}
'''


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "toy.py").write_text(STUDY)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "out"


def run(*words):
    return cli.main(["run", "toy.py", *words, "--out", "out"])


def command(*words):
    return [sys.executable, "-m", "matjax", "run", "toy.py", *words, "--out", "out"]


def value(folder):
    return json.loads((folder / METRICS).read_text())["value"]


def intact(folder, expected):
    """A whole run of this value: metrics, settings and tables belong together."""
    assert value(folder) == expected
    assert f"value: {expected}" in (folder / CONFIG).read_text()
    assert (folder / "numbers.csv").read_text() == f"x\n{expected}\n"
    assert (folder / "first_only.csv").exists() == (expected == 1.0)
    assert not list((folder / INNER).glob("*-*"))


STATES = {
    "absent": [],
    "finished": ["run"],
    "unfinished": ["late"],
    "finished, overwriting failed": ["run", "overwrite fails"],
    "finished, resuming failed": ["run", "resume fails"],
    "foreign": ["foreign"],
    "empty": ["empty"],
}


def prepare(folder, steps):
    for step in steps:
        if step == "run":
            assert run() == 0
        elif step == "late":
            assert run("end=late") == 1
        elif step == "overwrite fails":
            assert run("value=5.0", "end=late", "--overwrite") == 1
        elif step == "resume fails":
            assert run("value=5.0", "end=late", "--resume") == 1
        elif step == "foreign":
            folder.mkdir()
            (folder / "metrics.json").write_text("mine")
            (folder / "checkpoints").mkdir()
            (folder / "checkpoints" / "mine").touch()
        elif step == "empty":
            folder.mkdir()


@pytest.mark.parametrize("end", ["well", "early", "late", "full"])
@pytest.mark.parametrize("mode", ["", "--overwrite", "--resume"])
@pytest.mark.parametrize("state", STATES)
def test_no_result_is_lost(folder, monkeypatch, state, mode, end):
    prepare(folder, STATES[state])
    finished = "run" in STATES[state]
    settings = ["value=2.0", *([f"end={end}"] if end != "full" else []), mode]
    if end == "full":
        monkeypatch.setattr(runs, "write_arrays", full)
    code = run(*filter(None, settings))
    runs_there = state not in ("absent", "empty", "foreign")
    allowed = {
        "": not runs_there and state != "foreign",
        "--overwrite": True,
        "--resume": state != "foreign",
    }[mode]
    if end == "well" and allowed:
        assert code == 0
        assert value(folder) == 2.0
        if mode == "--overwrite" and runs_there:
            assert not (folder / "first_only.csv").exists() or state == "unfinished"
    else:
        assert code == 1
        if finished:
            intact(folder, 1.0)
    if state == "foreign":
        assert (folder / "checkpoints" / "mine").exists()
        texts = [p.read_text() for p in folder.rglob("metrics.json")]
        assert "mine" in texts
    if state == "absent" and end == "early" and mode != "--resume":
        assert not folder.exists()


def full(path, arrays):
    path.write_bytes(b"half")
    raise OSError(errno.ENOSPC, "No space left on device", str(path))


def test_a_full_disk_leaves_no_half_file(folder, monkeypatch):
    monkeypatch.setattr(runs, "write_arrays", full)
    assert run() == 1
    assert {p.name for p in folder.iterdir()} <= {CONFIG, INNER, "numbers.csv"} | {
        "first_only.csv"
    }


def test_a_killed_run_that_overwrites_leaves_the_old_one(folder):
    assert run() == 0
    killed = subprocess.run(
        command("value=2.0", "end=kill", "--overwrite"), check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert value(folder) == 1.0
    assert run("value=3.0") == 1  # a plain start finds a finished run
    intact(folder, 1.0)
    (kept,) = folder.glob("failed-*")
    assert (kept / "numbers.csv").read_text() == "x\n2.0\n"
    assert run("value=3.0", "--overwrite") == 0
    intact(folder, 3.0)


class Killed(Exception):
    """The process ends here, as far as the folder can tell."""


@pytest.mark.parametrize("after", range(12))
def test_results_that_were_moving_when_a_process_died_arrive(
    folder, monkeypatch, after
):
    assert run() == 0
    (folder / "mine.txt").write_text("mine")
    place = RunFolder(folder, overwrite=True)
    for name in ("config.yaml", "numbers.csv"):
        text = (folder / name).read_text().replace("1.0", "2.0")
        (place.work / name).write_text(text)
    (place.work / METRICS).write_text('{"value": 2.0}')
    rename, left = os.rename, [after]

    def dying(source, target):
        if not left[0]:
            raise Killed
        left[0] -= 1
        rename(source, target)

    monkeypatch.setattr(os, "rename", dying)
    died = False
    try:
        place.finish()
    except Killed:
        died = True
    monkeypatch.setattr(os, "rename", rename)
    place._lock.release()
    ready = after > 0
    assert run("value=3.0") == 1
    intact(folder, 2.0 if ready else 1.0)
    assert (folder / "mine.txt").read_text() == "mine"
    assert died == (after < 9)  # as many renamings as it takes


@pytest.mark.parametrize("end", ["early", "late", "kill"])
def test_a_finished_run_that_goes_on_in_vain_leaves_nothing_that_looks_finished(
    folder, end
):
    assert run() == 0
    words = ("value=2.0", f"end={end}", "--resume")
    if end == "kill":
        assert subprocess.run(command(*words), check=False).returncode < 0
        assert run() == 1
    else:
        assert run(*words) == 1
    intact(folder, 1.0)
    failed = list(folder.glob("failed-*"))
    assert len(failed) == (end != "early")  # nothing was computed: no copy stays
    for kept in failed:
        assert not (kept / METRICS).exists()
        assert (kept / "numbers.csv").read_text() == "x\n2.0\n"
        name = str(kept.relative_to(folder.parent))
        words = ["run", f"{name}/{CONFIG}", "end=well", "--resume", "--out", name]
        assert cli.main(words) == 0
        assert value(kept) == 2.0
    intact(folder, 1.0)


@pytest.mark.parametrize("after", range(5))
def test_results_that_could_not_all_be_moved_arrive_at_the_next_start(
    folder, monkeypatch, caplog, after
):
    """As on a full disk, where the process lives on and says so."""
    assert run() == 0
    rename, left = os.rename, [after]

    def refusing(source, target):
        if not left[0]:
            raise OSError(errno.ENOSPC, "No space left on device", str(target))
        left[0] -= 1
        rename(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", refusing)
        assert run("value=2.0", "--overwrite") == 1
    assert "no space is left" in caplog.text
    if after:
        assert "the next start there ends" in caplog.text
    assert run() == 1
    intact(folder, 2.0 if after else 1.0)


@pytest.mark.parametrize(
    ("mode", "end"), [("--resume", "well"), ("--overwrite", "early"), ("", "well")]
)
def test_nothing_is_left_in_a_folder_of_others_that_is_refused(folder, mode, end):
    prepare(folder, ["foreign"])
    assert run(*filter(None, [f"end={end}", mode])) == 1
    assert {p.name for p in folder.iterdir()} == {"metrics.json", "checkpoints"}


def test_folders_above_that_others_use_by_now_hide_no_error(tmp_path, monkeypatch):
    place = RunFolder(tmp_path / "runs" / "study" / "first")
    (tmp_path / "runs" / "study" / "second").mkdir()
    assert place.fail() is None
    assert [p.name for p in (tmp_path / "runs" / "study").iterdir()] == ["second"]


def test_settings_of_an_unfinished_run_survive_a_resumption_on_a_full_disk(
    folder, monkeypatch
):
    assert run("end=late") == 1
    before = (folder / CONFIG).read_bytes()
    replace, left = os.replace, [1]  # the new settings are the last that finds a place

    def refusing(source, target):
        if not left[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        left[0] -= 1
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", refusing)
        assert run("value=2.0", "--resume") == 1
    assert (folder / CONFIG).read_bytes()  # whole, of one of the two
    assert run("--resume") == 0
    intact(folder, 1.0)
    assert before == (folder / CONFIG).read_bytes().replace(b"end: well", b"end: late")


def test_a_killed_process_leaves_no_drafts_behind(folder):
    assert run("end=late") == 1
    (folder / ".0123456789abcdef-numbers.csv").write_text("half")
    (folder / ".mine").write_text("mine")
    assert run("--resume") == 0
    hidden = {p.name for p in folder.glob(".*")}
    assert hidden == {INNER, ".mine"}


def test_two_starts_at_once_do_not_share_a_folder(folder):
    first = subprocess.Popen(command("end=wait"))
    try:
        deadline = time.monotonic() + 60
        while not (folder / "started").exists():
            assert time.monotonic() < deadline
            time.sleep(0.1)
        for mode in ("--resume", "--overwrite"):
            assert run(mode) == 1
            assert not (folder / METRICS).exists()
    finally:
        first.kill()
        first.wait()
    assert run("--resume") == 0  # the lock of a dead process holds nobody


def test_equal_runs_give_equal_bytes(folder):
    assert run() == 0
    before = {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}
    time.sleep(2.1)  # ZIP archives count in steps of two seconds
    assert run("--overwrite") == 0
    after = {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}
    assert before == after
    assert before.keys() == {
        *(CONFIG, METRICS, "numbers.csv", "arrays.npz", "first_only.csv")
    }
    assert np.load(folder / "arrays.npz")["x"].tolist() == [1.0, 2.0]
    assert all(p.stat().st_mode & 0o777 == 0o644 for p in folder.glob("[!.]*"))


def test_links_planted_under_guessable_names_are_not_followed(folder, tmp_path):
    (tmp_path / "victim").write_text("mine")
    assert run("end=late") == 1
    for name in ("metrics.json.part", "partial-numbers.csv", "numbers.csv.part"):
        (folder / name).symlink_to(tmp_path / "victim")
    (folder / "numbers.csv").unlink()
    (folder / "numbers.csv").symlink_to(tmp_path / "victim")
    assert run("--resume") == 0
    assert (tmp_path / "victim").read_text() == "mine"
