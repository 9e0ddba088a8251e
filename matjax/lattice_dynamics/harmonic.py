"""Phonons of a crystal: dynamical matrix, frequencies, modes and what follows.

Convention. With H the second derivatives of the energy and R the cells,

    Φ(q)_ij = Σ_R H[i0, jR] exp(2πi q·R),    D(q)_ij = Φ(q)_ij / √(m_i m_j),
    D(q) e = (2πν)² e,    u_jR = e_j exp(2πi q·R) / √m_j:

phases count cells. With phases of atomic positions (phonopy and others) the matrix is
P* D P, P = diag exp(2πi q·x_j) over fractional coordinates x_j, with the same
frequencies and the eigenvectors P* e.
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
from jax.typing import DTypeLike

from matjax.arrays import Array, Complex, Float
from matjax.crystals import Crystal
from matjax.crystals import primitive as primitive_cell
from matjax.force_constants import (
    ForceConstants,
    Path,
    Response,
    SymmetricResponse,
    band_path,
    regular_mesh,
)
from matjax.force_constants.grids import by_symmetry
from matjax.force_constants.qpoints import SYMPREC, require_q
from matjax.force_constants.refinement import interpolated, refined
from matjax.force_constants.sampling import sampled
from matjax.lattice_dynamics.bands import Bands, connect
from matjax.lattice_dynamics.displacements import (
    Displacements,
    mean_square_displacements,
)
from matjax.lattice_dynamics.dos import DensityOfStates, density_of_states
from matjax.lattice_dynamics.mode_projections import Onto, projections, require_onto
from matjax.lattice_dynamics.thermal import (
    SOFTEST,
    Thermal,
    require_temperatures,
    thermal_properties,
)
from matjax.numerics import safe_where
from matjax.predictors import Potential
from matjax.progress import Progress, progress_of
from matjax.units import THZ


class Modes(NamedTuple):
    """Normal modes at some q."""

    frequencies: Float[Array, "*q modes"]
    """THz, ascending; imaginary ones negative."""
    eigenvectors: Complex[Array, "*q modes modes"]
    """Orthonormal columns e, mass weighted; u_jR = e_j exp(2πi q·R) / √m_j."""


Points = Float[Array, "*q 3"] | Sequence
"""Wave vectors: an array, or nested lists of numbers."""

Grid = tuple[int, int, int] | tuple[tuple[int, int, int], ...]
"""As :func:`matjax.crystals.commensurate_q` takes it."""


class Phonons(struct.PyTreeNode):
    """Harmonic lattice dynamics of a crystal; made by :func:`phonons`.

    Its methods take q in reciprocal lattice units, of shape (..., 3), and return NumPy
    arrays; under ``jax.jit`` and ``jax.grad`` they are pure functions.
    """

    crystal: Crystal
    source: ForceConstants
    masses: Array
    """(atoms,), amu."""
    max_force: Array
    """Largest force on an atom, eV/Å: these are phonons of a crystal at rest only where
    it is small."""
    progress: Progress | None = struct.field(pytree_node=False, default=None)
    """Wraps the steps of long calculations, such as ``tqdm.tqdm``."""
    grid: Grid | None = struct.field(pytree_node=False, default=None)
    """Grid of exact q between which the source interpolates: three integers, or the
    supercell whose q they are, in units of the cell; None if it is exact."""
    interpolation_error: float | None = struct.field(pytree_node=False, default=None)
    """Largest error of a frequency at the random q where it was measured, THz."""

    def force_constants(self, q: Points) -> Complex[Array, "*q modes modes"]:
        """Force constants Φ(q), eV/Å²; Hermitian up to round-off, as computed.

        Raises:
            ValueError: if q has not three components, or is not finite.
        """
        q = np.asarray(q, dtype=float) if isinstance(q, Sequence) else q
        require_q(q)
        return self.source(q, progress=self.progress)

    def dynamical_matrix(self, q: Points) -> Complex[Array, "*q modes modes"]:
        """Mass-weighted force constants D(q), eV/(Å² amu); Hermitian to round-off.

        Raises:
            ValueError: if q has not three components, or is not finite.
        """
        # Masses are traced where the whole record is an argument of a jitted function.
        xp = jnp if isinstance(self.masses, Tracer) else np
        roots = xp.sqrt(xp.repeat(self.masses, 3))
        return self.force_constants(q) / (roots[:, None] * roots)

    def frequencies(self, q: Points) -> Float[Array, "*q modes"]:
        """Frequencies ν, THz, ascending; those of imaginary modes negative.

        Raises:
            ValueError: if q has not three components, or is not finite.
        """
        matrix = self.dynamical_matrix(q)
        xp = np if isinstance(matrix, np.ndarray) else jnp
        return _frequencies(xp.linalg.eigvalsh(_hermitian_part(matrix)))

    def modes(self, q: Points) -> Modes:
        """Frequencies and eigenvectors.

        Raises:
            ValueError: if q has not three components, or is not finite.
        """
        matrix = self.dynamical_matrix(q)
        xp = np if isinstance(matrix, np.ndarray) else jnp
        eigenvalues, eigenvectors = xp.linalg.eigh(_hermitian_part(matrix))
        return Modes(_frequencies(eigenvalues), eigenvectors)

    def sampled(self, q: Points, *, tolerance: float | int = 0.05) -> Phonons:
        """The same phonons, exact at some of these q and within a tolerance at others.

        Exact ones are computed where predictions from those known so far are least
        certain, until they agree: many times fewer than a path and a mesh have points.
        At any other q frequencies are exact as before.

        Args:
            q: wave vectors that will be asked for, such as those of a path and a mesh.
            tolerance: THz; the error that was measured last stands in the result.

        Raises:
            ValueError: if these phonons are not exact, the tolerance is not positive,
                or q has not three components, or is not finite.
        """
        q = np.asarray(q, dtype=float) if isinstance(q, Sequence) else q
        require_q(q)
        source = self.source
        if isinstance(source, Response):
            source = by_symmetry(source, self.crystal)
        if not isinstance(source, SymmetricResponse):
            raise ValueError(
                "exact phonons of a potential are needed to sample them; received "
                f"{type(source).__name__}: leave out grid and tolerance"
            )
        found = sampled(
            source,
            self.crystal,
            np.reshape(q, (-1, 3)),
            tolerance,
            partial(_frequencies_of, masses=self.masses),
            progress=self.progress,
        )
        return self.replace(source=found.source, interpolation_error=found.error)

    def bands(
        self, path: Path | None = None, *, spacing: float = 0.05, connected: bool = True
    ) -> Bands:
        """Frequencies along a path.

        Args:
            path: by default the standard one, :func:`band_path`.
            spacing: largest distance between neighboring points, 1/Å.
            connected: whether branches are followed through their crossings
                (:func:`connect`), which needs concrete numbers.
        """
        path = band_path(self.crystal, spacing=spacing) if path is None else path
        if not connected:
            return Bands(path, self.frequencies(path.q))
        frequencies, eigenvectors = self.modes(path.q)
        phases = np.exp(-2j * np.pi * (path.q @ np.transpose(self.crystal.fractional)))
        with_positions = np.repeat(phases, 3, axis=1)[:, :, None] * eigenvectors
        return connect(Bands(path, frequencies), with_positions)

    def dos(
        self,
        mesh: Sequence[int] = (12, 12, 12),
        *,
        n_bins: int = 400,
        smearing: float | int | None = None,
    ) -> DensityOfStates:
        """Density of states on a regular mesh.

        Args:
            mesh: divisions of the three reciprocal vectors.
            n_bins: intervals of frequency.
            smearing: standard deviation of Gaussians, THz; by default tetrahedra.

        Raises:
            ValueError: if a division or the smearing is not positive.
        """
        points = regular_mesh(self.crystal, mesh, masses=self.masses)
        return density_of_states(
            points, self.frequencies(points.q), n_bins=n_bins, smearing=smearing
        )

    def projected_dos(
        self,
        mesh: Sequence[int] = (12, 12, 12),
        *,
        onto: Onto = "elements",
        n_bins: int = 400,
        smearing: float | int | None = None,
    ) -> DensityOfStates:
        """Density of states, and its parts by where and how the modes move.

        Args:
            mesh: divisions of the three reciprocal vectors.
            onto: elements, atoms, Cartesian directions, or coordinates of atoms.
            n_bins: intervals of frequency.
            smearing: standard deviation of Gaussians, THz; by default tetrahedra.

        Raises:
            ValueError: if a division or the smearing is not positive, or no such
                parts are known.
        """
        require_onto(onto)  # before the long part
        points = regular_mesh(self.crystal, mesh, masses=self.masses)
        modes = self.modes(points.q)
        labels, shares = projections(
            self.crystal, *modes, onto=onto, masses=self.masses
        )
        return density_of_states(
            points,
            modes.frequencies,
            weights=shares,
            labels=labels,
            n_bins=n_bins,
            smearing=smearing,
        )

    def thermal(
        self,
        temperatures: Sequence[float | int] | Float[Array, "temperatures"] = (300.0,),
        mesh: Sequence[int] = (12, 12, 12),
    ) -> Thermal:
        """Free and internal energy, entropy and heat capacity of a cell, on a mesh.

        Args:
            temperatures: K, zero or more.
            mesh: divisions of the three reciprocal vectors.

        Raises:
            ValueError: if a temperature is negative, or a division not positive.
        """
        require_temperatures(temperatures)  # before the long part
        points = regular_mesh(self.crystal, mesh, masses=self.masses)
        return thermal_properties(points, self.frequencies(points.q), temperatures)

    def displacements(
        self,
        temperatures: Sequence[float | int] | Float[Array, "temperatures"] = (300.0,),
        mesh: Sequence[int] = (12, 12, 12),
        *,
        softest: float | int = SOFTEST,
    ) -> Displacements:
        """Mean-square displacements of the atoms, on a regular mesh.

        Args:
            temperatures: K, zero or more.
            mesh: divisions of the three reciprocal vectors.
            softest: THz; softer modes are left out.

        Raises:
            ValueError: if a temperature is negative, or a division not positive.
        """
        require_temperatures(temperatures)  # before the long part
        points = regular_mesh(self.crystal, mesh, masses=self.masses)
        matrices = self.dynamical_matrix(points.q)
        return mean_square_displacements(
            self.crystal,
            points,
            matrices,
            temperatures,
            masses=self.masses,
            softest=softest,
        )


def phonons(
    potential: Potential,
    crystal: Crystal,
    *,
    masses: Float[Array, "atoms"] | None = None,
    dtype: DTypeLike | None = None,
    grid: Sequence[int] | None = None,
    tolerance: float | int | None = None,
    primitive: bool = False,
    symmetry: bool = False,
    symprec: float | int = SYMPREC,
    progress: Progress | bool = False,
) -> Phonons:
    """Phonons of a crystal in a potential: exact at every q, or exact on a grid.

    Interpolation between the points of a grid costs little at any number of q, and the
    grid little where the crystal has symmetry, which it needs within 1e-4 Å.

    Args:
        potential: any model with its parameters.
        crystal: at rest in the potential; its largest force stands in the result.
        masses: amu; by default the standard atomic masses.
        dtype: precision of the force constants; by default float64 where JAX has it
            switched on. Masses, eigenvalues and frequencies are in float64.
        grid: divisions of the reciprocal vectors; force constants are exact on this
            grid and interpolated between its points.
        tolerance: THz; the grid is refined until frequencies at some random q differ
            less from the exact ones, its points being computed only where those known
            do not predict them. The error that remains stands in the result.
        primitive: whether a larger cell is reduced to the primitive one first, which is
            then ``phonons.crystal`` and to whose reciprocal vectors q refers;
            :func:`matjax.crystals.cell_map` tells how the given one lies in it. By
            default q refers to the given cell.
        symmetry: whether the space group saves columns at single q too; as exact as
            the crystal is symmetric, within 1e-4 Å.
        symprec: Å; tolerance of the search for the space group.
        progress: whether long calculations show a bar, or what wraps their steps
            instead of ``tqdm.tqdm``.

    Raises:
        ValueError: if the potential does not know an element of the crystal, its forces
            are not finite, masses are not positive, one for each atom, or there is no
            such grid, or none that meets the tolerance.
    """
    if primitive:
        _require_concrete(potential, crystal)
        crystal = _reduced(crystal, masses, symprec)
        masses = None
    if grid is not None and tolerance is not None:
        raise ValueError(
            f"a grid is given or found by its tolerance, not both; received {grid} and "
            f"{tolerance} THz"
        )
    reduced = grid is not None or tolerance is not None or symmetry
    if reduced:
        _require_concrete(potential, crystal)
    masses = _require_masses(crystal, masses)
    potential = potential.astype(jnp.zeros((), dtype or float).dtype)
    graph = potential.graph(crystal)
    exact = Response(potential, graph, n_atoms=crystal.n_atoms)
    source: Response | SymmetricResponse = exact
    if reduced:
        source = by_symmetry(exact, crystal, symprec=symprec)
        exact = source.response  # its calls are smaller
    result = Phonons(
        crystal=crystal,
        source=source,
        masses=masses,
        max_force=_require_finite(exact.max_force()),
        progress=progress_of(progress),
    )
    if not isinstance(source, SymmetricResponse):
        return result
    if grid is not None:
        found = interpolated(source, crystal, grid, progress=result.progress)
    elif tolerance is not None:
        frequencies = partial(_frequencies_of, masses=masses)
        found = refined(
            source, crystal, tolerance, frequencies, progress=result.progress
        )
    else:
        return result
    return result.replace(
        source=found.source, grid=found.grid, interpolation_error=found.error
    )


def _reduced(crystal: Crystal, masses: Array | None, symprec: float | int) -> Crystal:
    if masses is not None:
        crystal = crystal.replace(given_masses=_require_masses(crystal, masses))
    smaller = primitive_cell(crystal, symprec)
    return crystal if smaller.n_atoms == crystal.n_atoms else smaller


def _require_concrete(potential: Potential, crystal: Crystal) -> None:
    if any(isinstance(x, Tracer) for x in jax.tree.leaves((potential, crystal))):
        raise ValueError(
            "phonons on a grid, or by symmetry, need a concrete potential and crystal; "
            "received traced ones: under jit and grad go without"
        )


def _frequencies_of(force_constants: Array, masses: Array) -> Array:
    """Frequencies (THz) of concrete force constants at some q."""
    roots = np.sqrt(np.repeat(masses, 3))
    matrices = _hermitian_part(force_constants / np.outer(roots, roots))
    return _frequencies(np.linalg.eigvalsh(matrices))


def _require_finite(max_force: Array) -> Array:
    if isinstance(max_force, Tracer):
        return max_force
    if not np.isfinite(max_force):
        raise ValueError(
            f"forces must be finite; the largest is {max_force} eV/Å: are atoms far "
            "too close, or the parameters damaged?"
        )
    return np.asarray(max_force)


def _frequencies(eigenvalues: Float[Array, "*axes"]) -> Float[Array, "*axes"]:
    """THz, with the sign of the eigenvalue."""
    if isinstance(eigenvalues, np.ndarray):
        return THZ * np.sign(eigenvalues) * np.sqrt(np.abs(eigenvalues))
    return THZ * safe_where(
        eigenvalues != 0,
        lambda x: jnp.sign(x) * jnp.sqrt(jnp.abs(x)),
        eigenvalues,
        inside=1.0,
    )


def _hermitian_part(
    matrix: Complex[Array, "*q modes modes"],
) -> Complex[Array, "*q modes modes"]:
    return (matrix + matrix.conj().swapaxes(-1, -2)) / 2


def _require_masses(crystal: Crystal, masses: Array | None) -> np.ndarray:
    masses = np.asarray(crystal.masses if masses is None else masses, dtype=float)
    if masses.shape != (crystal.n_atoms,) or not (masses > 0).all():
        raise ValueError(
            f"masses must be positive, one for each of {crystal.n_atoms} atoms (amu); "
            f"received {masses}"
        )
    return masses
