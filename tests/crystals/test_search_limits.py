"""Cells and cutoffs that no search survives are refused; unusual ones are searched."""

import numpy as np
import pytest

from matjax.crystals import Crystal, neighbors
from matjax.graphs import allocate_neighbor_list, build_graph

PAIR = [[0, 0, 0], [0.5, 0.5, 0.5]]

REFUSED = {
    "flat": (np.array([[5, 0, 0], [0, 5, 0], [0, 0, 1e-8]]), 5.0),
    "flat and skewed": (np.array([[5, 0, 0], [0, 5, 0], [5, 5, 1e-6]]), 5.0),
    "tiny": (1e-3 * np.eye(3), 5.0),
    "huge": (np.diag([1e6, 5, 5]), 5.0),
    "cutoff of 100 micrometers": (5 * np.eye(3), 1e6),
    "cutoff without end": (5 * np.eye(3), np.inf),
    "large cutoff": (5 * np.eye(3), 1e3),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("search", [neighbors, build_graph, allocate_neighbor_list])
def test_search_without_end_is_refused_with_its_numbers(name, search):
    cell, cutoff = REFUSED[name]
    crystal = Crystal.create(["Si", "Si"], cell, fractional=PAIR)
    with pytest.raises(ValueError, match=r"must (reach at most|stay within)"):
        search(crystal, cutoff)


@pytest.mark.parametrize("place", [1e17, 1e10, -1e12])
def test_atom_beyond_all_cells_is_refused(place):
    crystal = Crystal.create(["Si"], 5 * np.eye(3), fractional=[[place, 0, 0]])
    with pytest.raises(ValueError, match="must stay within"):
        neighbors(crystal, 3.0)


def test_crowd_is_refused_before_it_takes_all_memory():
    rng = np.random.default_rng(0)
    crystal = Crystal.create(
        ["Si"] * 2000, 20 * np.eye(3), fractional=rng.random((2000, 3))
    )
    with pytest.raises(ValueError, match="choose a smaller cutoff"):
        neighbors(crystal, 100.0)


UNUSUAL = {
    "slab in 100 Å of vacuum": (np.diag([3.0, 3.0, 100.0]), 6.0),
    "sheet of 0.1 micrometers": (np.diag([1000.0, 1000.0, 3.0]), 2.0),
    "the same along another axis": (np.diag([3.0, 1000.0, 1000.0]), 2.0),
    "fiber": (np.diag([3.0, 3.0, 9e4]), 3.1),
    "skewed by 100 cells": (np.array([[3.0, 0, 0], [300, 3, 0], [0, 0, 3]]), 4.0),
    "large": (500 * np.eye(3), 3.0),
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_unusual_cell_has_the_neighbors_of_its_geometry(name):
    cell, cutoff = UNUSUAL[name]
    crystal = Crystal.create(["Si"], cell, fractional=[[0.3, 0.6, 0.9]])
    # Of one atom the neighbors are lattice points, counted here in a reduced basis.
    basis = np.array(cell)
    basis[1] -= np.rint(basis[1, 0] / basis[0, 0]) * basis[0]
    steps = (np.indices((7, 7, 7)).reshape(3, -1).T - 3) @ basis
    distances = np.linalg.norm(steps, axis=1)
    expected = ((distances < cutoff) & (distances > 0)).sum()
    assert len(neighbors(crystal, cutoff).senders) == expected


@pytest.mark.parametrize("scale", [1.0, 1e3, 1e4])
def test_molecule_in_a_large_box_is_searched(scale):
    crystal = Crystal.create(
        ["H", "H"], scale * np.eye(3), positions=[[0, 0, 0], [0.74, 0, 0]], pbc=False
    )
    assert len(neighbors(crystal, 2.0).senders) == 2


def test_thousand_atoms_are_searched():
    grid = np.indices((10, 10, 10)).reshape(3, -1).T / 10
    crystal = Crystal.create(["Si"] * 1000, 25 * np.eye(3), fractional=grid)
    assert len(neighbors(crystal, 2.6).senders) == 6 * 1000
