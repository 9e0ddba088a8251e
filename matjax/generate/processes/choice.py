"""Joint processes as configurations and files name them, on the scales of data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import jax.numpy as jnp
import numpy as np
from pydantic import Field, PositiveFloat

from matjax.config import Section
from matjax.crystals import Crystal, volume
from matjax.generate.cells import log_stretch
from matjax.generate.processes.cartesian_diffusion import CartesianDiffusion
from matjax.generate.processes.cell_diffusion import CellDiffusion
from matjax.generate.processes.cell_flow import CellFlow
from matjax.generate.processes.element_absorbing import ElementAbsorbing
from matjax.generate.processes.element_composition import ElementComposition
from matjax.generate.processes.element_continuous import ElementContinuous
from matjax.generate.processes.element_uniform import ElementUniform
from matjax.generate.processes.joint import JointProcess
from matjax.generate.processes.torus_diffusion import TorusDiffusion
from matjax.generate.processes.torus_flow import TorusFlow

SMALLEST_SPREAD = 1e-3
"""Of log P; cells that are all alike have some noise still."""

FRACTIONAL = {
    "diffusion": TorusDiffusion,
    "flow": TorusFlow,
    "cartesian": CartesianDiffusion,
}
CELL = {"diffusion": CellDiffusion, "flow": CellFlow}
ELEMENTS = {
    "absorbing": ElementAbsorbing,
    "uniform": ElementUniform,
    "continuous": ElementContinuous,
    "composition": ElementComposition,
}
WITHOUT = ("given", "latent")
"""Parts that are no process's: known beforehand, or read from a latent."""


class ProcessConfig(Section):
    """Which process takes each part, and when."""

    fractional: Literal["diffusion", "flow", "cartesian", "given"] = "flow"
    """Noise of coordinates."""
    cell: Literal["diffusion", "flow", "latent", "given"] = "flow"
    """Noise of the cell, or that it is read from a latent."""
    elements: Literal[
        "absorbing", "uniform", "continuous", "composition", "latent", "given"
    ] = "given"
    """Noise of elements, or that they are read from a latent; given ones make
    generation structure prediction."""
    widths: tuple[PositiveFloat, PositiveFloat] | None = None
    """Narrowest and widest Cartesian noise, Å; by default that of CDVAE."""
    paired: bool = True
    """Whether noise of a flow of coordinates is dealt out among atoms of one element so
    that their ways are short."""
    given_share: float = Field(default=0.0, ge=0, lt=1)
    """Share of the training examples whose elements are given: a generator that chooses
    elements learns to predict structures of compositions too."""
    powers: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Time of coordinates, cell and elements, as powers of the common time."""


class Scales(NamedTuple):
    """Sizes that cells of a data set have."""

    volume: float
    """Å³ of an atom, geometric mean."""
    spread: float
    """Root mean square of the six numbers of log P about that."""


def data_scales(crystals: Sequence[Crystal]) -> Scales:
    """The scales of the cells of crystals.

    Raises:
        ValueError: if there is none.
    """
    if not crystals:
        raise ValueError("scales are those of at least one crystal; received none")
    n_atoms = np.array([crystal.n_atoms for crystal in crystals])
    cells = np.stack([np.asarray(crystal.cell, np.float64) for crystal in crystals])
    by_atom = np.array([float(volume(cell)) for cell in cells]) / n_atoms
    typical = float(np.exp(np.log(by_atom).mean()))
    values = np.asarray(log_stretch(jnp.asarray(cells), jnp.asarray(typical * n_atoms)))
    spread = max(float(np.sqrt(np.mean(values**2))), SMALLEST_SPREAD)
    return Scales(round(typical, 4), round(spread, 5))


def joint_process(
    config: ProcessConfig, species: tuple[int, ...], scales: Scales
) -> JointProcess:
    """The joint process of a configuration.

    Args:
        config: names of the processes.
        species: atomic numbers.
        scales: of the data.

    Raises:
        ValueError: if all parts are given, elements both always and in a share of the
            examples, a power is not positive, or widths do not grow.
    """
    if {config.fractional, config.cell, config.elements} <= set(WITHOUT):
        raise ValueError(
            "at least one part of a crystal must have a process, not given"
        )
    if config.elements == "given" and config.given_share:
        raise ValueError(
            "a share of examples has its elements given where they have a process; "
            f"received elements: given, given_share: {config.given_share}"
        )
    if min(config.powers) <= 0:
        raise ValueError(f"powers of the time are positive; received {config.powers}")
    narrow, wide = config.widths or (CartesianDiffusion.narrow, CartesianDiffusion.wide)
    if narrow >= wide:
        raise ValueError(f"widths of noise grow; received {config.widths}")
    coordinates: dict[str, Any] = {
        "flow": {"paired": config.paired},
        "cartesian": {"narrow": narrow, "wide": wide},
    }
    return JointProcess(
        species=species,
        fractional=_made(FRACTIONAL, config.fractional, coordinates),
        cell=_made(CELL, config.cell, {}),
        elements=(
            None
            if config.elements in WITHOUT
            else ELEMENTS[config.elements](len(species))
        ),
        volume=scales.volume,
        spread=scales.spread,
        powers=config.powers,
        given_share=config.given_share,
    )


def _made(table: dict[str, Any], name: str, settings: dict[str, Any]) -> Any:
    return None if name in WITHOUT else table[name](**settings.get(name, {}))
