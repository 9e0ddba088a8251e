"""CHGNet: its bonds are undirected, its angles end smoothly, its biases do not."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.graphs import reverse
from matjax.models.potentials import CHGNet
from matjax.predictors import Potential, energy, forces
from matjax.testing import check_force_constants
from tests.models.potentials.small_chgnet import SMALL

ENERGY, FORCES = jax.jit(energy), jax.jit(forces)
BOX = 20 * np.eye(3)
CRYSTAL = Crystal.create(
    [12, 8],
    [[2.9, 0.1, 0.2], [1.3, 2.8, -0.1], [0.9, 0.7, 3.4]],
    fractional=[[0.02, -0.03, 0.01], [0.41, 0.36, 0.55]],
)


def potential_of(seed=0, **settings):
    model = CHGNet(**{**SMALL, **settings})
    return Potential.create(model, seed=seed).astype(jnp.float64)


def cluster(*positions):
    return Crystal.create(
        [12, 8, 12, 8][: len(positions)], BOX, positions=list(positions), pbc=False
    )


def graph_of(potential, *positions):
    return potential.graph(cluster(*positions), n_nodes=4, degree=4)


@pytest.mark.slow
def test_both_directions_of_a_bond_keep_the_same_features():
    """So two edges are one bond of the original, whose features both ends share."""
    potential = potential_of(bonds=28, biased=True)
    graph = potential.graph(CRYSTAL)

    @jax.jit
    def watched(params, graph):
        def chosen(module, _):
            return (module.name or "").startswith("bonds_")

        return potential.model.apply(
            {"params": params}, graph, capture_intermediates=chosen
        )

    _, state = watched(potential.params, graph)
    back = reverse(graph)
    mask = np.asarray(graph.edge_mask)
    assert np.asarray(back.mask)[mask].all()
    first = None
    for i in range(potential.model.layers - 1):
        (bonds,) = state["intermediates"][f"bonds_{i}"]["__call__"]
        # Sums over other edges in another order: float64 round-off.
        assert_allclose(bonds[mask], bonds[back.slots][mask], rtol=0, atol=1e-12)
        if first is not None:
            assert float(jnp.abs(bonds - first).max()) > 1e-4, "angles change nothing"
        first = bonds


@pytest.mark.slow
def test_energies_and_forces_are_continuous_where_an_angle_ends():
    potential = potential_of()
    found = []
    for r in (3.0 - 1e-5, 3.0 + 1e-5):
        graph = graph_of(potential, (0, 0, 0), (2.0, 0.3, 0), (0, 0.1, r))
        found.append((ENERGY(potential, graph)[0], FORCES(potential, graph)))
    (inside, inner), (outside, outer) = found
    # Second derivatives of some eV/Å² times 2e-5 Å.
    assert_allclose(inside, outside, atol=1e-4, rtol=0)
    assert_allclose(inner, outer, atol=1e-4, rtol=0)


def test_energies_depend_on_angles_of_bonds_shorter_than_their_cutoff_alone():
    def change(length):
        """Of the energy as an angle opens at equal distances."""
        es = []
        for angle in (2.2, 2.9):
            turned = length * np.array([np.cos(angle), np.sin(angle), 0])
            es.append(
                ENERGY(
                    potential, graph_of(potential, (0, 0, 0), (length, 0, 0), turned)
                )[0]
            )
        return abs(es[1] - es[0])

    potential = potential_of(cutoff=3.4)  # the ends do not see each other
    assert change(2.0) > 1e-8
    assert change(3.1) < 1e-12  # round-off of turned vectors


def test_biases_count_from_the_first_angle_of_a_crystal_on():
    plain = potential_of(biased=True)
    bias = jnp.ones(SMALL["features"])
    params = dict(plain.params)
    for i in range(SMALL["layers"] - 1):
        params[f"bonds_{i}"] = {**params[f"bonds_{i}"], "bias": bias}
    other = plain.replace(params=params)
    pair = graph_of(plain, (0, 0, 0), (2.5, 0, 0))
    three = graph_of(plain, (0, 0, 0), (2.5, 0, 0), (0, 2.6, 0))
    assert ENERGY(plain, pair)[0] == ENERGY(other, pair)[0]
    assert abs(ENERGY(plain, three)[0] - ENERGY(other, three)[0]) > 1e-4


@pytest.mark.slow
def test_an_atom_with_more_bonds_than_places_gives_no_number():
    potential = potential_of(bonds=2)
    sites = [(0, 0, 0), (2.5, 0, 0), (0, 2.5, 0), (0, 0, 2.5)]
    assert np.isfinite(ENERGY(potential, graph_of(potential, *sites[:3]))[0])
    with pytest.raises(ValueError, match="more neighbors than the model has places"):
        potential(cluster(*sites))


@pytest.mark.parametrize("change", [{"layers": 1}, {"bond_cutoff": 4.5}])
def test_senseless_config_is_refused(change):
    with pytest.raises(ValueError, match="at least 2, and bond_cutoff no longer"):
        potential_of(**change)


@pytest.mark.slow
def test_force_constants_are_exact_with_updated_angles_and_biases():
    """The contract's small network has neither."""
    potential = potential_of(bonds=28, biased=True)
    check_force_constants(potential, CRYSTAL)


@pytest.mark.slow
def test_kinks_of_atoms_in_a_row_are_rounded_off():
    """With the published rounding, stiffness is another at a thousandth of an Å."""

    def change(rounding):
        potential = potential_of(rounding=rounding)
        stiffness = []
        for d in (1e-4, 0.02):
            row = (0, d, 0), (2.0, 0, 0), (-2.1, 0, 0)
            found = FORCES(potential, graph_of(potential, *row))
            stiffness.append(-found[0, 1] / d)
        return abs(stiffness[1] - stiffness[0])

    assert change(1e-6) > 20 * change(1e-2)
