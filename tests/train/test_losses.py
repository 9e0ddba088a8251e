"""Losses: their values, and that parts of a batch add up to the whole."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.graphs import build_graph
from matjax.train import Term, term_sums, total
from matjax.train.losses import frequency_weights, require_terms
from matjax.units import THZ
from tests.force_constants.lattices import fcc, silicon

RNG = np.random.default_rng(3)


def graph_and_values(n_nodes=8, n_graphs=3):
    """Two crystals of 2 and 1 atoms, padded, with labels and predictions."""
    graph = build_graph([silicon(), fcc()], 3.0, n_nodes=n_nodes, n_graphs=n_graphs)
    shapes = {
        "energy": (n_graphs,),
        "forces": (n_nodes, 3),
        "stress": (n_graphs, 3, 3),
        "gap": (n_graphs,),
    }
    labels = {k: jnp.asarray(RNG.normal(size=s)) for k, s in shapes.items()}
    found = {k: jnp.asarray(RNG.normal(size=s)) for k, s in shapes.items()}
    return graph, found, labels


def test_each_kind_is_the_mean_of_its_penalty_over_what_is_not_padding():
    graph, found, labels = graph_and_values()
    error = np.asarray(found["gap"] - labels["gap"])[:2]
    near = np.minimum(abs(error), 0.3)
    expected = {
        "mae": abs(error).mean(),
        "mse": (error**2).mean(),
        "huber": (near * (abs(error) - near / 2) / 0.3).mean(),
    }
    for kind, value in expected.items():
        term = Term("gap", 2.0, kind, delta=0.3)
        loss = total([term], term_sums([term], found, labels, graph))
        assert_allclose(loss, 2 * value, rtol=1e-12)  # round-off


def test_energies_count_by_atom_and_forces_by_component_or_vector():
    graph, found, labels = graph_and_values()
    error = {k: np.asarray(found[k] - labels[k]) for k in found}
    terms = [Term("energy", 1.0), Term("forces", 1.0, "norm"), Term("stress", 1.0)]
    sums = term_sums(terms, found, labels, graph)
    by_atom = error["energy"][:2] / [2, 1]
    assert_allclose(sums["energy"].loss / sums["energy"].count, abs(by_atom).mean())
    lengths = np.linalg.norm(error["forces"][:3], axis=1)
    assert_allclose(sums["forces"].loss / sums["forces"].count, lengths.mean())
    assert_allclose(sums["stress"].absolute, abs(error["stress"][:2]).sum())
    assert [float(sums[k].count) for k in ("energy", "forces", "stress")] == [2, 9, 18]


def test_errors_of_columns_count_as_in_the_frequency_of_an_oscillator():
    crystal = silicon()
    graph = build_graph(crystal, 3.0, n_nodes=4)
    change = 1e-4
    frequency = {s: THZ * np.sqrt(s / crystal.masses[0]) for s in (0.2, 30.0)}
    for stiffness, nu in frequency.items():
        label = jnp.zeros((1, 2, 4, 3)).at[0, 0, 0, 0].set(stiffness)
        # Padding must not count.
        label = label.at[0, 0, 2].set(np.nan)
        found = label * (1 + change) ** 2
        term = Term("columns", 1.0, in_frequency=True)
        sums = term_sums([term], {"columns": found}, {"columns": label}, graph)
        # δ(ν²) = 2 ν δν up to the square of the change
        assert_allclose(sums["columns"].loss, change * nu, rtol=2 * change)
        assert_allclose(sums["columns"].absolute, stiffness * (2 * change + change**2))

    # Translations have columns of nothing, whose errors still count.
    nothing = jnp.zeros((1, 2, 4, 3))
    assert np.isfinite(frequency_weights(nothing, graph)).all()
    with pytest.raises(ValueError, match="only errors of columns count in frequency"):
        require_terms([Term("forces", 1.0, in_frequency=True)])


def test_two_parts_add_up_to_one_batch():
    whole, found, labels = graph_and_values()
    terms = [Term("energy", 1.0, "huber", delta=0.1), Term("forces", 3.0, "norm")]
    together = term_sums(terms, found, labels, whole)
    parts = []
    for k, (crystal, rows) in enumerate(
        ((silicon(), slice(0, 2)), (fcc(), slice(2, 3)))
    ):
        graph = build_graph(crystal, 3.0)
        some = [
            {"energy": x["energy"][k : k + 1], "forces": x["forces"][rows]}
            for x in (found, labels)
        ]
        parts.append(term_sums(terms, *some, graph))
    added = jax.tree.map(jnp.add, *parts)
    # round-off
    assert_allclose(total(terms, added), total(terms, together), rtol=1e-12)


def test_gradients_are_finite_where_predictions_are_exact():
    graph, _, labels = graph_and_values()
    for kind in ("mae", "mse", "huber", "norm"):
        term = Term("forces", 1.0, kind)

        def loss(forces, term=term):
            return total([term], term_sums([term], {"forces": forces}, labels, graph))

        assert np.isfinite(jax.grad(loss)(labels["forces"])).all()


def test_a_missing_label_is_an_error_and_not_zero():
    graph, found, labels = graph_and_values()
    del labels["stress"]
    with pytest.raises(ValueError, match="term of 'stress'; the batch has labels of"):
        term_sums([Term("stress", 1.0)], found, labels, graph)


def test_classes_count_by_cross_entropy_also_where_odds_are_extreme():
    graph, _, _ = graph_and_values()
    odds = jnp.asarray([0.7, -90.0, 3.0])  # the last is padding
    classes = jnp.asarray([1.0, 1.0, 0.0])
    term = Term("gap", 1.0, "logistic")

    def loss(odds):
        sums = term_sums([term], {"gap": odds}, {"gap": classes}, graph)
        return total([term], sums)

    # −ln p of 0.7 is ln(1 + e^−0.7); that of −90 is 90.
    assert_allclose(loss(odds), (np.log1p(np.exp(-0.7)) + 90) / 2, rtol=1e-12)
    slopes = jax.grad(loss)(odds)
    assert_allclose(slopes, [(1 / (1 + np.exp(-0.7)) - 1) / 2, -0.5, 0], atol=1e-12)
    sums = term_sums([term], {"gap": odds}, {"gap": classes}, graph)["gap"]
    assert_allclose(sums.absolute, (1 - 1 / (1 + np.exp(-0.7))) + 1, rtol=1e-12)
