"""Mean-square displacements of the atoms, and their form in crystallography.

Source: Willis and Pryor, Thermal Vibrations in Crystallography (1975), chapter 4; names
and conventions of Grosse-Kunstleve and Adams, J. Appl. Cryst. 35, 477 (2002).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from matjax.arrays import Array, Complex, Float
from matjax.crystals import Crystal
from matjax.force_constants import Mesh
from matjax.force_constants.qpoints import SYMPREC
from matjax.lattice_dynamics.mode_projections import average_tensors, site_labels
from matjax.lattice_dynamics.thermal import (
    SOFTEST,
    points_at_gamma,
    require_temperatures,
    vibrating,
)
from matjax.units import BOLTZMANN, PLANCK_THZ, THZ

DEGENERATE = 1e-8
"""Share of the largest eigenvalue below which two are taken as equal in derivatives."""


class Displacements(NamedTuple):
    """Mean-square displacements of the atoms at given temperatures."""

    temperatures: Float[Array, "temperatures"]
    """K."""
    tensors: Float[Array, "temperatures atoms 3 3"]
    """U = ⟨u uᵀ⟩ along the Cartesian axes, Å²."""
    fraction_excluded: Float[Array, ""]
    """Share of all modes of the mesh left out: the translations at Γ, and those that
    are imaginary or softer than the threshold."""

    @property
    def isotropic(self) -> Float[Array, "temperatures atoms"]:
        """Mean over directions, U_iso = tr U / 3, Å²; B_iso is 8π² times that."""
        return self.tensors.trace(axis1=-2, axis2=-1) / 3


def mean_square_displacements(
    crystal: Crystal,
    mesh: Mesh,
    dynamical_matrices: Complex[Array, "q modes modes"],
    temperatures: Sequence[float | int] | Float[Array, "temperatures"],
    *,
    masses: Float[Array, "atoms"] | None = None,
    softest: float | int = SOFTEST,
    symprec: float = SYMPREC,
) -> Displacements:
    """Displacements ⟨u uᵀ⟩ of independent oscillators.

    U_i = Σ_qν w_q ε/(m_i ω²) (1/2 + n(ε/kT)) Re e_i e_i†, with ε = hν, averaged over
    the space group, so that it has the symmetry of the site. First derivatives with
    respect to the dynamical matrices are exact, at degeneracies too.

    A mesh with Γ lacks the longest waves, and U grows with its density as 1/N; a mesh
    shifted by (0.5, 0.5, 0.5) comes nearer to the limit.

    Args:
        crystal: with concrete arrays.
        mesh: whose points the sum is over.
        dynamical_matrices: D(q) at its points, eV/(Å² amu).
        temperatures: K, zero or more.
        masses: amu; by default those of the crystal.
        softest: THz; softer modes are left out.
        symprec: Å, tolerance of the symmetry that the tensors are given.

    Raises:
        ValueError: if a temperature is negative or not finite.
    """
    temperatures = require_temperatures(temperatures)
    masses = np.asarray(crystal.masses if masses is None else masses)
    sums, excluded = _average(
        dynamical_matrices,
        mesh.weights,
        points_at_gamma(mesh),
        BOLTZMANN * temperatures,
        float(softest),
    )
    if not isinstance(sums, Tracer):
        sums, excluded = np.asarray(sums), np.asarray(excluded)
    weighted = sums / masses[:, None, None]
    tensors = average_tensors(crystal, weighted, masses, symprec=symprec)
    return Displacements(temperatures, tensors, excluded)


def u_cif(
    crystal: Crystal, tensors: Float[Array, "*axes atoms 3 3"]
) -> Float[Array, "*axes atoms 3 3"]:
    """Tensors U along the axes of CIF files, Å².

    U_cif = N⁻¹ A⁻¹ U A⁻ᵀ N⁻¹, with the cell vectors as columns of A and the lengths of
    the reciprocal ones on the diagonal of N (Grosse-Kunstleve and Adams). It does not
    depend on the orientation of the crystal.
    """
    inverse = np.linalg.inv(np.asarray(crystal.cell))  # its columns are reciprocal
    scaled = inverse / np.linalg.norm(inverse, axis=0)
    return scaled.T @ tensors @ scaled


def cif_loop(crystal: Crystal, tensors: Float[Array, "atoms 3 3"]) -> str:
    """Loop of a CIF file that holds the tensors of one temperature.

    Its labels are those of the sites in the CIF files that :func:`matjax.write` makes:
    appended to one, it completes it.

    Args:
        crystal: as it is written.
        tensors: along the Cartesian axes, Å².
    """
    names = ("11", "22", "33", "23", "13", "12")
    lines = ["loop_", " _atom_site_aniso_label"]
    lines += [f" _atom_site_aniso_U_{name}" for name in names]
    for label, u in zip(site_labels(crystal), u_cif(crystal, tensors), strict=True):
        values = (u[int(i) - 1, int(j) - 1] for i, j in names)
        lines.append(" ".join([f" {label:6}", *(f"{v:9.6f}" for v in values)]))
    return "\n".join(lines) + "\n"


@jax.jit
def _average(
    matrices: Array,
    weights: Array,
    at_gamma: Array,
    kt: Array,
    softest: Array,
) -> tuple[Array, Array]:
    """Σ_q w_q f(D), the blocks of its diagonal, and the share of modes left out."""
    matrices = (matrices + matrices.conj().swapaxes(-1, -2)) / 2

    def of_point(job: tuple[Array, Array]) -> tuple[Array, Array]:
        return _oscillators(*job, kt, softest)

    blocks, excluded = jax.lax.map(of_point, (matrices, at_gamma))
    weights = jnp.asarray(weights)
    return (
        jnp.einsum("q,qtiab->tiab", weights, blocks),
        weights @ excluded / weights.sum(),
    )


@jax.custom_jvp
def _oscillators(
    matrix: Array, at_gamma: Array, kt: Array, softest: Array
) -> tuple[Array, Array]:
    """Real blocks of f(D) on the diagonal, (temperatures, atoms, 3, 3)."""
    values, vectors = jnp.linalg.eigh(matrix)
    f, counted = _spectrum(values, at_gamma, kt, softest)
    e = vectors.reshape(-1, 3, len(values))
    blocks = jnp.einsum("tm,iam,ibm->tiab", f, e, e.conj()).real
    return blocks, 1 - counted.mean()


@_oscillators.defjvp
def _oscillators_jvp(primals: tuple, tangents: tuple) -> tuple:
    """df(D) = V (F ∘ V† dD V) V†, F_ab = (f_a − f_b)/(λ_a − λ_b) or f'.

    Daleckii and Krein, in Bhatia, Matrix Analysis (1997), theorem V.3.3. The rule of
    eigenvectors alone would divide by zero at degeneracies.
    """
    matrix, at_gamma, kt, softest = primals
    values, vectors = jnp.linalg.eigh(matrix)

    def spectrum(x: Array) -> Array:
        return _spectrum(x, at_gamma, kt, softest)[0]

    f, slopes = jax.jvp(spectrum, (values,), (jnp.ones_like(values),))
    apart = values[:, None] - values
    same = jnp.abs(apart) <= DEGENERATE * jnp.abs(values).max()
    differences = (f[:, :, None] - f[:, None, :]) / jnp.where(same, 1, apart)
    mean_slopes = (slopes[:, :, None] + slopes[:, None, :]) / 2
    divided = jnp.where(same, mean_slopes, differences)
    change = divided * (vectors.conj().T @ tangents[0] @ vectors)
    e = vectors.reshape(-1, 3, len(values))
    blocks = jnp.einsum("iam,tmn,ibn->tiab", e, change, e.conj()).real
    primal = _oscillators(matrix, at_gamma, kt, softest)
    return primal, (blocks, jnp.zeros_like(primal[1]))


def _spectrum(
    values: Array, at_gamma: Array, kt: Array, softest: Array
) -> tuple[Array, Array]:
    """⟨Q²⟩ = ε/ω² (1/2 + n) of modes of eigenvalue ω², (temperatures, modes)."""
    nu = THZ * jnp.sign(values) * jnp.sqrt(jnp.abs(values))
    counted = vibrating(nu[None], at_gamma[None], softest)[0][0]
    values = jnp.where(counted, values, 1)
    quantum = PLANCK_THZ * THZ * jnp.sqrt(values)
    warm = (kt > 0)[:, None]
    x = quantum / jnp.where(warm, kt[:, None], 1)
    occupation = jnp.where(warm, -jnp.exp(-x) / jnp.expm1(-x), 0)
    return jnp.where(counted, quantum / values * (0.5 + occupation), 0), counted
