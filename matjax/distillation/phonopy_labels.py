"""Force constants of phonopy's files, mostly those of DFT, as labels to learn."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from matjax.crystals import bare, commensurate_q
from matjax.data.sources import find_data
from matjax.distillation.labeled_crystal import LabeledCrystal
from matjax.distillation.labels import Labels
from matjax.distillation.phonon_summary import summarized, supercell_mesh
from matjax.lattice_dynamics.phonopy import read_phonopy
from matjax.train import ColumnExample, random_columns


def label_phonopy(
    folders: Mapping[str, str], labels: Labels, *, seed: int = 0
) -> dict[str, LabeledCrystal]:
    """Crystals with labels, from phonopy's files: columns only.

    Each crystal is as it is there; its copies have columns at different q. These are
    commensurate with the supercell: between them the files know nothing. Left out is
    the macroscopic field of Born charges, which no potential of finite reach has
    (:func:`matjax.lattice_dynamics.with_polar` adds it to those of potentials).

    Args:
        folders: as :func:`matjax.read_phonopy` takes them, or their names in
            ``MATJAX_DATA``, by name of the crystal.
        labels: the number of columns of a copy.
        seed: of the columns.
    """
    labeled: dict[str, LabeledCrystal] = {}
    for number, (key, folder) in enumerate(folders.items()):
        phonons = read_phonopy(find_data(folder), polar=False)
        crystal = bare(phonons.crystal)  # potentials are judged with standard masses
        rng = np.random.default_rng([seed, number])
        matrix = np.asarray(phonons.grid).tolist()
        points = rng.permutation(commensurate_q(matrix))
        n_q = -(-labels.n_columns // (3 * crystal.n_atoms))  # of each copy
        copies = [
            ColumnExample(
                crystal,
                *random_columns(
                    phonons.source, crystal.n_atoms, labels.n_columns, rng, points=some
                ),
                labels={},
                source=key,
            )
            for some in np.split(points, range(n_q, len(points), n_q))
            if len(some) == n_q
        ]
        summary = summarized(phonons, supercell_mesh(phonons.crystal, matrix))
        labeled[key] = LabeledCrystal(crystal, copies, summary, supercell=matrix)
    return labeled
