"""The contract of a property network, as checks that anyone can run on their own.

Beside :mod:`matjax.testing.potential`, the contract of a potential. Every check takes a
predictor in float64 and a small crystal, and raises AssertionError where the physics is
wrong. ``check_property_model`` runs them all:

    predictor = PropertyPredictor.create(MyModel(...), ["eV/atom"])
    check_property_model(predictor, crystal)

A crystal of high symmetry is the harder case for networks that keep some neighbors
only: its atoms have many at one distance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np
from numpy.testing import assert_allclose

from matjax.arrays import Array
from matjax.crystals import Crystal, make_supercell, niggli_reduce
from matjax.graphs import Graph, build_graph
from matjax.predictors import PropertyPredictor
from matjax.testing.potential import check_unknown_element as check_unknown_element
from matjax.testing.potential import run_checks

DEGREE = 128
"""Edge slots of each node: one shape for all variants of a crystal, and few compiles.
A network of few neighbors leaves most of them empty."""


def _outputs_of(predictor: PropertyPredictor, graph: Graph) -> dict[str, Array]:
    """All properties by name, (graphs, ...) or (nodes, ...)."""
    return predictor.outputs(graph)


_values = jax.jit(_outputs_of)


@jax.jit
@jax.grad
def _gradient(predictor: PropertyPredictor, graph: Graph) -> Array:
    """Gradient of a loss with respect to the parameters."""
    outputs = predictor.outputs(graph)
    return jnp.sum(jnp.stack([jnp.sum(x**2) for x in outputs.values()]))


_SKEW = np.array([[1, 2, 0], [0, 1, -3], [0, 0, 1]])


def _graph(predictor: PropertyPredictor, *crystals: Crystal, n_nodes: int) -> Graph:
    return predictor.graph(crystals, n_nodes=n_nodes, degree=DEGREE, n_graphs=3)


def _taken(
    predictor: PropertyPredictor, values: dict[str, Array], graph: int, atoms: slice
) -> dict[str, np.ndarray]:
    """Values of one crystal of a batch."""
    return {
        x.name: np.asarray(values[x.name][atoms if x.of_atoms else graph])
        for x in predictor.labels
    }


def _result(
    predictor: PropertyPredictor, crystal: Crystal, of: Crystal
) -> dict[str, np.ndarray]:
    """Values of a variant of a crystal, which has up to twice its atoms."""
    n = crystal.n_atoms
    values = _values(predictor, _graph(predictor, crystal, n_nodes=3 * of.n_atoms))
    for label in predictor.labels:
        padding = values[label.name][n if label.of_atoms else 1 :]
        assert_allclose(padding, 0, err_msg=f"padding has a value of {label.name}")
    return _taken(predictor, values, 0, slice(n))


def _assert_same(
    a: Mapping[str, Array],
    b: Mapping[str, Array],
    tolerance: float = 1e-9,
    *,
    rule: str,
) -> None:
    """Equality to the round-off of float64 sums of some hundred terms, reordered."""
    for name, values in a.items():
        told = f"{name}: {rule}"
        assert_allclose(values, b[name], rtol=tolerance, atol=tolerance, err_msg=told)


def _turned(tensors: np.ndarray, shape: tuple[int, ...], turn: np.ndarray) -> Array:
    """Tensors (..., *shape) in a frame that a matrix has turned: all axes of three."""
    for axis in range(tensors.ndim - len(shape), tensors.ndim):
        if tensors.shape[axis] != 3:
            continue
        tensors = np.moveaxis(np.tensordot(tensors, turn, (axis, 1)), -1, axis)
    return tensors


def _assert_unchanged(
    predictor: PropertyPredictor,
    crystal: Crystal,
    variant: Crystal,
    *,
    rule: str,
    rows: Array | None = None,
    turn: np.ndarray | None = None,
    n_cells: int = 1,
) -> None:
    """Properties of a variant are those of the crystal.

    Args:
        predictor: of the properties.
        crystal: as it was.
        variant: with up to twice its atoms.
        rule: what has been broken if they are not, for the error.
        rows: atom of the crystal that each atom of the variant is; by default the same.
        turn: matrix that turns positions of the crystal into those of the variant.
        n_cells: cells of the crystal in that of the variant.
    """
    expected = _result(predictor, crystal, crystal)
    for label in predictor.labels:
        values = np.asarray(expected[label.name])
        if label.of_atoms and rows is not None:
            values = values[rows]
        if not label.intensive:
            values = np.asarray(n_cells * values)
        if turn is not None and label.per != "spectrum":
            values = _turned(values, label.shape, turn)
        expected[label.name] = np.asarray(values)
    _assert_same(_result(predictor, variant, crystal), expected, rule=rule)


def check_rotation(predictor: PropertyPredictor, crystal: Crystal) -> None:
    """Numbers are unchanged under rotations and mirrors, tensors turn with them.

    Axes of three in the shape of a label are taken for Cartesian ones.
    """
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    rule = "numbers stay and tensors turn in a turned or mirrored crystal"
    for matrix in (turn, -turn):
        turned = crystal.replace(cell=crystal.cell @ matrix.T)
        _assert_unchanged(predictor, crystal, turned, turn=matrix, rule=rule)


def check_translation(predictor: PropertyPredictor, crystal: Crystal) -> None:
    """Moving all atoms changes nothing, nor does moving one by lattice vectors."""
    generator = np.random.default_rng(1)
    shift = generator.normal(size=3) + generator.integers(
        -3, 4, crystal.fractional.shape
    )
    moved = crystal.replace(fractional=crystal.fractional + shift)
    _assert_unchanged(
        predictor,
        crystal,
        moved,
        rule="moved atoms, or atoms moved by lattice vectors, change nothing",
    )


def check_permutation(predictor: PropertyPredictor, crystal: Crystal) -> None:
    """Atoms have no order."""
    order = np.random.default_rng(2).permutation(crystal.n_atoms)[::-1]
    swapped = crystal.taken(order)
    _assert_unchanged(
        predictor, crystal, swapped, rows=order, rule="the order of atoms matters not"
    )


def check_cell_choice(predictor: PropertyPredictor, crystal: Crystal) -> None:
    """Skewed, left-handed and reduced cells describe the same crystal."""
    reduction = niggli_reduce(crystal.cell)[1]
    for matrix in (_SKEW, np.diag([-1, 1, 1]), reduction):
        other = crystal.replace(
            cell=matrix @ crystal.cell,
            fractional=crystal.fractional @ np.linalg.inv(matrix),
        )
        _assert_unchanged(
            predictor, crystal, other, rule="the choice of cell changes nothing"
        )


def check_supercell(predictor: PropertyPredictor, crystal: Crystal) -> None:
    """Two cells have the properties of one, and twice its totals."""
    for size in ((1, 1, 2), (2, 1, 1)):
        double = make_supercell(crystal, size)
        _assert_unchanged(
            predictor,
            crystal,
            double.crystal,
            rows=double.atom,
            n_cells=2,
            rule="a property of the crystal is a mean over its atoms, the same in a "
            "supercell; a total is of the cell, and its label says so",
        )


def check_padding_and_batch(predictor: PropertyPredictor, crystal: Crystal) -> None:
    """Empty nodes, slots and graphs change nothing, nor do other crystals beside."""
    other = crystal.strained(np.diag([0.02, 0.0, -0.01]))
    n_nodes = 3 * crystal.n_atoms
    n = crystal.n_atoms
    both = _values(predictor, _graph(predictor, other, crystal, n_nodes=n_nodes))
    second = _taken(predictor, both, 1, slice(n, 2 * n))
    first = _taken(predictor, both, 0, slice(n))
    rule = "other crystals of a batch and padding change nothing"
    _assert_same(first, _result(predictor, other, crystal), rule=rule)
    _assert_same(second, _result(predictor, crystal, crystal), rule=rule)
    tight = _values(predictor, predictor.graph(crystal))
    _assert_same(second, _taken(predictor, tight, 0, slice(n)), rule=rule)


def check_neighbors(predictor: PropertyPredictor, crystal: Crystal) -> None:
    """A graph of all neighbors gives what that of the needed ones gives."""
    graph = build_graph(
        crystal,
        predictor.model.cutoff,
        n_nodes=3 * crystal.n_atoms,
        dtype=predictor.dtype,
    )
    values = _taken(predictor, _values(predictor, graph), 0, slice(crystal.n_atoms))
    rule = "neighbors that are not needed change nothing"
    _assert_same(values, _result(predictor, crystal, crystal), rule=rule)


def check_jit(predictor: PropertyPredictor, crystal: Crystal) -> None:
    """Compiled and uncompiled values agree."""
    graph = _graph(predictor, crystal, n_nodes=3 * crystal.n_atoms)
    with jax.disable_jit():
        plain = predictor.outputs(graph)
    compiled = _values(predictor, graph)
    _assert_same(plain, compiled, rule="compiled values are those that are not")


def check_precision(predictor: PropertyPredictor, crystal: Crystal) -> None:
    """float32 gives the float64 values to its round-off."""
    double = _result(predictor, crystal, crystal)
    single = _result(predictor.astype(jnp.float32), crystal, crystal)
    for name, values in single.items():
        assert values.dtype == np.float32, f"{name}: float32 was promoted on the way"
    largest = max(float(np.abs(values).max()) for values in double.values())
    # 1e-7 of round-off grows by the depth of the network and cancelling terms.
    rule = "float32 gives the same to its round-off"
    _assert_same(single, double, 1e-4 * max(1.0, largest), rule=rule)


def check_one_atom(predictor: PropertyPredictor, crystal: Crystal) -> None:
    """One atom in its own cell, and one without any neighbor, have finite values."""
    for cell in (crystal.cell, np.eye(3) * 3 * predictor.model.cutoff):
        atom = Crystal.create(crystal.numbers[:1], cell, fractional=[[0.3, -1.2, 0.9]])
        for name, values in _result(predictor, atom, crystal).items():
            assert np.isfinite(values).all(), name


def check_distances_matter(predictor: PropertyPredictor, crystal: Crystal) -> None:
    """Elements and distances both enter the values."""
    before = _result(predictor, crystal, crystal)
    swelled = crystal.strained(0.05 * np.eye(3))
    other = next(z for z in predictor.species if z != crystal.numbers[0])
    numbers = np.array(crystal.numbers)
    numbers[0] = other
    for variant in (swelled, crystal.replace(numbers=numbers)):
        after = _result(predictor, variant, crystal)
        change = max(float(np.abs(after[name] - x).max()) for name, x in before.items())
        assert change > 0, "the values ignore elements or distances"


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

    gradients = jax.tree.leaves(_gradient(predictor, graph))
    assert all(bool(jnp.isfinite(g).all()) for g in gradients)
    assert any(float(jnp.abs(g).max()) > 0 for g in gradients), "values ignore them all"


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
    run_checks(PROPERTY_CHECKS, predictor, crystal)
