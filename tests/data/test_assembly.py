"""Parts of batches: of equally many crystals, together the global batch."""

import jax
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from matjax.data import Loader, Share, in_order
from matjax.data.labeled_graphs import join
from matjax.graphs import Shape, Shapes
from tests.data.examples import (
    assert_equal,
    energies,
    labeled_graphs,
    take,
)


@pytest.fixture(scope="module")
def graphs():
    return labeled_graphs()


def test_processes_and_shards_share_one_global_batch(graphs):
    def parts(share):
        loader = Loader(graphs, batch_size=8, share=share, dtype=np.float64)
        return take(loader.iterate(), 3)

    whole = parts(Share())
    eight = parts(Share(n_shards=8))
    two = [parts(Share(4, process_index=p, process_count=2)) for p in (0, 1)]
    for k in range(3):
        assert whole[k].graph.numbers.ndim == 2
        assert eight[k].graph.cell.shape == (8, 1, 3, 3)
        joined = jax.tree.map(lambda a, b: np.concatenate([a, b]), two[0][k], two[1][k])
        assert_equal(joined, eight[k])
        assert sorted(energies(whole[k])) == sorted(energies(eight[k]))


def test_parts_of_a_batch_have_equally_many_crystals_and_similar_atoms():
    graphs = labeled_graphs(40)
    loader = Loader(graphs, batch_size=16, share=Share(n_shards=4))
    for batch in take(loader.iterate(), 5):
        assert_array_equal(batch.graph.graph_mask.sum(axis=1), 4)
        n_atoms = batch.graph.node_mask.sum(axis=1)
        assert np.ptp(n_atoms) <= 3  # one example has 1 to 4 atoms


def test_a_frame_over_the_largest_shape_is_named(graphs):
    shapes = Shapes(shapes=(Shape(8, 40, 4),), padding=0.0)
    with pytest.raises(ValueError, match=r"largest frame is random#\d+ with 4 atoms"):
        Loader(graphs, batch_size=4, shapes=shapes)
    with pytest.raises(ValueError, match=r"largest frame is random#\d+ with 4 atoms"):
        list(in_order(graphs, batch_size=4, shapes=shapes))
    members = [(graphs, i) for i in range(10)]
    with pytest.raises(ValueError, match=r"frames \['random#0'"):
        join(members, graphs.labels, Shape(8, 40, 10), np.float64)
