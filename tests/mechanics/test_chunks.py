"""What compiled loops share: how long they run, how they end, how rows are chosen."""

import jax
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.mechanics.chunks import (
    LOOK,
    SLACK,
    halved,
    interrupted,
    next_limit,
    next_slack,
    watched,
    where_rows,
)


@pytest.mark.parametrize(
    ("seconds", "expected"), [(LOOK, 10), (LOOK / 2, 20), (LOOK / 50, 40), (99.0, 1)]
)
def test_steps_of_the_next_chunk_take_as_long_as_a_look(seconds, expected):
    assert next_limit(10, seconds, 40) == expected


def test_slack_grows_until_a_list_suffices_and_then_starts_anew():
    slack = SLACK
    for _ in range(3):
        slack = next_slack(slack, progress=False)
    assert slack == pytest.approx(1.5**3 * SLACK)
    assert next_slack(slack, progress=True) == SLACK


def test_steps_are_watched_by_who_wants_to():
    seen = []

    def progress(steps, description, *, total):
        for step in steps:
            seen.append((description, total))
            yield step

    list(watched(iter([None] * 3), "relax", total=5, progress=progress))
    assert seen == [("relax", 5)] * 3
    steps = iter([None])
    assert watched(steps, "relax", total=5, progress=False) is steps


def test_ctrl_c_ends_the_steps_and_says_what_is_kept():
    def steps():
        yield None
        raise KeyboardInterrupt

    def call():
        return interrupted(steps(), lambda: "interrupted; half of it")

    with pytest.warns(UserWarning, match="interrupted; half of it is returned"):
        assert call()
    assert not interrupted(iter([None]), lambda: "")


def test_batches_are_halved_when_memory_is_short_and_only_then(caplog):
    short = jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory")
    assert halved(5, short) == 2
    assert "batches of 2 crystals" in caplog.text
    with pytest.raises(jax.errors.JaxRuntimeError, match="RESOURCE_EXHAUSTED"):
        halved(1, short)
    with pytest.raises(jax.errors.JaxRuntimeError, match="INTERNAL"):
        halved(8, jax.errors.JaxRuntimeError("INTERNAL: something else"))


def test_rows_are_taken_where_the_condition_holds():
    a = {"x": np.ones((2, 3)), "n": np.array([1, 1])}
    b = {"x": np.zeros((2, 3)), "n": np.array([0, 0])}
    found = where_rows(np.array([True, False]), a, b)
    assert_allclose(found["x"], [[1, 1, 1], [0, 0, 0]])
    assert_allclose(found["n"], [1, 0])
