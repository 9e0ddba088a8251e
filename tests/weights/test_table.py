"""Key tables: every array to its parameter, and whatever does not fit named."""

from pathlib import Path

import numpy as np
import pytest
from jax import ShapeDtypeStruct
from numpy.testing import assert_array_equal

from matjax.errors import WeightsError
from matjax.weights.table import Key, Line, check, fill, fill_lines

PATH = Path("some.npz")
SHAPES = {
    "a": {"kernel": ShapeDtypeStruct((2, 3), np.float32)},
    "b": ShapeDtypeStruct((4,), np.float32),
}
TABLE = [Key("theirs.b", ("b",)), Key("theirs.a", ("a", "kernel"))]
ARRAYS = [np.arange(4.0), np.arange(6.0).reshape(2, 3)]


def test_arrays_arrive_where_the_table_says():
    found = fill(SHAPES, TABLE, ARRAYS, PATH)
    assert_array_equal(found["b"], ARRAYS[0])
    assert_array_equal(found["a"]["kernel"], ARRAYS[1])


@pytest.mark.parametrize(
    ("table", "arrays", "told"),
    [
        (TABLE, ARRAYS[:1], "missing: theirs.a for a/kernel"),
        (TABLE, [*ARRAYS, np.zeros(7)], r"extra: array 3 of shape \(7,\)"),
        (TABLE[:1], ARRAYS[:1], "not in the table: a/kernel"),
        (TABLE, ARRAYS[::-1], r"theirs.b: float64 \(2, 3\), needed are floats \(4,\)"),
        (TABLE, [np.full(4, np.nan), ARRAYS[1]], "theirs.b: holds numbers that are"),
        (TABLE, [np.arange(4), ARRAYS[1]], "theirs.b: int64"),
    ],
)
def test_what_does_not_fit_is_named_with_the_file(table, arrays, told):
    with pytest.raises(WeightsError, match=told) as caught:
        fill(SHAPES, table, arrays, PATH)
    assert str(PATH) in str(caught.value)


def test_arrays_that_fit_have_nothing_to_be_said_of():
    assert check("x", np.ones((2, 2)), (2, 2)) == []


LINES = [
    Line(("a", "kernel"), ("theirs.a",), np.transpose),
    Line(("b",), ("theirs.b", "theirs.c"), np.add),
]
STATE = {
    "theirs.a": np.arange(6.0).reshape(3, 2),
    "theirs.b": np.arange(4.0),
    "theirs.c": np.ones(4),
}


def test_named_arrays_are_made_into_parameters():
    found = fill_lines(SHAPES, LINES, STATE, PATH)
    assert_array_equal(found["a"]["kernel"], STATE["theirs.a"].T)
    assert_array_equal(found["b"], np.arange(1.0, 5.0))
    constant = [LINES[0], Line(("b",), (), lambda: np.zeros(4))]
    found = fill_lines(SHAPES, constant, {"theirs.a": STATE["theirs.a"]}, PATH)
    assert_array_equal(found["b"], np.zeros(4))


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (STATE | {"theirs.d": np.ones(1)}, r"extra: theirs\.d"),
        ({k: v for k, v in STATE.items() if k != "theirs.c"}, r"missing: theirs\.c"),
        (STATE | {"theirs.c": np.ones(3)}, "shapes do not fit"),
        (STATE | {"theirs.a": np.ones((2, 2))}, r"theirs\.a: float32 \(2, 2\)"),
    ],
)
def test_named_arrays_that_do_not_fit_are_named(state, told):
    with pytest.raises(WeightsError, match=told):
        fill_lines(SHAPES, LINES, state, PATH)
