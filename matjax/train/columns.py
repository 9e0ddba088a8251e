"""Columns of force constants as labels, at random q on the primitive cell.

Phonon fine-tuning (Koker et al., arXiv 2601.07742) takes columns of a supercell's
Hessian. A column Φ(q) u at any q costs about four gradients of the primitive cell
instead (:mod:`matjax.phonons.response`). Displacements of one atom along one axis make
the mean of |δΦ u|² that of the elements of δΦ.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from matjax.crystals import Crystal, Graph, build_graph, neighbors
from matjax.phonons import ForceConstants, Response
from matjax.train.graphs import Batch, Shape

DEGREES = 8
"""Numbers of edge slots of a node are multiples of it, so that other choices of
crystals find the same compiled functions."""


@dataclass(frozen=True)
class ColumnExample:
    """A crystal with columns of its force constants, and labels of a potential."""

    crystal: Crystal
    q: np.ndarray
    """(columns, 3), reciprocal lattice units."""
    displacements: np.ndarray
    """u, (columns, 2, atoms, 3), real and imaginary parts, of unit length."""
    columns: np.ndarray
    """Φ(q) u, likewise, eV/Å²."""
    labels: Mapping[str, np.ndarray | float]
    """``energy``, ``forces``, ``stress`` as in :class:`matjax.train.Example`."""
    source: str
    """Name of the crystal, for errors."""


class ColumnBatch(Batch):
    """Crystals, one in each part, with columns at their own q."""

    inputs: Any
    """``q`` (columns, 3) and ``displacements`` (columns, 2, nodes, 3)."""


def random_columns(
    source: ForceConstants,
    n_atoms: int,
    count: int,
    rng: np.random.Generator,
    *,
    at_gamma: bool = False,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Random q, displacements of one atom along one axis, and what a source answers.

    The source is a potential's response or interpolated force constants of DFT. All
    columns of as few q as will do are taken, for they cost little more than one.

    Args:
        source: of a crystal's force constants.
        n_atoms: of that crystal.
        count: number of columns.
        rng: chooses q and displacements.
        at_gamma: whether q is zero, as columns of a supercell's Hessian have it.

    Returns:
        q, displacements and columns as :class:`ColumnExample` has them.

    Raises:
        ValueError: if more columns at q = 0 are wanted than there are.
    """
    n = 3 * n_atoms
    n_q = 1 if at_gamma else -(-count // n)
    if count > n_q * n:
        raise ValueError(
            f"a crystal of {n_atoms} atoms has {n} columns at q = 0; received "
            f"count={count}"
        )
    points = rng.uniform(-0.5, 0.5, (n_q, 3)) * (not at_gamma)
    chosen = np.sort(rng.choice(n_q * n, count, replace=False))
    row, column = np.divmod(chosen, n)
    unit = np.eye(n)[column].reshape(count, n_atoms, 3)
    if isinstance(source, Response):
        values = source.columns(points[row], unit.astype(complex))
    else:
        values = np.asarray(source(points))[row, :, column].reshape(unit.shape)
    return (
        points[row],
        np.stack([unit, np.zeros_like(unit)], axis=1),
        np.stack([np.real(values), np.imag(values)], axis=1),
    )


def common_shape(crystals: Sequence[Crystal], cutoff: float) -> Shape:
    """The shape that holds each of these crystals by itself."""
    degrees = [
        int(np.bincount(neighbors(crystal, cutoff).receivers, minlength=1).max())
        for crystal in crystals
    ]
    n_nodes = max(crystal.n_atoms for crystal in crystals)
    return Shape(n_nodes, max(1, -(-max(degrees) // DEGREES)) * DEGREES, 1)


class ColumnLoader:
    """An endless stream of batches of crystals with some of their columns.

    All crystals are padded to one shape: choose them of similar size. Which crystals
    and columns come when is decided by the seed and the number of the step alone.
    """

    def __init__(
        self,
        examples: Sequence[ColumnExample],
        cutoff: float,
        *,
        batch_size: int,
        n_columns: int,
        seed: int = 0,
        dtype: np.dtype | type = np.float32,
        shape: Shape | None = None,
    ) -> None:
        """Builds all graphs.

        Args:
            examples: with the same labels each.
            cutoff: Å.
            batch_size: crystals in a step; each is a part of its batch.
            n_columns: of each crystal in a step.
            seed: of the order.
            dtype: of coordinates and labels.
            shape: of each part of a batch; by default :func:`common_shape`.

        Raises:
            ValueError: if there are fewer crystals than a batch holds, or one has
                fewer columns than a step takes or does not fit the shape.
        """
        if not 1 <= batch_size <= len(examples):
            raise ValueError(
                f"a batch holds 1 to {len(examples)} crystals, as many as there are; "
                f"received batch_size={batch_size}"
            )
        for example in examples:
            if len(example.q) < n_columns:
                raise ValueError(
                    f"{example.source}: a step takes {n_columns} columns of each "
                    f"crystal; this one has {len(example.q)}"
                )
        self.examples, self.batch_size = tuple(examples), batch_size
        self.n_columns, self.seed, self.dtype = n_columns, seed, np.dtype(dtype)
        shape = shape or common_shape([e.crystal for e in examples], cutoff)
        self.parts = [_padded(e, cutoff, shape, dtype) for e in examples]

    @property
    def steps_per_epoch(self) -> int:
        """Batches after which as many crystals have come as there are."""
        return -(-len(self.examples) // self.batch_size)

    @property
    def fingerprint(self) -> dict[str, Any]:
        """All that decides which columns come when; plain JSON."""
        digest = hashlib.sha256()
        for part in self.parts:
            for array in jax.tree.leaves(part):
                digest.update(np.ascontiguousarray(array).tobytes())
        return {
            "columns": digest.hexdigest(),
            "batch_size": self.batch_size,
            "n_columns": self.n_columns,
            "seed": self.seed,
        }

    def iterate(self, state: Mapping[str, Any] | None = None) -> ColumnBatches:
        """Batches from the beginning, or from where the state of an iterator stood."""
        return ColumnBatches(self, (state or {"next_batch": 0})["next_batch"])

    def in_order(self) -> Iterator[ColumnBatch]:
        """Every crystal once with its first columns, for validation."""
        some = np.arange(self.n_columns)
        for part in self.parts:
            yield jax.tree.map(lambda x: x[None], _taken(part, some))

    def batch(self, number: int) -> ColumnBatch:
        """A batch by its number."""
        n = len(self.examples)
        places = np.arange(self.batch_size) + number * self.batch_size
        parts = []
        for place in places.tolist():
            epoch, row = divmod(place, n)
            order = np.random.default_rng((self.seed, epoch)).permutation(n)
            part = self.parts[order[row]]
            rng = np.random.default_rng((self.seed, place, 1))
            some = rng.choice(len(part.inputs["q"]), self.n_columns, replace=False)
            parts.append(_taken(part, some))
        return jax.tree.map(lambda *x: np.stack(x), *parts)


class ColumnBatches:
    """Batches of a :class:`ColumnLoader`, from some place on."""

    def __init__(self, loader: ColumnLoader, next_batch: int) -> None:
        self._loader, self._next = loader, next_batch

    def __iter__(self) -> ColumnBatches:
        return self

    def __next__(self) -> ColumnBatch:
        self._next += 1
        return self._loader.batch(self._next - 1)

    @property
    def state(self) -> dict[str, Any]:
        """Where the next batch stands; plain JSON."""
        return {"next_batch": self._next}

    def close(self) -> None:
        """Nothing is open."""


def _padded(
    example: ColumnExample,
    cutoff: float,
    shape: Shape,
    dtype: np.dtype | type,
) -> ColumnBatch:
    """All columns of a crystal, as one part of a batch; host arrays."""
    n_nodes, degree, _ = shape
    graph: Graph = build_graph(
        example.crystal, cutoff, n_nodes=n_nodes, degree=degree, dtype=dtype
    )
    empty = n_nodes - example.crystal.n_atoms

    def atoms_last(array: np.ndarray) -> np.ndarray:
        return np.pad(array, [(0, 0), (0, 0), (0, empty), (0, 0)]).astype(dtype)

    labels: dict[str, np.ndarray] = {"columns": atoms_last(example.columns)}
    for name, value in example.labels.items():
        array = np.asarray(value, dtype)
        padded = (
            np.pad(array, [(0, empty), (0, 0)]) if name == "forces" else array[None]
        )
        labels[name] = padded
    return ColumnBatch(
        graph=jax.device_get(graph),
        labels=labels,
        inputs={
            "q": example.q.astype(dtype),
            "displacements": atoms_last(example.displacements),
        },
    )


def _taken(part: ColumnBatch, some: np.ndarray) -> ColumnBatch:
    """The part with some of its columns."""
    return part.replace(
        labels={**part.labels, "columns": part.labels["columns"][some]},
        inputs={name: array[some] for name, array in part.inputs.items()},
    )
