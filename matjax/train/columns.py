"""Columns of force constants as labels, at random q on the primitive cell.

Phonon fine-tuning (Koker et al., arXiv 2601.07742) takes columns of a supercell's
Hessian. A column Φ(q) u at any q costs about four gradients of the primitive cell
instead (:mod:`matjax.force_constants.response`). Displacements of one atom along one
axis make the mean of |δΦ u|² that of the elements of δΦ.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import jax
import numpy as np

from matjax.crystals import Crystal
from matjax.data import Batch, Example
from matjax.data.labeled_graphs import stacked
from matjax.force_constants import ForceConstants, Response
from matjax.graphs import Edges, Shape, Shapes, bucket_sizes, find_edges, pad_crystals
from matjax.predictors import as_label

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
    """``energy``, ``forces``, ``stress`` as in :class:`matjax.data.Example`."""
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
    points: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Random q, displacements of one atom along one axis, and what a source answers.

    The source is a potential's response or force constants of DFT. All columns of as
    few q as will do are taken, for they cost little more than one.

    Args:
        source: of a crystal's force constants.
        n_atoms: of that crystal.
        count: number of columns.
        rng: chooses q and displacements.
        points: q to choose from, (q, 3), such as zero for columns of a supercell's
            Hessian; by default any.

    Returns:
        q, displacements and columns as :class:`ColumnExample` has them.

    Raises:
        ValueError: if more columns are wanted than these points have.
    """
    n = 3 * n_atoms
    n_q = -(-count // n)
    if points is None:
        points = rng.uniform(-0.5, 0.5, (n_q, 3))
    if n_q > len(points):
        raise ValueError(
            f"a crystal of {n_atoms} atoms has {n} columns at each q, of which there "
            f"are {len(points)}; received count={count}"
        )
    points = points[np.sort(rng.choice(len(points), n_q, replace=False))]
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
    return _largest(_needed([find_edges(c, cutoff) for c in crystals]))


def common_shapes(
    crystals: Sequence[Crystal], cutoff: float, *, n_shapes: int = 3
) -> Shapes:
    """At most so many shapes; each of these crystals by itself fits one of them."""
    edges = [find_edges(crystal, cutoff) for crystal in crystals]
    return _common_shapes(_needed(edges), n_shapes)


class ColumnLoader:
    """An endless stream of batches of crystals with some of their columns.

    The crystals of a batch are padded to the same of a few shapes. Which crystals and
    columns come when is decided by the seed and the number of the step alone; in each
    epoch every crystal comes, some of them twice to fill a batch.

    Crystals without columns may come beside them. A batch is then a pair: crystals with
    columns, and without.
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
        shapes: Shapes | None = None,
        beside: Sequence[Example] = (),
        per_crystal: int = 1,
    ) -> None:
        """Builds all graphs.

        Args:
            examples: with the same labels each.
            cutoff: Å.
            batch_size: crystals with columns in a step, of which throughputs are; each
                is a part of its batch.
            n_columns: of each of them in a step.
            seed: of the order.
            dtype: of coordinates and labels.
            shapes: of a part of a batch; by default :func:`common_shapes`.
            beside: crystals without columns, with the same other labels.
            per_crystal: so many of these come for each crystal with columns.

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
        edges = [find_edges(e.crystal, cutoff) for e in examples]
        needed = _needed(edges)
        shapes = shapes or _common_shapes(needed)
        fitting = [shapes.smallest(n, degree) for n, degree, _ in needed.tolist()]
        self.parts = [
            _padded(*each, dtype) for each in zip(examples, edges, fitting, strict=True)
        ]
        self._alike = [
            np.array([k for k, smallest in enumerate(fitting) if smallest == shape])
            for shape in shapes.shapes
            if shape in fitting
        ]
        self._per_batch = per_crystal * batch_size
        if beside:
            edges = [find_edges(e.crystal, cutoff) for e in beside]
            shape = _largest(_needed(edges))
            self.beside = [
                _part(example, neighbors, shape, dtype)
                for example, neighbors in zip(beside, edges, strict=True)
            ]
        else:
            self.beside = []

    @property
    def steps_per_epoch(self) -> int:
        """Batches after which every crystal has come."""
        return sum(-(-len(group) // self.batch_size) for group in self._alike)

    @property
    def fingerprint(self) -> dict[str, Any]:
        """All that decides which columns come when; plain JSON."""
        digest = hashlib.sha256()
        for array in jax.tree.leaves((self.parts, self.beside)):
            digest.update(np.ascontiguousarray(array).tobytes())
        beside = {"beside": self._per_batch} if self.beside else {}
        return {
            "columns": digest.hexdigest(),
            "batch_size": self.batch_size,
            "n_columns": self.n_columns,
            "seed": self.seed,
            **beside,
        }

    def iterate(self, state: Mapping[str, Any] | None = None) -> ColumnBatches:
        """Batches from the beginning, or from where the state of an iterator stood."""
        return ColumnBatches(self, (state or {"next_batch": 0})["next_batch"])

    def in_order(self, n_parts: int = 1) -> Iterator[ColumnBatch]:
        """Every crystal once with its first columns, for validation.

        Args:
            n_parts: of a batch, such as one for each device. Parts that do not count
                fill a batch whose next crystal has another shape.
        """
        some = np.arange(self.n_columns)
        for _, alike in groupby(self.parts, key=_shape):
            parts = [_taken(part, some) for part in alike]
            parts += [_uncounted(parts[0])] * (-len(parts) % n_parts)
            for start in range(0, len(parts), n_parts):
                yield stacked(parts[start : start + n_parts])

    def batch(self, number: int) -> ColumnBatch | tuple[ColumnBatch, Batch]:
        """A batch by its number."""
        epoch, row = divmod(number, self.steps_per_epoch)
        rng = np.random.default_rng((self.seed, number, 1))
        parts = []
        for place in self._order(epoch)[row].tolist():
            part = self.parts[place]
            some = rng.choice(len(part.inputs["q"]), self.n_columns, replace=False)
            parts.append(_taken(part, some))
        if not self.beside:
            return stacked(parts)
        places = np.arange(self._per_batch) + self._per_batch * number
        rounds = np.stack(np.divmod(places, len(self.beside)), axis=1).tolist()
        return stacked(parts), stacked([self._without_columns(*k) for k in rounds])

    def _without_columns(self, epoch: int, place: int) -> Batch:
        """A crystal by its place in an epoch of those without columns."""
        rng = np.random.default_rng((self.seed, epoch, 2))
        return self.beside[rng.permutation(len(self.beside))[place]]

    def _order(self, epoch: int) -> np.ndarray:
        """Which crystals the batches of an epoch hold, (batches, crystals)."""
        rng = np.random.default_rng((self.seed, epoch))
        rows = []
        for group in self._alike:
            n_batches = -(-len(group) // self.batch_size)
            filled = np.resize(rng.permutation(group), n_batches * self.batch_size)
            rows.append(filled.reshape(n_batches, self.batch_size))
        return rng.permutation(np.concatenate(rows))


class ColumnBatches:
    """Batches of a :class:`ColumnLoader`, from some place on."""

    def __init__(self, loader: ColumnLoader, next_batch: int) -> None:
        self._loader, self._next = loader, next_batch

    def __iter__(self) -> ColumnBatches:
        return self

    def __next__(self) -> ColumnBatch | tuple[ColumnBatch, Batch]:
        self._next += 1
        return self._loader.batch(self._next - 1)

    @property
    def state(self) -> dict[str, Any]:
        """Where the next batch stands; plain JSON."""
        return {"next_batch": self._next}

    def close(self) -> None:
        """Nothing is open."""


def _needed(edges: Sequence[Edges]) -> np.ndarray:
    """Atoms, edge slots of an atom (rounded up) and edges, (crystals, 3)."""
    return np.array(
        [
            (len(e.mask), max(1, -(-e.degree // DEGREES)) * DEGREES, e.n_edges)
            for e in edges
        ]
    )


def _common_shapes(needed: np.ndarray, n_shapes: int = 3) -> Shapes:
    return bucket_sizes(needed, _largest(needed), n_shapes=n_shapes, node_step=1)


def _largest(needed: np.ndarray) -> Shape:
    """The shape of one crystal that holds all of these sizes."""
    n_nodes, degree, _ = needed.max(axis=0).tolist()
    return Shape(n_nodes, degree, 1)


def _padded(
    example: ColumnExample, edges: Edges, shape: Shape, dtype: np.dtype | type
) -> ColumnBatch:
    """All columns of a crystal, as one part of a batch; host arrays."""
    part = _part(example, edges, shape, dtype)
    empty = shape.n_nodes - example.crystal.n_atoms

    def atoms_last(array: np.ndarray) -> np.ndarray:
        return np.pad(array, [(0, 0), (0, 0), (0, empty), (0, 0)]).astype(dtype)

    return ColumnBatch(
        graph=part.graph,
        labels={"columns": atoms_last(example.columns), **part.labels},
        inputs={
            "q": example.q.astype(dtype),
            "displacements": atoms_last(example.displacements),
        },
    )


def _part(
    example: ColumnExample | Example,
    edges: Edges,
    shape: Shape,
    dtype: np.dtype | type,
) -> Batch:
    """A crystal as one part of a batch; host arrays."""
    labels = {}
    for label in map(as_label, example.labels):
        labels[label.name] = label.zeros(shape, dtype)
        where = slice(example.crystal.n_atoms) if label.of_atoms else 0
        labels[label.name][where] = example.labels[label.name]
    graph = pad_crystals([example.crystal], [edges], shape, dtype)
    return Batch(graph=graph, labels=labels)


def _taken(part: ColumnBatch, some: np.ndarray) -> ColumnBatch:
    """The part with some of its columns."""
    return part.replace(
        labels={**part.labels, "columns": part.labels["columns"][some]},
        inputs={name: array[some] for name, array in part.inputs.items()},
    )


def _shape(part: ColumnBatch) -> tuple[int, int]:
    return part.graph.n_nodes, part.graph.degree


def _uncounted(part: ColumnBatch) -> ColumnBatch:
    """A part of the same shape in which all is padding."""
    masks = ("node_mask", "edge_mask", "graph_mask")
    nothing = {name: np.zeros_like(getattr(part.graph, name)) for name in masks}
    return part.replace(graph=part.graph.replace(**nothing))
