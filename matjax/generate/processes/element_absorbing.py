"""Absorbing diffusion of elements: atoms lose their element, and are given one.

Source: Austin et al., NeurIPS 2021 (arXiv 2107.03006, D3PM), whose schedule makes the
share of lost elements grow linearly; on crystals Zeni et al., Nature 639, 624 (2025),
MatterGen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matjax.generate.processes.discrete import DiscreteDiffusion


@dataclass(frozen=True)
class ElementAbsorbing(DiscreteDiffusion):
    """One state beyond the last species stands for an element that is lost."""

    def noise(self) -> np.ndarray:
        """All in the state of lost elements."""
        return np.eye(self.n_species + 1)[-1]
