"""A made-up stage on the way down from an unstable crystal."""

import numpy as np

from matjax.lattice_dynamics.transitions import (
    Branch,
    Descent,
    SoftMode,
    Stability,
    Stage,
)
from tests.force_constants.lattices import fcc


def soft_mode(frequency, *, label="X", q=(0.5, 0.5, 0.0)):
    return SoftMode(
        q=np.array(q),
        label=label,
        frequency=frequency,
        eigenvectors=np.eye(3, 2, dtype=complex),
        star=np.array([q, np.roll(q, 1), np.roll(q, 2)]),
        is_translation=False,
    )


def stage(phonons, *, frequency=-2.0, followed=True):
    crystal = fcc()
    stability = Stability((soft_mode(frequency),), 1.5, 0.01, 0.1, 8, 20)
    steps = np.linspace(-0.2, 0.2, 5)
    branch = Branch(
        direction=np.array([1.0, 0.0]),
        symmetric=False,
        amplitudes=steps,
        energies=-0.1 * steps**2,
        crystal=crystal,
        energy=-0.005,
        symbol="I4/mmm",
        number=139,
        converged=True,
    )
    descent = Descent(
        mode=stability.lowest,
        supercell=np.diag([2, 1, 1]),
        parent=crystal,
        parent_symbol="Fm-3m",
        branches=(branch,),
    )
    return Stage(phonons, stability, (descent,) if followed else ())
