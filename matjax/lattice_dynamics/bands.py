"""Band structures: frequencies along a path, and which of them form a branch.

Modes of neighboring points belong to one branch where their eigenvectors overlap. In
degenerate groups, whose eigenvectors are arbitrary, a branch keeps its direction.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from matjax.arrays import Array, Complex, Float, Int
from matjax.force_constants import BandPath

DEGENERATE = 1e-5
"""Modes whose squared frequencies differ by less than this share of the largest of all
form a degenerate group; round-off in float32 is less."""

TIE = 1e-3
"""Overlap that the order of frequencies is worth: where a path bends at Γ, or begins
with a degenerate group, overlaps are equal up to round-off and must not decide."""


class Bands(NamedTuple):
    """Frequencies along a path through the Brillouin zone."""

    path: BandPath
    frequencies: Float[Array, "q modes"]
    """THz, ascending at each point; imaginary ones negative."""
    branches: Int[Array, "q modes"] | None = None
    """Mode of each branch, at each point: its column of ``frequencies``. Branches are
    followed along each unbroken line of the path, and ascend at its second point."""

    @property
    def connected(self) -> Float[Array, "q modes"]:
        """Frequencies by branch, THz: a column is smooth where bands cross.

        Raises:
            ValueError: if the bands have not been connected.
        """
        if self.branches is None:
            raise ValueError(
                "branches are known of connected bands only; pass these and their "
                "eigenvectors to connect, or leave out connected=False"
            )
        frequencies, branches = np.asarray(self.frequencies), np.asarray(self.branches)
        return np.take_along_axis(frequencies, branches, axis=1)

    def at(self, label: str) -> Float[Array, "modes"]:
        """Frequencies at a named point of the path, THz.

        Raises:
            ValueError: if the path has no point of this name.
        """
        for row, name in self.path.ticks:
            if name == label:
                return self.frequencies[row]
        names = sorted({name for _, name in self.path.ticks})
        raise ValueError(f"the path has the points {names}; received {label!r}")


def connect(bands: Bands, eigenvectors: Complex[Array, "q modes modes"]) -> Bands:
    """The bands with their branches, by overlap of eigenvectors of neighboring points.

    From one point to the next, the assignment of modes to branches is that of largest
    total overlap Σ |⟨e(q)|e(q')⟩|². What overlaps with a degenerate group does so with
    the space it spans; in it every branch goes on with the direction nearest to the one
    it came with, so that bands that meet at a point of the path cross there.

    Args:
        bands: ascending, with concrete numbers.
        eigenvectors: orthonormal columns in the order of the frequencies, best with
            phases of atomic positions, in which they change least from point to point.

    Raises:
        ValueError: if the eigenvectors are not those of the bands.
    """
    frequencies, eigenvectors = np.asarray(bands.frequencies), np.asarray(eigenvectors)
    expected = (*frequencies.shape, frequencies.shape[1])
    if eigenvectors.shape != expected:
        raise ValueError(
            f"bands of shape {frequencies.shape} have eigenvectors of shape {expected};"
            f" received {eigenvectors.shape}"
        )
    tolerance = DEGENERATE * np.max(frequencies**2)
    branches = np.empty(frequencies.shape, dtype=np.int32)

    def follow(row: int, before: int, carried: np.ndarray) -> np.ndarray:
        groups = degenerate_groups(frequencies[row], tolerance)
        branches[row], carried = _next_point(
            branches[before], carried, eigenvectors[row], groups
        )
        return carried

    for start, end in bands.path.lines:
        # Numbered at the second point: at the first, often Γ, degenerate ones have not
        # parted yet.
        second = min(start + 1, end - 1)
        groups = degenerate_groups(frequencies[second], tolerance)
        carried = _definite(eigenvectors[second], groups)
        branches[second] = np.arange(frequencies.shape[1])
        follow(start, second, carried)
        for row in range(second + 1, end):
            carried = follow(row, row - 1, carried)
    return bands._replace(branches=branches)


def _definite(vectors: np.ndarray, groups: list[np.ndarray]) -> np.ndarray:
    """The same spaces, with bases that no round-off chooses.

    In each group they diagonalize one matrix, diagonal in the coordinates and without a
    symmetry: branches that a bend of the path makes differ are then always the same.
    """
    vectors = vectors.copy()
    marks = np.sqrt(np.arange(1, len(vectors) + 1))
    for group in groups:
        inside = vectors[:, group]
        _, turn = np.linalg.eigh(inside.conj().T @ (marks[:, None] * inside))
        vectors[:, group] = inside @ turn
    return vectors


def _next_point(
    here: np.ndarray, carried: np.ndarray, vectors: np.ndarray, groups: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Mode of each branch at the next point, and the vectors the branches have there.

    ``here`` and ``carried`` are their modes and, as columns, vectors at this point.
    """
    amplitudes = carried.conj().T @ vectors  # (branches, modes)
    overlaps = np.abs(amplitudes) ** 2
    for group in groups:
        overlaps[:, group] = overlaps[:, group].sum(axis=1, keepdims=True)
    jumps = (here[:, None] - np.arange(len(here))) / len(here)
    _, modes = linear_sum_assignment(overlaps - TIE * jumps**2, maximize=True)
    following = vectors[:, modes]
    for group in groups:
        if len(group) == 1:
            continue
        rows = np.flatnonzero(np.isin(modes, group))
        # Polar factor: of all orthonormal bases of the group, the one nearest to the
        # vectors that come in.
        u, _, vh = np.linalg.svd(amplitudes[np.ix_(rows, group)].conj().T)
        following[:, rows] = vectors[:, group] @ (u @ vh)
        modes[rows] = group  # of one frequency, up to round-off: in the same order
    return modes, following


def degenerate_groups(
    frequencies: Float[Array, "modes"], tolerance: float | np.floating
) -> list[np.ndarray]:
    """Indices of ascending frequencies, split where their squares jump.

    Args:
        frequencies: THz, imaginary ones negative.
        tolerance: largest step of the signed squares inside a group, THz².
    """
    squares = frequencies * np.abs(frequencies)
    jumps = np.flatnonzero(np.diff(squares) > tolerance)
    return np.split(np.arange(len(frequencies)), jumps + 1)
