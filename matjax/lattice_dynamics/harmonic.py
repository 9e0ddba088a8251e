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

import numpy as np
from flax import struct

from matjax.arrays import Array, Complex, Float
from matjax.crystals import Crystal
from matjax.force_constants import (
    BandPath,
    ForceConstants,
    Response,
    SymmetricResponse,
    band_path,
    regular_mesh,
)
from matjax.force_constants.grids import by_symmetry
from matjax.force_constants.qpoints import require_q
from matjax.force_constants.sampling import sampled
from matjax.lattice_dynamics.bands import Bands, connect
from matjax.lattice_dynamics.displacements import (
    Displacements,
    mean_square_displacements,
)
from matjax.lattice_dynamics.dos import DensityOfStates, density_of_states
from matjax.lattice_dynamics.dynamical_matrix import (
    Modes,
    concrete_frequencies,
    mass_weighted,
    matrix_frequencies,
    modes_of,
)
from matjax.lattice_dynamics.mode_projections import Onto, projections, require_onto
from matjax.lattice_dynamics.thermal import (
    SOFTEST,
    Thermal,
    no_thermal_properties,
    require_temperatures,
    thermal_properties,
)
from matjax.progress import Progress

Points = Float[Array, "*q 3"] | Sequence
"""Wave vectors: an array, or nested lists of numbers."""

Grid = tuple[int, int, int] | tuple[tuple[int, int, int], ...]
"""As :func:`matjax.crystals.commensurate_q` takes it."""


class Phonons(struct.PyTreeNode):
    """Harmonic lattice dynamics of a crystal; :func:`matjax.phonons` makes it.

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
    failure: str = struct.field(pytree_node=False, default="")
    """Why a crystal among several has no phonons; force constants, frequencies, modes
    and thermal properties are then NaN, spectra are refused. Empty for the others."""

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
        constants = self.force_constants(q)
        return constants if self.failure else mass_weighted(constants, self.masses)

    def frequencies(self, q: Points) -> Float[Array, "*q modes"]:
        """Frequencies ν, THz, ascending; those of imaginary modes negative.

        Raises:
            ValueError: if q has not three components, or is not finite.
        """
        return matrix_frequencies(self.dynamical_matrix(q))

    def modes(self, q: Points) -> Modes:
        """Frequencies and eigenvectors.

        Raises:
            ValueError: if q has not three components, or is not finite.
        """
        return modes_of(self.dynamical_matrix(q))

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
        sampling = sampled(
            source,
            self.crystal,
            np.reshape(q, (-1, 3)),
            tolerance,
            partial(concrete_frequencies, masses=self.masses),
            progress=self.progress,
        )
        return self.replace(source=sampling.source, interpolation_error=sampling.error)

    def bands(
        self,
        path: BandPath | None = None,
        *,
        spacing: float = 0.05,
        connected: bool = True,
    ) -> Bands:
        """Frequencies along a path.

        Args:
            path: by default the standard one, :func:`band_path`.
            spacing: largest distance between neighboring points, 1/Å.
            connected: whether branches are followed through their crossings
                (:func:`connect`), which needs concrete numbers.
        """
        self._require_phonons()
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
        self._require_phonons()
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
        self._require_phonons()
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
        if self.failure:
            return no_thermal_properties(temperatures)
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
        self._require_phonons()
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

    def _require_phonons(self) -> None:
        if self.failure:
            raise ValueError(
                f"a spectrum needs phonons, and this crystal has none: {self.failure}"
            )
