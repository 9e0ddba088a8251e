"""Archives of arrays beside their settings, as users place them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from matjax.weights import PRETRAINED, Placed

MODELS = Path(os.environ.get("MATJAX_DATA", "nowhere")).parent / "models"
"""Folders of published weights, each of its package's name."""

STRUCTURES = MODELS.parent / "reference" / "structures.extxyz"
"""Crystals whose energies, forces and stresses the original codes have given."""


def is_placed(name: str) -> bool:
    """Whether the published weights of this name are on this machine."""
    entry = PRETRAINED[name]
    assert isinstance(entry, Placed)
    return (MODELS / entry.folder / entry.file).is_file()


def placed(folder: Path, arrays: Mapping[str, np.ndarray], settings: object) -> Path:
    """Path of an archive with its settings beside it."""
    path = folder / "weights.npz"
    np.savez(path, **arrays)
    path.with_name("weights.config.json").write_text(json.dumps(settings))
    return path
