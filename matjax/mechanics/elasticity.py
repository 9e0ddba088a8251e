"""The elastic tensor of a crystal whose atoms relax, and what follows from it.

:mod:`matjax.mechanics.elastic_response` computes it.

Definition. With σ the stress, ε a symmetric strain x → x(1 + ε), u the displacements of
the atoms at fixed cell and F their forces, all by automatic differentiation at once,

    B = dσ/dε with F kept = ∂σ/∂ε + ∂σ/∂u X,    Φ X = ∂F/∂ε,    Φ = −∂F/∂u,

the first term being the clamped tensor. At zero stress ∂σ/∂u = −(∂F/∂ε)ᵀ/V and B is the
second derivative of the energy by strain, C = C_clamped − Λ Φ⁺ Λᵀ/V with Λᵀ = ∂F/∂ε.

Under a residual stress the stress–strain coefficients B and the second derivatives C of
the energy by Lagrangian strain differ (Barron and Klein, Proc. Phys. Soc. 85, 523
(1965); Wallace, Thermodynamics of Crystals (1972), Eq. 2.56):

    B_ijkl = C_ijkl + ½(δ_ik σ_jl + δ_jk σ_il + δ_il σ_jk + δ_jl σ_ik) − δ_kl σ_ij.

What is reported is B, symmetric in (ij, kl) under any hydrostatic pressure and made so
under other stresses: its bulk modulus is −V dp/dV, its eigenvalues decide on stability.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jax.core import Tracer

from matjax.arrays import Array, Float, Leaf
from matjax.units import AMU, ANGSTROM

VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
"""Components in ASE's order: xx, yy, zz, yz, xz, xy."""

FULL = np.array([[0, 5, 4], [5, 1, 3], [4, 3, 2]])
"""Place in Voigt's notation of every component of a symmetric tensor."""

MANDEL = np.sqrt([1, 1, 1, 2, 2, 2])
"""Factors that make a rotation of Voigt's six components orthogonal."""

G_PER_CM3 = AMU / ANGSTROM**3 * 1e-3
"""Density in g/cm³ of 1 amu/Å³."""

Scalar = Float[Array, ""] | float
"""A number of NumPy's, or a traced one."""


class Elasticity(struct.PyTreeNode):
    """Elastic constants of a crystal; GPa unless said.

    Made by :func:`matjax.mechanics.elastic`.

    The properties are NumPy numbers for concrete arrays and pure functions of the
    record under ``jax.jit`` and ``jax.grad``. Averages over orientations are those of
    Voigt (equal strain, an upper bound), Reuss (equal stress, a lower bound) and Hill
    (their mean): R. Hill, Proc. Phys. Soc. A 65, 349 (1952).
    """

    tensor: Leaf
    """Stress–strain coefficients with relaxed atoms, (6, 6), Voigt order as ASE."""
    clamped: Leaf
    """The same with atoms at fixed fractional coordinates, (6, 6)."""
    displacements: Leaf
    """How atoms move beside the strained cell, (atoms, 3, 6), Å for a unit strain with
    xy = 1 for ε_xy = ε_yx = ½; their mean is zero."""
    stress: Leaf
    """Residual stress, (3, 3), tension positive; see the definition of the tensor."""
    max_force: Leaf
    """Largest force on an atom, eV/Å: constants are those of a crystal at rest only
    where it is small."""
    softest: Leaf | float
    """Lowest eigenvalue of the force constants at Γ besides translations, eV/Å²; where
    it is negative the atoms are at no minimum and the tensor describes no crystal. It
    is infinite for one atom."""
    density: Leaf
    """g/cm³, with the masses of the crystal."""
    failure: str = struct.field(pytree_node=False, default="")
    """Why a crystal among several has no constants, which then are NaN; empty for the
    others."""

    @property
    def max_stress(self) -> Scalar:
        """Largest component of the residual stress."""
        return abs(self.stress).max()

    @property
    def compliance(self) -> Float[Array, "6 6"]:
        """Inverse of the tensor, 1/GPa.

        Raises:
            ValueError: if it has none (not under ``jax.jit``).
        """
        xp = namespace(self.tensor)
        if self.failure:
            return np.full((6, 6), np.nan)
        if xp is np and np.linalg.matrix_rank(self.tensor) < 6:
            raise ValueError(
                "a compliance, and all that follows from it, needs resistance to every "
                f"strain; the crystal has {self.eigenvalues} GPa"
            )
        return xp.linalg.inv(self.tensor)

    @property
    def full(self) -> Float[Array, "3 3 3 3"]:
        """The tensor with its four indices."""
        return self.tensor[FULL[:, :, None, None], FULL]

    @property
    def bulk_voigt(self) -> Scalar:
        """Bulk modulus at equal strain."""
        return self.tensor[:3, :3].mean()

    @property
    def bulk_reuss(self) -> Scalar:
        """Bulk modulus at equal stress: that of a single crystal under pressure."""
        return 1 / self.compliance[:3, :3].sum()

    @property
    def bulk(self) -> Scalar:
        """Bulk modulus, Hill's mean."""
        return (self.bulk_voigt + self.bulk_reuss) / 2

    @property
    def shear_voigt(self) -> Scalar:
        """Shear modulus at equal strain."""
        c = self.tensor
        trace, normal = c.diagonal(), c[:3, :3].sum()
        return (3 * trace[:3].sum() - normal) / 30 + trace[3:].sum() / 5

    @property
    def shear_reuss(self) -> Scalar:
        """Shear modulus at equal stress."""
        s = self.compliance
        trace, normal = s.diagonal(), s[:3, :3].sum()
        return 15 / (6 * trace[:3].sum() - 2 * normal + 3 * trace[3:].sum())

    @property
    def shear(self) -> Scalar:
        """Shear modulus, Hill's mean."""
        return (self.shear_voigt + self.shear_reuss) / 2

    @property
    def young(self) -> Scalar:
        """Young's modulus of Hill's isotropic solid."""
        return 9 * self.bulk * self.shear / (3 * self.bulk + self.shear)

    @property
    def poisson(self) -> Scalar:
        """Poisson's ratio of Hill's isotropic solid, without unit."""
        k, g = self.bulk, self.shear
        return (3 * k - 2 * g) / (6 * k + 2 * g)

    @property
    def anisotropy(self) -> Scalar:
        """Universal anisotropy 5 G_V/G_R + K_V/K_R − 6; 0 for an isotropic solid.

        Source: Ranganathan and Ostoja-Starzewski, Phys. Rev. Lett. 101, 055504 (2008).
        """
        shear = self.shear_voigt / self.shear_reuss
        return 5 * shear + self.bulk_voigt / self.bulk_reuss - 6

    @property
    def eigenvalues(self) -> Float[Array, "6"]:
        """Stiffness against the six independent strains, ascending.

        They do not depend on the orientation of the axes.
        """
        matrix = self.tensor * np.outer(MANDEL, MANDEL)
        return _eigenvalues(matrix)

    @property
    def stable(self) -> Array | np.bool_:
        """Whether every small homogeneous strain costs energy (Born's criterion)."""
        return (self.eigenvalues[0] > 0) & (self.softest > 0)

    def young_along(
        self, directions: Float[Array, "*directions 3"]
    ) -> Float[Array, "*directions"]:
        """Young's modulus of the single crystal pulled along some directions."""
        xp = namespace((self, directions))
        n = _unit(directions)
        pull = xp.stack([n[..., i] * n[..., j] for i, j in VOIGT], axis=-1)
        stretch = ((pull @ self.compliance) * pull).sum(axis=-1)
        return xp.asarray(1 / stretch)


