"""The contract of a property network, as checks that anyone can run on their own.

Beside :mod:`matjax.testing.potential`, the contract of a potential. Every check takes a
predictor in float64 of scalar properties of crystals and a small crystal, and raises
AssertionError where the physics is wrong. ``check_property_model`` runs them all:

    predictor = PropertyPredictor.create(MyModel(...), ["eV/atom"])
    check_property_model(predictor, crystal)

A crystal of high symmetry is the harder case for networks that keep some neighbors
only: its atoms have many at one distance.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from numpy.testing import assert_allclose

from matjax.arrays import Array
from matjax.crystals import Crystal, make_supercell, niggli_reduce
from matjax.graphs import Graph, build_graph
from matjax.predictors import PropertyPredictor

DEGREE = 128
"""Edge slots of each node: one shape for all variants of a crystal, and few compiles.
A network of few neighbors leaves most of them empty."""

_SKEW = np.array([[1, 2, 0], [0, 1, -3], [0, 0, 1]])


def _stacked(predictor: PropertyPredictor, graph: Graph) -> Array:
    """All properties, (graphs, properties)."""
    outputs = predictor.outputs(graph)
    return jnp.stack([outputs[name] for name in predictor.properties], axis=-1)


_values = jax.jit(_stacked)


def _graph(predictor: PropertyPredictor, *crystals: Crystal, n_nodes: int) -> Graph:
    return predictor.graph(crystals, n_nodes=n_nodes, degree=DEGREE, n_graphs=3)


def _result(predictor: PropertyPredictor, crystal: Crystal, of: Crystal) -> Array:
    """Values of a variant of a crystal, which has up to twice its atoms."""
    graph = _graph(predictor, crystal, n_nodes=3 * of.n_atoms)
    values = _values(predictor, graph)
    assert_allclose(values[1:], 0, err_msg="padding has properties")
    return values[0]


def _assert_same(a: Array, b: Array, tolerance: float = 1e-9) -> None:
    """Equality to the round-off of float64 sums of some hundred terms, reordered."""
    assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def _assert_unchanged(
    predictor: PropertyPredictor, crystal: Crystal, variant: Crystal
) -> None:
    expected = _result(predictor, crystal, crystal)
    _assert_same(_result(predictor, variant, crystal), expected)


def check_rotation(predictor: PropertyPredictor, crystal: Crystal) -> None:
    """Properties are unchanged under rotations and mirrors."""
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    for matrix in (turn, -turn):
        turned = crystal.replace(cell=crystal.cell @ matrix.T)
        _assert_unchanged(predictor, crystal, turned)


def check_translation(predictor: PropertyPredictor, crystal: Crystal) -> None:
    """Moving all atoms changes nothing, nor does moving one by lattice vectors."""
    generator = np.random.default_rng(1)
    shift = generator.normal(size=3) + generator.integers(
        -3, 4, crystal.fractional.shape
    )
    moved = crystal.replace(fractional=crystal.fractional + shift)
    _assert_unchanged(predictor, crystal, moved)


def check_permutation(predictor: PropertyPredictor, crystal: Crystal) -> None:
    """Atoms have no order."""
    order = np.random.default_rng(2).permutation(crystal.n_atoms)[::-1]
    swapped = crystal.taken(order)
    _assert_unchanged(predictor, crystal, swapped)


def check_cell_choice(predictor: PropertyPredictor, crystal: Crystal) -> None:
    """Skewed, left-handed and reduced cells describe the same crystal."""
    reduction = niggli_reduce(crystal.cell)[1]
    for matrix in (_SKEW, np.diag([-1, 1, 1]), reduction):
        other = crystal.replace(
            cell=matrix @ crystal.cell,
            fractional=crystal.fractional @ np.linalg.inv(matrix),
        )
        _assert_unchanged(predictor, crystal, other)


def check_supercell(predictor: PropertyPredictor, crystal: Crystal) -> None:
    """Two cells have the properties of one."""
    for size in ((1, 1, 2), (2, 1, 1)):
        double = make_supercell(crystal, size).crystal
        _assert_unchanged(predictor, crystal, double)


def check_padding_and_batch(predictor: PropertyPredictor, crystal: Crystal) -> None:
    """Empty nodes, slots and graphs change nothing, nor do other crystals beside."""
    other = crystal.strained(np.diag([0.02, 0.0, -0.01]))
    n_nodes = 3 * crystal.n_atoms
    both = _values(predictor, _graph(predictor, other, crystal, n_nodes=n_nodes))
    _assert_same(both[0], _result(predictor, other, crystal))
    _assert_same(both[1], _result(predictor, crystal, crystal))
    assert_allclose(both[2], 0)
    tight = _values(predictor, predictor.graph(crystal))
    _assert_same(both[1], tight[0])


def check_neighbors(predictor: PropertyPredictor, crystal: Crystal) -> None:
    """A graph of all neighbors gives what that of the needed ones gives."""
    graph = build_graph(
        crystal,
        predictor.model.cutoff,
        n_nodes=3 * crystal.n_atoms,
        dtype=predictor.dtype,
    )
    _assert_same(_values(predictor, graph)[0], _result(predictor, crystal, crystal))


def check_jit(predictor: PropertyPredictor, crystal: Crystal) -> None:
    """Compiled and uncompiled values agree."""
    graph = _graph(predictor, crystal, n_nodes=3 * crystal.n_atoms)
    with jax.disable_jit():
        plain = _stacked(predictor, graph)
    _assert_same(plain, _values(predictor, graph))


def check_precision(predictor: PropertyPredictor, crystal: Crystal) -> None:
    """float32 gives the float64 values to its round-off."""
    double = _result(predictor, crystal, crystal)
    single = _result(predictor.astype(jnp.float32), crystal, crystal)
    assert single.dtype == jnp.float32, "float32 was promoted on the way"
    # 1e-7 of round-off grows by the depth of the network and cancelling terms.
    _assert_same(single, double, 1e-4 * max(1.0, float(jnp.abs(double).max())))


def check_one_atom(predictor: PropertyPredictor, crystal: Crystal) -> None:
    """One atom in its own cell, and one without any neighbor, have finite values."""
    for cell in (crystal.cell, np.eye(3) * 3 * predictor.model.cutoff):
        atom = Crystal.create(crystal.numbers[:1], cell, fractional=[[0.3, -1.2, 0.9]])
        assert jnp.isfinite(_result(predictor, atom, crystal)).all()


def check_distances_matter(predictor: PropertyPredictor, crystal: Crystal) -> None:
    """Elements and distances both enter the values."""
    before = _result(predictor, crystal, crystal)
    swelled = crystal.strained(0.05 * np.eye(3))
    other = next(z for z in predictor.species if z != crystal.numbers[0])
    numbers = np.array(crystal.numbers)
    numbers[0] = other
    for variant in (swelled, crystal.replace(numbers=numbers)):
        change = jnp.abs(_result(predictor, variant, crystal) - before)
        assert float(change.max()) > 0, "the values ignore elements or distances"


def check_parameter_gradients(predictor: PropertyPredictor, crystal: Crystal) -> None:
    """Gradients of a loss with respect to every parameter are finite.

    An atom without neighbors and padding are in the graph.
    """
    lonely = Crystal.create(
        crystal.numbers[:1],
        np.eye(3) * 3 * predictor.model.cutoff,
        fractional=[[0] * 3],
    )
    graph = _graph(predictor, crystal, lonely, n_nodes=3 * crystal.n_atoms)

    def loss(p: PropertyPredictor) -> jax.Array:
        return jnp.sum(_stacked(p, graph) ** 2)

    gradients = jax.tree.leaves(jax.jit(jax.grad(loss))(predictor))
    assert all(bool(jnp.isfinite(g).all()) for g in gradients)
    assert any(float(jnp.abs(g).max()) > 0 for g in gradients), "values ignore them all"


def check_unknown_element(predictor: PropertyPredictor, crystal: Crystal) -> None:
    """An element that the model does not know is refused by name."""
    unknown = next(z for z in range(1, 119) if z not in predictor.species)
    foreign = crystal.replace(numbers=np.full(crystal.n_atoms, unknown))
    message = ""
    try:
        predictor(foreign)
    except ValueError as error:
        message = str(error)
    assert "knows" in message, f"an unknown element must be refused; said {message!r}"


def check_export(predictor: PropertyPredictor, crystal: Crystal) -> None:
    """The network lowers for TPU, CUDA and CPU without their hardware."""
    predictor = predictor.astype(jnp.float32)
    graph = _graph(predictor, crystal, n_nodes=3 * crystal.n_atoms)
    exported = jax.export.export(_values, platforms=["tpu", "cuda", "cpu"])(
        predictor, graph
    )
    assert set(exported.platforms) == {"tpu", "cuda", "cpu"}


PROPERTY_CHECKS: dict[str, Callable[[PropertyPredictor, Crystal], None]] = {
    name.removeprefix("check_"): check
    for name, check in list(globals().items())
    if name.startswith("check_")
}
"""Every check by name."""


def check_property_model(predictor: PropertyPredictor, crystal: Crystal) -> None:
    """Runs every check; raises AssertionError at the first that fails.

    Args:
        predictor: in float64, so that JAX's 64-bit mode must be on.
        crystal: with two or more atoms of known elements.

    Raises:
        ValueError: if the predictor is not in float64.
    """
    if predictor.dtype != jnp.float64:
        raise ValueError(
            f"the contract is checked in float64; received {predictor.dtype}: switch "
            "on jax_enable_x64 and use predictor.astype"
        )
    for check in PROPERTY_CHECKS.values():
        check(predictor, crystal)
