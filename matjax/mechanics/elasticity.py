"""The elastic tensor of a crystal whose atoms relax, and what follows from it.

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
from jax.typing import DTypeLike

from matjax.arrays import Array, Float, Leaf
from matjax.compilation import exported
from matjax.crystals import Crystal
from matjax.graphs import Graph
from matjax.predictors import Potential, evaluate
from matjax.units import AMU, ANGSTROM, GPA

VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
"""Components in ASE's order: xx, yy, zz, yz, xz, xy."""

FULL = np.array([[0, 5, 4], [5, 1, 3], [4, 3, 2]])
"""Place in Voigt's notation of every component of a symmetric tensor."""

MANDEL = np.sqrt([1, 1, 1, 2, 2, 2])
"""Factors that make a rotation of Voigt's six components orthogonal."""

G_PER_CM3 = AMU / ANGSTROM**3 * 1e-3
"""Density in g/cm³ of 1 amu/Å³."""

MEMORY = 2 * 2**30
"""Bytes that the columns computed together may take."""

EDGE_REALS = 25_000
"""Numbers that a column keeps for each edge slot; measured 24,000 for the network for
which :mod:`matjax.force_constants` measured 46,000, for the two parts of a complex
column."""

Scalar = Float[Array, ""] | float
"""A number of NumPy's, or a traced one."""

COLUMNS = 16
"""Most columns computed together: by then the network itself, evaluated once for all of
them, costs little, and small crystals of a bucket do not pay for large ones."""


