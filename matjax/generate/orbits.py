"""States of crystals on Wyckoff positions, and samplers that stay there.

A space group is kept as Jiao et al., ICLR 2024 (arXiv 2402.03992, DiffCSP++), keep it:
noise and scores act on what the group leaves free of the cell and of one atom of each
Wyckoff position. Whatever a network says, every state has the symmetry.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from matjax.arrays import Array, Float, Leaf
from matjax.crystals.wyckoff import Position, PrimitiveGroup
from matjax.elements import symbols
from matjax.generate.cells import log_stretch, stretched
from matjax.generate.processes import JointProcess, Parts, State
from matjax.generate.sampler import Denoise, Sampler, Walk


class Orbits(struct.PyTreeNode):
    """Atoms of a crystal on positions of a space group; padding stands for itself."""

    first: Leaf
    """Atom that each follows, (nodes,)."""
    rotations: Leaf
    """R of each atom's coordinates R f_first + t, (nodes, 3, 3)."""
    translations: Leaf
    """t, (nodes, 3)."""
    permutation: Leaf
    """Atom onto which each operation carries each atom, (operations, nodes)."""
    inverses: Leaf
    """W⁻¹ of each operation in fractional coordinates, (operations, 3, 3)."""


def on_sites(process: JointProcess, orbits: Orbits, state: State) -> State:
    """The state of the first atoms' values, with the symmetry of the group."""
    first, dtype = orbits.first, state.fractional.dtype
    rotations = orbits.rotations.astype(dtype)
    moved = jnp.einsum(
        *("nij,nj->ni", rotations, state.fractional[first]), precision="highest"
    )
    return state.replace(
        fractional=(moved + orbits.translations.astype(dtype)) % 1,
        cell=_symmetric_stretch(process, orbits.inverses, state.cell),
        elements=state.elements[first],
    )


def symmetric(denoise: Denoise, process: JointProcess, orbits: Orbits) -> Denoise:
    """A denoiser of symmetric states, whose outputs are averages over the group."""

    def average(outputs: Array) -> Array:
        return outputs[orbits.permutation].mean(axis=0)

    def denoise_symmetric(state: State, times: Float[Array, "parts"]) -> Parts:
        outputs = denoise(on_sites(process, orbits, state), times)
        moved = outputs.fractional[orbits.permutation]
        inverses = orbits.inverses.astype(moved.dtype)
        vectors = jnp.einsum("kni,kji->knj", moved, inverses, precision="highest")
        return outputs._replace(
            fractional=vectors.mean(axis=0), elements=average(outputs.elements)
        )

    return denoise_symmetric


def constrained(sampler: Sampler, process: JointProcess, orbits: Orbits) -> Sampler:
    """A sampler all of whose states have the symmetry of the group."""

    def projected(walk: Walk) -> Walk:
        return walk.replace(state=on_sites(process, orbits, walk.state))

    return Sampler(
        init=lambda key, given: projected(sampler.init(key, given)),
        step=lambda walk, now, then: projected(sampler.step(walk, now, then)),
    )


def _symmetric_stretch(
    process: JointProcess, operations: Array, values: Array
) -> Array:
    """The logarithmic stretch averaged over the group.

    The metric is G = S exp(l) S, with S² = mean Wᵀ W. In that frame operations
    S W S⁻¹ are orthogonal, so that the average of l is symmetric and has its volume.
    """
    unit = jnp.ones(1, values.dtype)
    w = operations.astype(values.dtype)
    with jax.default_matmul_precision("highest"):
        s, s_inverse = _powers(jnp.einsum("kji,kjl->il", w, w) / len(w))
        cell = stretched(process.spread * values, unit)[0]
        whitened = s_inverse @ cell @ cell.T @ s_inverse
        eigenvalues, vectors = jnp.linalg.eigh(whitened)
        logs = (vectors * jnp.log(eigenvalues) / 2) @ vectors.T
        turned = s @ w @ s_inverse
        average = jnp.mean(turned.swapaxes(1, 2) @ logs @ turned, axis=0)
        eigenvalues, vectors = jnp.linalg.eigh(average)
        half = (vectors * jnp.exp(eigenvalues)) @ vectors.T
        symmetric_cell = (s @ half)[None]
    return log_stretch(symmetric_cell, unit) / process.spread


