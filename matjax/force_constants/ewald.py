"""Dipoles of displaced atoms in a dielectric medium, and their Ewald sums.

Atoms displaced by u carry dipoles Z u (Z: Born charges) in a medium of dielectric
tensor ε. Source: Gonze and Lee, Phys. Rev. B 55, 10355 (1997).
"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jax.core import Tracer
from scipy import constants as _si
from scipy.special import erfc

from matjax.arrays import Array, Complex, Float, Int, Leaf
from matjax.crystals import (
    Crystal,
    Supercell,
    commensurate_q,
    make_supercell,
    reciprocal,
)
from matjax.force_constants.interpolation import RealSpaceForceConstants, from_supercell

COULOMB = _si.e / (4 * np.pi * _si.epsilon_0) * 1e10
"""e²/4πε₀, eV Å."""

ROUND_OFF = 5.5
"""Ewald sums end where Gaussians have fallen to exp(−5.5²) = 7e-14."""

AT_GAMMA = 1e-8
"""1/Å; closer to Γ, a wave vector has no direction of its own."""

NEUTRAL = 0.1
"""e; charges of a crystal add up to less than this for each atom, or are of another."""

MEMORY = 2**27
"""Bytes that the terms of the points summed together may take."""


class Dipoles(struct.PyTreeNode):
    """Atoms that carry dipoles Z u when displaced by u, in a dielectric medium."""

    crystal: Crystal
    charges: Leaf
    """Born charges Z, (atoms, 3, 3), e: first the field, then the displacement. Their
    sum vanishes."""
    dielectric: Leaf
    """High-frequency dielectric tensor ε, (3, 3)."""
    residual: Leaf
    """Sum of the charges as they were given, (3, 3), e; their acoustic sum rule holds
    as far as this is small."""
    coulomb: Leaf
    """e²/4πε₀, eV Å."""

    @classmethod
    def create(
        cls,
        crystal: Crystal,
        charges: Float[Array, "atoms 3 3"],
        dielectric: Float[Array, "3 3"],
        *,
        coulomb: float = COULOMB,
    ) -> Dipoles:
        """Dipoles whose charges obey the sum rule: their mean is subtracted.

        Raises:
            ValueError: if the shapes are not those of the crystal, the dielectric
                tensor is not symmetric and positive, or the charges are far from
                neutral.
        """
        _require_tensors(crystal, charges, dielectric)
        residual = charges.sum(axis=0)
        _require_neutral(crystal, residual)
        return cls(
            crystal=crystal,
            charges=charges - residual / crystal.n_atoms,
            dielectric=dielectric,
            residual=residual,
            coulomb=np.asarray(coulomb),
        )

    @property
    def scale(self) -> Any:
        """(e²/4πε₀) (4π/V), eV/Å²: that of an interaction of two unit charges."""
        return self.coulomb * 4 * np.pi / self.crystal.volume


class Ewald(struct.PyTreeNode):
    """Correction of Gonze and Lee: point dipoles, less their interpolation.

    Φᵈᵈ(q)_ij = (e²/4πε₀) Z_iᵀ [
        (4π/V) Σ_G K K (K·ε·K)⁻¹ exp(iK·(x_i − x_j) − K·ε·K/4Λ²)
        − Σ_R (Λ³/√|ε|) H(Λ ε⁻¹r, Λ √(r·ε⁻¹·r)) exp(iq·R) ] Z_j,
    K = q + G,  r = x_j + R − x_i;  eq. (71) to (73) of Phys. Rev. B 55, 10355 (1997).
    What these add to an atom and itself does not depend on q and is left out: the
    interpolation takes it away again.
    """

    near: RealSpaceForceConstants
    """The sum over R, less the interpolation."""
    vectors: Leaf
    """G in units of the reciprocal vectors, (vectors, 3), integers."""
    width: Leaf
    """Λ, 1/Å; the converged sums do not depend on it."""

    def __call__(
        self, dipoles: Dipoles, q: Float[Array, "q 3"], direction: Float[Array, "3"]
    ) -> Complex[Array, "q modes modes"]:
        """What is added to the force constants, eV/Å²."""
        far = _far(dipoles, q, self.vectors, self.width)
        return far + limit_at_gamma(dipoles, q, direction) + self.near(q)


def ewald(
    dipoles: Dipoles,
    grid: Sequence[int] | Int[Array, "3 3"],
    *,
    width: float | None = None,
) -> Ewald:
    """Correction of Gonze and Lee with respect to a grid.

    Args:
        dipoles: of a concrete crystal and dielectric tensor; charges may be traced.
        grid: see :func:`matjax.lattice_dynamics.with_polar`.
        width: Λ, 1/Å; by default that of sums with equally many terms.
    """
    cell, n = np.asarray(dipoles.crystal.cell), dipoles.crystal.n_atoms
    # In coordinates that make the medium isotropic, both sums are over spheres.
    stretch = np.linalg.cholesky(np.linalg.inv(dipoles.dielectric))
    stretched = cell @ stretch
    waves = np.asarray(reciprocal(cell)) @ np.linalg.inv(stretch).T
    if width is None:
        width = float(np.sqrt(np.pi) / np.cbrt(abs(np.linalg.det(stretched))))
    corners = np.array(list(np.ndindex(2, 2, 2))) - 0.5
    reach = np.linalg.norm(corners @ waves, axis=1).max()
    _, vectors = points_within(waves, np.zeros((1, 3)), 2 * width * ROUND_OFF + reach)
    real = _real_space(dipoles, stretched, width)

    supercell = make_supercell(dipoles.crystal, grid)
    q = commensurate_q(supercell.matrix)
    on_grid = _far(dipoles, q, vectors, np.asarray(width)) + real(q)
    xp = namespace(dipoles)
    phases = np.exp(-2j * np.pi * (supercell.translation[::n] @ q.T)) / len(q)
    blocks = (phases @ xp.reshape(on_grid, (len(q), -1))).real
    # From (cells, i, 3, j, 3) to (i, sites, 3, 3), with sites cell by cell.
    blocks = xp.transpose(xp.reshape(blocks, (-1, n, 3, n, 3)), (1, 0, 3, 2, 4))
    blocks = xp.reshape(blocks, (n, -1, 3, 3))
    interpolated = of_supercell(supercell, dipoles.crystal, blocks)
    near = RealSpaceForceConstants(
        blocks=xp.concatenate([real.blocks, -interpolated.blocks]),
        first=np.concatenate([real.first, interpolated.first]),
        second=np.concatenate([real.second, interpolated.second]),
        cells=np.concatenate([real.cells, interpolated.cells]),
        n_atoms=n,
    )
    return Ewald(near=near, vectors=vectors, width=np.asarray(width))


def of_supercell(
    supercell: Supercell, crystal: Crystal, blocks: Float[Array, "atoms sites 3 3"]
) -> RealSpaceForceConstants:
    """Force constants of a supercell of a crystal, as :func:`from_supercell`."""
    return from_supercell(
        crystal,
        supercell.matrix,
        blocks,
        atom=supercell.atom,
        cells=supercell.translation,
    )


def non_analytical(
    dipoles: Dipoles, k: Float[Array, "q 3"]
) -> Float[Array, "q modes modes"]:
    """Φᴺᴬ at Cartesian wave vectors, of which only the direction counts; 0 at Γ."""
    xp = namespace(dipoles, k)
    zero = xp.sum(k**2, axis=-1) < AT_GAMMA**2
    squared = xp.einsum("qa,ab,qb->q", k, dipoles.dielectric, k)
    waves = xp.einsum("qa,iab->qib", k, dipoles.charges).reshape(len(k), -1)
    factor = dipoles.scale / xp.where(zero, 1.0, squared)
    factor = xp.where(zero, 0.0, factor)
    return factor[:, None, None] * waves[:, :, None] * waves[:, None, :]


def limit_at_gamma(
    dipoles: Dipoles, q: Float[Array, "q 3"], direction: Float[Array, "3"]
) -> Float[Array, "q modes modes"]:
    """Φᴺᴬ along the direction where q is Γ, and 0 elsewhere."""
    xp = namespace(dipoles, q, direction)
    basis = reciprocal(dipoles.crystal.cell)
    at_gamma = xp.sum(((q - xp.round(q)) @ basis) ** 2, axis=1) < AT_GAMMA**2
    term = non_analytical(dipoles, (direction @ basis)[None])
    return xp.where(at_gamma[:, None, None], term, 0.0)


def _far(dipoles: Dipoles, q: Array, vectors: Array, width: Array) -> Array:
    """The sum over G without its term K = 0, a few points at a time."""
    n = 3 * dipoles.crystal.n_atoms
    size = max(1, MEMORY // (48 * n * len(vectors)))
    if namespace(dipoles, q, vectors, width) is jnp:
        return jax.lax.map(
            lambda point: _far_at(dipoles, point[None], vectors, width)[0],
            jnp.asarray(q),
            batch_size=size,
        )
    sums = np.empty((len(q), n, n), complex)
    for start in range(0, len(q), size):
        part = slice(start, start + size)
        sums[part] = _far_at(dipoles, q[part], vectors, width)
    return sums


def _far_at(dipoles: Dipoles, q: Array, vectors: Array, width: Array) -> Array:
    xp = namespace(dipoles, q, vectors, width)
    crystal, n = dipoles.crystal, 3 * dipoles.crystal.n_atoms
    inside = q - xp.round(q)
    k = (inside[:, None] + vectors) @ reciprocal(crystal.cell)
    squared = xp.einsum("qga,ab,qgb->qg", k, dipoles.dielectric, k)
    zero = xp.sum(k**2, axis=-1) < AT_GAMMA**2
    safe = xp.where(zero, 1.0, squared)
    weight = xp.where(zero, 0.0, xp.exp(-safe / (4 * width**2)) / safe)
    phases = xp.exp(2j * np.pi * (vectors @ crystal.fractional.T))  # (g, atoms)
    waves = xp.einsum("qga,iab,gi->qgib", k, dipoles.charges, phases)
    waves = waves.reshape(*k.shape[:2], n)
    sums = xp.swapaxes(weight[:, :, None] * waves, 1, 2) @ waves.conj()
    shift = xp.exp(2j * np.pi * (inside @ crystal.fractional.T))
    shift = xp.repeat(shift, 3, axis=1)
    return dipoles.scale * shift[:, :, None] * sums * shift.conj()[:, None, :]


def _real_space(
    dipoles: Dipoles, stretched: np.ndarray, width: float
) -> RealSpaceForceConstants:
    """The sum over R, without the term of an atom and itself."""
    crystal, n = dipoles.crystal, dipoles.crystal.n_atoms
    fractional = np.asarray(crystal.fractional)
    apart = (fractional[None, :] - fractional[:, None]).reshape(-1, 3)
    pair, cells = points_within(stretched, apart, ROUND_OFF / width)
    first, second = np.divmod(pair, n)
    others = (first != second) | cells.any(axis=1)
    first, second, cells = first[others], second[others], cells[others]
    r = (fractional[second] + cells - fractional[first]) @ np.asarray(crystal.cell)
    return RealSpaceForceConstants(
        blocks=_real_space_blocks(dipoles, first, second, r, width),
        first=first,
        second=second,
        cells=cells,
        n_atoms=n,
    )


def _real_space_blocks(
    dipoles: Dipoles, first: np.ndarray, second: np.ndarray, r: np.ndarray, width: float
) -> Array:
    """−(e²/4πε₀) (Λ³/√|ε|) Z_iᵀ H Z_j for each pair."""
    xp = namespace(dipoles)
    inverse = xp.linalg.inv(dipoles.dielectric)
    x = width * r @ inverse
    y2 = width * xp.sum(x * r, axis=1)
    y = xp.sqrt(y2)
    tail = (erfc(y) if xp is np else jax.scipy.special.erfc(y)) / (y * y2)
    gauss = 2 / np.sqrt(np.pi) * xp.exp(-y2)
    along = (3 * tail + gauss * (3 / y2 + 2)) / y2
    across = tail + gauss / y2
    outer = x[:, :, None] * x[:, None, :]
    h = along[:, None, None] * outer - across[:, None, None] * inverse
    root = xp.sqrt(xp.linalg.det(dipoles.dielectric))
    charges = dipoles.charges
    blocks = xp.einsum("pab,pac,pcd->pbd", charges[first], h, charges[second])
    return -dipoles.coulomb * width**3 / root * blocks


def points_within(
    basis: Array, offsets: np.ndarray, radius: float
) -> tuple[np.ndarray, np.ndarray]:
    """Lattice points t with |(offset + t) basis| < radius: row of the offset, and t."""
    # Distances between opposite faces bound the integers along each direction.
    bound = radius * np.linalg.norm(np.linalg.inv(basis), axis=0)
    low = np.floor(-bound - offsets.max(axis=0)).astype(int)
    high = np.ceil(bound - offsets.min(axis=0)).astype(int)
    box = np.indices(high - low + 1).reshape(3, -1).T + low
    lengths = np.linalg.norm((offsets[:, None] + box) @ basis, axis=-1)
    row, point = np.nonzero(lengths < radius)
    return row, box[point]


def _require_tensors(crystal: Crystal, charges: Array, dielectric: Array) -> None:
    n = crystal.n_atoms
    if np.shape(charges) != (n, 3, 3):
        raise ValueError(
            f"Born charges of {n} atoms have the shape ({n}, 3, 3); received "
            f"{np.shape(charges)}: are they those of another crystal?"
        )
    dielectric = np.asarray(dielectric)
    symmetric = np.allclose(dielectric, dielectric.T, rtol=0, atol=1e-3)
    if not symmetric or np.linalg.eigvalsh(dielectric).min() <= 0:
        raise ValueError(
            "a dielectric tensor is symmetric, with positive eigenvalues; received\n"
            f"{dielectric}"
        )


def _require_neutral(crystal: Crystal, residual: Array) -> None:
    if isinstance(residual, Tracer):
        return
    worst = float(np.abs(residual).max())
    if not worst <= NEUTRAL * crystal.n_atoms:
        raise ValueError(
            f"Born charges of a crystal add up to zero, within {NEUTRAL} e for each of "
            f"its {crystal.n_atoms} atoms; their sum has an element of {worst:.3g} e: "
            "are they those of another crystal, or in another order?"
        )


def namespace(*trees: Any) -> ModuleType:
    """JAX where something is traced, else NumPy."""
    traced = any(isinstance(x, Tracer) for x in jax.tree.leaves(trees))
    return jnp if traced else np
