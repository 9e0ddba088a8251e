"""Few shapes hold all batches, with little padding."""

import numpy as np
import pytest

from matjax.graphs import Shape, bucket_sizes, grouped_by_shape


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


def test_a_shape_that_saves_too_little_is_not_compiled():
    needed = np.array([[8, 10, 80]] * 5 + [[8, 14, 112]] * 5)
    assert len(grouped_by_shape(needed)) == 2
    # A sixth of the slots.
    assert grouped_by_shape(needed, saving=0.25) == {Shape(8, 14, 1): list(range(10))}
