"""matjax: crystalline materials in JAX.

Crystals become periodic graphs, networks give node energies, and everything else
(forces, stresses, exact phonons at any q) follows by differentiation:

    import matjax as mj

    crystal = mj.read("POSCAR")
    potential = mj.load_potential("nequix-mp-1-pft")
    relaxed = mj.relax(potential, crystal)
    phonons = mj.phonons(potential, relaxed.crystal)
    phonons.frequencies([0.5, 0.0, 0.5])  # THz

Units are Å, eV, amu and THz; cells are rows.
"""

from typing import TYPE_CHECKING

from matjax.lazy import import_when_used

if TYPE_CHECKING:
    from matjax.crystals import Crystal as Crystal
    from matjax.crystals import Neighbors as Neighbors
    from matjax.crystals import neighbors as neighbors
    from matjax.crystals import read as read
    from matjax.crystals import read_all as read_all
    from matjax.crystals import write as write
    from matjax.generate import Generator as Generator
    from matjax.generate import load_generator as load_generator
    from matjax.generate import save_generator as save_generator
    from matjax.graphs import build_graph as build_graph
    from matjax.lattice_dynamics import Phonons as Phonons
    from matjax.lattice_dynamics import phonons as phonons
    from matjax.lattice_dynamics.phonopy import read_phonopy as read_phonopy
    from matjax.mechanics import NPT as NPT
    from matjax.mechanics import NVE as NVE
    from matjax.mechanics import NVT as NVT
    from matjax.mechanics import Elasticity as Elasticity
    from matjax.mechanics import Langevin as Langevin
    from matjax.mechanics import elastic as elastic
    from matjax.mechanics import molecular_dynamics as molecular_dynamics
    from matjax.mechanics import relax as relax
    from matjax.mechanics import sound_velocities as sound_velocities
    from matjax.predictors import Label as Label
    from matjax.predictors import Potential as Potential
    from matjax.predictors import PropertyPredictor as PropertyPredictor
    from matjax.predictors import ase_calculator as ase_calculator
    from matjax.predictors import evaluate as evaluate
    from matjax.weights import load_potential as load_potential
    from matjax.weights import load_predictor as load_predictor
    from matjax.weights import save_potential as save_potential
    from matjax.weights import save_predictor as save_predictor

import_when_used(__name__)

__version__ = "0.1.0"
