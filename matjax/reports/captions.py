"""What figures say of a crystal: its name, and what a reader must know about it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from matjax.crystals import Crystal, space_group

if TYPE_CHECKING:
    from matplotlib.axes import Axes

UNCONVERGED = 0.01
"""eV/Å; a crystal with a larger force is not at rest, and figures say so."""

IMAGINARY = 0.05
"""THz; softer imaginary frequencies are taken for round-off in float32."""

BAR = r"\\bar{\1}"
"""Bar of a rotoinversion in mathtext."""


def figure_title(
    crystal: Crystal, potential: str | Path = "", *, symprec: float = 1e-3
) -> str:
    """Formula, space group and potential, such as TiO₂, *I*4₁/*amd*, nequix-mp-1-pft.

    The group is left out where there is none: of slabs, and of atoms upon another.

    Args:
        crystal: with concrete arrays.
        potential: its name or file, if forces are those of a potential.
        symprec: Å; tolerance of the space group.
    """
    from ase.formula import Formula

    formula, _ = Formula.from_dict(Counter(crystal.symbols)).reduce()
    parts = [re.sub(r"(\d+)", r"$_{\1}$", format(formula, "metal"))]
    with suppress(ValueError):  # no figure is lost for its title
        symbol = space_group(crystal, symprec).symbol  # of mathtext, but for its bars
        parts.append(f"${re.sub('-(.)', BAR, symbol)}$")
    if str(potential):
        parts.append(Path(potential).name.replace("$", r"\$"))
    return ", ".join(parts)


def draw_remarks(axes: Axes, remarks: Sequence[str]) -> None:
    """What a reader must know, in a color of warning, above the first panel."""
    if remarks:
        axes.set_title("\n".join(remarks), color="C1", loc="left")
