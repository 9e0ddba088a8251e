"""Graphs and labels of a data set: joined as they are alone, each found once."""

import jax
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from matjax.crystals import Crystal
from matjax.data import (
    Dataset,
    Example,
    LabeledGraphs,
    Loader,
)
from matjax.data.labeled_graphs import join
from matjax.graphs import Shape, build_graph
from tests.data.examples import (
    CUTOFF,
    assert_equal,
    labeled_graphs,
    random_dataset,
    take,
)


@pytest.fixture(scope="module")
def graphs():
    return labeled_graphs()


@pytest.mark.parametrize("n_nearest", [None, 4])
def test_joined_graphs_are_the_graph_of_all(n_nearest):
    graphs = labeled_graphs(n_nearest=n_nearest)
    chosen = [3, 0, 7, 5]
    crystals = [graphs.example(i).crystal for i in chosen]
    shape = Shape(n_nodes=20, degree=40, n_graphs=6)
    sizes = {"n_nodes": 20, "degree": 40, "n_graphs": 6, "dtype": np.float64}
    expected = build_graph(crystals, CUTOFF, n_nearest=n_nearest, **sizes)
    batch = join([(graphs, i) for i in chosen], graphs.labels, shape, np.float64)
    assert_equal(batch.graph, expected)
    assert all(isinstance(x, np.ndarray) for x in jax.tree.leaves(batch))


def test_labels_stand_where_their_atoms_and_crystals_do(graphs):
    shape = Shape(n_nodes=16, degree=40, n_graphs=3)
    batch = join([(graphs, 2), (graphs, 5)], graphs.labels, shape, np.float64)
    one, two = (graphs.example(i).labels for i in (2, 5))
    n = len(one["forces"]) + len(two["forces"])
    forces = np.concatenate([one["forces"], two["forces"], np.zeros((16 - n, 3))])
    assert_array_equal(batch.labels["forces"], forces)
    assert_array_equal(batch.labels["energy"], [one["energy"], two["energy"], 0])
    assert_array_equal(batch.labels["gap"], [one["gap"], two["gap"], 0])
    expected = [one["stress"], two["stress"], np.zeros((3, 3))]
    assert_array_equal(batch.labels["stress"], expected)


def test_lists_that_find_no_place_are_found_again():
    full, none = labeled_graphs(), labeled_graphs(cache_bytes=0)
    a = take(Loader(full, batch_size=5).iterate(), 4)
    b = take(Loader(none, batch_size=5).iterate(), 4)
    assert all(full._cache.get(e) for e in full.dataset.examples)
    assert not any(none._cache.get(e) for e in none.dataset.examples)
    for one, other in zip(a, b, strict=True):
        assert_equal(one, other)


def test_a_missing_label_is_refused_by_frame():
    dataset = random_dataset(3)
    example = dataset.examples[1]
    bare = Example(example.crystal, {"energy": 0.0}, example.source)
    examples = (dataset.examples[0], bare, dataset.examples[2])
    with pytest.raises(ValueError, match=r"random#1: every example .*'forces'"):
        LabeledGraphs(Dataset(examples, "x", "x"), CUTOFF, labels=("energy", "forces"))


def test_atoms_on_one_place_are_refused_by_frame():
    crystal = Crystal.create([14, 14], 4 * np.eye(3), fractional=np.zeros((2, 3)))
    example = Example(crystal, {"gap": 1.0}, source="y.cif#0")
    graphs = LabeledGraphs(Dataset((example,), "y", "y"), CUTOFF, labels=("gap",))
    with pytest.raises(ValueError, match=r"y\.cif#0: atoms must lie at least"):
        Loader(graphs, batch_size=1)


def test_an_empty_data_set_is_refused():
    with pytest.raises(
        ValueError, match="at least one example is needed; nil has none"
    ):
        LabeledGraphs(Dataset((), "nil", "0"), CUTOFF, labels=())
    with pytest.raises(ValueError, match="at least one data set"):
        Loader([], batch_size=1)


def test_an_atom_without_neighbors_is_named():
    graphs = labeled_graphs()
    graphs.require_neighbors()
    far = LabeledGraphs(graphs.dataset, 1.0, labels=["energy"])
    with pytest.raises(ValueError, match=r"random#0: every atom must have a neighbor"):
        far.require_neighbors()
