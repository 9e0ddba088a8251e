"""The enthalpy of a crystal as a function of one array of coordinates.

The coordinates have one row for each node and three for the cell. Rows of nodes are
displacements u in the reference cell C₀, rows of the cell a symmetric strain ε times
κ = √N (V/N)^(1/3), which makes the cell about as stiff as an atom (ASE's cell filters
do the same with other factors):

    cell = C₀ (1 + ε)        positions = (x₀ + u)(1 + ε)

A symmetric strain does not rotate the cell, and an atom with u = 0 keeps its fractional
coordinates. So does a coordinate along a cell vector where u lies in the span of the
others: that is how atoms are fixed, and how single directions of theirs are.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jax import custom_batching

from matjax.arrays import Array, Float, Leaf
from matjax.crystals import (
    Crystal,
    Symmetry,
    symmetrize_tensor,
    symmetrize_vectors,
)
from matjax.graphs import Graph, NeighborList, update_neighbor_list
from matjax.predictors import Evaluation, Potential, evaluate


class Point(struct.PyTreeNode):
    """A place of the landscape with everything known about it."""

    coordinates: Leaf
    """(nodes + 3, 3), Å."""
    gradient: Leaf
    """Derivative of the enthalpy by the coordinates, (nodes + 3, 3), eV/Å."""
    enthalpy: Leaf
    """Energy plus pressure times volume, (), eV."""
    energy: Leaf
    """(), eV."""
    forces: Leaf
    """(nodes, 3), eV/Å."""
    stress: Leaf
    """(3, 3), eV/Å³, tension positive."""
    max_force: Leaf
    """Largest force on an atom that may move, (), eV/Å."""
    max_stress: Leaf
    """Largest component of stress plus pressure that strains the cell, (), eV/Å³."""
    overflow: Leaf
    """Whether the neighbor list was too small here, ()."""

    @property
    def finite(self) -> Array:
        """Whether enthalpy and gradient are numbers, ()."""
        return jnp.isfinite(self.enthalpy) & jnp.isfinite(self.gradient).all()


class Landscape(struct.PyTreeNode):
    """A potential, the crystal it acts on, and what of it may move."""

    potential: Any
    """A :class:`matjax.predictors.Potential`; None in the rows of a batch, which share
    one."""
    graph: Graph
    """The reference crystal."""
    neighbor_list: NeighborList
    symmetry: Symmetry | None
    """Operations on whose invariants forces and stress are projected."""
    free: Leaf
    """Projectors on the displacements that each node may make, (nodes, 3, 3)."""
    span: Leaf
    """Projector on the directions that may be strained, (3, 3); 0 for a fixed cell."""
    pressure: Leaf
    """(), eV/Å³."""

    @property
    def kappa(self) -> Float[Array, ""]:
        """Length that turns a strain into coordinates, Å."""
        n_atoms = jnp.sum(self.graph.node_mask)
        return jnp.sqrt(n_atoms) * jnp.cbrt(self.graph.volume[0] / n_atoms)

    @property
    def noise(self) -> float:
        """Relative rounding error of an energy, with a margin for sums."""
        return 64 * float(jnp.finfo(self.potential.dtype).eps)

    def start(self) -> Point:
        """The reference crystal before its first evaluation: no slope, infinitely high.

        A method's first step evaluates and accepts it where it is, so that the network
        is compiled once, inside the loop.
        """
        coordinates = jnp.zeros((self.graph.n_nodes + 3, 3), self.graph.cell.dtype)
        high = jnp.asarray(jnp.inf, coordinates.dtype)
        return Point(
            coordinates=coordinates,
            gradient=coordinates,
            enthalpy=high,
            energy=high,
            forces=coordinates[:-3],
            stress=coordinates[-3:],
            max_force=high,
            max_stress=high,
            overflow=jnp.asarray(False),
        )

    def place(
        self, coordinates: Float[Array, "rows 3"]
    ) -> tuple[Float[Array, "nodes 3"], Float[Array, "3 3"]]:
        """Positions and cell at some coordinates, Å."""
        d = self._deformation(coordinates)
        positions = self.graph.positions + coordinates[:-3]
        return _product(positions, d), _product(self.graph.cell[0], d)

    def length(self, step: Float[Array, "rows 3"]) -> Float[Array, ""]:
        """Longest way that a step takes an atom, or an atom's share of the cell, Å."""
        rows = jnp.linalg.norm(step, axis=1)
        share = rows[-3:].max() / jnp.sqrt(jnp.sum(self.graph.node_mask))
        return jnp.maximum(rows[:-3].max(), share)

    def evaluate(self, coordinates: Float[Array, "rows 3"]) -> Point:
        """The point at some coordinates; its neighbors are searched anew."""
        dtype = coordinates.dtype
        positions, cell = self.place(coordinates)
        neighbor_list = update_neighbor_list(
            self.neighbor_list, positions, cell, self.graph.node_mask
        )
        graph = self.graph.replace(positions=positions, cell=cell[None])
        graph = graph.with_neighbors(neighbor_list)
        result = evaluate_row(self.potential, graph.astype(self.potential.dtype))
        result = jax.tree.map(lambda leaf: leaf.astype(dtype), result)

        forces = result.forces
        stress = result.stress[0] + self.pressure * jnp.eye(3, dtype=dtype)
        if self.symmetry is not None:
            forces = symmetrize_vectors(self.symmetry, cell, forces)
            stress = symmetrize_tensor(self.symmetry, cell, stress)
        volume = graph.volume[0]
        d = self._deformation(coordinates)
        slopes = jnp.einsum(
            "ni,nij->nj", _product(forces, d.T), self.free, precision="highest"
        )
        # Whole atoms have the forces themselves, others what drives them.
        forces = _product(slopes, jnp.linalg.inv(d).T)
        # A change δε of the strain deforms the present cell by (1 + ε)⁻¹ δε.
        strain_gradient = volume * _product(jnp.linalg.inv(d).T, stress)
        strain_gradient = (strain_gradient + strain_gradient.T) / 2
        gradient = jnp.concatenate(
            [-slopes, self._inside(strain_gradient) / self.kappa]
        )
        return Point(
            coordinates=coordinates,
            gradient=gradient,
            enthalpy=result.energy[0] + self.pressure * volume,
            energy=result.energy[0],
            forces=result.forces,
            stress=result.stress[0],
            max_force=jnp.linalg.norm(forces, axis=1).max(),
            max_stress=jnp.abs(self._inside(stress)).max(),
            overflow=neighbor_list.overflow,
        )

    def _deformation(self, coordinates: Array) -> Array:
        return jnp.eye(3, dtype=coordinates.dtype) + coordinates[-3:] / self.kappa

    def _inside(self, tensor: Array) -> Array:
        return _product(_product(self.span, tensor), self.span)


