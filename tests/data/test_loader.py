"""Batches: the same ones for everybody, in an order that can be told in advance."""

import json
from itertools import chain

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from matjax.data import (
    LabeledGraphs,
    Loader,
    Share,
    in_order,
)
from tests.data.examples import (
    CUTOFF,
    assert_equal,
    energies,
    labeled_graphs,
    random_dataset,
    take,
)


@pytest.fixture(scope="module")
def graphs():
    return labeled_graphs()


def index_of(graphs):
    return {
        np.float64(e.labels["energy"]): i for i, e in enumerate(graphs.dataset.examples)
    }


def test_an_epoch_has_each_example_once_and_the_next_another_order(graphs):
    loader = Loader(graphs, batch_size=5, dtype=np.float64)
    assert loader.steps_per_epoch == 2
    epochs = np.array([energies(b) for b in take(loader.iterate(), 6)]).reshape(3, 10)
    every = sorted(index_of(graphs))
    for epoch in epochs:
        assert_array_equal(np.sort(epoch), every)
    assert not np.array_equal(epochs[0], epochs[1])


def test_a_batch_may_cross_epochs_and_nothing_is_left_out(graphs):
    loader = Loader(graphs, batch_size=4, dtype=np.float64)
    assert loader.steps_per_epoch == 3
    seen = np.concatenate([energies(b) for b in take(loader.iterate(), 5)])
    every = sorted(index_of(graphs))
    assert_array_equal(np.sort(seen), np.sort(every * 2))


def test_batches_of_one_example_follow_each_other_without_end(graphs):
    for prefetch in (0, 2):
        loader = Loader(graphs, batch_size=1, prefetch=prefetch)
        found = [energies(b) for b in take(iter(loader), 21)]
        assert sorted(found[:10]) == sorted(found[10:20])
        assert all(len(batch) == 1 for batch in found)


def test_the_order_is_the_seed_s(graphs):
    def order(seed, prefetch):
        loader = Loader(graphs, batch_size=5, seed=seed, prefetch=prefetch)
        return [energies(b) for b in take(loader.iterate(), 4)]

    assert order(1, 4) == order(1, 0)
    assert order(1, 4) != order(2, 4)


@pytest.mark.parametrize("after", [0, 1, 3, 7])
@pytest.mark.parametrize("prefetch", [0, 3])
def test_batches_after_a_restored_state_are_bitwise_the_same(after, prefetch, graphs):
    loader = Loader(graphs, batch_size=4, prefetch=prefetch)
    batches = loader.iterate()
    take(batches, after)
    state = json.loads(json.dumps(batches.state))
    expected = take(batches, 4)
    again = Loader(labeled_graphs(), batch_size=4).iterate(state)
    for a, b in zip(take(again, 4), expected, strict=True):
        assert_equal(a, b)
    assert again.state == batches.state


def test_a_state_of_other_data_is_refused_by_what_differs(graphs):
    state = Loader(graphs, batch_size=4).iterate().state
    with pytest.raises(ValueError, match="seed: 0 -> 1"):
        Loader(graphs, batch_size=4, seed=1).iterate(state)
    with pytest.raises(ValueError, match="batch_size: 4 -> 5"):
        Loader(graphs, batch_size=5).iterate(state)
    with pytest.raises(ValueError, match="data_0: random0 10-0 -> random1 10-1"):
        Loader(labeled_graphs(seed=1), batch_size=4).iterate(state)


def test_few_shapes_occur():
    loader = Loader(labeled_graphs(60), batch_size=8)
    occurring = {b.graph.senders.shape for b in take(loader.iterate(), 40)}
    assert len(occurring) <= 3
    assert 0 < loader.shapes.padding < 0.5


def test_batches_of_like_sizes_hold_each_example_once_in_less_room(graphs):
    plain = Loader(graphs, batch_size=3, seed=1)
    alike = Loader(graphs, batch_size=3, seed=1, alike=4)
    n = 4 * 12  # whole windows
    mixed, sorted_ones = (
        [sorted(loader.sources(k)) for k in range(n)] for loader in (plain, alike)
    )
    for start in range(0, n, 4):
        both = [sorted(chain(*x[start : start + 4])) for x in (mixed, sorted_ones)]
        assert both[0] == both[1]
    assert mixed != sorted_ones
    # Places of atoms that a batch of examples alone would have, largest times three.
    sizes = dict(
        zip(
            (graphs.example(i).source for i in range(len(graphs))),
            graphs.sizes[0].tolist(),
            strict=True,
        )
    )
    room = [sum(max(sizes[s] for s in b) for b in x) for x in (mixed, sorted_ones)]
    assert room[1] < room[0]
    assert alike.fingerprint["alike"] == 4
    with pytest.raises(ValueError, match="alike is a number of batches"):
        Loader(graphs, batch_size=3, alike=0)


