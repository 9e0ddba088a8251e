"""MEGNet: its exchanges by hand, states side by side, means over the crystal."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal, neighbors
from matjax.graphs import build_graph
from matjax.models.properties import MEGNet
from matjax.models.properties.megnet import edge_mean, neighbor_mean
from matjax.nn import Set2Set
from matjax.predictors import PropertyModel, PropertyPredictor, initial_parameters

MODEL = MEGNet(
    species=(8, 14),
    properties=("heat",),
    cutoff=3.6,
    reach=4.5,
    basis=6,
    gaussian_width=0.7,
    embedded=3,
    state_features=2,
    blocks=2,
    dense_widths=(5, 4),
    exchange_widths=(6, 4),
    head=(3,),
    scale=2.0,
    shift=-1.0,
)
CRYSTAL = Crystal.create(
    [14, 8, 8],
    [[3.4, 0.1, 0.2], [0.3, 3.6, 0.1], [0.0, 0.2, 3.9]],
    fractional=[[0, 0, 0], [0.45, 0.5, 0.4], [0.1, 0.6, 0.8]],
)


APPLY = jax.jit(
    lambda model, params, graph: model.apply({"params": params}, graph),
    static_argnums=0,
)


def softplus(x):
    return np.logaddexp(0, x) - np.log(2)


def dense(x, p):
    return x @ p["kernel"] + p.get("bias", 0)


def perceptron(x, params, last=True):
    for k in range(len(params)):
        x = dense(x, params[f"layer_{k}"])
        x = softplus(x) if k < len(params) - 1 or last else x
    return x


def float64(params):
    return jax.tree.map(lambda x: jnp.asarray(x, float), params)


def exchanged(model, params, crystal):
    """Features of bonds, atoms and state, by the formulas of the docstring."""
    edges = neighbors(crystal, model.cutoff)
    i, j = np.asarray(edges.receivers), np.asarray(edges.senders)
    x = crystal.positions
    r = np.linalg.norm(x[j] + edges.shifts @ crystal.cell - x[i], axis=1)
    centers = np.linspace(0, model.reach, model.basis)
    e = np.exp(-(((r[:, None] - centers) / model.gaussian_width) ** 2))
    v = np.asarray(params["embedding"]["embedding"])
    v = v[[model.species.index(z) for z in crystal.numbers]]
    e, v = perceptron(e, params["first_bonds"]), perceptron(v, params["first_atoms"])
    u = perceptron(params["states"][0], params["first_state"])
    for block in range(model.blocks):
        p, start = params[f"block_{block}"], (e, v, u)
        if block:
            e, v = perceptron(e, p["dense_bonds"]), perceptron(v, p["dense_atoms"])
            u = perceptron(u, p["dense_state"])
        first = dense(v[i], p["center"]) + dense(v[j], p["neighbor"])
        first = first + dense(e, p["bond"]) + dense(u, p["state"])
        e = perceptron(softplus(first), p["to_bonds"], model.ends_active)
        around = np.stack([e[i == n].mean(0) for n in range(crystal.n_atoms)])
        wide = np.tile(u, (len(v), 1))
        joined = np.concatenate([around, v, wide], axis=1)
        v = perceptron(joined, p["to_atoms"], model.ends_active)
        joined = np.concatenate([e.mean(0), v.mean(0), u])
        u = perceptron(joined, p["to_state"], model.ends_active)
        e, v, u = start[0] + e, start[1] + v, start[2] + u
    return r, e, v, u


@pytest.mark.slow
@pytest.mark.parametrize("ends_active", [True, False])
def test_network_is_its_formula(ends_active):
    model = MODEL.clone(ends_active=ends_active)
    params = float64(initial_parameters(model))
    graph = build_graph(CRYSTAL, model.cutoff, dtype=jnp.float64)
    r, e, v, u = exchanged(model, params, CRYSTAL)
    # Bonds come in the graph's order: they are told by their lengths and ends there.
    mask = np.asarray(graph.edge_mask)
    lengths = np.linalg.norm(np.asarray(graph.edge_vectors()), axis=1)
    assert_allclose(np.sort(lengths[mask]), np.sort(r), rtol=1e-12)
    read = jax.jit(Set2Set(model.turns).apply, static_argnames="of_edges")
    atoms = read({"params": params["read_atoms"]}, graph, jnp.asarray(v))
    # Attention to bonds has no order: those by hand fill the slots of one node each.
    slots = np.zeros((graph.n_nodes, graph.degree, e.shape[1]))
    receivers = np.asarray(neighbors(CRYSTAL, model.cutoff).receivers)
    for node in range(CRYSTAL.n_atoms):
        mine = e[receivers == node]
        assert mask.reshape(graph.n_nodes, -1)[node, : len(mine)].all()
        slots[node, : len(mine)] = mine
    bonds = read(
        {"params": params["read_bonds"]},
        graph,
        jnp.asarray(slots.reshape(-1, e.shape[1])),
        of_edges=True,
    )
    joined = np.concatenate([atoms[0], bonds[0], u])
    y = perceptron(joined, params["readout"], last=False)
    found = APPLY(model, params, graph)["heat"]
    assert_allclose(found[0], 2 * y[0] - 1, rtol=1e-10)  # round-off of sums


def test_it_is_a_property_model():
    assert isinstance(MODEL, PropertyModel)


def test_several_states_have_the_values_of_networks_of_one_each():
    model = MODEL.clone(n_states=2)
    params = float64(initial_parameters(model))
    graph = build_graph(CRYSTAL, model.cutoff, dtype=jnp.float64)
    found = APPLY(model, params, graph)["heat"]
    assert found.shape == (1, 2)
    assert abs(float(found[0, 0] - found[0, 1])) > 1e-6
    for k in range(2):
        one = params | {"states": params["states"][k : k + 1]}
        alone = APPLY(MODEL, one, graph)["heat"]
        assert_allclose(found[0, k], alone[0], rtol=1e-12)


def test_values_of_several_states_need_a_label_of_their_shape():
    with pytest.raises(ValueError, match="must have the shapes"):
        PropertyPredictor.create(MODEL.clone(n_states=2), ["eV"])


def test_means_leave_out_empty_slots():
    row = [[0, 0, 0], [2.0, 0, 0], [3.5, 0, 0], [20.0, 0, 0]]
    atoms = Crystal.create([8] * 4, 60 * np.eye(3), positions=row, pbc=False)
    graph = build_graph(atoms, 3.0, degree=5, dtype=jnp.float64)
    r = jnp.linalg.norm(graph.edge_vectors(), axis=1)[:, None]
    assert_allclose(neighbor_mean(graph, r)[:4, 0], [2.0, 1.75, 1.5, 0.0])
    assert_allclose(edge_mean(graph, r)[0], [1.75])
