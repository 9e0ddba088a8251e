"""Relaxation of atoms and cell to a minimum of the enthalpy, of one crystal or many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import NamedTuple, overload

import jax
import numpy as np

from matjax.arrays import Array
from matjax.crystals import Crystal, required_fixed, space_group, symmetrized
from matjax.errors import DivergenceError
from matjax.graphs import Policy, require_policy
from matjax.mechanics.batch import Driver, Ended
from matjax.mechanics.chunks import interrupted, watched
from matjax.mechanics.landscape import moving_parts
from matjax.mechanics.rows import Job
from matjax.mechanics.stepping import METHODS
from matjax.predictors import Potential
from matjax.progress import Progress


@dataclass(frozen=True)
class Relaxation:
    """A relaxed crystal, or the last good one, and the way to it."""

    crystal: Crystal
    energy: float
    """eV."""
    forces: np.ndarray
    """(atoms, 3), eV/Å."""
    stress: np.ndarray
    """(3, 3), eV/Å³, tension positive."""
    max_force: float
    """Largest force on an atom that may move, eV/Å."""
    max_stress: float
    """Largest component of stress plus pressure that may strain the cell, eV/Å³."""
    steps: int
    """Number of steps taken."""
    converged: bool
    """Whether the largest force and stress are below their thresholds."""
    interrupted: bool
    """Whether Ctrl-C ended the relaxation."""
    energies: np.ndarray
    """Energy after each step, the start first, (steps + 1,), eV."""
    max_forces: np.ndarray
    """Largest force after each step, (steps + 1,), eV/Å."""
    max_stresses: np.ndarray
    """Largest stress after each step, (steps + 1,), eV/Å³."""
    failure: str = ""
    """Why a crystal among several could not be relaxed; empty for the others."""


class Settings(NamedTuple):
    """What a relaxation is told, beside the potential and the crystal."""

    fmax: float
    smax: float
    cell: bool
    method: str
    max_steps: int
    symmetry: bool
    symprec: float
    pressure: float
    shapes: Policy


@overload
def relax(
    potential: Potential,
    crystals: Crystal,
    *,
    fmax: float = ...,
    smax: float = ...,
    cell: bool = ...,
    method: str = ...,
    max_steps: int = ...,
    symmetry: bool = ...,
    symprec: float = ...,
    fixed: Array | list | None = ...,
    pressure: float = ...,
    shapes: Policy = ...,
    progress: Progress | bool = ...,
) -> Relaxation: ...


@overload
def relax(
    potential: Potential,
    crystals: Sequence[Crystal],
    *,
    fmax: float = ...,
    smax: float = ...,
    cell: bool = ...,
    method: str = ...,
    max_steps: int = ...,
    symmetry: bool = ...,
    symprec: float = ...,
    fixed: Array | list | None = ...,
    pressure: float = ...,
    shapes: Policy = ...,
    progress: Progress | bool = ...,
) -> list[Relaxation]: ...


def relax(
    potential: Potential,
    crystals: Crystal | Sequence[Crystal],
    *,
    fmax: float = 1e-3,
    smax: float = 1e-5,
    cell: bool = True,
    method: str = "lbfgs",
    max_steps: int = 500,
    symmetry: bool = False,
    symprec: float = 1e-3,
    fixed: Array | list | None = None,
    pressure: float = 0.0,
    shapes: Policy = "few",
    progress: Progress | bool = False,
) -> Relaxation | list[Relaxation]:
    """The crystal at a minimum of E + pV, reached by following forces and stress.

    Of several crystals a list of records, in their order; they share compiled
    functions, and one that fails says so in its record. Ctrl-C ends the relaxation, not
    the program: it warns and returns what was reached, with ``interrupted`` set.

    Args:
        potential: computes in its own precision; coordinates are kept in JAX's default
            float.
        crystals: the start, or several; coordinates may lie outside the cell, where
            they stay.
        fmax: largest force on an atom at the end, eV/Å.
        smax: largest component of stress plus pressure at the end, eV/Å³. A residual
            stress σ leaves an error σ/3B in lengths: 1e-5 is 2e-5 Å for silicon.
        cell: whether the cell relaxes too, in its periodic directions.
        method: ``lbfgs`` takes fewer steps; ``fire`` is more forgiving far from a
            minimum.
        max_steps: evaluations of the potential after that of the start.
        symmetry: whether atoms and cell start from the exactly symmetric places of
            the crystal's space group, and forces and stress are projected on its
            invariants, so that the relaxation cannot leave it.
        symprec: Å, tolerance of the search for that group.
        fixed: truth values, (atoms,): which atoms keep their fractional coordinates; or
            (atoms, 3): along which cell vectors. By default those of the crystal;
            ``np.zeros(n_atoms, bool)`` frees all. For one crystal only.
        pressure: eV/Å³ (divide GPa by ``units.GPA``), positive when it compresses.
        shapes: of the rows: as few as several crystals need, or standard ones, which
            every list and process shares; see :data:`matjax.graphs.Policy`.
        progress: whether to show a bar, or what wraps the steps of one crystal, or the
            crystals, such as ``tqdm``.

    Raises:
        ValueError: if an argument is out of range; or if a single crystal cannot be
            relaxed (two atoms on one place, an element that the potential does not
            know).
        DivergenceError: if the energy of a single crystal is not finite.
    """
    settings = Settings(
        fmax, smax, cell, method, max_steps, symmetry, symprec, pressure, shapes
    )
    _require(settings)
    if isinstance(crystals, Crystal):
        if fixed is not None:
            crystals = crystals.replace(fixed=required_fixed(fixed, crystals.n_atoms))
        job = _job(potential, crystals, settings)
        return _relax_one(potential, job, settings, progress)
    if fixed is not None:
        raise ValueError(
            "fixed= is for a single crystal; several say themselves which of their "
            "atoms are fixed: crystal.replace(fixed=...)"
        )
    return _relax_many(potential, list(crystals), settings, progress)


def _relax_one(
    potential: Potential, job: Job, settings: Settings, progress: Progress | bool
) -> Relaxation:
    ended: list[Ended] = []

    def steps() -> Iterator[None]:
        for event in _driver(potential, settings).run([job]):
            if isinstance(event, Ended):
                ended.append(event)
            else:
                yield from repeat(None, event)

    shown = watched(steps(), "relax", total=settings.max_steps, progress=progress)
    if interrupted(
        shown,
        lambda: (
            f"relaxation interrupted after {job.steps} steps; the crystal reached "
            "by then"
        ),
    ):
        return _record(Ended(job, converged=False), interrupted=True)
    (end,) = ended
    record = _record(end)
    if end.failure:
        raise DivergenceError(end.failure, record)
    return record


def _relax_many(
    potential: Potential,
    crystals: list[Crystal],
    settings: Settings,
    progress: Progress | bool,
) -> list[Relaxation]:
    records: dict[int, Relaxation] = {}
    jobs: list[Job] = []
    for index, crystal in enumerate(crystals):
        try:
            jobs.append(_job(potential, crystal, settings, index))
        except ValueError as error:
            records[index] = _record(
                Ended(Job(index, crystal), converged=False, failure=str(error))
            )

    def arrivals() -> Iterator[None]:
        yield from repeat(None, len(records))
        for event in _driver(potential, settings).run(jobs):
            if isinstance(event, Ended):
                records[event.job.index] = _record(event)
                yield None

    shown = watched(arrivals(), "relax", total=len(crystals), progress=progress)
    if interrupted(
        shown,
        lambda: (
            f"relaxation interrupted after {len(records)} of {len(crystals)} "
            "crystals; what they"
        ),
    ):
        for job in jobs:
            end = Ended(job, converged=False)
            records.setdefault(job.index, _record(end, interrupted=True))
    return [records[index] for index in range(len(crystals))]


def _job(
    potential: Potential, crystal: Crystal, settings: Settings, index: int = 0
) -> Job:
    """A crystal ready for a row.

    Raises:
        ValueError: if it cannot be relaxed.
    """
    if settings.pressure and not all(crystal.pbc):
        raise ValueError(
            "a pressure needs a volume, that is three periodic directions; received "
            f"pbc={crystal.pbc}"
        )
    potential.require_species(crystal)
    symmetry = None
    if settings.symmetry:
        crystal = symmetrized(crystal, settings.symprec)
        symmetry = space_group(crystal, settings.symprec)
        moving_parts(crystal, symmetry, cell=settings.cell)
    job = Job(
        index=index,
        crystal=crystal,
        symmetry=symmetry,
        cell=settings.cell,
        pressure=settings.pressure,
    )
    job.measure(potential.cutoff)
    return job


def _driver(potential: Potential, settings: Settings) -> Driver:
    dtype = jax.dtypes.canonicalize_dtype(float)
    thresholds = np.array([settings.fmax, settings.smax], dtype)
    return Driver(
        potential, settings.method, thresholds, settings.max_steps, settings.shapes
    )


def _record(end: Ended, *, interrupted: bool = False) -> Relaxation:
    """The record of a job, wherever its way has ended."""
    job = end.job
    n = job.crystal.n_atoms
    history = np.concatenate([np.zeros((0, 3)), *job.history])
    energies, max_forces, max_stresses = history.T
    point = None if job.state is None or not len(history) else job.state.point
    return Relaxation(
        crystal=job.crystal if point is None else job.at(point.coordinates, job.place),
        energy=np.nan if point is None else float(point.energy),
        forces=np.full((n, 3), np.nan) if point is None else point.forces[:n],
        stress=np.full((3, 3), np.nan) if point is None else point.stress,
        max_force=np.nan if point is None else float(point.max_force),
        max_stress=np.nan if point is None else float(point.max_stress),
        steps=job.steps,
        converged=end.converged,
        interrupted=interrupted,
        energies=energies,
        max_forces=max_forces,
        max_stresses=max_stresses,
        failure=end.failure,
    )


def _require(settings: Settings) -> None:
    require_policy(settings.shapes)
    if settings.method not in METHODS:
        raise ValueError(
            f"method must be one of {sorted(METHODS)}; received {settings.method!r}"
        )
    fmax, smax = settings.fmax, settings.smax
    if not (fmax > 0 and smax > 0):
        raise ValueError(f"thresholds must be positive; received {fmax=}, {smax=}")
