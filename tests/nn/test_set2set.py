"""Set2Set: its formula over atoms and edges, its LSTM, and what does not change it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal, make_supercell
from matjax.graphs import build_graph
from matjax.nn import Set2Set

CUTOFF = 4.0
CRYSTAL = Crystal.create(
    [14, 8, 8],
    [[3.9, 0.1, 0.2], [0.3, 4.2, 0.1], [0.0, 0.2, 4.5]],
    fractional=[[0, 0, 0], [0.45, 0.5, 0.4], [0.1, 0.6, 0.8]],
)
OTHER = CRYSTAL.replace(cell=CRYSTAL.cell * 1.1)
KINDS = [
    {"layers": 2},
    {"width": 3, "sigmoid": "hard", "remembers": False},
]


def sigmoid(x, kind):
    return 1 / (1 + np.exp(-x)) if kind == "logistic" else np.clip(0.2 * x + 0.5, 0, 1)


def dense(x, p):
    return x @ p["kernel"] + p.get("bias", 0)


def by_hand(module, params, m):
    """The formulas of the docstring for one set of vectors."""
    if module.width is not None:
        m = dense(m, params["project"])
    n = m.shape[-1]
    h, c = np.zeros((2, module.layers, n))
    turn = np.zeros(2 * n)
    for _ in range(module.turns):
        x = turn
        for k in range(module.layers):
            p = params[f"lstm_{k}"]
            gates = dense(x, p["input"])
            if module.remembers:
                gates = gates + dense(h[k], p["hidden"])
            else:
                c[k] = 0
            i, f, g, o = (gates[j * n : (j + 1) * n] for j in range(4))
            c[k] = sigmoid(f, module.sigmoid) * c[k]
            c[k] += sigmoid(i, module.sigmoid) * np.tanh(g)
            x = h[k] = sigmoid(o, module.sigmoid) * np.tanh(c[k])
        shares = np.exp(m @ x)
        turn = np.concatenate([x, (shares / shares.sum()) @ m])
    return turn


def values_of(graph, size, *, of_edges):
    """Features that the place of an atom or edge in a list does not change."""
    if of_edges:
        r = np.linalg.norm(np.asarray(graph.edge_vectors()), axis=1)
        z = np.asarray(graph.gather(graph.numbers.astype(float)))
        return jnp.asarray(np.stack([np.sin(k * r + 0.1 * z) for k in range(size)], -1))
    z = np.asarray(graph.numbers)
    return jnp.asarray(np.stack([np.cos(k * z + 0.3) for k in range(size)], -1))


def made(module, graph, values, of_edges):
    init = jax.jit(module.init, static_argnames="of_edges")
    variables = init(jax.random.key(0), graph, values, of_edges=of_edges)
    params = jax.tree.map(lambda p: jnp.asarray(p, float) + 0.05, variables["params"])
    return lambda g, v: module.apply(
        {"params": params}, g, v, of_edges=of_edges
    ), params


@pytest.mark.parametrize("of_edges", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_the_formula_for_each_crystal_of_a_batch(kind, of_edges):
    module = Set2Set(turns=3, **kind)
    graph = build_graph([CRYSTAL, OTHER], CUTOFF, n_nodes=8, degree=64, n_graphs=3)
    values = values_of(graph, 4, of_edges=of_edges)
    apply, params = made(module, graph, values, of_edges)
    found = apply(graph, values)
    of_graph = np.asarray(graph.node_graph)
    mask = np.asarray(graph.node_mask)
    if of_edges:
        of_graph, mask = np.repeat(of_graph, graph.degree), np.asarray(graph.edge_mask)
    for k in range(2):
        rows = np.asarray(values)[mask & (of_graph == k)]
        assert_allclose(found[k], by_hand(module, params, rows), rtol=1e-10)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("of_edges", [False, True])
def test_a_supercell_has_the_same_vectors(of_edges):
    module = Set2Set(turns=2)
    single = build_graph(CRYSTAL, CUTOFF)
    values = values_of(single, 3, of_edges=of_edges)
    apply, _ = made(module, single, values, of_edges)
    double = build_graph(make_supercell(CRYSTAL, (1, 2, 1)).crystal, CUTOFF)
    expected = apply(single, values)[0]
    found = apply(double, values_of(double, 3, of_edges=of_edges))[0]
    assert_allclose(found, expected, rtol=1e-10)  # round-off of sums


def test_states_side_by_side_are_read_one_by_one():
    module = Set2Set(turns=2)
    graph = build_graph(CRYSTAL, CUTOFF)
    one = values_of(graph, 3, of_edges=True)
    apply, _ = made(module, graph, one, True)
    both = apply(graph, jnp.stack([one, -one], axis=1))
    assert_allclose(both[:, 0], apply(graph, one), rtol=1e-12)
    assert_allclose(both[:, 1], apply(graph, -one), rtol=1e-12)


@pytest.mark.slow
def test_atoms_without_edges_have_no_share_and_none_at_all_gives_numbers():
    row = [[0, 0, 0], [2.0, 0, 0], [20.0, 0, 0]]
    lone = Crystal.create([14] * 3, 40 * np.eye(3), positions=row, pbc=False)
    pair = Crystal.create([14] * 2, 40 * np.eye(3), positions=row[:2], pbc=False)
    module = Set2Set(turns=2)
    graphs = [build_graph(c, CUTOFF) for c in (lone, pair)]
    values = [values_of(g, 3, of_edges=True) for g in graphs]
    apply, _ = made(module, graphs[0], values[0], True)
    with_lone, without = (apply(g, v)[0] for g, v in zip(graphs, values, strict=True))
    assert_allclose(with_lone, without, rtol=1e-12)
    far = build_graph(pair.replace(cell=pair.cell * 9), CUTOFF, degree=4)
    empty = apply(far, values_of(far, 3, of_edges=True))
    assert np.isfinite(empty).all()
