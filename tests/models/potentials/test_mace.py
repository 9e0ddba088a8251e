"""MACE: the body order of its energies, its elements, its errors."""

from itertools import combinations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.graphs import build_graph
from matjax.models.potentials import MACE
from matjax.predictors import Potential, energy

BOX = np.eye(3) * 20
SMALL = {
    "species": (12, 8),
    "cutoff": 4.0,
    "hidden": "4x0e + 4x1o",
    "lmax": 2,
    "basis": 4,
    "radial_widths": (8,),
    "neighbors": 3.0,
}
NUMBERS = [12, 8, 12, 8, 12]
DIRECTIONS = np.random.default_rng(0).normal(size=(5, 3))
SITES = 1.4 * DIRECTIONS / np.linalg.norm(DIRECTIONS, axis=1, keepdims=True)

energies_of = jax.jit(energy)


def potential_of(**config) -> Potential:
    return Potential.create(MACE(**{**SMALL, **config})).astype(jnp.float64)


def energies(potential: Potential, clusters: list, numbers: list = NUMBERS) -> dict:
    """Energy of parts of a cluster of atoms that are all neighbors, by their places."""
    parts = [
        Crystal.create(
            [numbers[i] for i in c], BOX, positions=SITES[list(c)], pbc=False
        )
        for c in clusters
    ]
    graph = build_graph(parts, potential.cutoff, degree=4, dtype=potential.dtype)
    found = np.asarray(energies_of(potential, graph))
    return dict(zip(clusters, found[: len(parts)], strict=True))


def many_body_part(of: dict, n_atoms: int) -> float:
    """Σ_T (−1)^(n − |T|) E(T) over all subsets T of the first n atoms."""
    return sum((-1) ** (n_atoms - len(t)) * of[t] for t in of if max(t) < n_atoms)


def subsets(n_atoms: int) -> list:
    return [
        chosen
        for size in range(1, n_atoms + 1)
        for chosen in combinations(range(n_atoms), size)
    ]


@pytest.mark.parametrize("correlation", [1, 2, pytest.param(3, marks=pytest.mark.slow)])
def test_energy_of_one_layer_has_the_body_order_of_its_messages(correlation):
    potential = potential_of(layers=1, correlation=correlation, readout_width=0)
    of = energies(potential, subsets(correlation + 2))
    # Inclusion–exclusion cancels all lower orders to round-off of energies of 1 eV.
    assert_allclose(many_body_part(of, correlation + 2), 0, atol=1e-12)
    assert abs(many_body_part(of, correlation + 1)) > 1e-6


@pytest.mark.parametrize("change", [{"layers": 1}, {"layers": 2, "readout_width": 0}])
def test_perceptron_of_the_readout_and_a_second_layer_raise_the_body_order(change):
    of = energies(potential_of(correlation=1, **change), subsets(3))
    assert abs(many_body_part(of, 3)) > 1e-8


def test_readout_is_scaled_and_references_of_the_elements_added():
    potential = potential_of(layers=1, correlation=1)
    other = Potential(
        params={**potential.params, "atom_energies": jnp.array([1.5, -2.0])},
        model=potential.model.clone(scale=3.0, shift=0.5),
    )
    clusters = [(0,), (1,), (0, 1, 2)]
    before, after = energies(potential, clusters), energies(other, clusters)
    added = {(0,): 2.0, (1,): -1.5, (0, 1, 2): 2.0 - 1.5 + 2.0}
    for c in clusters:  # float64 round-off
        assert_allclose(after[c], 3 * before[c] + added[c], rtol=1e-12)


def test_elements_are_told_apart_as_centers_and_as_neighbors():
    potential = potential_of(layers=1, correlation=1, readout_width=0)
    pair = {}
    for numbers in ([12, 12], [12, 8], [8, 12], [8, 8]):
        of = energies(potential, subsets(2), numbers)
        pair[tuple(numbers)] = many_body_part(of, 2)
    assert_allclose(pair[12, 8], pair[8, 12], rtol=1e-10)  # float64 round-off
    assert np.ptp([pair[12, 12], pair[12, 8], pair[8, 8]]) > 1e-6
    # Weights for centers alone, or neighbors alone, would make this difference zero.
    assert abs(2 * pair[12, 8] - pair[12, 12] - pair[8, 8]) > 1e-6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden": "4x0e + 2x1o"}, "one multiplicity"),
        ({"hidden": "4x1o"}, "scalars"),
        ({"correlation": 0}, "at least 1"),
        ({"layers": 0}, "at least 1"),
    ],
)
def test_senseless_config_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        potential_of(**change)
