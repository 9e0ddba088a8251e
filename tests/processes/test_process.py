"""A worker answers line by line, and what it prints does not get between."""

import json
import subprocess
import sys

from matjax.processes.workers import PROCESS

FUNCTIONS = """
def half(item, settings):
    print("noise")
    if item["x"] == 0:
        raise ValueError("nothing to halve")
    return {"half": item["x"] / settings["by"]}
"""


def test_each_line_has_its_answer_and_an_error_is_one(tmp_path):
    path = tmp_path / "functions.py"
    path.write_text(FUNCTIONS)
    first = {"function": f"{path}:half", "settings": {"by": 2}}
    lines = [first, {"item": {"x": 3}}, {"item": {"x": 0}}, {"item": {"x": 1e999}}]
    found = subprocess.run(
        [sys.executable, "-P", PROCESS],
        input="".join(f"{json.dumps(line)}\n" for line in lines),
        capture_output=True,
        text=True,
        check=True,
    )
    ready, half, none, infinite = map(json.loads, found.stdout.splitlines())
    assert ready == {"ready": True}
    assert half == {"values": {"half": 1.5}}
    assert none == {"error": {"kind": "ValueError", "message": "nothing to halve"}}
    assert infinite["error"]["kind"] == "ValueError"  # JSON has no such number
    assert found.stderr == 3 * "noise\n"
