"""SchNet as a potential: the energies of its property network, and waves at k + q."""

import jax
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.graphs import build_graph
from matjax.models.potentials import SchNetPotential
from matjax.models.properties import SchNet
from tests.models.properties.formulas import crystal, parameters

MODEL = SchNetPotential(
    species=(8, 14),
    cutoff=4.0,
    features=4,
    layers=2,
    step=0.5,
    readout_width=3,
    scale=2.5,
    shift=-0.7,
)


def test_energies_are_what_atoms_contribute_to_the_property():
    params = parameters(MODEL)
    graph = build_graph(crystal(), MODEL.cutoff)
    energies = jax.jit(MODEL.apply)({"params": params}, graph)
    network = SchNet(
        *((8, 14), ("energy",), 4.0, 4, 2, 0.5, (3,)), scale=2.5, shift=-0.7
    )
    own = {k: v for k, v in params.items() if k != "atom_energies"}
    own["head_0"] = own.pop("head")
    mean = jax.jit(network.apply)({"params": own}, graph)["energy"]
    elements = params["atom_energies"][[1, 0, 0]]
    assert_allclose((energies - elements).mean(), mean[0], rtol=1e-10)  # round-off


@pytest.mark.parametrize(("waves", "finite"), [(1, False), (4, True)])
def test_too_few_waves_for_a_cell_are_not_summed(waves, finite):
    model = MODEL.clone(waves=waves, wave_cutoff=4.0)
    energies = model.apply(
        {"params": parameters(model)}, build_graph(crystal(), model.cutoff)
    )
    assert np.isfinite(energies).all() == finite
