"""Random crystals of every system, and another code's edges for them."""

import numpy as np
from ase.geometry import cellpar_to_cell
from matscipy.neighbours import neighbour_list

from matjax.crystals import Crystal

SYSTEMS = (
    "cubic",
    "tetragonal",
    "orthorhombic",
    "hexagonal",
    "rhombohedral",
    "monoclinic",
    "triclinic",
    "skewed",
)


def random_crystal(system, rng, *, cutoff, n_atoms=None):
    """A crystal whose shortest cell vector is cutoff/4 to cutoff/0.3 long.

    One in two cells is left-handed, one in three is not periodic along some axis, and
    atoms lie up to two cells away from the home cell.
    """
    b, c = rng.uniform(1, 2.5, 2)
    angles = rng.uniform(60, 115, 3)
    parameters = {
        "cubic": (1, 1, 1, 90, 90, 90),
        "tetragonal": (1, 1, c, 90, 90, 90),
        "orthorhombic": (1, b, c, 90, 90, 90),
        "hexagonal": (1, 1, c, 90, 90, 120),
        "rhombohedral": (1, 1, 1, *[rng.uniform(50, 110)] * 3),
        "monoclinic": (1, b, c, 90, angles[1], 90),
        "triclinic": (1, b, c, *angles),
        "skewed": (1, b, c, *angles),
    }
    cell = cellpar_to_cell(parameters[system])
    if system == "skewed":
        cell[1] += rng.integers(-3, 4) * cell[0]
        cell[2] += rng.integers(-2, 3) * cell[0] + rng.integers(-2, 3) * cell[1]
    shortest = cutoff / np.exp(rng.uniform(np.log(0.3), np.log(4)))
    cell *= shortest / np.linalg.norm(cell, axis=1).min()
    if rng.random() < 0.5:
        cell = cell[[1, 0, 2]]
    axes = rng.random(3) < 0.7 if rng.random() < 1 / 3 else np.ones(3, bool)
    pbc = tuple(bool(periodic) for periodic in axes)
    n_atoms = n_atoms or rng.integers(1, 6)
    fractional = rng.random((n_atoms, 3)) + rng.integers(-2, 3, (n_atoms, 3))
    return Crystal.create([14] * n_atoms, cell, fractional=fractional, pbc=pbc)


def matscipy_edges(crystal, cutoff):
    """Receiver, sender, shift of every edge, (edges, 5)."""
    i, j, shifts = neighbour_list(
        "ijS",
        positions=np.asarray(crystal.positions),
        cell=np.asarray(crystal.cell),
        pbc=np.asarray(crystal.pbc),
        cutoff=cutoff,
        numbers=np.asarray(crystal.numbers),
    )
    return np.column_stack([i, j, shifts])


def listed_edges(edges):
    """The same of a neighbor list, of the host or of jit."""
    mask = np.asarray(edges.mask)
    receivers = (
        edges.receivers
        if hasattr(edges, "receivers")
        else np.arange(len(mask)) // edges.degree
    )
    return np.column_stack([receivers, edges.senders, edges.shifts])[mask]


def assert_same_edges(found, expected, crystal, cutoff):
    """Equal sets and no edge twice, those within 1e-4 Å of the cutoff aside."""
    sides = []
    for edges in (found, expected):
        positions, cell = np.asarray(crystal.positions), np.asarray(crystal.cell)
        vectors = positions[edges[:, 1]] + edges[:, 2:] @ cell - positions[edges[:, 0]]
        distances = np.linalg.norm(vectors, axis=1)
        assert (distances < cutoff + 1e-4).all()
        edges = edges[distances < cutoff - 1e-4]
        sides.append(edges[np.lexsort(edges.T)])
    np.testing.assert_array_equal(*sides)


def crystals_of(system, *, cutoff=4.0, n_crystals=40):
    """The same crystals for every test that asks for a system."""
    rng = np.random.default_rng(SYSTEMS.index(system))
    return [random_crystal(system, rng, cutoff=cutoff) for _ in range(n_crystals)]
