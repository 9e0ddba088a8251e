"""Samplers steered by a potential: towards low energy, and towards stable phonons.

When little noise is left, a crystal on its way is one that a potential can judge. After
each step of whatever process, atoms and cell move down the slope of

    U = w E − a min(λ, λ_0)

with the energy E and the lowest eigenvalue λ of the dynamical matrices at a few wave
vectors, exact from the primitive cell's graph (:mod:`matjax.force_constants.response`)
and differentiated by first-order perturbation theory, dλ = e† dD e.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from matjax.arrays import Array, Float, Leaf
from matjax.crystals.lattice import inverse, transform
from matjax.elements import MASSES
from matjax.force_constants import force_constants
from matjax.force_constants.columns import force_constant_columns
from matjax.generate.cells import log_stretch
from matjax.generate.processes import JointProcess, State, edgeless_graph
from matjax.generate.sampler import Sampler, Walk
from matjax.graphs import Graph, empty_neighbor_list, update_neighbor_list
from matjax.predictors import Potential, evaluate

ZONE_BOUNDARY = (
    *((0.5, 0.0, 0.0), (0.0, 0.5, 0.0), (0.0, 0.0, 0.5)),
    *((0.5, 0.5, 0.0), (0.5, 0.0, 0.5), (0.0, 0.5, 0.5), (0.5, 0.5, 0.5)),
)
"""Wave vectors at which every crystal has real dynamical matrices, but Γ, where the
lowest eigenvalue is that of a translation."""


REACH = (3, 3, 3)
"""Cells searched for neighbors along each cell vector."""


class Steering(struct.PyTreeNode):
    """What a potential does to samples on their way."""

    potential: Potential
    energy: Leaf | float = 1.0
    """w: 0 leaves the energy alone."""
    stability: Leaf | float = 0.0
    """a, Å²: energy that a larger eigenvalue is worth, eV for each eV/Å²; 0 computes
    none."""
    stiffness: Leaf | float = 0.0
    """λ_0 times the mean mass, eV/Å²: above it a crystal is stable enough."""
    size: Leaf | float = 0.02
    """Displacement of an atom for each unit of force, Å²/eV."""
    largest: Leaf | float = 0.05
    """Å, an atom's longest displacement in a step; the cell is strained as little."""
    start: float = struct.field(pytree_node=False, default=0.2)
    """Time from which on samples are steered, as it falls to 0."""
    degree: int = struct.field(pytree_node=False, default=96)
    """Edge slots of each atom at the potential's cutoff. Where they do not suffice, or
    a cell is thinner than a third of the cutoff, nothing is moved."""
    q: tuple[tuple[float, float, float], ...] = struct.field(
        pytree_node=False, default=ZONE_BOUNDARY
    )
    """Wave vectors, reciprocal lattice units."""
    stabilises: bool = struct.field(pytree_node=False, default=False)
    """Whether eigenvalues are computed; :meth:`create` sets it."""

    @classmethod
    def create(
        cls,
        potential: Potential,
        *,
        energy: float = 1.0,
        stability: float = 0.0,
        **settings: Any,
    ) -> Steering:
        """A steering, checked.

        Args:
            potential: of all elements that samples may have.
            energy: weight of the energy.
            stability: Å², worth of the lowest eigenvalue.
            settings: other fields.

        Raises:
            ValueError: if nothing is steered by, or a size is not positive.
        """
        made = cls(potential, energy, stability, stabilises=stability > 0, **settings)
        if energy < 0 or stability < 0 or not energy + stability > 0:
            raise ValueError(
                "samples are steered by energy, by stability or by both, with weights "
                f"of 0 or more; received energy={energy}, stability={stability}"
            )
        if not (made.size > 0 and made.largest > 0 and 0 < made.start <= 1):
            raise ValueError(
                "size and largest are positive and start is a time in (0, 1]; received "
                f"{made.size}, {made.largest}, {made.start}"
            )
        return made


class Slope(NamedTuple):
    """Down which atoms and cell move."""

    forces: Float[Array, "nodes 3"]
    """eV/Å."""
    strain: Float[Array, "3 3"]
    """−dU/dε, symmetric, eV."""


def steered(sampler: Sampler, process: JointProcess, steering: Steering) -> Sampler:
    """A sampler whose late states are moved down the slope after each step.

    Args:
        sampler: of any process.
        process: of the sampler; parts that it takes as given do not move.
        steering: by what, and how far.
    """

    def step(walk: Walk, now: Array, then: Array) -> Walk:
        walk = sampler.step(walk, now, then)
        state = jax.lax.cond(
            then <= steering.start,
            lambda state: moved(state, process, steering),
            lambda state: state,
            walk.state,
        )
        return walk.replace(state=state)

    return Sampler(sampler.init, step)


