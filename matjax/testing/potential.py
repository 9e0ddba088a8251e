"""The contract of a potential, as checks that anyone can run on their own model.

Every check takes a potential in float64 and a small crystal, and raises AssertionError
where the physics is wrong. ``check_potential`` runs them all:

    potential = Potential.create(MyModel(species=(14,)))
    check_potential(potential, crystal)

Shapes are shared between checks, and compiled functions take potential and graph as
arguments, so that a network compiles only a few times.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from numpy.testing import assert_allclose

from matjax.arrays import Array
from matjax.crystals import Crystal, commensurate_q, make_supercell
from matjax.force_constants import force_constant_columns
from matjax.graphs import Graph, build_graph
from matjax.predictors import (
    Evaluation,
    Potential,
    PropertyPredictor,
    energy,
    evaluate,
    forces,
    hessian_product,
)

N_GRAPHS = 3
"""Graphs of nearly every evaluation, so that a batch compiles nothing anew."""

_evaluate = jax.jit(evaluate)
_hessian_product = jax.jit(hessian_product)
_columns = jax.jit(jax.vmap(force_constant_columns, (None, None, None, 0)))
_SKEW = np.array([[1, 2, 0], [0, 1, -3], [0, 0, 1]])


def _graph(potential: Potential, *crystals: Crystal, of: Crystal) -> Graph:
    """A graph whose shape is the same for all variants of a small crystal."""
    return build_graph(
        crystals,
        potential.cutoff,
        n_nodes=4 * _atoms(of),
        degree=128,
        n_graphs=N_GRAPHS,
        dtype=potential.dtype,
    )


def _atoms(crystal: Crystal) -> int:
    return 2 * -(-crystal.n_atoms // 2)


def _result(
    potential: Potential, crystal: Crystal, of: Crystal | None = None
) -> Evaluation:
    """Evaluation of a crystal alone, or of a variant ``of`` one of other atoms."""
    graph = _graph(potential, crystal, of=crystal if of is None else of)
    result = _evaluate(potential, graph)
    n = crystal.n_atoms
    assert_allclose(result.forces[n:], 0, err_msg="padding feels a force")
    return result.replace(
        forces=result.forces[:n], node_energies=result.node_energies[:n]
    )


def _assert_close(a: ArrayLike, b: ArrayLike, tolerance: float = 1e-9) -> None:
    """Equality to the round-off of float64 sums of some hundred terms, reordered."""
    assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def _assert_same(a: Evaluation, b: Evaluation, tolerance: float = 1e-9) -> None:
    _assert_close(a.energy[0], b.energy[0], tolerance)
    _assert_close(a.forces, b.forces, tolerance)
    _assert_close(a.stress[0], b.stress[0], tolerance)


def check_rotation(potential: Potential, crystal: Crystal) -> None:
    """Energy is unchanged, forces and stress turn with the crystal."""
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    _check_orthogonal(potential, crystal, rotation * np.linalg.det(rotation))


def check_reflection(potential: Potential, crystal: Crystal) -> None:
    """The same under a mirror, whose image has a cell of the other hand."""
    _check_orthogonal(potential, crystal, np.diag([-1.0, 1.0, 1.0]))


def _check_orthogonal(potential: Potential, crystal: Crystal, turn: np.ndarray) -> None:
    before = _result(potential, crystal)
    after = _result(potential, crystal.replace(cell=crystal.cell @ turn.T))
    expected = before.replace(
        forces=before.forces @ turn.T, stress=turn @ before.stress @ turn.T
    )
    _assert_same(after, expected)


def check_translation(potential: Potential, crystal: Crystal) -> None:
    """Moving all atoms changes nothing, nor does moving one by lattice vectors."""
    generator = np.random.default_rng(1)
    shift = generator.normal(size=3) + generator.integers(
        -3, 4, crystal.fractional.shape
    )
    moved = crystal.replace(fractional=crystal.fractional + shift)
    _assert_same(_result(potential, moved), _result(potential, crystal))


def check_permutation(potential: Potential, crystal: Crystal) -> None:
    """Atoms have no order."""
    order = np.arange(crystal.n_atoms)[::-1]
    swapped = crystal.taken(order)
    expected = _result(potential, crystal)
    expected = expected.replace(forces=expected.forces[order])
    _assert_same(_result(potential, swapped), expected)


def check_cell_choice(potential: Potential, crystal: Crystal) -> None:
    """A strongly skewed and a left-handed cell describe the same crystal."""
    expected = _result(potential, crystal)
    for matrix in (_SKEW, np.diag([-1, 1, 1])):
        other = crystal.replace(
            cell=matrix @ crystal.cell,
            fractional=crystal.fractional @ np.linalg.inv(matrix),
        )
        _assert_same(_result(potential, other), expected)


def check_supercell(potential: Potential, crystal: Crystal) -> None:
    """Two cells have twice the energy and the same stress."""
    single = _result(potential, crystal)
    cells = make_supercell(crystal, (1, 1, 2)).crystal
    double = _result(potential, cells, of=crystal)
    _assert_close(double.energy[0], 2 * single.energy[0])
    _assert_close(double.stress, single.stress)


def check_padding_and_batch(potential: Potential, crystal: Crystal) -> None:
    """Empty nodes, slots and graphs change nothing, nor do other crystals beside."""
    other = crystal.strained(np.diag([0.02, 0.0, -0.01]))
    n = crystal.n_atoms
    both = _evaluate(potential, _graph(potential, other, crystal, of=crystal))
    for i, c in enumerate((other, crystal)):
        alone = _result(potential, c)
        _assert_close(both.energy[i], alone.energy[0])
        _assert_close(both.stress[i], alone.stress[0])
        _assert_close(both.forces[i * n : (i + 1) * n], alone.forces)
    assert_allclose(both.energy[2], 0)
    assert_allclose(both.stress[2], 0)
    tight = _evaluate(potential, potential.graph(crystal, n_nodes=n))
    _assert_same(tight, _result(potential, crystal))


def check_jit(potential: Potential, crystal: Crystal) -> None:
    """Compiled and uncompiled energies agree."""
    graph = _graph(potential, crystal, of=crystal)
    with jax.disable_jit():
        plain = energy(potential, graph)
    _assert_close(plain, _evaluate(potential, graph).energy)


def check_precision(potential: Potential, crystal: Crystal) -> None:
    """float32 gives the float64 result to its round-off."""
    double = _result(potential, crystal)
    single = _result(potential.astype(jnp.float32), crystal)
    assert single.forces.dtype == jnp.float32, "float32 was promoted on the way"
    scale = max(1.0, float(jnp.abs(double.forces).max()))
    # 1e-7 of round-off grows by the depth of the network and cancelling terms.
    _assert_same(single, double, 1e-4 * scale)


def check_derivatives(potential: Potential, crystal: Crystal) -> None:
    """Forces and stress are the finite differences of the energy, cell included."""
    generator = np.random.default_rng(2)
    step = 1e-3
    result = _result(potential, crystal)

    direction = generator.normal(size=crystal.fractional.shape)
    slope = _slope(
        lambda s: crystal.replace(
            fractional=crystal.fractional + s * direction @ np.linalg.inv(crystal.cell)
        ),
        potential,
        step,
    )
    # Fourth-order differences: error h⁴ ∂⁵E/∂x⁵ / 30.
    scale = max(1.0, float(jnp.abs(result.forces).max()))
    assert_allclose(
        -np.vdot(result.forces, direction), slope, rtol=1e-6, atol=1e-7 * scale
    )

    strain = generator.normal(size=(3, 3))
    strain = (strain + strain.T) / 2
    slope = _slope(lambda s: crystal.strained(s * strain), potential, step / 3)
    work = np.vdot(result.stress[0], strain) * crystal.volume
    assert_allclose(work, slope, rtol=1e-6, atol=1e-6 * scale)


def _slope(
    displaced: Callable[[float], Crystal], potential: Potential, step: float
) -> float:
    """Fourth-order central difference of the energy along a path of crystals."""
    e = [_result(potential, displaced(k * step)).energy[0] for k in (-2, -1, 1, 2)]
    return float(e[0] - 8 * e[1] + 8 * e[2] - e[3]) / (12 * step)


def check_continuity(potential: Potential, crystal: Crystal) -> None:
    """Energy and forces have no step where a neighbor crosses the cutoff."""
    box = np.eye(3) * (4 * potential.cutoff)
    number = crystal.numbers[0]
    delta = 1e-5 * potential.cutoff

    def trimer(distance: float) -> Evaluation:
        positions = [[0, 0, 0], [0.45 * potential.cutoff, 0.3, 0], [0, 0, distance]]
        atoms = Crystal.create([number] * 3, box, positions=positions, pbc=False)
        return _result(potential, atoms, of=crystal)

    inside, outside = trimer(potential.cutoff - delta), trimer(potential.cutoff + delta)
    scale = max(1.0, float(jnp.abs(outside.forces).max()))
    # A continuous second derivative moves forces by less than its value times 2 delta.
    assert_allclose(
        inside.energy[0], outside.energy[0], atol=20 * delta * scale, rtol=0
    )
    assert_allclose(inside.forces, outside.forces, atol=20 * delta * scale, rtol=0)


def check_one_atom(potential: Potential, crystal: Crystal) -> None:
    """One atom in a cell smaller than the cutoff feels no force but a stress."""
    atom = Crystal.create(
        crystal.numbers[:1], crystal.cell * 0.8, fractional=[[0.3, -1.2, 0.9]]
    )
    result = _result(potential, atom, of=crystal)
    assert_allclose(result.forces, 0, atol=1e-9 * (1 + float(abs(result.energy[0]))))
    assert jnp.isfinite(result.stress).all()
    assert float(jnp.abs(result.stress[0]).max()) > 0, (
        "no interaction with the own images"
    )


def check_parameter_gradients(potential: Potential, crystal: Crystal) -> None:
    """Gradients of a force loss with respect to every parameter are finite."""
    graph = _graph(potential, crystal, of=crystal)

    @jax.jit
    @jax.grad
    def gradient(p: Potential, graph: Graph) -> jax.Array:
        return jnp.sum(forces(p, graph) ** 2)

    gradients = jax.tree.leaves(gradient(potential, graph))
    assert all(bool(jnp.isfinite(g).all()) for g in gradients)
    assert any(float(jnp.abs(g).max()) > 0 for g in gradients), "forces ignore them all"


def check_unknown_element(
    network: Potential | PropertyPredictor, crystal: Crystal
) -> None:
    """An element that the model does not know is refused by name."""
    unknown = next(z for z in range(1, 119) if z not in network.species)
    foreign = crystal.replace(numbers=np.full(crystal.n_atoms, unknown))
    message = ""
    try:
        network(foreign)
    except ValueError as error:
        message = str(error)
    assert "knows" in message, f"an unknown element must be refused; said {message!r}"


def check_force_constants(
    potential: Potential, crystal: Crystal, *, cells: Array | Sequence = (3, 2, 1)
) -> None:
    """Force constants at commensurate q equal the Hessian of the supercell.

    They are also Hermitian, conjugate at −q, and obey the acoustic sum rule.

    Args:
        potential: in float64.
        crystal: of a few atoms.
        cells: supercell, as :func:`matjax.crystals.make_supercell` takes it; a skewed
            one has q in general directions.
    """
    _check_force_constants(potential, crystal, potential, rtol=1e-9, cells=cells)


def check_force_constants_in_float32(potential: Potential, crystal: Crystal) -> None:
    """The same in single precision, to its round-off; the Hessian is in double."""
    single = potential.astype(jnp.float32)
    _check_force_constants(single, crystal, potential, rtol=1e-4)


def _check_force_constants(
    potential: Potential,
    crystal: Crystal,
    reference: Potential,
    *,
    rtol: float,
    cells: Array | Sequence = (3, 2, 1),
) -> None:
    n = crystal.n_atoms
    graph = potential.graph(crystal, n_nodes=n)
    unit = jnp.eye(3 * n, dtype=potential.dtype).reshape(3 * n, n, 3) + 0j
    points = commensurate_q(cells)  # Γ comes first
    large = make_supercell(crystal, cells)
    rows = _hessian_rows(reference, large.crystal)
    home = np.flatnonzero((large.translation == 0).all(axis=1))
    home = home[np.argsort(large.atom[home])]
    is_image = np.asarray(large.atom)[:, None] == np.arange(n)

    def constants(q: np.ndarray) -> np.ndarray:
        q = q.astype(potential.dtype)
        exact = _columns(potential, graph, q, unit)
        assert exact.real.dtype == potential.dtype, "the precision has changed"
        return np.asarray(exact).reshape(3 * n, 3 * n).T

    for q in np.asarray(points)[[-1, len(points) // 2, 0]]:
        exact = constants(q)
        phases = np.exp(2j * np.pi * large.translation @ q)
        # Rows of the home cell; columns summed over the cells.
        folded = np.einsum("iakb,k,kj->iajb", rows[home], phases, is_image)
        scale = np.abs(exact).max()
        tolerance = {"rtol": 0, "atol": rtol * scale}
        assert_allclose(exact, folded.reshape(3 * n, 3 * n), **tolerance)
        assert_allclose(exact, exact.conj().T, **tolerance)
        assert_allclose(constants(-q), exact.conj(), **tolerance)
    # The last q was Γ: a rigid shift of the crystal costs no force.
    assert_allclose(exact.reshape(n, 3, n, 3).sum(axis=2), 0, atol=rtol * scale)


def _hessian_rows(potential: Potential, crystal: Crystal) -> np.ndarray:
    """Hessian of a crystal by products with unit vectors, (atoms, 3, atoms, 3)."""
    n = crystal.n_atoms
    graph = potential.graph(crystal, n_nodes=n)
    unit = np.eye(3 * n, dtype=potential.dtype).reshape(3 * n, n, 3)
    columns = np.stack([_hessian_product(potential, graph, u) for u in unit])
    return np.moveaxis(columns.reshape(n, 3, n, 3), (0, 1), (2, 3))


def check_export(potential: Potential, crystal: Crystal) -> None:
    """The evaluation lowers for TPU, CUDA and CPU without their hardware."""
    potential = potential.astype(jnp.float32)
    graph = _graph(potential, crystal, of=crystal)
    exported = jax.export.export(_evaluate, platforms=["tpu", "cuda", "cpu"])(
        potential, graph
    )
    assert set(exported.platforms) == {"tpu", "cuda", "cpu"}


CHECKS: dict[str, Callable[[Potential, Crystal], None]] = {
    name.removeprefix("check_"): check
    for name, check in list(globals().items())
    if name.startswith("check_")
}
"""Every check by name."""


def check_potential(potential: Potential, crystal: Crystal) -> None:
    """Runs every check; raises AssertionError at the first that fails.

    Args:
        potential: in float64, so that JAX's 64-bit mode must be on.
        crystal: with two or more atoms in general positions, of known elements.

    Raises:
        ValueError: if the potential is not in float64.
    """
    run_checks(CHECKS, potential, crystal)


def run_checks(
    checks: Mapping[str, Callable[..., None]],
    network: Potential | PropertyPredictor,
    crystal: Crystal,
) -> None:
    """Runs the checks of a contract, one after the other, in float64."""
    if network.dtype != jnp.float64:
        raise ValueError(
            f"the contract is checked in float64; received {network.dtype}: switch "
            f"on jax_enable_x64 and use {network.NOUN}.astype"
        )
    for check in checks.values():
        check(network, crystal)
