"""Force constants between atoms of a crystal, and their Fourier sum at any q.

Known on a grid of q, or in a supercell, they are known up to the choice of the image of
each atom; the nearest ones are taken (Parlinski, Li, Kawazoe, Phys. Rev. Lett. 78, 4063
(1997)), so that the sum is exact on the grid and smooth between its points.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jax.core import Tracer

from matjax.arrays import Array, Complex, Float, Int, Leaf
from matjax.crystals import Crystal, niggli_reduce
from matjax.progress import Progress

MEMORY = 2**28
"""Bytes that one part of a long list of points, or of pairs, may take."""

TOLERANCE = 1e-5
"""Å; images of an atom whose distances differ by less share its force constants. That
of phonopy, whose frequencies are then met to round-off."""


class RealSpaceForceConstants(struct.PyTreeNode):
    """Φ(q)_ij = Σ_R H[i0, jR] exp(2πi q·R) over the pairs that are kept; a pytree.

    Derivatives with respect to the blocks and to q are exact. A pair may be listed more
    than once; its blocks add up.
    """

    blocks: Leaf
    """(pairs, 3, 3), eV/Å²: second derivative of the energy by both atoms, times the
    weight of the pair where several images of an atom share one."""
    first: Leaf
    """Atom i of each pair, in the home cell, (pairs,)."""
    second: Leaf
    """Atom j of each pair, (pairs,)."""
    cells: Leaf
    """Cell R of atom j, (pairs, 3), integers."""
    n_atoms: int = struct.field(pytree_node=False)
    """Atoms of the primitive cell."""

    def __call__(
        self, q: Float[Array, "*q 3"], *, progress: Progress | None = None
    ) -> Complex[Array, "*q modes modes"]:
        """Force constants Φ(q), eV/Å²."""
        del progress  # one product of matrices
        indices = (self.first, self.second, self.cells)
        if any(isinstance(x, Tracer) for x in indices):
            matrices = self._sum_over_pairs(jnp.reshape(q, (-1, 3)))
        else:
            matrices = self._sum_over_cells(q)
        return matrices.reshape(*np.shape(q)[:-1], 3 * self.n_atoms, 3 * self.n_atoms)

    def _sum_over_cells(self, q: Array) -> Array:
        """Φ at each q: phases (q, cells) times blocks (cells, 9 n²)."""
        cells, index = np.unique(self.cells, axis=0, return_inverse=True)
        place = self._place() + self.n_atoms**2 * index.reshape(-1)
        size = len(cells) * self.n_atoms**2
        if isinstance(self.blocks, Tracer):
            dense = _sum_at(self.blocks, place, size)
        else:
            dense = _sum_at_on_host(np.asarray(self.blocks), np.asarray(place), size)
        dense = _interleaved(dense, self.n_atoms).reshape(len(cells), -1)

        # A complex product would take the zeros of the real blocks along.
        traced = isinstance(q, Tracer) or isinstance(dense, Tracer)
        chunk = max(1, MEMORY // (32 * len(cells) + 40 * dense.shape[1]))
        if traced:
            return jax.lax.map(
                lambda point: _fourier_sum(point[None], cells, dense)[0],
                jnp.reshape(q, (-1, 3)),
                batch_size=chunk,
            )
        points = np.asarray(q).reshape(-1, 3)
        sums = np.empty((len(points), dense.shape[1]), complex)
        for start in range(0, len(points), chunk):
            part = slice(start, start + chunk)
            sums[part] = _fourier_sum(points[part], cells, dense)
        return sums

    def _sum_over_pairs(self, q: Array) -> Array:
        """The same where the pairs are unknown, under a transformation of them."""

        def at(point: Array) -> Array:
            angles = 2 * jnp.pi * (self.cells @ point)
            terms = jnp.exp(1j * angles)[:, None, None] * self.blocks
            sums = _sum_at(terms, self._place(), self.n_atoms**2)
            return _interleaved(sums, self.n_atoms)[0]

        return jax.lax.map(at, q)

    def _place(self) -> Array:
        return self.first * self.n_atoms + self.second


def from_grid(
    crystal: Crystal,
    force_constants: Complex[Array, "n1 n2 n3 modes modes"],
    *,
    tolerance: float | int = TOLERANCE,
) -> RealSpaceForceConstants:
    """Force constants that are given on a regular grid, interpolated between.

    H[i0, jR] = Σ_q Φ(q)_ij exp(−2πi q·R) / N with R the nearest images of atom j; at
    the points of the grid their sum gives Φ back. Φ(−q) = Φ(q)* makes H real; what
    round-off leaves of an imaginary part is dropped.

    Args:
        crystal: with concrete arrays.
        force_constants: Φ at q = (a / n1, b / n2, c / n3), eV/Å²; differentiable.
        tolerance: Å, see :func:`from_supercell`.

    Raises:
        ValueError: if the matrices are not of the crystal's size, or the grid divides a
            direction that is not periodic.
    """
    shape, n = np.shape(force_constants)[:3], crystal.n_atoms
    if np.shape(force_constants)[3:] != (3 * n, 3 * n):
        raise ValueError(
            f"force constants of {n} atoms are {3 * n} x {3 * n} matrices; received "
            f"{np.shape(force_constants)[3:]}"
        )
    if any(size > 1 and not p for size, p in zip(shape, crystal.pbc, strict=True)):
        raise ValueError(
            f"a grid divides periodic directions only; received {shape} for "
            f"pbc={crystal.pbc}"
        )
    xp = jnp if isinstance(force_constants, Tracer) else np
    n_cells = int(np.prod(shape))
    constants = xp.fft.fftn(force_constants, axes=(0, 1, 2)).real / n_cells
    constants = constants.reshape(n_cells, n, 3, n, 3).transpose(1, 0, 3, 2, 4)
    return from_supercell(
        crystal,
        np.diag(shape),
        constants.reshape(n, n_cells * n, 3, 3),
        atom=np.tile(np.arange(n), n_cells),
        cells=np.repeat(np.indices(shape).reshape(3, -1).T, n, axis=0),
        tolerance=tolerance,
    )


def from_supercell(
    crystal: Crystal,
    matrix: Int[Array, "3 3"] | Sequence,
    force_constants: Float[Array, "atoms sites 3 3"],
    *,
    atom: Int[Array, "sites"],
    cells: Int[Array, "sites 3"],
    tolerance: float | int = TOLERANCE,
) -> RealSpaceForceConstants:
    """Force constants of a periodic supercell, as those of its nearest images.

    What the supercell gives between atom i and site s is the sum over all images of
    the site. It is ascribed to the nearest one; where several are equally near, in
    equal parts.

    Args:
        crystal: the primitive cell, with concrete arrays.
        matrix: supercell vectors in units of the primitive ones, as rows; integers.
        force_constants: between atom i of the home cell and all sites of the
            supercell, eV/Å²; differentiable.
        atom: which atom of the primitive cell each site is.
        cells: cell R in which each site lies; any image of it.
        tolerance: Å, of equal distances.

    Raises:
        ValueError: if the sites do not fill the supercell once, or the shapes disagree.
    """
    matrix, atom, cells = (np.asarray(x) for x in (matrix, atom, cells))
    _require_sites(crystal, matrix, atom, cells, np.shape(force_constants))
    first, site = (
        x.reshape(-1) for x in np.indices((crystal.n_atoms, len(atom)), dtype=np.int64)
    )
    fractional = np.asarray(crystal.fractional, dtype=float)
    apart = cells[site] + fractional[atom[site]] - fractional[first]
    images = _nearest_images(crystal, matrix, apart, tolerance)
    first, site = first[images.row], site[images.row]
    blocks = force_constants[first, site] * images.weight[:, None, None]
    return RealSpaceForceConstants(
        blocks=blocks,
        first=first,
        second=atom[site],
        cells=cells[site] + images.shift,
        n_atoms=crystal.n_atoms,
    )


class _Images(NamedTuple):
    row: np.ndarray
    """Which of the given vectors each image belongs to."""
    shift: np.ndarray
    """Lattice vector of the supercell, in units of the primitive ones; integers."""
    weight: np.ndarray
    """One over the number of equally near images."""


def _nearest_images(
    crystal: Crystal, matrix: np.ndarray, apart: np.ndarray, tolerance: float
) -> _Images:
    """Shortest of the vectors ``apart`` + lattice vectors of the supercell.

    In a Minkowski-reduced basis, as Niggli's is, points of the Wigner-Seitz cell have
    coordinates of at most 1 (Nguyen and Stehlé, ACM Trans. Algorithms 5, 46 (2009)),
    so that 27 candidates do for a vector whose coordinates are 1/2 or less.
    """
    cell = _isolated(np.asarray(crystal.cell, dtype=float), crystal.pbc)
    vectors, change = niggli_reduce(matrix @ cell)
    reduced = np.rint(change @ matrix).astype(np.int64)
    cartesian = apart @ np.asarray(crystal.cell, dtype=float)
    inside = cartesian @ np.linalg.inv(vectors)
    wrap = -np.rint(inside).astype(np.int64)
    steps = np.indices((3, 3, 3)).reshape(3, -1).T - 1
    rows, shifts, weights = [], [], []
    chunk = max(1, MEMORY // (27 * 64))
    for start in range(0, len(apart), chunk):
        part = slice(start, start + chunk)
        candidates = (inside + wrap)[part, None] + steps
        lengths = np.linalg.norm(candidates @ vectors, axis=-1)
        near = lengths < lengths.min(axis=1, keepdims=True) + tolerance
        row, step = np.nonzero(near)
        rows.append(row + start)
        shifts.append((wrap[part][row] + steps[step]) @ reduced)
        weights.append(1 / near.sum(axis=1)[row])
    return _Images(
        np.concatenate(rows), np.concatenate(shifts), np.concatenate(weights)
    )


def _isolated(cell: np.ndarray, pbc: tuple[bool, bool, bool]) -> np.ndarray:
    """The cell with vectors of non-periodic directions too long for images to count."""
    if all(pbc):
        return cell
    periodic = np.array(pbc)
    long = 1e3 * np.linalg.norm(cell, axis=1).max() * max(1, periodic.sum())
    # Orthonormal vectors at right angles to the periodic ones.
    _, _, basis = np.linalg.svd(cell[periodic])
    isolated = cell.copy()
    isolated[~periodic] = long * basis[periodic.sum() :]
    return isolated


def _fourier_sum(q: Array, cells: np.ndarray, dense: Array) -> Array:
    """Σ_R exp(2πi q·R) H_R, without the products with imaginary parts of H."""
    if isinstance(q, np.ndarray) and isinstance(dense, np.ndarray):
        angles = 2 * np.pi * (q @ cells.T)
        return np.cos(angles) @ dense + 1j * (np.sin(angles) @ dense)
    matmul = partial(jnp.matmul, precision="highest")
    angles = 2 * jnp.pi * matmul(q, cells.T.astype(q.dtype))
    return jax.lax.complex(
        matmul(jnp.cos(angles), dense), matmul(jnp.sin(angles), dense)
    )


def _sum_at(values: Array, place: Array, size: int) -> Array:
    """Sum of the values that share a place."""
    return jax.ops.segment_sum(values, place, num_segments=size)


def _sum_at_on_host(values: np.ndarray, place: np.ndarray, size: int) -> np.ndarray:
    order = np.argsort(place, kind="stable")
    distinct, starts = np.unique(place[order], return_index=True)
    dense = np.zeros((size, *values.shape[1:]), values.dtype)
    if len(distinct):
        dense[distinct] = np.add.reduceat(values[order], starts, axis=0)
    return dense


def _interleaved(blocks: Array, n: int) -> Array:
    """Blocks (… n · n, 3, 3) as matrices in the order x, y, z of atom 1, of 2, etc."""
    return blocks.reshape(-1, n, n, 3, 3).swapaxes(2, 3).reshape(-1, 3 * n, 3 * n)


def _require_sites(
    crystal: Crystal,
    matrix: np.ndarray,
    atom: np.ndarray,
    cells: np.ndarray,
    shape: tuple[int, ...],
) -> None:
    n, size = crystal.n_atoms, round(abs(np.linalg.det(matrix)))
    expected = (n, n * size, 3, 3)
    if shape != expected or atom.shape != (n * size,) or cells.shape != (n * size, 3):
        raise ValueError(
            f"force constants of {n} atoms in a supercell of {size} cells have the "
            f"shape {expected}; received {shape} for {len(atom)} sites"
        )
    inside = np.rint(cells @ np.linalg.inv(matrix) * size).astype(np.int64) % size
    if len(np.unique(np.column_stack([atom, inside]), axis=0)) != n * size:
        raise ValueError(
            "the sites must fill the supercell once: each atom of the primitive cell "
            "in each of its cells, modulo supercell vectors; received some twice"
        )
