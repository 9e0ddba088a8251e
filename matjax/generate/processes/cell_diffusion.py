"""Gaussian diffusion of the cell, in the six numbers of its logarithmic stretch.

Source: Jiao et al., NeurIPS 2023 (arXiv 2309.04475, DiffCSP), section 4.2, whose matrix
of lattice vectors is here the logarithm of their stretch, as in Jiao et al., ICLR 2024
(arXiv 2402.03992, DiffCSP++): every sample is a cell.
"""

from __future__ import annotations

from dataclasses import dataclass

from matjax.generate.processes.gaussian import GaussianDiffusion


@dataclass(frozen=True)
class CellDiffusion(GaussianDiffusion):
    """Normal noise on the one row of a cell, whose numbers are of about unit size."""

    width: int = 6
