"""The record of a molecular dynamics run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from matjax.crystals import Crystal
from matjax.crystals.io import write_atoms
from matjax.mechanics.ensembles import Ensemble
from matjax.predictors.calculator import voigt
from matjax.units import BOLTZMANN, FEMTOSECOND

if TYPE_CHECKING:
    import ase


@dataclass(frozen=True)
class Trajectory:
    """What was recorded of a molecular dynamics run, and where it ended.

    Velocities are in Å/fs. Positions are not wrapped into the cell.
    """

    crystal: Crystal
    """The crystal at the end, which may lie after the last frame."""
    ensemble: Ensemble
    state: Any
    """State of the integrator at the end, from which a run can go on; None if there is
    none."""
    steps: int
    """Steps taken in this run."""
    time: float
    """Time at the end, of earlier runs too, fs."""
    interrupted: bool
    """Whether Ctrl-C ended the run."""
    times: np.ndarray
    """(frames,), fs."""
    positions: np.ndarray
    """(frames, atoms, 3), Å."""
    velocities: np.ndarray
    """(frames, atoms, 3), Å/fs."""
    forces: np.ndarray
    """(frames, atoms, 3), eV/Å."""
    cells: np.ndarray
    """(frames, 3, 3), Å."""
    potential_energy: np.ndarray
    """(frames,), eV."""
    kinetic_energy: np.ndarray
    """(frames,), eV."""
    conserved: np.ndarray
    """The ensemble's integral of motion, (frames,), eV; NaN where there is none."""
    stress: np.ndarray
    """Stress without its kinetic part, (frames, 3, 3), eV/Å³."""
    failure: str = ""
    """Why a crystal among several did not go on; empty for the others."""

    @property
    def degrees_of_freedom(self) -> int:
        """Those that share the kinetic energy."""
        return self.ensemble.degrees_of_freedom(self.crystal.n_atoms, self._n_fixed)

    @property
    def _n_fixed(self) -> int:
        return 0 if self.crystal.fixed is None else int(np.sum(self.crystal.fixed))

    @property
    def temperature(self) -> np.ndarray:
        """Twice the kinetic energy of a degree of freedom over k, (frames,), K."""
        return 2 * self.kinetic_energy / (self.degrees_of_freedom * BOLTZMANN)

    @property
    def volume(self) -> np.ndarray:
        """(frames,), Å³."""
        return np.abs(np.linalg.det(self.cells))

    @property
    def pressure(self) -> np.ndarray:
        """Kinetic part included, (frames,), eV/Å³; its mean is the pressure."""
        # The center of mass, which rests here, has its share of the ideal-gas pressure.
        n_mobile = self.crystal.n_atoms - self._n_fixed
        ideal = n_mobile * BOLTZMANN * self.temperature / self.volume
        return ideal - np.trace(self.stress, axis1=1, axis2=2) / 3

    @property
    def end_velocities(self) -> np.ndarray:
        """Velocities of the crystal at the end, (atoms, 3), Å/fs."""
        return np.asarray(self.state.momentum / self.state.mass) * FEMTOSECOND

    def to_ase(self) -> list[ase.Atoms]:
        """The frames as ASE ``Atoms`` with velocities, energy, forces and stress."""
        import ase.units
        from ase.calculators.singlepoint import SinglePointCalculator

        frames = []
        last = self.crystal.to_ase()
        if self.crystal.given_masses is not None:  # before velocities: ASE has momenta
            last.arrays["masses"] = np.asarray(self.crystal.given_masses)
        for i, time in enumerate(self.times):
            atoms = last.copy()
            atoms.set_cell(self.cells[i])
            atoms.positions[:] = self.positions[i]
            atoms.set_velocities(self.velocities[i] / ase.units.fs)
            atoms.info["time_fs"] = float(time)
            atoms.calc = SinglePointCalculator(
                atoms,
                energy=float(self.potential_energy[i]),
                forces=self.forces[i],
                stress=voigt(self.stress[i]),
            )
            frames.append(atoms)
        return frames

    def write(self, path: str | Path) -> None:
        """Write the frames in a format of ASE; ``.extxyz`` keeps everything.

        To go on from such a file, give its last crystal and its velocities
        ``atoms.get_velocities() * ase.units.fs`` to :func:`molecular_dynamics`.
        """
        write_atoms(Path(path), self.to_ase())
