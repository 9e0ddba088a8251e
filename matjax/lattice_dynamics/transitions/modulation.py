"""Following an unstable mode to the crystal of lower symmetry and energy behind it.

Directions of symmetry in the space of the order parameter are tried, and directions at
random in case the lowest phase is none of these; what is reached is examined in turn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import gcd
from typing import NamedTuple

import numpy as np

from matjax.arrays import Array, Float, Int
from matjax.crystals import (
    Crystal,
    Supercell,
    make_supercell,
    primitive,
    reciprocal,
    space_group,
)
from matjax.lattice_dynamics.from_potential import phonons
from matjax.lattice_dynamics.harmonic import Phonons
from matjax.lattice_dynamics.transitions.order_parameter import (
    commensurate_cell,
    displacement_patterns,
    half_star,
    symmetric_directions,
)
from matjax.lattice_dynamics.transitions.stability import (
    SoftMode,
    Stability,
    examine_stability,
    mode_at,
)
from matjax.mechanics import relax
from matjax.predictors import Potential
from matjax.progress import Progress

SYMPREC = 0.01
"""Å; symmetry of what has been relaxed, which is exact to forces only."""


class FollowSettings(NamedTuple):
    """How a mode is followed."""

    arms: int = 1
    """Number of arms of the star that may condense together."""
    cell: bool = True
    """Whether the cell relaxes too."""
    max_displacement: float = 0.4
    """Displacement of the atom that moves most, Å, at the end of the energy curves."""
    n_steps: int = 8
    """Points of each curve on either side of zero."""
    n_random: int = 1
    """Directions drawn beside those of symmetry."""
    seed: int = 0
    """Seed of these."""
    max_denominator: int = 6
    """Largest denominator of a component of q; others are approximated."""
    max_atoms: int = 200
    """Most atoms of the supercell."""
    fmax: float = 1e-3
    """Largest force on an atom at the end, eV/Å."""
    symprec: float = SYMPREC
    """Å; symmetry of relaxed crystals."""


DEFAULTS = FollowSettings()


class Branch(NamedTuple):
    """One direction of the order parameter, followed down."""

    direction: Float[Array, "components"]
    """Unit vector in the space of the mode's real displacement patterns."""
    symmetric: bool
    """Whether a subgroup of the crystal's symmetry fixes it; else it was drawn."""
    amplitudes: Float[Array, "steps"]
    """Displacement of the atom that moves most, Å."""
    energies: Float[Array, "steps"]
    """Energy of the frozen mode above the parent's, eV per atom."""
    crystal: Crystal
    """Relaxed, in its primitive cell."""
    energy: float
    """Energy of the relaxed crystal above the parent's, eV per atom."""
    symbol: str
    """International short symbol of its space group."""
    number: int
    """Number of its space group."""
    converged: bool
    """Whether it came to rest."""


class Descent(NamedTuple):
    """What an unstable mode leads to."""

    mode: SoftMode
    """The mode followed, at a commensurate q."""
    supercell: Int[Array, "3 3"]
    """The smallest cell that holds it, in units of the parent's, as rows."""
    parent: Crystal
    parent_symbol: str
    """International short symbol of the parent's space group."""
    branches: tuple[Branch, ...]
    """From the lowest energy upward."""

    @property
    def lowest(self) -> Branch:
        """The branch of lowest energy."""
        return self.branches[0]

    @property
    def gain_per_atom(self) -> float:
        """Energy gained, eV per atom."""
        return -self.lowest.energy

    @property
    def gain_per_formula(self) -> float:
        """Energy gained, eV per formula unit."""
        counts = np.unique(np.asarray(self.parent.numbers), return_counts=True)[1]
        return -self.lowest.energy * int(counts.sum()) / gcd(*counts.tolist())


class Stage(NamedTuple):
    """A crystal on the way down, and what its unstable modes lead to."""

    phonons: Phonons
    stability: Stability
    descents: tuple[Descent, ...]
    """From the lowest energy upward; empty at the end of the way."""


def descend(
    potential: Potential,
    crystal: Crystal,
    settings: FollowSettings = DEFAULTS,
    *,
    mesh: Sequence[int] = (4, 4, 4),
    max_stages: int = 3,
    n_modes: int = 1,
    progress: Progress | None = None,
) -> Iterator[Stage]:
    """The way down from a crystal at rest: unstable modes are followed until none is.

    Yields each stage when it is complete. At each the lowest unstable modes are
    followed, and the crystal of lowest energy that they lead to is the next. The last
    stage says whether the end is stable; it may not be, if there were not enough
    stages, if no mode lowers the energy, or if only the cell is unstable.

    Args:
        potential: that the crystal is at rest in.
        crystal: where the way begins.
        settings: how modes are followed.
        mesh: of q for the first crystal, divisions of its reciprocal vectors; those of
            larger cells are as dense.
        max_stages: crystals examined, the first among them.
        n_modes: unstable modes followed at each stage.
        progress: wraps the steps of long calculations.

    Raises:
        ValueError: as :func:`examine_stability` and :func:`follow_mode`.
    """
    for number in range(1, max_stages + 1):
        vibrations = phonons(potential, crystal, progress=progress or False)
        stability = examine_stability(vibrations, mesh=mesh)
        modes = stability.unstable[:n_modes] if number < max_stages else ()
        descents = [
            follow_mode(potential, vibrations, mode, settings) for mode in modes
        ]
        descents.sort(key=lambda descent: descent.lowest.energy)
        yield Stage(vibrations, stability, tuple(descents))
        if not descents or descents[0].gain_per_atom <= 0:
            return
        mesh = _as_dense(mesh, crystal, descents[0].lowest.crystal)
        crystal = descents[0].lowest.crystal


