"""One function of many items."""

import math

import pytest

from matjax.generate.evaluate import shared_out

CALLS = []


def root(item, settings):
    CALLS.append(item["x"])
    return {"root": math.sqrt(item["x"]) * settings.get("factor", 1)}


FUNCTION = f"{__name__}:root"


def test_values_come_in_the_order_of_the_items():
    found = shared_out(FUNCTION, [{"x": 9}, {"x": 4}], settings={"factor": 2})
    assert found == [{"root": 6.0}, {"root": 4.0}]
    assert shared_out(FUNCTION, []) == []


def test_what_is_recorded_is_not_done_again(tmp_path):
    path = tmp_path / "records.jsonl"
    shared_out(FUNCTION, [{"x": 9}], records=path)
    CALLS.clear()
    found = shared_out(FUNCTION, [{"x": 9}, {"x": 4}], records=path)
    assert CALLS == [4]
    assert found == [{"root": 3.0}, {"root": 2.0}]
    assert len(path.read_text().splitlines()) == 3


def test_progress_is_shown():
    shown = []

    def progress(items, description):
        shown.append((len(items), description))
        return items

    shared_out(FUNCTION, [{"x": 9}, {"x": 4}], progress=progress)
    assert shown == [(2, "items")]


@pytest.mark.slow
def test_several_processes_find_the_same(tmp_path):
    file = tmp_path / "functions.py"
    file.write_text("def twice(item, settings): return {'twice': 2 * item['x']}")
    found = shared_out(f"{file}:twice", [{"x": k} for k in range(3)], n_workers=2)
    assert found == [{"twice": 0}, {"twice": 2}, {"twice": 4}]


def test_an_item_that_fails_is_an_error():
    with pytest.raises(ValueError, match=r"nonnegative|domain"):
        shared_out(FUNCTION, [{"x": -1}])
