"""Directions of order parameters: those of tilted octahedra."""

import numpy as np
from numpy.testing import assert_allclose

from matjax.crystals import Crystal, make_supercell
from matjax.lattice_dynamics.transitions import (
    SoftMode,
    commensurate_cell,
)
from matjax.lattice_dynamics.transitions.order_parameter import (
    displacement_patterns,
    symmetric_directions,
)
from tests.lattice_dynamics.transitions.chains import chain


def test_turning_octahedra_have_the_three_directions_of_glazer():
    """a⁰a⁰c⁻, a⁰b⁻b⁻ and a⁻a⁻a⁻: lines (1,0,0), (1,1,0), (1,1,1) of the R point."""
    fractional = [[0, 0, 0], [0.5] * 3, [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
    crystal = Crystal.create([38, 22, 8, 8, 8], 3.9 * np.eye(3), fractional=fractional)
    about = np.eye(3)[:, None] * np.ones((5, 1))  # (axis, atoms, 3)
    arms = np.array(fractional) - 0.5
    turns = np.cross(about, arms) * np.array([0, 0, 1, 1, 1])[:, None]
    # Of the three oxygens of the cell each is shared by octahedra that turn oppositely:
    # the face that lies at −1/2 of the center carries the turn of the home cell.
    turns = turns.reshape(3, 15) / np.linalg.norm(turns.reshape(3, 15), axis=1)[0]
    q = np.full(3, 0.5)
    found = chain(1.0).replace(crystal=crystal, masses=np.asarray(crystal.masses))
    mode = SoftMode(q, "R", -1.0, turns.T.astype(complex), q[None], False)
    supercell = make_supercell(crystal, commensurate_cell(q[None], crystal))
    patterns = displacement_patterns(found, mode, [q], supercell)
    flat = patterns.reshape(3, -1)
    assert_allclose(flat @ flat.T, np.eye(3), atol=1e-12)  # round-off
    directions = symmetric_directions(patterns, supercell.crystal)
    # In the basis of turns about x, y and z.
    axes = np.stack(
        [
            displacement_patterns(
                found,
                mode._replace(eigenvectors=mode.eigenvectors[:, [i]]),
                [q],
                supercell,
            )[0].reshape(-1)
            for i in range(3)
        ]
    )
    seen = sorted(
        tuple(np.sort(abs(axes @ (d @ flat))).round(6).tolist()) for d in directions
    )
    expected = [(0, 0, 1), (0, 0.5**0.5, 0.5**0.5), (3**-0.5,) * 3]
    assert_allclose(seen, sorted(expected, key=lambda x: x[0]), atol=1e-5)  # rounded
