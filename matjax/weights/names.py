"""Pretrained networks by name: one table of plain data, without JAX."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from matjax.weights.placed import PLACED, Placed

if TYPE_CHECKING:
    from matjax.models import Kind


class Embedded(NamedTuple):
    """A network that needs no file."""

    settings: dict[str, Any]
    """As :func:`matjax.models.make_model` takes them."""
    kind: Kind = "potential"


class Shipped(NamedTuple):
    """A trained network that is part of matjax; ``shipped/README.md`` describes it."""

    path: Path
    kind: Kind = "potential"


class Published(NamedTuple):
    """A file of weights that its authors publish, and where it is downloaded."""

    file: str
    url: str
    sha256: str
    kind: Kind = "potential"


class Converted(NamedTuple):
    """A file of published weights that a user has converted, and what it predicts."""

    file: str
    property: str
    unit: str
    logarithmic: bool
    """Whether the network gives the decimal logarithm."""
    kind: Kind = "property"


_NEQUIX = "https://github.com/atomicarchitects/nequix/raw"
_MP = f"{_NEQUIX}/7c2854de8e754b1a60274c7d9d2e014989ed632e/models"
_OAM = f"{_NEQUIX}/9c852a9c4cce69ae5e75bc5a2cf670be21ff8c28/models"

_NEQUIX_FILES = (
    (
        "nequix-mp-1",
        _MP,
        "1647af8e627e1afa11e2bfadeab0797326513a521afd7dd01606a96f56783eee",
    ),
    (
        "nequix-mp-1-pft",
        _MP,
        "a88aeaed71fd447572dc57af21d469207d7737b85a6dbb66f8c38156f175c5f1",
    ),
    (
        "nequix-omat-1",
        _OAM,
        "2d0802ae7f5915cb488c44d25649d98404a103697e6500abb40f515e003a46a6",
    ),
    (
        "nequix-oam-1",
        _OAM,
        "6a43475eaeb32a7a049f36c1306d78aa1e7a17e8af37aeda7901c8fec0ca845c",
    ),
    (
        "nequix-oam-1-pft",
        _OAM,
        "4ce693d68886512aab50c84ea2400efd68163e11155f7c7babe98e695177e809",
    ),
)
"""Name, folder and SHA-256."""

Pretrained = Embedded | Shipped | Published | Converted | Placed

PRETRAINED: dict[str, Pretrained] = {
    "stillinger-weber-si": Embedded({"name": "stillinger_weber"}),
    "lennard-jones-ar": Embedded({"name": "lennard_jones"}),
    "morse-cu": Embedded({"name": "morse"}),
    **{
        path.stem: Shipped(path)
        for path in sorted((Path(__file__).parent / "shipped").glob("*.safetensors"))
    },
    **{
        path.stem: Shipped(path, "denoiser")
        for path in sorted(
            (Path(__file__).parent / "shipped" / "generators").glob("*.safetensors")
        )
    },
    **{
        name: Published(f"{name}.nqx", f"{folder}/{name}.nqx", sha256)
        for name, folder, sha256 in _NEQUIX_FILES
    },
    **{
        f"cgcnn-{file}": Converted(f"{file}.npz", name, unit, logarithmic)
        for file, name, unit, logarithmic in (
            ("formation-energy-per-atom", "formation_energy", "eV/atom", False),
            ("band-gap", "band_gap", "eV", False),
            ("bulk-moduli", "bulk_modulus", "GPa", True),
            ("shear-moduli", "shear_modulus", "GPa", True),
        )
    },
    **PLACED,
}
"""Every network that is known by name: :func:`matjax.load_potential` and
:func:`matjax.load_predictor` find it here."""

Source = TypeVar("Source", Embedded, Shipped, Published, Converted, Placed)


def pretrained(source: type[Source]) -> dict[str, Source]:
    """Networks by name that come from one kind of source."""
    return {n: entry for n, entry in PRETRAINED.items() if isinstance(entry, source)}
