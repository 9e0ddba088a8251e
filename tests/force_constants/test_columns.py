"""Calls of many crystals: together, one by one, or in what the memory holds."""

import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.force_constants import Response, columns
from matjax.force_constants.columns import CallSize, call_size, computed, n_bytes
from matjax.force_constants.response import laid_out
from matjax.models.potentials import NequIP
from matjax.predictors import Potential
from tests.force_constants.lattices import silicon, stillinger_weber

RNG = np.random.default_rng(2)
SIZE = CallSize(2, 3)


@pytest.fixture(
    scope="module",
    params=["stillinger_weber", pytest.param("network", marks=pytest.mark.slow)],
)
def potential(request):
    if request.param == "stillinger_weber":
        return stillinger_weber()
    model = NequIP(species=(14,), hidden="2x0e + 1x1o", lmax=1, layers=2, basis=3)
    return Potential.create(model).astype(jnp.float64)


@pytest.fixture(scope="module")
def works(potential):
    """Columns of two crystals at some q, which fill two calls and one."""
    crystals = [silicon(), silicon().strained(0.03 * np.diag([1, 0, 0]))]
    found = []
    for crystal, n_q in zip(crystals, (3, 2), strict=True):
        graph = potential.graph(crystal, n_nodes=3, degree=60)
        response = Response(potential, graph, n_atoms=2, size=SIZE)
        q, groups = RNG.normal(size=(n_q, 3)), np.repeat(np.arange(n_q), 2)
        patterns = RNG.normal(size=(2 * n_q, 2, 3))
        found.append(
            (
                response,
                q[groups],
                patterns,
                laid_out(response, q[groups], groups, patterns),
            )
        )
    return found


def products(potential, works):
    results = computed(potential, [work for *_, (work, _) in works])
    return [
        found.products[place]
        for found, (*_, (_, place)) in zip(results, works, strict=True)
    ]


def test_columns_are_products_with_force_constants_however_many_go_together(
    potential, works, monkeypatch
):
    one_by_one = products(potential, works)
    for (response, q, patterns, _), found in zip(works, one_by_one, strict=True):
        matrices = np.asarray(response(q))
        expected = np.einsum("kij,kj->ki", matrices, patterns.reshape(len(q), -1))
        assert_allclose(found.reshape(len(q), -1), expected, atol=1e-9)  # round-off
    monkeypatch.setattr(columns, "calls_together", lambda *_: 4)
    columns._respond_each.clear_cache()
    for a, b in zip(products(potential, works), one_by_one, strict=True):
        assert_allclose(a, b, atol=1e-9)  # round-off
    assert columns._respond_each._cache_size() == 1


def test_what_exceeds_the_memory_alone_spares_the_others(works, monkeypatch):
    potential = works[0][0].potential
    monkeypatch.setattr(columns, "calls_together", lambda *_: 4)
    expected = products(potential, works)
    compute = columns._respond_each

    def short(potential, graphs, q, displacements):
        if len(q) > 1 or graphs.cell[0, 0, 1, 0] == works[1][0].graph.cell[0, 1, 0]:
            raise RuntimeError("RESOURCE_EXHAUSTED: out of memory")
        return compute(potential, graphs, q, displacements)

    monkeypatch.setattr(columns, "_respond_each", short)
    (first, second), place = (
        computed(potential, [w for *_, (w, _) in works]),
        works[0][-1][1],
    )
    assert isinstance(second, RuntimeError)
    assert_allclose(first.products[place], expected[0], atol=1e-9)

    def broken(*_):
        raise RuntimeError("another matter")

    monkeypatch.setattr(columns, "_respond_each", broken)
    with pytest.raises(RuntimeError, match="another matter"):
        computed(potential, [w for *_, (w, _) in works])


def test_memory_bounds_what_goes_together_on_other_hardware(works, monkeypatch):
    graph = works[0][0].graph
    size = call_size(graph)
    assert n_bytes(graph, size) <= columns.MEMORY
    assert columns.calls_together(graph, size) == 1
    monkeypatch.setattr("jax.default_backend", lambda: "tpu")
    most = columns.calls_together(graph, size)
    assert most >= 8
    assert most * n_bytes(graph, size) <= columns.DEVICE_MEMORY
