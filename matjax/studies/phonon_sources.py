"""Where the phonons of a study come from: a potential, or phonopy's files."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from matjax.arrays import Array
from matjax.crystals import Crystal
from matjax.lattice_dynamics import Phonons, PolarPhonons, phonons
from matjax.lattice_dynamics.phonopy import finite_displacements, read_phonopy
from matjax.predictors import Potential
from matjax.studies.rest import brought_to_rest
from matjax.studies.run import Run
from matjax.studies.structures import with_masses
from matjax.weights import load_potential


def are_phonopy_files(source: object) -> bool:
    """Whether a config names a folder of phonopy's files, or one of them."""
    return isinstance(source, str) and (
        Path(source).is_dir() or source.endswith(".yaml")
    )


def phonons_of_files(
    source: str, masses: Mapping[str, float], run: Run, **tolerances: Any
) -> Phonons:
    """Phonons of phonopy's files.

    Args:
        source: folder or file.
        masses: of elements, amu, in place of those of the files.
        run: shows progress.
        tolerances: ``symprec``, if it is not the usual one.
    """
    vibrations = read_phonopy(source, **tolerances)
    crystal = with_masses(
        vibrations.crystal.replace(given_masses=vibrations.masses), masses
    )
    return vibrations.replace(masses=crystal.masses, progress=run.progress)


def phonons_at_rest(
    potential: Potential,
    crystal: Crystal,
    run: Run,
    *,
    wanted: bool | None,
    fmax: float,
    grid: tuple[int, int, int] | None = None,
    **tolerances: Any,
) -> tuple[Phonons, float]:
    """Phonons of the crystal at rest, and its pressure (GPa).

    The response is compiled beside what brings the crystal to rest: each compiles on
    one core, and both serve a crystal that has moved a little.

    Args:
        potential: any.
        crystal: as it is given.
        run: where a relaxed crystal goes.
        wanted: whether it is relaxed; see :func:`brought_to_rest`.
        fmax: largest force after that, eV/Å.
        grid: of exact q between which to interpolate, if not all are exact.
        tolerances: ``symprec``, if it is not the usual one.
    """
    make = partial(phonons, potential, symmetry=True, **tolerances)
    with ThreadPoolExecutor(1) as pool:
        ahead = pool.submit(make, crystal)
        rest = brought_to_rest(
            potential, crystal, run, wanted=wanted, fmax=fmax, **tolerances
        )
        vibrations = ahead.result()
    if rest.crystal is not crystal or grid is not None:
        vibrations = make(rest.crystal, grid=grid, progress=run.progress)
    return vibrations.replace(progress=run.progress), rest.pressure


def frequencies_by_displacements(
    potential: str,
    found: Phonons,
    supercell: tuple[int, int, int],
    q: Array,
    run: Run,
) -> np.ndarray:
    """Frequencies (THz) by phonopy's finite displacements and the same potential.

    Args:
        potential: name or file; of this one the phonons are.
        found: whose crystal and masses are taken.
        supercell: repeats of the crystal.
        q: (q, 3), reciprocal lattice units.
        run: shows progress.

    Raises:
        ValueError: if these are not phonons of a potential alone.
    """
    if isinstance(found, PolarPhonons) or np.isnan(found.max_force):
        raise ValueError(
            "finite displacements are those of a potential without macroscopic field: "
            "leave out supercell, or polar and the folder of phonopy's files"
        )
    other = finite_displacements(
        load_potential(potential),
        found.crystal,
        supercell,
        masses=found.masses,
        progress=run.progress,
    )
    return np.asarray(other.frequencies(q))
