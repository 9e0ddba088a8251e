"""Crystals of noble gases, and potentials in which only masses differ."""

import ase.build
import ase.io

from matjax.models.potentials import LennardJones
from matjax.predictors import Potential
from matjax.weights import save_potential

NOBLE = {"Ne": 10, "Ar": 18, "Kr": 36, "Xe": 54}
TRUTH = {"epsilon": 0.012, "sigma": 3.3}


def pair_potential(path, **kwargs):
    """Atoms that differ in nothing but their masses."""
    model = LennardJones(species=tuple(NOBLE.values()), onset=5.0, cutoff=6.0, **kwargs)
    return str(save_potential(Potential.create(model).astype("float64"), path))


def noble_crystals(path):
    """A file of face-centered cubic crystals of each element, cubic and primitive."""
    frames = []
    for k, symbol in enumerate([*NOBLE, "Ar"]):
        atoms = ase.build.bulk(symbol, "fcc", a=5.3 + 0.05 * k, cubic=k % 2 == 0)
        atoms.info["material_id"] = f"crystal-{k}"
        frames.append(atoms)
    ase.io.write(path, frames)
    return str(path)
