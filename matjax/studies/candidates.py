"""What a prediction of crystals leaves behind: table, structures, figure, animation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from matjax.crystals import Crystal, cell_parameters
from matjax.files import draft
from matjax.generate.refinement import Candidate
from matjax.reports import candidates_figure, save_animation
from matjax.studies.run import Run

MOST_FRAMES = 60
"""Of an animation; longer ways are thinned out."""


def save_candidates(
    run: Run,
    candidates: Sequence[Candidate],
    lowest: Sequence[float],
    stable: Sequence[bool | None],
    *,
    title: str,
) -> None:
    """Writes candidates as a table, as CIF and extended XYZ, and as a figure.

    ``candidates.extxyz`` holds those of symmetric places, ``relaxed.extxyz`` and
    ``raw.extxyz`` what they come from, in the same order.

    Args:
        run: where the files go.
        candidates: by energy, at least one.
        lowest: THz, lowest frequency of each; NaN where it was not computed.
        stable: whether that is no instability; None where it was not computed.
        title: of the figure.
    """
    run.save_table("candidates", _columns(candidates, lowest))
    run.save_crystal("candidates.extxyz", [c.crystal for c in candidates])
    run.save_crystal("relaxed.extxyz", [c.relaxed for c in candidates])
    run.save_crystal("raw.extxyz", [c.raw for c in candidates])
    for rank, candidate in enumerate(candidates, 1):
        run.save_crystal(f"candidate_{rank:02d}.cif", candidate.crystal)
    figure = candidates_figure(
        [c.crystal for c in candidates],
        [f"{k}: {c.space_group}, {c.copies}×" for k, c in enumerate(candidates, 1)],
        [c.energy for c in candidates],
        stable,
        title=title,
    )
    run.save_figure("candidates", figure)


def save_way(run: Run, way: Sequence[Crystal | None]) -> None:
    """Writes the crystals on a way from noise as extended XYZ and as animated GIF.

    Args:
        run: where the files go.
        way: crystals after each step; None, where there was none, is left out.
    """
    crystals = [crystal for crystal in way if crystal is not None]
    if not crystals:
        return
    run.save_crystal("denoising.extxyz", crystals)
    thinned = np.unique(np.linspace(0, len(crystals) - 1, MOST_FRAMES).round())
    path = run.path("denoising.gif")
    if run.writes:
        with draft(path) as partial:
            save_animation([crystals[int(k)] for k in thinned], partial)


def _columns(
    candidates: Sequence[Candidate], lowest: Sequence[float]
) -> dict[str, list]:
    """The table, by names that carry the units."""
    energies = np.array([c.energy for c in candidates])
    cells = [[float(x) for x in cell_parameters(c.crystal.cell)] for c in candidates]
    names = ("a_A", "b_A", "c_A", "alpha_degree", "beta_degree", "gamma_degree")
    return {
        "rank": list(range(1, len(candidates) + 1)),
        "sample": [c.sample for c in candidates],
        "copies": [c.copies for c in candidates],
        "n_atoms": [c.crystal.n_atoms for c in candidates],
        "energy_eV_per_atom": energies.tolist(),
        "above_lowest_meV_per_atom": (1e3 * (energies - energies.min())).tolist(),
        "space_group": [c.space_group for c in candidates],
        "space_group_number": [c.number for c in candidates],
        "volume_A3_per_atom": [
            float(c.crystal.volume) / c.crystal.n_atoms for c in candidates
        ],
        **dict(zip(names, map(list, zip(*cells, strict=True)), strict=True)),
        "lowest_frequency_THz": ["" if np.isnan(f) else f for f in lowest],
        "converged": [int(c.converged) for c in candidates],
        "unlike_data": [c.unlike for c in candidates],
    }