def _powers(square: Array) -> tuple[Array, Array]:
    """The root of a positive matrix, and the inverse of that."""
    eigenvalues, vectors = jnp.linalg.eigh(square)
    roots = jnp.sqrt(eigenvalues)
    return (vectors * roots) @ vectors.T, (vectors / roots) @ vectors.T


def choose_positions(
    composition: np.ndarray, group: PrimitiveGroup, rng: np.random.Generator
) -> list[Position]:
    """Wyckoff positions for the atoms of a cell in their order, drawn at random.

    Args:
        composition: atomic numbers in ascending order, (atoms,).
        group: space group.
        rng: that draws.

    Raises:
        ValueError: if no positions have these numbers of atoms.
    """
    kinds, counts = np.unique(composition, return_counts=True)
    kinds_of = tuple((p.multiplicity, p.freedom > 0) for p in group.positions)
    state = (0, 0, tuple(counts.tolist()))
    if not _ways(kinds_of, *state):
        atoms = ", ".join(
            f"{n} {symbols((int(k),))[0]}" if k else f"{n} of one kind"
            for k, n in zip(kinds, counts, strict=True)
        )
        free = sorted({m for m, is_free in kinds_of if is_free})
        fixed = [m for m, is_free in kinds_of if not is_free]
        raise ValueError(
            f"{group.symbol} ({group.number}) has no positions for {atoms} in a "
            f"primitive cell: it has positions of {_listed(fixed)} atoms, each taken "
            f"once, and of {_listed(free)} atoms, taken any number of times; "
            "take another group or n_formula"
        )
    taken: list[list[Position]] = [[] for _ in counts]
    while state[0] < len(kinds_of):
        moves = _moves(kinds_of, *state)
        ways = np.array([_ways(kinds_of, *move) for move, _ in moves], float)
        move, kind = moves[rng.choice(len(moves), p=ways / ways.sum())]
        if kind is not None:
            taken[kind].append(group.positions[state[0]])
        state = move
    return [position for positions in taken for position in positions]


Left = tuple[int, int, tuple[int, ...]]
"""A position, the first kind of atoms that it may hold, and how many are left."""


def _moves(
    positions: tuple[tuple[int, bool], ...], k: int, kind: int, left: tuple[int, ...]
) -> list[tuple[Left, int | None]]:
    """What may follow: the next position, or one of a kind not before this on this."""
    multiplicity, is_free = positions[k]
    moves: list[tuple[Left, int | None]] = [((k + 1, 0, left), None)]
    for i in range(kind, len(left)):
        if left[i] >= multiplicity:
            fewer = (*left[:i], left[i] - multiplicity, *left[i + 1 :])
            moves.append(((k, i, fewer) if is_free else (k + 1, 0, fewer), i))
    return moves


@cache
def _ways(
    positions: tuple[tuple[int, bool], ...], k: int, kind: int, left: tuple[int, ...]
) -> int:
    """In how many ways positions from the k-th on hold the atoms that are left."""
    if k == len(positions):
        return int(not any(left))
    moves = _moves(positions, k, kind, left)
    return sum(_ways(positions, *move) for move, _ in moves)


def orbits_of(
    group: PrimitiveGroup, positions: Sequence[Position], n_nodes: int
) -> Orbits:
    """Atoms on positions one after the other, as a sampler needs them."""
    n_operations = len(group.rotations)
    first = np.arange(n_nodes)
    rotations = np.tile(np.eye(3), (n_nodes, 1, 1))
    translations = np.zeros((n_nodes, 3))
    permutation = np.tile(first, (n_operations, 1))
    start = 0
    for position in positions:
        atoms = slice(start, start + position.multiplicity)
        first[atoms] = start
        rotations[atoms] = position.rotations
        translations[atoms] = position.translations
        permutation[:, atoms] = start + position.permutation
        start += position.multiplicity
    inverses = np.rint(np.linalg.inv(group.rotations))
    return Orbits(first, rotations, translations, permutation, inverses)


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers)) or "no"
