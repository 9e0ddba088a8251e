"""What compiled loops share: how long they run, and room in their neighbor lists."""

import numpy as np
import pytest

from matjax.crystals import Crystal, neighbors
from matjax.mechanics.chunks import (
    LOOK,
    SLACK,
    SPARE,
    next_limit,
    next_slack,
    roomy_neighbor_list,
    watched,
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


def test_lists_have_room_for_more_neighbors_of_every_atom():
    cubic = Crystal.create([18], 4 * np.eye(3), fractional=[[0, 0, 0]])
    assert neighbors(cubic, 4.1).degree == 6
    found = roomy_neighbor_list(cubic, 4.1, slack=1.0, n_nodes=1)
    assert found.degree >= 6 + SPARE
    assert np.asarray(found.mask).sum() == 6


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
