"""Distorted copies of crystals: of these, too, a teacher is asked."""

from __future__ import annotations

import numpy as np
from ase.data import covalent_radii

from matjax.crystals import Crystal, neighbors


def rattled_copies(
    crystal: Crystal,
    count: int,
    *,
    displacement: float,
    strain: float,
    rng: np.random.Generator,
) -> list[Crystal]:
    """The crystal, and copies with displacements of its atoms under a strain.

    Args:
        crystal: any.
        count: number of copies beside it.
        displacement: standard deviation of the components of displacements, Å.
        strain: standard deviation of the components of the strain.
        rng: draws both from normal distributions.
    """
    copies = [crystal]
    for _ in range(count):
        tensor = rng.normal(scale=strain, size=(3, 3))
        strained = crystal.strained((tensor + tensor.T) / 2)
        steps = rng.normal(scale=displacement, size=(crystal.n_atoms, 3))
        copies.append(strained.with_positions(np.asarray(strained.positions) + steps))
    return copies


def nearest(crystal: Crystal, cutoff: float) -> float:
    """Shortest distance in units of the sum of the covalent radii; infinite if none.

    Args:
        crystal: any.
        cutoff: within which atoms are looked for, Å.
    """
    edges = neighbors(crystal, cutoff)
    positions = np.asarray(crystal.positions)
    apart = edges.shifts @ np.asarray(crystal.cell) + positions[edges.senders]
    distances = np.linalg.norm(apart - positions[edges.receivers], axis=1)
    radii = covalent_radii[np.asarray(crystal.numbers)]
    sums = radii[edges.senders] + radii[edges.receivers]
    return float((distances / sums).min(initial=np.inf))
