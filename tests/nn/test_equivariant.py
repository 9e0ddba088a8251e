"""The convolution against e3nn's own tensor product; chunks; the norm."""

import e3nn_jax as e3nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.graphs import build_graph
from matjax.nn import RMSNorm, convolve, edge_basis, gate, tensor_product_paths
from matjax.nn import equivariant as module


@pytest.fixture(scope="module")
def graph():
    generator = np.random.default_rng(0)
    cell = np.eye(3) * 3.0 + generator.normal(size=(3, 3)) * 0.2
    crystal = Crystal.create([6] * 5, cell, fractional=generator.random((5, 3)))
    return build_graph(crystal, 3.0, n_nodes=6)


def inputs(graph, irreps):
    keys = jax.random.split(jax.random.key(0), 2)
    features = e3nn.normal(irreps, keys[0], (graph.n_nodes,))
    basis = edge_basis(graph, 2, lambda r: jnp.sin(r[..., None] * jnp.arange(1, 5)))
    paths = tensor_product_paths(
        features.irreps, basis.harmonics.irreps, e3nn.Irreps(irreps)
    )
    n_weights = sum(path.multiplicity for path in paths)
    matrix = jax.random.normal(keys[1], (4, n_weights))
    return features, basis, paths, matrix


# Pseudo-irreps (0o, 1e) take part, so that the order of irreps is tested as well.
IRREPS = "3x0e + 2x0o + 2x1o + 1x1e + 2x2e"


def test_convolution_is_e3nns_tensor_product_summed_over_neighbors(graph):
    features, basis, paths, matrix = inputs(graph, IRREPS)

    @jax.jit
    def ours_and_theirs(features, harmonics, radial):
        basis_ = basis._replace(harmonics=harmonics, radial=radial)
        out = convolve(graph, features, basis_, paths=paths, weigh=lambda x: x @ matrix)
        messages = e3nn.tensor_product(
            features[graph.senders], harmonics, filter_ir_out=e3nn.Irreps(IRREPS)
        )
        weighted = (messages * (radial @ matrix)) * graph.edge_mask[:, None]
        return out, e3nn.scatter_sum(
            weighted, dst=graph.receivers, output_size=graph.n_nodes
        )

    out, expected = ours_and_theirs(features, basis.harmonics, basis.radial)
    assert out.irreps == expected.irreps
    # float64 round-off of sums over some 20 neighbors.
    assert_allclose(out.array, expected.array, rtol=1e-11, atol=1e-11)


def test_convolution_in_chunks_is_the_whole_one_with_its_derivatives(
    graph, monkeypatch
):
    features, basis, paths, matrix = inputs(graph, IRREPS)

    def norm(array, radial):
        out = convolve(
            graph,
            e3nn.IrrepsArray(features.irreps, array),
            basis._replace(radial=radial),
            paths=paths,
            weigh=lambda x: jnp.tanh(x @ matrix),
        )
        return jnp.sum(out.array**2)

    value_and_grad = lambda *args: jax.value_and_grad(norm, argnums=(0, 1))(*args)
    whole = jax.jit(value_and_grad)(features.array, basis.radial)
    monkeypatch.setattr(module, "CHUNK_FLOATS", 1)  # a node at a time
    chunks = jax.jit(lambda *args: value_and_grad(*args))(features.array, basis.radial)
    jax.tree.map(
        lambda a, b: assert_allclose(a, b, rtol=1e-10, atol=1e-9), chunks, whole
    )


def test_paths_are_sorted_by_output_and_obey_the_selection_rules():
    paths = tensor_product_paths(
        e3nn.Irreps("4x0e + 3x1o"), e3nn.s2_irreps(2), e3nn.Irreps("0e + 1o + 1e")
    )
    outputs = [str(path.irrep) for path in paths]
    # 0e⊗0e, 1o⊗1o → 0e; 0e⊗1o, 1o⊗0e, 1o⊗2e → 1o; 1o⊗1o → 1e.
    assert outputs == ["0e", "0e", "1o", "1o", "1o", "1e"]
    assert [path.multiplicity for path in paths] == [4, 3, 4, 3, 3, 3]


def test_norm_divides_by_the_weighted_root_of_squares():
    features = e3nn.normal("4x0e + 3x1o", jax.random.key(1), (5,))
    norm = RMSNorm()
    params = norm.init(jax.random.key(0), features)
    scalars, vectors = features.chunks
    # L = 2 irreps; squares of scalars count 1/L, those of vectors 1/(9 L).
    squares = (scalars**2).sum((1, 2)) / 2 + (vectors**2).sum((1, 2)) / 18
    expected = features.array / jnp.sqrt(squares)[:, None]
    assert_allclose(norm.apply(params, features).array, expected, rtol=1e-9)


def test_gate_is_equivariant_and_normalised():
    key = jax.random.key(2)
    features = e3nn.normal("3x0e + 2x1o", key, (2000,))  # 1 scalar, 2 gates, 2 vectors
    out = gate(features)
    assert out.irreps == e3nn.Irreps("1x0e + 2x1o")
    rotation = -jnp.asarray(e3nn.rand_matrix(key, ()))  # improper
    turned = gate(features.transform_by_matrix(rotation))
    assert_allclose(turned.array, out.transform_by_matrix(rotation).array, atol=1e-12)
    # Unit second moment for normal inputs; 2000 samples of variance about 5.
    assert_allclose(jnp.mean(out.array[:, 0] ** 2), 1.0, atol=0.2)
