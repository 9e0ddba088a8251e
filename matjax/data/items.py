"""Items of a data file: crystals by identifier, with reference values."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from matjax.crystals import Crystal, bare, crystal_to_json
from matjax.crystals.io import read_atoms
from matjax.crystals.plain import REFUSED
from matjax.data.sources import find_data

if TYPE_CHECKING:
    import ase


class Item(NamedTuple):
    """A frame of a data file."""

    numbers: tuple[int, ...]
    """Atomic numbers."""
    crystal: Crystal | None
    """None if the frame is no crystal."""
    references: Mapping[str, float]
    """Values of properties to compare with."""
    refusal: str = ""
    """Why the frame is no crystal."""

    def to_json(self) -> dict[str, Any]:
        """The crystal as :func:`crystal_from_json` wants it, or why there is none."""
        if self.crystal is None:
            return {"numbers": list(self.numbers), REFUSED: self.refusal}
        return crystal_to_json(self.crystal)


def read_items(name: str, properties: Sequence[str]) -> dict[str, Item]:
    """Crystals of a file, by ``material_id``.

    A frame that is no crystal stays among them, with the reason, so that it becomes a
    failed row of a survey and the others go on.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file cannot be read, a crystal lacks a property or an
            identifier, or two have the same.
    """
    items: dict[str, Item] = {}
    path = find_data(name)
    for number, atoms in enumerate(read_atoms(path)):
        missing = {"material_id", *properties} - atoms.info.keys()
        if missing:
            raise ValueError(f"{name}: crystal {number} lacks {sorted(missing)}")
        key = str(atoms.info["material_id"])
        if key in items:
            raise ValueError(
                f"{name}: each material_id must occur once; crystal {number} repeats "
                f"{key}"
            )
        references = {p: _reference(atoms.info[p]) for p in properties}
        items[key] = _item(atoms, references, f"{name}#{number}")
    return items


def _item(atoms: ase.Atoms, references: Mapping[str, float], source: str) -> Item:
    """The crystal of a frame, or why it is none."""
    numbers = tuple(atoms.numbers.tolist())
    try:
        off = [key for key, value in references.items() if not np.isfinite(value)]
        if off:
            raise ValueError(f"{off[0]} must be a finite number")
        return Item(numbers, bare(Crystal.from_ase(atoms)), references)
    except ValueError as error:
        reason = f"{source}: {' '.join(str(error).split())}"
        return Item(numbers, None, references, reason)


def _reference(value: Any) -> float:
    """A reference value as a number; what is none is not a number."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


def fingerprints(potential: str, data: str | None = None) -> dict[str, str]:
    """SHA-256 of the files a survey computes with: settings that tell other contents.

    A potential that is known by name has one content, which is verified when it is
    loaded.

    Args:
        potential: name or weight file.
        data: as :func:`~matjax.data.sources.find_data` takes it.
    """
    files = {} if data is None else {"data_sha256": Path(find_data(data))}
    if Path(potential).is_file():
        files["potential_sha256"] = Path(potential)
    digests = {}
    for key, path in files.items():
        with path.open("rb") as file:
            digests[key] = hashlib.file_digest(file, "sha256").hexdigest()
    return digests


def composition(crystal: Crystal) -> str:
    """Such as As3Zn2, the same for all cells and structures."""
    names, counts = np.unique(crystal.symbols, return_counts=True)
    counts = counts // np.gcd.reduce(counts)
    return "".join(
        f"{name}{count if count > 1 else ''}"
        for name, count in zip(names.tolist(), counts.tolist(), strict=True)
    )


def choose(keys: Iterable[str], limit: int | None, *, seed: int) -> list[str]:
    """A random part of the keys, the same for a seed; all of them without a limit.

    A smaller limit gives a part of a larger one's choice.
    """
    keys = sorted(keys)
    order = np.random.default_rng(seed).permutation(len(keys))
    return [keys[i] for i in order[:limit]]


def small_first(
    keys: Sequence[str], items: Mapping[str, Item], max_atoms: int | None = None
) -> list[str]:
    """Keys of crystals of at most so many atoms, by size: one size compiles once."""
    n_atoms = {key: len(items[key].numbers) for key in keys}
    kept = [key for key in keys if n_atoms[key] <= (max_atoms or n_atoms[key])]
    return sorted(kept, key=n_atoms.__getitem__)