def moved(state: State, process: JointProcess, steering: Steering) -> State:
    """The state after one step down the slope; the same where there is none."""
    graph, usable = metric_graph(
        *(state, process), steering.potential.cutoff, steering.degree
    )
    graph = graph.replace(
        positions=graph.positions.astype(steering.potential.dtype),
        cell=graph.cell.astype(steering.potential.dtype),
    )
    slope = slope_of(graph, steering)
    cell = process.metric_cell(state)
    n_atoms = jnp.maximum(jnp.sum(state.mask), 1)
    length = jnp.cbrt(graph.volume[0] / n_atoms)
    steps = _shortened(steering.size * slope.forces, steering.largest)
    strain = steering.size * slope.strain / (n_atoms * jnp.square(length))
    strain = _shortened(strain.reshape(1, 9), steering.largest / length).reshape(3, 3)
    numbers = jnp.concatenate([steps.ravel(), strain.ravel()])
    usable &= jnp.isfinite(numbers).all()
    steps, strain = (jnp.where(usable, x, 0) for x in (steps, strain))
    new = state
    if process.fractional is not None:
        change = transform(steps.astype(cell.dtype), inverse(cell))
        places = jnp.where(state.mask[:, None], state.fractional + change, 0) % 1
        new = new.replace(fractional=places.astype(state.fractional.dtype))
    if process.cell is not None:
        deformation = jnp.eye(3, dtype=cell.dtype) + strain.astype(cell.dtype)
        deformed = jnp.matmul(cell, deformation, precision="highest")
        volume = (process.volume * n_atoms).astype(cell.dtype)
        values = log_stretch(deformed[None], volume[None]) / process.spread
        # To round-off the cell of a state that does not move is its own already.
        values = jnp.where(usable, values, state.cell)
        new = new.replace(cell=values.astype(state.cell.dtype))
    return new


def slope_of(graph: Graph, steering: Steering) -> Slope:
    """Forces and −dU/dε of the one crystal of a graph."""
    found = evaluate(steering.potential, graph)
    forces = steering.energy * found.forces
    strain = -steering.energy * found.stress[0] * graph.volume[0]
    if not steering.stabilises:
        return Slope(forces, strain)
    value, by_positions, by_strain = eigenvalue_slope(
        steering.potential, graph, jnp.asarray(steering.q, graph.positions.dtype)
    )
    worth = jnp.where(value < steering.stiffness, steering.stability, 0)
    return Slope(forces + worth * by_positions, strain + worth * by_strain)


def eigenvalue_slope(
    potential: Potential, graph: Graph, q: Float[Array, "q 3"]
) -> tuple[Float[Array, ""], Float[Array, "nodes 3"], Float[Array, "3 3"]]:
    """Lowest eigenvalue of D(q) times the mean mass, eV/Å², and its derivatives.

    Args:
        potential: any.
        graph: of one crystal.
        q: wave vectors, reciprocal lattice units.

    Returns:
        The eigenvalue, its derivatives by positions, eV/Å³, and by strain, eV/Å².
        Padding counts as atoms without forces: the value is 0 at most.
    """
    masses = jnp.asarray(MASSES, graph.positions.dtype)[graph.numbers]
    mean = jnp.sum(jnp.where(graph.node_mask, masses, 0)) / graph.n_atoms[0]
    roots = jnp.sqrt(jnp.where(graph.node_mask, masses / mean, 1))
    weights = jnp.repeat(roots, 3)
    found = jnp.asarray(force_constants(potential, graph, q))
    matrices = found / (weights[:, None] * weights)
    matrices = (matrices + matrices.conj().swapaxes(-1, -2)) / 2
    values, vectors = jnp.linalg.eigh(matrices)
    softest = jnp.argmin(values[:, 0])
    pattern = vectors[softest, :, 0].reshape(-1, 3) / roots[:, None]
    pattern = jax.lax.stop_gradient(pattern)

    def value(positions: Array, strain: Array) -> Array:
        symmetric = (strain + strain.swapaxes(-1, -2)) / 2
        deformed = graph.replace(positions=positions).strained(symmetric)
        column = force_constant_columns(
            *(potential, deformed, q[softest], pattern), alone=True
        )
        return jnp.sum(jnp.real(jnp.conj(pattern) * column))

    slopes = jax.grad(value, argnums=(0, 1))(
        graph.positions, jnp.zeros_like(graph.cell)
    )
    return values[softest, 0], slopes[0], slopes[1][0]


def metric_graph(
    state: State, process: JointProcess, cutoff: float, degree: int
) -> tuple[Graph, Array]:
    """The graph of a state as a potential takes it, and whether it is one.

    It is none where edges find no slot, or an element has not been chosen yet.
    """
    decoded = process.decode(state)
    n_nodes = len(state.mask)
    positions = transform(decoded.fractional, decoded.cell)
    edges = update_neighbor_list(
        empty_neighbor_list(n_nodes, cutoff, degree=degree, reach=REACH),
        *(positions, decoded.cell, state.mask),
    )
    known = decoded.numbers > 0
    numbers = jnp.where(known, decoded.numbers, process.species[0])
    graph = edgeless_graph(numbers, positions, decoded.cell, state.mask)
    usable = ~edges.overflow & (known | ~state.mask).all()
    return graph.with_neighbors(edges), usable


def _shortened(rows: Float[Array, "rows n"], longest: Any) -> Array:
    """Rows no longer than this."""
    lengths = jnp.linalg.norm(rows, axis=1, keepdims=True)
    return rows * jnp.minimum(1, longest / jnp.maximum(lengths, np.finfo(float).tiny))
