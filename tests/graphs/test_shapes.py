"""Few shapes hold all batches, with little padding."""

import numpy as np
import pytest

from matjax.graphs import (
    Shape,
    batch_size,
    bucket_sizes,
    grouped_by_shape,
    require_policy,
    standard_reach,
    standard_shape,
)
from matjax.graphs.shapes import NODES


def test_equal_batches_need_one_shape_without_padding():
    needed = np.array([[32, 12, 384]] * 5)
    shapes = bucket_sizes(needed, Shape(32, 12, 4))
    assert shapes.shapes == (Shape(32, 12, 4),)
    assert shapes.padding == 0


def test_two_kinds_of_batches_get_a_shape_each():
    needed = np.array([[16, 10, 160]] * 50 + [[64, 20, 1280]] * 50)
    shapes = bucket_sizes(needed, Shape(128, 40, 4))
    assert shapes.shapes == (Shape(16, 10, 4), Shape(64, 20, 4), Shape(128, 40, 4))
    assert shapes.padding == 0
    assert shapes.smallest(16, 11) == Shape(64, 20, 4)
    assert shapes.smallest(65, 1) == Shape(128, 40, 4)
    with pytest.raises(ValueError, match="129 nodes of degree 2"):
        shapes.smallest(129, 2)


def test_more_shapes_pad_less():
    rng = np.random.default_rng(0)
    nodes = rng.integers(50, 200, 300)
    needed = np.stack([nodes, rng.integers(20, 30, 300), nodes * 15], axis=1)
    padding = [
        bucket_sizes(needed, Shape(400, 40, 8), n_shapes=n).padding for n in (1, 2, 3)
    ]
    assert padding[0] > padding[1] > padding[2] > 0


def test_shapes_must_hold_every_batch():
    needed = np.array([[16, 10, 160], [40, 10, 160]])
    with pytest.raises(ValueError, match=r"some need \[40, 10\]"):
        bucket_sizes(needed, Shape(32, 12, 4))
    with pytest.raises(ValueError, match="at least one shape"):
        bucket_sizes(needed, Shape(64, 12, 4), n_shapes=0)


def test_standard_shapes_are_the_same_in_every_list():
    rng = np.random.default_rng(0)
    needed = np.stack([rng.integers(1, 13, 200), rng.integers(20, 112, 200)], axis=1)
    needed = np.concatenate([needed, needed.prod(axis=1, keepdims=True)], axis=1)
    whole = grouped_by_shape(needed, "standard")
    assert sorted(k for group in whole.values() for k in group) == list(range(200))
    assert len(whole) <= 12
    for start in range(0, 200, 16):
        assert grouped_by_shape(needed[start : start + 16], "standard").keys() <= (
            whole.keys()
        )
    for shape, group in whole.items():
        assert (needed[group][:, :2] <= [shape.n_nodes, shape.degree]).all()
    assert standard_shape(1000, 300) == Shape(1024, 320, 1)  # buckets
    assert standard_reach((1, 4, 2)) == (6, 6, 6)


def test_a_list_may_be_empty_and_policies_have_names():
    assert grouped_by_shape(np.zeros((0, 3), int)) == {}
    with pytest.raises(ValueError, match="'few' or 'standard'; received 'some'"):
        require_policy("some")


def test_standard_batches_have_few_sizes(monkeypatch):
    shape = Shape(8, 80, 1)
    assert batch_size(shape, 5) == 5
    assert batch_size(shape, 50) == 2**13 // 640
    assert batch_size(shape, 50, "standard") == 1
    monkeypatch.setattr("jax.default_backend", lambda: "tpu")
    sizes = {batch_size(shape, n, "standard") for n in range(1, 1000)}
    assert sizes == {1, 4, 16, 64, 256}
    assert batch_size(shape, 1000, "standard", slots=640 * 20) == 16


def test_a_shape_that_saves_too_little_is_not_compiled():
    needed = np.array([[8, 10, 80]] * 5 + [[8, 14, 112]] * 5)
    assert len(grouped_by_shape(needed, worth=0)) == 2
    # A sixth of the slots.
    few = grouped_by_shape(needed, worth=0, saving=0.25)
    assert few == {Shape(8, 14, 1): list(range(10))}
    # So few that a compilation takes longer than they do.
    assert len(grouped_by_shape(needed)) == 1
    assert len(grouped_by_shape(np.tile(needed, (200, 1)))) == 2


def test_lists_of_like_crystals_share_shapes_of_the_ladder():
    rng = np.random.default_rng(0)

    def draw(n):
        sizes = np.stack([rng.integers(2, 13, n), rng.integers(40, 110, n)], axis=1)
        return np.concatenate([sizes, sizes.prod(axis=1, keepdims=True)], axis=1)

    lists = [draw(100) for _ in range(4)]
    found = [set(grouped_by_shape(needed)) for needed in lists]
    assert len(set.union(*found)) <= 6  # of twelve, three for each list
    assert {s.n_nodes for s in set.union(*found)} <= set(NODES)


def test_crystals_that_would_leave_a_rung_empty_have_shapes_of_their_own():
    """Of 66 atoms on a ladder of 64 and 104 nodes."""
    needed = np.array([[66, 50, 3300]] * 5)
    (shape,) = grouped_by_shape(needed)
    assert shape.n_nodes == 66


def test_batches_without_edges_count_by_pairs_of_atoms():
    """One crystal in each part, its neighbors unknown: 6 atoms must not cost as 24."""
    needed = np.array([[6, 0, 0]] * 60 + [[14, 0, 0]] * 30 + [[24, 0, 0]] * 10)
    shapes = bucket_sizes(needed, Shape(24, 0, 1))
    assert [shape.n_nodes for shape in shapes.shapes] == [8, 16, 24]
