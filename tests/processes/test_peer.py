"""The process of a code works when asked, and needs nothing of matjax."""

import json
import os
import subprocess
import sys

from matjax.processes.peer import peak_memory
from matjax.processes.turns import PEER

CODES = """
import sys

def ours(job):
    print("noise")
    return lambda: job["x"] ** 2, lambda found: {"found": found, "loaded": loaded()}

def loaded():
    return sorted({name.partition(".")[0] for name in sys.modules} & {"matjax", "jax"})

CODES = {("square", "ours"): ours}
"""


def test_a_job_is_answered_once_and_each_further_line_with_a_time(tmp_path):
    path = tmp_path / "codes.py"
    path.write_text(CODES)
    job = {"task": "square", "code": "ours", "x": 3}
    found = subprocess.run(
        [sys.executable, PEER, path],
        input=f"{json.dumps(job)}\ngo\ngo\n",
        capture_output=True,
        text=True,
        check=True,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
    )
    first, *times = map(json.loads, found.stdout.splitlines())
    assert first["found"] == 9
    assert first["loaded"] == []
    assert [time.keys() for time in times] == 2 * [{"seconds", "peak_MB"}]
    assert all(time["peak_MB"] >= first["before_MB"] > 0 for time in times)
    assert found.stderr == "noise\n"


def test_the_peak_of_memory_stays_when_memory_is_given_back():
    block = bytearray(b"x") * (200 * 2**20)
    grown = peak_memory()
    del block
    assert peak_memory() > grown - 2  # the kernel counts pages of a thread in batches
    assert grown > 200
