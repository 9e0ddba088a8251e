"""The host's neighbor list: another code's edges, symmetry, refused input."""

import numpy as np
import pytest

from matjax.crystals import Crystal, neighbors
from tests.crystals.random_crystals import (
    SYSTEMS,
    assert_same_edges,
    crystals_of,
    listed_edges,
    matscipy_edges,
)


@pytest.mark.parametrize("system", SYSTEMS)
def test_edges_are_those_of_matscipy(system):
    for crystal in crystals_of(system):
        edges = listed_edges(neighbors(crystal, 4.0))
        assert_same_edges(edges, matscipy_edges(crystal, 4.0), crystal, 4.0)


def test_every_edge_has_its_reverse():
    crystal = crystals_of("triclinic")[0]
    edges = listed_edges(neighbors(crystal, 4.0))
    reverse = np.column_stack([edges[:, 1], edges[:, 0], -edges[:, 2:]])
    np.testing.assert_array_equal(
        edges[np.lexsort(edges.T)], reverse[np.lexsort(reverse.T)]
    )


def test_edges_are_sorted_by_receiver():
    crystal = crystals_of("monoclinic")[1]
    assert (np.diff(neighbors(crystal, 4.0).receivers) >= 0).all()


def test_lone_atom_without_periodicity_has_no_edges():
    atom = Crystal.create(["Si"], np.eye(3), positions=[[0, 0, 0]], pbc=False)
    assert len(neighbors(atom, 5.0).senders) == 0


def test_simple_cubic_atom_has_six_neighbors():
    edges = neighbors(
        Crystal.create(["Po"], 3 * np.eye(3), fractional=[[0, 0, 0]]), 3.5
    )
    assert sorted(map(tuple, np.abs(edges.shifts).tolist())) == sorted(
        2 * [(1, 0, 0), (0, 1, 0), (0, 0, 1)]
    )


def test_two_atoms_on_one_place_are_refused():
    crystal = Crystal.create(
        ["Si", "O"], 4 * np.eye(3), fractional=[[0, 0, 0], [1, 0, -1]]
    )
    with pytest.raises(ValueError, match=r"atom \d \(.*remove the duplicate site"):
        neighbors(crystal, 3.0)


@pytest.mark.parametrize("cutoff", [0.0, -1.0, np.nan])
def test_cutoff_that_is_not_positive_is_refused(cutoff):
    crystal = Crystal.create(["Si"], np.eye(3), fractional=[[0, 0, 0]])
    with pytest.raises(ValueError, match="cutoff must be positive"):
        neighbors(crystal, cutoff)


@pytest.mark.parametrize("value", [np.nan, -np.nan])
def test_coordinates_that_are_not_finite_are_refused(value):
    crystal = Crystal.create(["Si"] * 2, np.eye(3), fractional=np.diag([0, 0.5, 0])[:2])
    crystal = crystal.replace(fractional=np.array([[0, 0, 0], [value, 0, 0]]))
    with pytest.raises(ValueError, match="must be finite; 1 of 2 atoms"):
        neighbors(crystal, 1.5)
