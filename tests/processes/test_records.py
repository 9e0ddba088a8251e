"""Records survive what cuts their file short, and are not held in memory."""

import pytest

from matjax.processes import Records, all_values, read_answers


def test_a_line_that_was_cut_short_does_not_count(tmp_path):
    path = tmp_path / "a" / "records.jsonl"
    first = Records(path, {"x": 1})
    first.append({"key": "a", "values": {"y": 1}})
    with path.open("ab") as file:
        file.write(b'{"key": "b", "val')
    again = Records(path, {"x": 1})
    assert list(again) == ["a"]
    assert "b" not in again
    again.append({"key": "b", "values": {"y": 2}})
    assert again["b"]["values"] == {"y": 2}
    assert again["a"] == read_answers(path)["a"]
    assert len(Records(path, {"x": 1})) == 2


def test_other_settings_are_refused(tmp_path):
    path = tmp_path / "records.jsonl"
    Records(path, {"x": 1})
    with pytest.raises(ValueError, match=r"made with, .*'x': 1.*received .*'x': 2"):
        Records(path, {"x": 2})


def test_all_values_wants_all():
    good = {"key": "a", "values": {"y": 1}}
    assert all_values({"a": good}) == {"a": {"y": 1}}
    with pytest.raises(ValueError, match="every item must succeed; b"):
        all_values({"a": good, "b": {"key": "b", "error": {"kind": "X"}}})
