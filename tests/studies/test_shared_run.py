"""Processes that share a run agree on its folder, or none goes on.

With several real processes: tests/experiments/test_processes.py.
"""

from argparse import Namespace
from pathlib import Path

import pytest

from matjax.studies import shared_run
from matjax.studies.shared_run import common_folder, join_processes, refuse

ALONE = Namespace(
    distributed=False, coordinator=None, num_processes=None, process_id=None, out=None
)


def test_a_process_alone_decides_by_itself():
    assert join_processes(ALONE)
    assert common_folder(Path("runs/a"), ALONE) == Path("runs/a")


def test_what_only_several_processes_need_is_refused_for_one():
    named = Namespace(**{**vars(ALONE), "num_processes": 2})
    with pytest.raises(ValueError, match="need --distributed"):
        join_processes(named)
    shared = Namespace(**{**vars(ALONE), "distributed": True})
    with pytest.raises(ValueError, match="name it by --out"):
        join_processes(shared)


def test_a_refusal_reaches_the_others(monkeypatch):
    said = []

    def told(text, options):
        said.append(text)
        return said[0]

    monkeypatch.setattr(shared_run, "told", told)
    refuse(ValueError("the folder is taken"), ALONE)
    with pytest.raises(ValueError, match="the folder is taken"):
        common_folder(Path("runs/b"), ALONE)
