"""Surveys of many items survive whatever happens to one of them, or to themselves."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from matjax.processes import read_answers, survey

FUNCTIONS = """
    import os, signal, time

    def root(item, settings):
        print("what a library says")
        root = item["x"] ** 0.5 * settings.get("factor", 1)
        return {"root": root, "pid": os.getpid()}

    def real_root(item, settings):
        if item["x"] < 0:
            raise ValueError("a root needs x >= 0")
        return root(item, settings)

    def fragile(item, settings):
        if item.get("die"):
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(item.get("sleep", 0))
        return root(item, settings)

    def infinite(item, settings):
        return {"x": float("inf")}
"""


@pytest.fixture
def functions(tmp_path):
    path = tmp_path / "functions.py"
    path.write_text(textwrap.dedent(FUNCTIONS))
    return path


def items(*numbers):
    return {str(x): {"x": x} for x in numbers}


def test_each_item_has_a_record_and_a_failure_says_why(tmp_path, functions):
    records = tmp_path / "out" / "records.jsonl"
    found = survey(f"{functions}:real_root", items(4, -1, 9), records, n_workers=2)
    assert list(found) == ["4", "-1", "9"]
    assert [found[k]["values"]["root"] for k in ("4", "9")] == [2, 3]
    assert found["-1"]["error"] == {
        "kind": "ValueError",
        "message": "a root needs x >= 0",
    }
    assert all(record["seconds"] >= 0 for record in found.values())
    assert read_answers(records) == found
    assert "what a library says" in records.with_suffix(".log").read_text()


def test_numbers_that_json_has_not_are_failures(tmp_path, functions):
    found = survey(f"{functions}:infinite", items(1), tmp_path / "records.jsonl")
    assert found["1"]["error"]["kind"] == "ValueError"


@pytest.mark.slow
def test_a_worker_that_dies_or_hangs_is_replaced(tmp_path, functions):
    work = {
        "a": {"x": 1},
        "b": {"x": 1, "die": True},
        "c": {"x": 4},
        "d": {"x": 1, "sleep": 60},
        "e": {"x": 9},
    }
    shown = []

    def progress(records, description, *, total):
        assert total == len(work)
        for record in records:
            shown.append(record["key"])
            yield record

    found = survey(
        f"{functions}:fragile",
        work,
        tmp_path / "records.jsonl",
        time_limit=1.0,
        progress=progress,
    )
    assert sorted(shown) == list(work)
    assert found["b"]["error"]["kind"] == "Died"
    assert "SIGKILL" in found["b"]["error"]["message"]
    assert found["d"]["error"] == {"kind": "TimeLimit", "message": "took more than 1 s"}
    roots = [found[key]["values"] for key in "ace"]
    assert [values["root"] for values in roots] == [1, 2, 3]


def test_what_is_recorded_is_not_computed_again(tmp_path, functions):
    records = tmp_path / "records.jsonl"
    first = survey(f"{functions}:root", items(1, 4), records, settings={"factor": 2})
    with records.open("a") as file:
        file.write('{"key": "9", "val')  # a crash in the middle of a line
    again = survey(f"{functions}:root", items(4, 9, 1), records, settings={"factor": 2})
    assert list(again) == ["4", "9", "1"]
    assert {key: again[key] for key in first} == first
    assert again["9"]["values"]["root"] == 6
    assert read_answers(records) == again
    with pytest.raises(ValueError, match=r"settings it was made with.*factor.*2.*3"):
        survey(f"{functions}:root", items(4), records, settings={"factor": 3})


def test_a_killed_survey_continues_where_it_was(tmp_path, functions):
    records = tmp_path / "records.jsonl"
    work = {str(x): {"x": x, "sleep": 0 if x < 3 else 60} for x in range(5)}
    script = f"""
        import json
        from pathlib import Path
        from matjax.processes import survey
        survey("{functions}:fragile", json.loads('{json.dumps(work)}'),
               Path("{records}"))
    """
    killed = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)])
    end = time.monotonic() + 120
    while len(read_answers(records)) < 3 and time.monotonic() < end:
        time.sleep(0.1)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    before = read_answers(records)
    assert list(before) == ["0", "1", "2"]

    awake = {key: {"x": item["x"]} for key, item in work.items()}
    after = survey(f"{functions}:fragile", awake, records, n_workers=2)
    assert {key: after[key] for key in before} == before
    assert [after[key]["values"]["root"] ** 2 for key in ("3", "4")] == pytest.approx(
        [3, 4]
    )


def test_nonsense_is_refused_before_anything_starts(tmp_path, functions):
    with pytest.raises(ValueError, match=r"file\.py:name.*nowhere"):
        survey("nowhere.py:root", items(1), tmp_path / "records.jsonl")
    with pytest.raises(ValueError, match="at least one worker"):
        survey(f"{functions}:root", items(1), tmp_path / "r.jsonl", n_workers=0)
    with pytest.raises(ValueError, match=r"must be there.*cube"):
        survey(f"{functions}:cube", items(1), tmp_path / "r.jsonl")
