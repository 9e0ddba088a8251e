"""What a worker does with a task, told in its own process."""

import jax
import pytest

from matjax.processes.tasks import MismatchError, Task, find_function, work
from matjax.source import source_digest

FUNCTIONS = """
def half(item, settings):
    if item["x"] == 0:
        raise ValueError("nothing to halve")
    return {"half": item["x"] / settings["by"]}

def halves(items, settings):
    return [half(item, settings) for item in items]
"""


def task(function, numbers, *, together=False, source=None):
    return Task(
        number=0,
        function=function,
        items=[{"x": x} for x in numbers],
        settings={"by": 2},
        together=together,
        float64=jax.config.jax_enable_x64,
        source=source or source_digest(),
    )


@pytest.fixture
def functions(tmp_path, monkeypatch):
    # This process is that of all tests, whose caches are set up already.
    monkeypatch.setattr("matjax.processes.tasks._prepare", lambda float64: None)
    path = tmp_path / "functions.py"
    path.write_text(FUNCTIONS)
    return path


def test_an_error_is_that_of_its_item(functions):
    half, none, infinite = work(task(f"{functions}:half", [3, 0, 1e999]))
    assert half["values"] == {"half": 1.5}
    assert none["error"] == {"kind": "ValueError", "message": "nothing to halve"}
    assert infinite["error"]["kind"] == "ValueError"  # JSON has no such number


def test_items_together_are_answered_one_by_one(functions):
    found = work(task(f"{functions}:halves", [3, 1e999, 4], together=True))
    assert [answer.get("values") for answer in found] == [
        {"half": 1.5},
        None,
        {"half": 2.0},
    ]
    with pytest.raises(ValueError, match="nothing to halve"):
        work(task(f"{functions}:halves", [3, 0], together=True))


def test_a_module_is_found_by_its_name_and_nonsense_is_refused(functions):
    assert find_function("math:sqrt")(4) == 2
    with pytest.raises(MismatchError, match=r"nowhere\.py:f"):
        find_function("nowhere.py:f")
    with pytest.raises(MismatchError, match="math:cube"):
        find_function("math:cube")
    with pytest.raises(MismatchError, match="same matjax"):
        work(task(f"{functions}:half", [1], source="another"))
