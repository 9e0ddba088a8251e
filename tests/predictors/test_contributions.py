"""Contributions of atoms: they add up, and are those that a linear readout has."""

import flax.linen as nn
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.models.properties import SchNet
from matjax.predictors import PropertyPredictor, atom_contributions
from tests.models.properties.formulas import crystal, parameters
from tests.models.properties.small_cgcnn import MODEL


def predictor(model, **more):
    return PropertyPredictor.create(model, ("eV",), params=parameters(model), **more)


def test_contributions_to_a_mean_of_the_atoms_are_their_own_values():
    """SchNet reads each atom, and takes the mean."""
    model = SchNet(
        species=(8, 14), properties=("gap",), cutoff=4.0, features=4, layers=1
    )
    network = predictor(model)
    found = atom_contributions(network, crystal())
    # Half of the crystal's atoms moved to another place have the same values there.
    order = np.array([2, 0, 1])
    moved = crystal().replace(
        numbers=crystal().numbers[order], fractional=crystal().fractional[order]
    )
    assert_allclose(atom_contributions(network, moved), found[order], atol=1e-10)
    assert_allclose(found.sum(), network(crystal()).value, rtol=1e-9)


def test_contributions_add_up_to_what_a_nonlinear_readout_says():
    network = predictor(MODEL)
    found = atom_contributions(network, crystal())
    graph = network.graph(crystal())
    # Of nothing CGCNN says what its head makes of softplus(0) = ln 2.
    bound = MODEL.bind({"params": network.params})
    y = np.full(MODEL.features, np.log(2.0))
    for i in range(len(MODEL.head)):
        layer = network.params[f"head_{i}"]
        y = np.logaddexp(0, y @ layer["kernel"] + layer["bias"])
    readout = network.params["readout"]
    nothing = (y @ readout["kernel"] + readout["bias"])[0] * bound.scale + bound.shift
    whole = float(network.apply(graph)["heat_all"][0]) - float(nothing)
    assert_allclose(found.sum(), whole, rtol=1e-6)  # quadrature


def test_those_of_an_ensemble_are_the_mean_of_its_networks():
    members = [
        PropertyPredictor.create(MODEL, ("eV",), params=parameters(MODEL, seed=seed))
        for seed in (1, 2)
    ]
    each = [atom_contributions(member, crystal()) for member in members]
    both = PropertyPredictor.ensemble(members)
    assert_allclose(
        atom_contributions(both, crystal()), np.mean(each, axis=0), rtol=1e-9
    )


class Largest(nn.Module):
    """Reads the ratio of two means: nothing is read of no atoms."""

    species: tuple[int, ...] = (8, 14)
    properties: tuple[str, ...] = ("gap",)
    cutoff: float = 4.0

    @nn.compact
    def __call__(self, graph):
        """A weighted mean over the atoms."""
        scale = self.param("scale", nn.initializers.ones, ())
        z = graph.numbers.astype(float)
        return {"gap": scale * graph.pool(z * z) / graph.pool(z)}


def test_what_is_no_number_or_no_mean_is_refused():
    with pytest.raises(ValueError, match="does not read gap from means"):
        atom_contributions(
            PropertyPredictor.create(Largest(), ("eV",), params={"scale": np.ones(())}),
            crystal(),
        )
    with pytest.raises(ValueError, match="contributions are those to one number"):
        atom_contributions(predictor(MODEL), crystal(), "gap")
