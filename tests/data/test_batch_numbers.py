"""Batches that carry their number."""

import numpy as np

from matjax.data import LabeledGraphs, Loader, NumberedLoader, Share
from tests.data.examples import random_dataset


def loader():
    graphs = LabeledGraphs(random_dataset(6), 0.0, labels=())
    return Loader(graphs, batch_size=2, share=Share(n_shards=2), prefetch=0)


def numbers(batches, n):
    return [int(np.unique(next(batches).labels["number"]).item()) for _ in range(n)]


def test_numbers_count_from_the_beginning():
    numbered, plain = NumberedLoader(loader()), loader()
    batches = numbered.iterate()
    assert numbers(batches, 4) == [0, 1, 2, 3]
    assert numbered.batch_size == 2
    assert numbered.steps_per_epoch == plain.steps_per_epoch == 3
    assert numbered.fingerprint == plain.fingerprint
    batches.close()


def test_they_go_on_where_a_stream_goes_on():
    batches = NumberedLoader(loader()).iterate()
    numbers(batches, 2)
    state = batches.state
    again = NumberedLoader(loader()).iterate(state)
    assert numbers(again, 2) == [2, 3]
    assert next(batches).labels["number"].shape == (2, 1)


def test_graphs_without_edges_are_batches_too():
    batch = next(iter(loader()))
    assert batch.graph.edge_mask.sum() == 0