def follow_mode(
    potential: Potential,
    found: Phonons,
    mode: SoftMode,
    settings: FollowSettings = DEFAULTS,
) -> Descent:
    """The crystals that an unstable mode leads to, relaxed.

    The mode is frozen into the smallest commensurate supercell, its energy followed
    along each direction of the order parameter, and the crystal relaxed from the lowest
    point. Along directions of symmetry the relaxation keeps their space group. No atom
    is fixed: those that the crystal says are fixed vibrate, too.

    Args:
        potential: that the crystal is at rest in.
        found: phonons of the crystal, from any source.
        mode: as :func:`examine_stability` returns it.
        settings: supercell, curves, directions, relaxation.

    Raises:
        ValueError: if the mode is a translation, or not imaginary at the nearest
            commensurate q; or the supercell has too many atoms.
    """
    parent = found.crystal.replace(fixed=None)
    mode = _commensurate(found, mode, settings.max_denominator)
    waves = half_star(mode)[: settings.arms]
    matrix = commensurate_cell(np.array(waves), parent)
    n_atoms = parent.n_atoms * abs(round(np.linalg.det(matrix)))
    if n_atoms > settings.max_atoms:
        raise ValueError(
            f"the supercell of q = {mode.q} has {n_atoms} atoms; at most "
            f"{settings.max_atoms} are allowed: raise max_atoms, or lower arms or "
            "max_denominator"
        )
    larger = make_supercell(parent, matrix)
    patterns = displacement_patterns(found, mode, waves, larger)
    roots = np.sqrt(np.asarray(found.masses))[larger.atom, None]
    branches = []
    for direction, symmetric in _directions(patterns, larger, settings):
        shape = np.tensordot(direction, patterns, 1) / roots
        shape /= np.linalg.norm(shape, axis=1).max()
        branch = _follow(potential, larger.crystal, shape, symmetric, settings)
        branches.append(branch._replace(direction=direction))
    branches.sort(key=lambda branch: branch.energy)
    return Descent(
        mode=mode,
        supercell=matrix,
        parent=parent,
        parent_symbol=space_group(parent).symbol,
        branches=tuple(branches),
    )


def _commensurate(phonons: Phonons, mode: SoftMode, max_denominator: int) -> SoftMode:
    """The mode itself, or the one at the nearest simple q."""
    if mode.is_translation:
        raise ValueError("a translation of the crystal leads nowhere: choose a mode")
    q = np.array(
        [float(Fraction(x).limit_denominator(max_denominator)) for x in mode.q]
    )
    if abs(q - mode.q).max() < 1e-9:
        near = mode._replace(q=q, star=np.concatenate([q[None], mode.star[1:]]))
    else:
        near = mode_at(phonons, q)
    if near.frequency < 0 and not near.is_translation:
        return near
    raise ValueError(
        f"the mode must be imaginary; at q = {q} it has {near.frequency:.3g} THz: "
        f"raise max_denominator above {max_denominator}, or choose another mode"
    )


def _directions(
    patterns: Array, larger: Supercell, settings: FollowSettings
) -> list[tuple[np.ndarray, bool]]:
    """Directions that subgroups fix, and random ones where there is a choice."""
    chosen = [(d, True) for d in symmetric_directions(patterns, larger.crystal)]
    if len(patterns) == 1:
        return chosen
    rng = np.random.default_rng(settings.seed)
    drawn = rng.standard_normal((settings.n_random, len(patterns)))
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    return chosen + [(direction, False) for direction in drawn]


def _follow(
    potential: Potential,
    crystal: Crystal,
    shape: np.ndarray,
    symmetric: bool,
    settings: FollowSettings,
) -> Branch:
    """The energy of a frozen mode, and the crystal relaxed from its minimum."""
    # Denser near zero, where shallow wells are.
    steps = (np.arange(1, settings.n_steps + 1) / settings.n_steps) ** 1.5
    half = settings.max_displacement * steps
    amplitudes = np.concatenate([-half[::-1], [0.0], half])
    frozen = [_moved(crystal, a * shape) for a in amplitudes]
    energies = np.array([potential(x).energy for x in frozen]) / crystal.n_atoms
    relaxed = relax(
        potential,
        frozen[int(energies.argmin())],
        cell=settings.cell,
        fmax=settings.fmax,
        symmetry=symmetric,
        max_steps=1000,
    )
    group = space_group(relaxed.crystal, settings.symprec)
    above = energies[settings.n_steps]
    return Branch(
        direction=np.ones(1),
        symmetric=symmetric,
        amplitudes=amplitudes,
        energies=energies - above,
        crystal=primitive(relaxed.crystal, settings.symprec),
        energy=relaxed.energy / crystal.n_atoms - above,
        symbol=group.symbol,
        number=group.number,
        converged=relaxed.converged,
    )


def _moved(crystal: Crystal, displacements: np.ndarray) -> Crystal:
    return crystal.with_positions(np.asarray(crystal.positions) + displacements)


def _as_dense(mesh: Sequence[int], old: Crystal, new: Crystal) -> tuple[int, ...]:
    """Even divisions of the new cell, no coarser than those of the old."""
    steps = np.linalg.norm(reciprocal(np.asarray(old.cell)), axis=1) / np.asarray(mesh)
    lengths = np.linalg.norm(reciprocal(np.asarray(new.cell)), axis=1)
    return tuple((2 * np.ceil(lengths / steps.max() / 2 - 1e-6)).astype(int).tolist())
