"""Codes work in turns, each in a process of its own."""

import os

import pytest

from matjax.processes import Code, in_turns

CODES = """
import time

def counter(job):
    count = []

    def work():
        time.sleep(job["seconds"])
        count.append(1)
        return len(count)

    return work, lambda outcome: {"outcome": outcome}

def absent(job):
    import no_such_package

CODES = {
    ("count", "quick"): counter, ("count", "slow"): counter, ("count", "absent"): absent
}
"""


@pytest.fixture
def codes(tmp_path):
    path = tmp_path / "codes.py"
    path.write_text(CODES)
    return path


def job(seconds=0.0, **more):
    return Code({"task": "count", "seconds": seconds, **more}, remedy="install it")


def test_times_are_those_of_each_code(codes, tmp_path):
    jobs = {"quick": job(), "slow": job(0.1)}
    quick, slow = in_turns(codes, jobs, 2, tmp_path / "log")
    assert [quick["code"], slow["code"]] == ["quick", "slow"]
    assert quick["outcome"] == slow["outcome"] == 1  # described once, after the first
    assert slow["seconds"] >= 0.1 > quick["seconds"]
    assert slow["first"] >= 0.1
    assert slow["peak_MB"] > 0


def test_a_code_that_cannot_be_imported_is_named_with_its_remedy(codes, tmp_path):
    with pytest.raises(ImportError, match=r"absent needs.*no_such_package.*install it"):
        in_turns(codes, {"absent": job()}, 1, tmp_path / "log")


def test_a_process_that_ends_early_is_said(tmp_path):
    path = tmp_path / "codes.py"
    path.write_text(f"import os; os.kill({os.getpid()}, 0); raise SystemExit(3)")
    with pytest.raises(RuntimeError, match="quick has ended early"):
        in_turns(path, {"quick": job()}, 1, tmp_path / "log")
