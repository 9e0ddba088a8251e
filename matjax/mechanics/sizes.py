"""Graphs of few sizes: compiling for a crystal takes longer than computing it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from matjax.crystals import Crystal, heights, neighbors, symmetrized
from matjax.graphs import Graph, bucket
from matjax.predictors import Potential, ase_calculator

NODES = (6, 12, 24, 40, 64, 104, 192)
"""Numbers of nodes."""
DEGREES = (40, 80, 160)
"""Edge slots of each node."""


class SizedPotential(Potential):
    """A potential that pads its graphs to the few sizes of this module.

    It stands wherever a potential does that makes its own graphs: on a calculator, in
    phonons, in elastic constants. Larger crystals come in the usual buckets.
    """

    def graph(
        self,
        crystal: Crystal,
        *,
        n_nodes: int | None = None,
        degree: int | None = None,
    ) -> Graph:
        """As :meth:`matjax.predictors.Potential.graph`, in a size of this module."""
        return super().graph(
            crystal,
            n_nodes=n_nodes or _size(crystal.n_atoms, NODES),
            degree=degree or _size(neighbors(crystal, self.cutoff).degree, DEGREES),
        )


def sized(potential: Potential) -> SizedPotential:
    """The same potential on graphs of few sizes."""
    return SizedPotential(params=potential.params, model=potential.model)


class Rest(NamedTuple):
    """A crystal at rest, or as near to it as its relaxation came."""

    crystal: Crystal
    max_force: float
    """eV/Å."""
    max_stress: float
    """Largest component, eV/Å³."""
    steps: int
    converged: bool


def relax_sized(
    potential: Potential,
    crystal: Crystal,
    *,
    fmax: float = 1e-3,
    max_steps: int = 300,
    symprec: float = 1e-3,
) -> Rest:
    """The crystal at rest, its atoms and cell relaxed within its space group.

    :func:`matjax.relax` does the same with its loop compiled, which is faster for one
    crystal and compiles for each number of atoms, neighbors and symmetry operations.
    Here ASE's L-BFGS drives the potential on graphs of few sizes.

    Args:
        potential: such as :func:`sized` gives.
        crystal: periodic in three directions.
        fmax: largest force at the end, and largest virial by atom, eV/Å and eV.
        max_steps: after which the crystal is returned as not converged.
        symprec: of the space group that is kept, Å.
    """
    from ase.constraints import FixSymmetry
    from ase.filters import FrechetCellFilter
    from ase.optimize import LBFGS

    atoms = symmetrized(crystal, symprec).to_ase()
    atoms.calc = ase_calculator(potential)
    atoms.set_constraint(FixSymmetry(atoms, symprec=symprec))
    moving = FrechetCellFilter(atoms)
    optimizer = LBFGS(moving, logfile=None)  # type: ignore[arg-type]
    converged = bool(optimizer.run(fmax=fmax, steps=max_steps))
    max_force = float(np.linalg.norm(atoms.get_forces(), axis=1).max())
    max_stress = float(np.abs(atoms.get_stress()).max())
    atoms.set_constraint()
    return Rest(
        crystal=symmetrized(Crystal.from_ase(atoms), symprec),
        max_force=max_force,
        max_stress=max_stress,
        steps=int(optimizer.nsteps),
        converged=converged,
    )


def divisions(crystal: Crystal, length: float) -> tuple[int, int, int]:
    """Repeats of each cell vector until its planes are ``length`` (Å) apart.

    A mesh of q with so many divisions knows the same distances as that supercell.
    """
    tall = np.asarray(heights(np.asarray(crystal.cell)))
    # A relaxed height that differs by less than a percent shall not double the cost.
    n1, n2, n3 = np.ceil(length / tall - 0.01).astype(int).clip(1)
    return int(n1), int(n2), int(n3)


def _size(needed: int, sizes: Sequence[int]) -> int:
    """The smallest of the sizes that is enough, or the usual bucket above them."""
    return next((size for size in sizes if size >= needed), bucket(needed))
