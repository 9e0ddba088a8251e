"""The crystal that a study starts from: in its primitive cell, and at rest."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from matjax.arrays import Array
from matjax.crystals import Crystal, cell_map, primitive
from matjax.mechanics import relax
from matjax.predictors import Potential
from matjax.reports import UNCONVERGED
from matjax.studies.run import Run
from matjax.units import GPA

ROUND_OFF = 1e-6
"""Å; a smaller move of atoms is that of the digits of a file."""


class Rest(NamedTuple):
    """The crystal of a study, and how it lies in the potential."""

    crystal: Crystal
    pressure: float
    """GPa; nan where it is unknown."""


def reduced(given: Crystal, run: Run, **tolerances: Any) -> Crystal:
    """The crystal in its primitive cell; the map between both is written.

    As it is remains what is not periodic in three directions, or has atoms that may
    move along some cell vectors only.

    Args:
        given: any crystal.
        run: where the map goes.
        tolerances: ``symprec``, if it is not the usual one.
    """
    partial_flags = given.fixed is not None and np.ndim(given.fixed) == 2
    if not all(given.pbc) or partial_flags:
        return given
    smaller = primitive(given, **tolerances)
    if smaller.n_atoms == given.n_atoms:
        return given
    mapping = cell_map(given, smaller)
    run.save_arrays(
        "cell",
        given_cell_A=np.asarray(given.cell),
        primitive_cell_A=np.asarray(smaller.cell),
        given_in_primitive=mapping.matrix,
        atom=mapping.atom,
        translation=mapping.translation,
    )
    run.log.info(
        "reduced to the primitive cell of %d atoms, in whose reciprocal vectors q is "
        "given (cell.npz holds the map; primitive=false keeps the cell)",
        smaller.n_atoms,
    )
    return smaller


def brought_to_rest(
    potential: Potential,
    crystal: Crystal,
    run: Run,
    *,
    wanted: bool | None,
    fmax: float,
    **tolerances: Any,
) -> Rest:
    """The crystal at rest, if that is asked for or needed, and its pressure.

    Args:
        potential: any.
        crystal: as it is given.
        run: where a relaxed crystal goes.
        wanted: whether it is relaxed; with None where a force exceeds
            :data:`matjax.reports.UNCONVERGED`.
        fmax: largest force after that, eV/Å.
        tolerances: ``symprec``, if it is not the usual one.
    """
    follow = partial(
        relax,
        potential,
        fmax=fmax,
        symmetry=all(crystal.pbc),
        **tolerances,
    )
    start = follow(crystal, max_steps=0)  # compiles what a relaxation needs
    if wanted is False:
        return Rest(crystal, _pressure(start.stress))
    if not wanted and start.max_force <= UNCONVERGED:
        moved = np.linalg.norm(start.crystal.positions - crystal.positions, axis=1)
        if moved.max() <= ROUND_OFF:
            return Rest(crystal, _pressure(start.stress))
        run.log.info(
            "atoms have been moved by up to %.1g Å to where the space group wants "
            "them (relax=false leaves them)",
            moved.max(),
        )
        return Rest(start.crystal, _pressure(start.stress))
    if not wanted:
        run.log.info(
            "the largest force is %.2g eV/Å: atoms and cell are brought to rest in "
            "their space group first (relax=false takes the crystal as it is)",
            start.max_force,
        )
    relaxed = follow(crystal)
    if relaxed.interrupted:
        raise KeyboardInterrupt
    if not relaxed.converged:
        run.log.warning("the relaxation has not converged in %d steps", relaxed.steps)
    run.log.info(
        "after %d steps the largest force is %.1g eV/Å, the volume %+.2f %%",
        relaxed.steps,
        relaxed.max_force,
        100 * (float(relaxed.crystal.volume / crystal.volume) - 1),
    )
    run.save_crystal("relaxed.cif", relaxed.crystal)
    return Rest(relaxed.crystal, _pressure(relaxed.stress))


def _pressure(stress: Array) -> float:
    return -float(np.trace(np.asarray(stress))) / 3 * GPA