class Elasticity(struct.PyTreeNode):
    """Elastic constants of a crystal; made by :func:`elastic`. GPa unless said.

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
        xp = _namespace(self.tensor)
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
        return _namespace(self.tensor).linalg.eigvalsh(matrix)

    @property
    def stable(self) -> Array | np.bool_:
        """Whether every small homogeneous strain costs energy (Born's criterion)."""
        return (self.eigenvalues[0] > 0) & (self.softest > 0)

    def young_along(
        self, directions: Float[Array, "*directions 3"]
    ) -> Float[Array, "*directions"]:
        """Young's modulus of the single crystal pulled along some directions."""
        xp = _namespace((self, directions))
        n = _unit(directions)
        pull = xp.stack([n[..., i] * n[..., j] for i, j in VOIGT], axis=-1)
        stretch = ((pull @ self.compliance) * pull).sum(axis=-1)
        return xp.asarray(1 / stretch)


def elastic(
    potential: Potential,
    crystal: Crystal,
    *,
    graph: Graph | None = None,
    dtype: DTypeLike | None = None,
) -> Elasticity:
    """Elastic constants of a crystal in a potential, with and without relaxing atoms.

    The derivatives of forces and stress by 3n coordinates and 6 strains, exact, are
    computed :func:`chunk_size` at a time by one compiled function, which serves every
    crystal of the same bucket. What follows them is in float64.

    Args:
        potential: any model with its parameters.
        crystal: at rest in the potential, periodic in three directions; residual force
            and stress stand in the result.
        graph: of the crystal, at the potential's cutoff: with given sizes, so that
            crystals share a bucket, or with traced coordinates and cell, to
            differentiate by them.
        dtype: precision of the derivatives; by default float64 where JAX has it
            switched on.

    Raises:
        ValueError: if a direction is not periodic, the potential does not know an
            element of the crystal, or forces and stress are not finite.
    """
    if not all(crystal.pbc):
        raise ValueError(
            f"elastic constants need three periodic directions; received {crystal.pbc}"
        )
    dtype = jnp.zeros((), dtype or float).dtype
    potential = potential.astype(dtype)
    graph = potential.graph(crystal) if graph is None else graph.astype(dtype)
    columns, forces, stress = _response(potential, graph, crystal.n_atoms)
    xp = _namespace(columns)
    if xp is np and not all(np.isfinite(x).all() for x in (columns, forces, stress)):
        raise ValueError(
            "forces, stress and their derivatives must be finite; in this potential "
            "those of the crystal are not: are atoms far too close, or the parameters "
            "damaged?"
        )
    # Columns: what each coordinate does to the forces (3n) and to the stress (6).
    n = 3 * crystal.n_atoms
    force_constants = -(columns[:n, :n] + columns[:n, :n].T) / 2
    by_strain = columns[n:, :n].T
    moved, softest = _relaxed(force_constants, by_strain, xp)
    clamped = columns[n:, n:].T
    tensor = clamped + columns[:n, n:].T @ moved
    volume = abs(xp.linalg.det(xp.asarray(graph.cell[0], float)))
    return Elasticity(
        tensor=GPA * (tensor + tensor.T) / 2,
        clamped=GPA * (clamped + clamped.T) / 2,
        displacements=moved.reshape(-1, 3, 6),
        stress=GPA * stress,
        max_force=xp.linalg.norm(forces, axis=-1).max(),
        softest=softest,
        density=G_PER_CM3 * float(np.sum(crystal.masses)) / volume,
    )


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
        elasticity: as :func:`elastic` returns it.
        directions: Cartesian, of any length but zero.
        density: g/cm³; by default that of the record. Another one for isotopes.
    """
    xp = _namespace((elasticity, directions, density))
    n = _unit(directions)
    stress = elasticity.stress
    along = ((n @ stress) * n).sum(axis=-1)[..., None, None]
    matrix = xp.einsum("ijkl,...j,...l->...ik", elasticity.full, n, n)
    matrix = matrix + (along * np.eye(3) - stress) / 2
    squares = xp.linalg.eigvalsh(matrix)
    squares = squares / (elasticity.density if density is None else density)
    return xp.sign(squares) * xp.sqrt(abs(squares))


def chunk_size(graph: Graph) -> int:
    """Columns computed together for a graph: the same for every crystal of a bucket.

    :data:`MEMORY` bounds them by the estimate of a large network, and :data:`COLUMNS`.
    """
    bytes_of_column = graph.senders.size * EDGE_REALS * graph.positions.dtype.itemsize
    most = max(1, min(COLUMNS, MEMORY // bytes_of_column))
    n_calls = -(-(3 * graph.n_nodes + 6) // most)
    return -(-(3 * graph.n_nodes + 6) // n_calls)


def _response(
    potential: Potential, graph: Graph, n_atoms: int
) -> tuple[Array, Array, Array]:
    """Derivatives of forces and stress, (3n + 6, 3n + 6), and these themselves.

    Row k belongs to coordinate k of the atoms, the last six to the strains.
    """
    n, n_nodes, chunk = 3 * n_atoms, 3 * graph.n_nodes, chunk_size(graph)
    coordinates = np.r_[0:n, n_nodes : n_nodes + 6].astype(np.int32)
    # The last one is repeated to fill the last chunk.
    jobs = np.pad(coordinates, (0, -len(coordinates) % chunk), mode="edge")
    jobs = jobs.reshape(-1, chunk)
    if _namespace((potential, graph)) is jnp:
        compute = lambda job: _columns(potential, graph, job)
        columns, forces, stress = jax.lax.map(compute, jnp.asarray(jobs))
        forces, stress = forces[0], stress[0]
        columns = columns.reshape(-1, n_nodes + 6).astype(float)
    else:
        # To the host at once: JAX would run several calls side by side, in more memory.
        results = [jax.device_get(_columns(potential, graph, job)) for job in jobs]
        columns = np.concatenate([columns for columns, _, _ in results]).astype(float)
        _, forces, stress = results[0]
    return columns[: len(coordinates), coordinates], forces[:n_atoms], stress


@exported(result=lambda *_: (0, 0, 0))
def _columns(
    potential: Potential, graph: Graph, coordinates: Array
) -> tuple[Array, Array, Array]:
    """Derivatives of forces and stress (Voigt) by some coordinates, and both."""
    n_nodes = graph.n_nodes
    basis = jax.nn.one_hot(coordinates, 3 * n_nodes + 6, dtype=graph.cell.dtype)
    moves = basis[:, : 3 * n_nodes].reshape(-1, n_nodes, 3)
    # Half of a Voigt shear goes to either component of the symmetric strain.
    half = jnp.where(jnp.eye(3, dtype=bool), 1, 0.5).astype(graph.cell.dtype)
    strains = basis[:, 3 * n_nodes :][:, FULL] * half

    def respond(positions: Array, strain: Array) -> tuple[Array, Array]:
        moved = graph.replace(positions=positions).strained(strain[None])
        result = evaluate(potential, moved)
        return result.forces, result.stress[0]

    def column(move: Array, strain: Array) -> tuple[Array, Array, Array]:
        primals = (graph.positions, jnp.zeros_like(graph.cell[0]))
        (forces, stress), (by_forces, by_stress) = jax.jvp(
            respond, primals, (move, strain)
        )
        six = jnp.stack([by_stress[i, j] for i, j in VOIGT])
        return jnp.concatenate([by_forces.reshape(-1), six]), forces, stress

    return jax.vmap(column, out_axes=(0, None, None))(moves, strains)


def _relaxed(force_constants: Array, by_strain: Array, xp: Any) -> tuple[Array, Scalar]:
    """Displacements X with Φ X = ∂F/∂ε, and the lowest eigenvalue of Φ.

    Translations, which Φ does not resist, are taken out by projection: they are given
    the stiffness of an average atom, and no force.
    """
    n = len(force_constants)
    shift = np.tile(np.eye(3), (n // 3, 1)) / np.sqrt(n // 3)
    translations = shift @ shift.T
    rest = np.eye(n) - translations
    if n == 3:
        return xp.zeros_like(by_strain), np.inf
    stiffness = xp.trace(force_constants) / n
    projected = rest @ force_constants @ rest
    moved = xp.linalg.solve(projected + stiffness * translations, rest @ by_strain)
    # Translations are lifted above all other modes, so that the lowest is none of them.
    top = abs(projected).sum(axis=1).max()
    softest = xp.linalg.eigvalsh(projected + 2 * top * translations)[0]
    return rest @ moved, softest


def _unit(directions: Float[Array, "*directions 3"]) -> Array:
    """Directions at length 1."""
    xp = _namespace(directions)
    return directions / xp.linalg.norm(directions, axis=-1, keepdims=True)


def _namespace(tree: Any) -> Any:
    """jax.numpy where something is traced, and otherwise NumPy."""
    traced = any(isinstance(x, Tracer) for x in jax.tree.leaves(tree))
    return jnp if traced else np