def test_sources_name_the_frames_of_a_batch(graphs):
    loader = Loader(graphs, batch_size=4, dtype=np.float64)
    batch = take(loader.iterate(), 3)[2]
    place = index_of(graphs)
    expected = sorted(f"random#{place[e]}" for e in energies(batch))
    assert sorted(loader.sources(2)) == expected


def test_data_sets_are_mixed_by_weight():
    small, large = labeled_graphs(6, seed=1), labeled_graphs(20, seed=2)
    loader = Loader([small, large], weights=[3.0, 1.0], batch_size=4, dtype=np.float64)
    seen = [e for b in take(loader.iterate(), 20) for e in energies(b)]
    of_small = [e for e in seen if e in index_of(small)]
    assert len(of_small) == 60
    assert all(of_small.count(e) == 10 for e in index_of(small))
    even = Loader([small, large], batch_size=13, dtype=np.float64)
    assert even.weights == [6, 20]
    assert even.steps_per_epoch == 2
    again = Loader([small, large], weights=[3.0, 1.0], batch_size=4, dtype=np.float64)
    assert [e for b in take(again.iterate(), 20) for e in energies(b)] == seen


@pytest.mark.parametrize("share", [Share(), Share(4), Share(2, 1, 2)])
@pytest.mark.parametrize("batch_size", [4, 8, 16])
def test_in_order_yields_every_example_once(graphs, batch_size, share):
    seen = []
    for indices, batch in in_order(
        graphs, batch_size=batch_size, share=share, dtype=np.float64
    ):
        assert_array_equal(indices >= 0, batch.graph.graph_mask)
        assert indices.shape == (share.n_shards, batch_size // share.n_parts)
        for row, labels in zip(indices, batch.labels["energy"], strict=True):
            for i, energy in zip(row, labels, strict=True):
                expected = graphs.example(int(i)).labels["energy"] if i >= 0 else 0
                assert energy == expected
        seen += indices[indices >= 0].tolist()
    if share.process_count == 1:
        assert sorted(seen) == list(range(10))
    assert len(set(seen)) == len(seen)


def test_processes_get_equally_many_batches_in_order(graphs):
    counts = [
        len(list(in_order(graphs, batch_size=4, share=Share(2, p, 2)))) for p in (0, 1)
    ]
    assert counts == [3, 3]


def test_padded_batches_of_single_precision_are_close_to_double(graphs):
    single = next(Loader(graphs, batch_size=4, dtype=np.float32).iterate())
    double = next(Loader(graphs, batch_size=4, dtype=np.float64).iterate())
    assert single.graph.positions.dtype == single.labels["forces"].dtype == np.float32
    # Coordinates of 10 Å in float32.
    assert_allclose(single.graph.positions, double.graph.positions, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 11}, "cannot hold more than all 10 examples"),
        ({"batch_size": 0}, "positive multiple"),
        ({"batch_size": 5, "share": Share(2)}, "positive multiple of 2"),
        ({"batch_size": 4, "share": Share(1, 2, 2)}, "index is less"),
        ({"batch_size": 4, "share": Share(0)}, "at least one shard"),
        ({"batch_size": 4, "weights": [0.0]}, "positive weight"),
        ({"batch_size": 4, "weights": [-1.0]}, "positive weight"),
        ({"batch_size": 4, "weights": [float("nan")]}, "positive weight"),
        ({"batch_size": 4, "weights": [1.0, 1.0]}, "1 data sets needs"),
    ],
)
def test_impossible_loaders_are_refused(graphs, options, message):
    with pytest.raises(ValueError, match=message):
        Loader(graphs, **options)


def test_data_sets_of_other_labels_are_not_mixed(graphs):
    other = LabeledGraphs(random_dataset(4), CUTOFF, labels=("gap",))
    with pytest.raises(ValueError, match="same labels, cutoff and n_nearest"):
        Loader([graphs, other], batch_size=4)