@custom_batching.custom_vmap
def evaluate_row(potential: Potential, graph: Graph) -> Evaluation:
    """Energy, forces and stress of a graph of one crystal, of many under ``jax.vmap``.

    Many graphs are then laid side by side as one: networks are half as fast again as
    with a leading axis on all that they compute.
    """
    return evaluate(potential, graph)


@evaluate_row.def_vmap
def _evaluate_rows(
    axis_size: int, in_batched: list, potential: Potential, graph: Graph
) -> tuple[Evaluation, Evaluation]:
    potential_batched, graph_batched = in_batched
    if any(jax.tree.leaves(potential_batched)):
        raise ValueError(
            "rows of a batch share one potential; received one with a leading axis: "
            "map over landscapes that have none, and give each the same"
        )
    n = graph.numbers.shape[-1]
    whole = jax.tree.map(
        lambda leaf, batched: leaf if batched else jnp.stack([leaf] * axis_size),
        graph,
        graph_batched,
    )
    row = jnp.arange(axis_size, dtype=jnp.int32)
    joined = whole.replace(
        numbers=whole.numbers.reshape(-1),
        positions=whole.positions.reshape(-1, 3),
        cell=whole.cell.reshape(-1, 3, 3),
        senders=(whole.senders + n * row[:, None]).reshape(-1),
        shifts=whole.shifts.reshape(-1, 3),
        edge_mask=whole.edge_mask.reshape(-1),
        node_mask=whole.node_mask.reshape(-1),
        graph_mask=whole.graph_mask.reshape(-1),
        node_graph=jnp.repeat(row, n),
    )
    result = evaluate(potential, joined)
    found = Evaluation(
        energy=result.energy[:, None],
        node_energies=result.node_energies.reshape(axis_size, n),
        forces=result.forces.reshape(axis_size, n, 3),
        stress=result.stress[:, None],
    )
    return found, jax.tree.map(lambda _: True, found)


def moving_parts(
    crystal: Crystal, symmetry: Symmetry | None, *, cell: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Projectors on what atoms may move, (atoms, 3, 3), and on what may be strained.

    Args:
        crystal: whose fixed atoms stay.
        symmetry: that is to be kept.
        cell: whether the cell relaxes, in its periodic directions.

    Raises:
        ValueError: if equivalent atoms are not fixed alike.
    """
    free = _free_displacements(crystal)
    if symmetry is not None:
        _require_symmetric(free, crystal, symmetry)
    rows = np.asarray(crystal.cell)[list(crystal.pbc)] if cell else np.zeros((0, 3))
    return free, np.asarray(np.linalg.pinv(rows) @ rows)


def _free_displacements(crystal: Crystal) -> np.ndarray:
    """Projectors on the span of the cell vectors along which atoms may move."""
    if crystal.fixed is None:
        return np.tile(np.eye(3), (crystal.n_atoms, 1, 1))
    fixed = np.asarray(crystal.fixed).reshape(crystal.n_atoms, -1)
    free = ~np.broadcast_to(fixed, (crystal.n_atoms, 3))
    spans = free[:, :, None] * np.asarray(crystal.cell, np.float64)
    projectors = np.linalg.pinv(spans) @ spans
    return np.where(np.asarray(free.all(axis=1))[:, None, None], np.eye(3), projectors)


def _require_symmetric(free: np.ndarray, crystal: Crystal, symmetry: Symmetry) -> None:
    cell = np.asarray(crystal.cell, np.float64).T
    rotations = np.asarray(symmetry.rotations)
    turns = np.asarray(cell @ rotations @ np.linalg.inv(cell))[:, None]
    images = np.asarray(turns @ free @ turns.swapaxes(-1, -2))
    apart = images - free[np.asarray(symmetry.permutation)]
    if np.abs(apart).max() > 1e-6:  # projectors of exact cells agree to 1e-15
        raise ValueError(
            "with symmetry=True equivalent atoms must be fixed together, and along "
            "equivalent directions; received fixed atoms "
            f"{[i for i, p in enumerate(free) if np.trace(p) < 2.5]}, which "
            f"the group {symmetry.symbol} does not keep"
        )


def _product(a: Array, b: Array) -> Array:
    # TPUs and GPUs would round coordinates to 8–11 bits.
    return jnp.matmul(a, b, precision="highest")
