"""Graphs of few sizes change no number; crystals relax on them."""

import numpy as np
from numpy.testing import assert_allclose

from matjax.mechanics import SizedPotential, divisions, relax_sized, sized
from matjax.mechanics.sizes import DEGREES, NODES
from tests.force_constants.lattices import silicon, stillinger_weber


def test_graphs_come_in_few_sizes_and_energies_stay():
    plain = stillinger_weber()
    found = sized(plain)
    graph = found.graph(silicon())
    assert (graph.n_nodes, graph.degree) == (NODES[0], DEGREES[0])
    assert_allclose(found(silicon()).energy, plain(silicon()).energy, atol=1e-12)
    assert isinstance(found.astype("float32"), SizedPotential)


def test_relaxation_finds_the_lattice_constant_within_the_group():
    rest = relax_sized(sized(stillinger_weber()), silicon().strained(0.02 * np.eye(3)))
    assert rest.converged
    assert rest.max_stress < 1e-4
    # Stillinger and Weber's minimum; fmax leaves 1e-4 of it.
    assert_allclose(rest.crystal.volume, 5.431**3 / 4, rtol=5e-4)


def test_a_mesh_knows_the_distances_of_the_supercell_with_its_divisions():
    crystal = silicon()  # planes of the primitive cell are 3.135 Å apart
    assert divisions(crystal, 3.0) == (1, 1, 1)
    assert divisions(crystal, 6.0) == (2, 2, 2)
    # A height that is less than a percent too small does not double the cost.
    assert divisions(crystal, 3.14) == (1, 1, 1)