def sound_velocities(
    elasticity: Elasticity,
    directions: Float[Array, "*directions 3"],
    density: Scalar | None = None,
) -> Float[Array, "*directions 3"]:
    """Velocities of long sound waves along some directions, km/s, ascending.

    The eigenvalues ρv² of Christoffel's matrix, for unit vectors n and residual stress
    σ (from the module's B; Wallace, Thermodynamics of Crystals (1972), Sec. 3.8):

        Γ_ik = Σ_jl B_ijkl n_j n_l + ½(δ_ik n·σ·n − σ_ik)

    Where an eigenvalue is negative the velocity is given as −√|v²|. Electric fields of
    polar waves are left out, as in the force constants at Γ.

    Args:
        elasticity: as :func:`matjax.mechanics.elastic` returns it.
        directions: Cartesian, of any length but zero.
        density: g/cm³; by default that of the record. Another one for isotopes.
    """
    xp = namespace((elasticity, directions, density))
    n = _unit(directions)
    stress = elasticity.stress
    along = ((n @ stress) * n).sum(axis=-1)[..., None, None]
    matrix = xp.einsum("ijkl,...j,...l->...ik", elasticity.full, n, n)
    matrix = matrix + (along * np.eye(3) - stress) / 2
    squares = _eigenvalues(matrix)
    squares = squares / (elasticity.density if density is None else density)
    return xp.sign(squares) * xp.sqrt(abs(squares))


def _unit(directions: Float[Array, "*directions 3"]) -> Array:
    """Directions at length 1."""
    xp = namespace(directions)
    return directions / xp.linalg.norm(directions, axis=-1, keepdims=True)


def _eigenvalues(matrix: Float[Array, "*q n n"]) -> Float[Array, "*q n"]:
    """Ascending; NaN where numbers are not finite, which LAPACK refuses."""
    xp = namespace(matrix)
    if xp is np and not np.isfinite(matrix).all():
        return np.full(matrix.shape[:-1], np.nan)
    return xp.linalg.eigvalsh(matrix)


def namespace(tree: Any) -> Any:
    """jax.numpy where something is traced, and otherwise NumPy."""
    traced = any(isinstance(x, Tracer) for x in jax.tree.leaves(tree))
    return jnp if traced else np
