"""Mode Grüneisen tensors: how frequencies answer strain, by derivatives of D.

Coordinates of q stay fixed in reciprocal lattice units: the wave is strained with the
crystal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from matjax.arrays import Array, Float
from matjax.force_constants import Response
from matjax.force_constants.qpoints import require_q
from matjax.lattice_dynamics.derivatives import (
    DEGENERATE,
    adapted_vectors,
    expectations,
    hermitian,
    in_chunks,
    relative_slopes,
)
from matjax.lattice_dynamics.dynamical_matrix import frequencies_of
from matjax.lattice_dynamics.harmonic import Phonons, Points
from matjax.predictors import forces

VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))

GENERIC = np.array([[1.0, 0.4, 0.3], [0.4, 2.0, 0.2], [0.3, 0.2, 3.0]])
"""Strain that tells modes apart which the given one leaves together: no symmetry of a
crystal keeps it but inversion."""

SOFT = 1e-6
"""Share of the largest force constant at Γ below which atoms do not follow a strain:
round-off of float32."""


class Gruneisen(NamedTuple):
    """Derivatives of frequencies by strain."""

    frequencies: Float[Array, "*q modes"]
    """THz, ascending; imaginary ones negative."""
    tensor: Float[Array, "*q modes 3 3"]
    """γ_ab = −(1/ν) ∂ν/∂ε_ab, Cartesian and symmetric: dν/ν = −Σ_ab γ_ab dε_ab."""

    @property
    def scalar(self) -> Float[Array, "*q modes"]:
        """γ = −d ln ν / d ln V under isotropic strain, a third of the trace."""
        return np.trace(self.tensor, axis1=-2, axis2=-1) / 3


def gruneisen(
    phonons: Phonons,
    q: Points,
    *,
    strain: Sequence | Float[Array, "3 3"] | None = None,
    relaxed: bool = True,
    tolerance: float | int = DEGENERATE,
) -> Gruneisen:
    """Mode Grüneisen tensors, exact, in ascending order of frequency.

        γ_ab = −e†(dD/dε_ab)e / 2ω²

    Within a degenerate set the e are the modes into which the strain splits it, so that
    Σ_ab γ_ab ε_ab is −(dν/ν) of each along it; the other components are those of these
    modes. Modes of zero frequency, translations among them, get 0.

    Args:
        phonons: of a potential, with concrete arrays; of a crystal at rest.
        q: reciprocal lattice units.
        strain: symmetric, of any size; by default isotropic, and what that leaves
            degenerate is split by a generic one.
        relaxed: whether atoms follow the strain to where no force acts on them, by
            Φ(Γ) u = dF/dε, or keep their fractional coordinates.
        tolerance: THz; modes closer than this to the next one form a degenerate set.

    Raises:
        ValueError: if the force constants are not those of a potential, q has not
            three finite components, or the strain is not a symmetric matrix.
    """
    q = np.asarray(q, dtype=float)
    require_q(q)
    along = _require_strain(np.eye(3) if strain is None else strain)
    source = _require_response(phonons)
    strains = np.array([_unit_strain(a, b) for a, b in VOIGT])
    shifts = internal_displacements(source, strains) if relaxed else None
    matrices, slopes = _matrix_and_slopes(
        phonons, source, q.reshape(-1, 3), strains=strains, shifts=shifts
    )
    shape = (*q.shape[:-1], matrices.shape[-1])
    frequencies = np.empty(matrices.shape[:2])
    tensor = np.empty((*matrices.shape[:2], 3, 3))
    for i, (matrix, by_strain) in enumerate(zip(matrices, slopes, strict=True)):
        values, vectors = np.linalg.eigh(matrix)
        frequencies[i] = frequencies_of(values)
        steps = [np.tensordot(_components(e), by_strain, 1) for e in (along, GENERIC)]
        vectors = adapted_vectors(frequencies[i], vectors, steps, tolerance=tolerance)
        relative = relative_slopes(values, expectations(vectors, by_strain))
        for k, (a, b) in enumerate(VOIGT):
            tensor[i, :, a, b] = tensor[i, :, b, a] = -relative[:, k]
    return Gruneisen(frequencies.reshape(shape), tensor.reshape(*shape, 3, 3))


def internal_displacements(
    source: Response, strains: Float[np.ndarray, "strains 3 3"]
) -> Float[np.ndarray, "strains nodes 3"]:
    """Displacements per strain, Å, that bring atoms back to rest, besides x → x(1 + ε).

    u = Φ(Γ)⁺ dF/dε, with no motion of the crystal as a whole. Modes at Γ as soft as
    round-off do not follow.
    """
    graph, n = source.graph, 3 * source.n_atoms
    constants = np.real(np.asarray(source(np.zeros(3))))
    pushes = np.asarray(_strain_forces(source, jnp.asarray(strains, graph.cell.dtype)))
    translations = np.tile(np.eye(3), (source.n_atoms, 1)) / np.sqrt(source.n_atoms)
    others = np.eye(n) - translations @ translations.T
    stiffness = others @ ((constants + constants.T) / 2) @ others
    inverse = np.linalg.pinv(stiffness, rcond=SOFT, hermitian=True)
    moves = np.zeros(pushes.shape)
    moves[:, : source.n_atoms] = np.reshape(
        pushes[:, : source.n_atoms].reshape(-1, n) @ inverse, (-1, source.n_atoms, 3)
    )
    return moves


def _matrix_and_slopes(
    phonons: Phonons,
    source: Response,
    points: np.ndarray,
    *,
    strains: np.ndarray,
    shifts: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray]:
    """D(q), (q, n, n), and its derivatives by the strains, (q, strains, n, n)."""
    dtype = source.graph.cell.dtype
    n_nodes = source.graph.n_nodes
    shifts = np.zeros((len(strains), n_nodes, 3)) if shifts is None else shifts
    directions = jnp.asarray(strains, dtype), jnp.asarray(shifts, dtype)

    def derive(q: np.ndarray) -> tuple:
        return _first_order(source, jnp.asarray(q), *directions)

    pair = in_chunks(derive, points, phonons.progress)
    matrices, slopes = (hermitian(x, np.asarray(phonons.masses)) for x in pair)
    return matrices, slopes


@jax.jit
def _first_order(
    source: Response, q: Array, strains: Array, shifts: Array
) -> tuple[Array, Array]:
    """Φ at each q, and its derivatives by the strains, (q, strains, …)."""
    graph = source.graph

    def matrices(positions: Array, cell: Array) -> Array:
        moved = graph.replace(positions=positions, cell=cell)
        return source.replace(graph=moved)(q)

    def along(direction: tuple[Array, Array]) -> tuple[Array, Array]:
        strain, shift = direction
        tangents = (graph.positions @ strain + shift, graph.cell @ strain)
        return jax.jvp(matrices, (graph.positions, graph.cell), tangents)

    # One after the other: the memory of the columns is twice theirs, not seven times.
    values, slopes = jax.lax.map(along, (strains, shifts))
    return values[0], slopes.swapaxes(0, 1)


@jax.jit
def _strain_forces(source: Response, strains: Array) -> Array:
    """Derivatives of the forces by strain at fixed fractional coordinates."""
    graph = source.graph

    def acting(positions: Array, cell: Array) -> Array:
        moved = graph.replace(positions=positions, cell=cell)
        return forces(source.potential, moved)

    def along(strain: Array) -> Array:
        tangents = (graph.positions @ strain, graph.cell @ strain)
        return jax.jvp(acting, (graph.positions, graph.cell), tangents)[1]

    return jax.lax.map(along, strains)


def _unit_strain(a: int, b: int) -> np.ndarray:
    strain = np.zeros((3, 3))
    strain[a, b] += 0.5
    strain[b, a] += 0.5
    return strain


def _components(strain: np.ndarray) -> np.ndarray:
    """Weights of the six unit strains in a symmetric one."""
    return np.array([strain[a, b] * (1 if a == b else 2) for a, b in VOIGT])


def _require_response(phonons: Phonons) -> Response:
    if not isinstance(phonons.source, Response):
        raise ValueError(
            "Grüneisen parameters need a potential, whose force constants follow a "
            f"strain; received {type(phonons.source).__name__}: use phonons of "
            "matjax.phonons(potential, crystal), without a grid or tolerance"
        )
    return phonons.source


def _require_strain(strain: Sequence | Array) -> np.ndarray:
    strain = np.asarray(strain, dtype=float)
    symmetric = strain.shape == (3, 3) and np.allclose(strain, strain.T)
    if not (symmetric and np.isfinite(strain).all() and strain.any()):
        raise ValueError(
            f"a strain is a symmetric, finite 3 x 3 matrix, not zero; received {strain}"
        )
    return strain
