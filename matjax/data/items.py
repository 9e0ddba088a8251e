"""Items of a source: crystals by key, with reference values."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from matjax.crystals import Crystal, bare, crystal_to_json
from matjax.crystals.plain import REFUSED
from matjax.data.entry import Entry, entries
from matjax.data.sources import find_data


class Item(NamedTuple):
    """A structure of a source."""

    numbers: tuple[int, ...]
    """Atomic numbers; none if it is no crystal."""
    crystal: Crystal | None
    """None if it is no crystal."""
    references: Mapping[str, float]
    """Values of properties to compare with."""
    refusal: str = ""
    """Why it is no crystal."""

    def to_json(self) -> dict[str, Any]:
        """The crystal as :func:`crystal_from_json` wants it, or why there is none."""
        if self.crystal is None:
            return {REFUSED: self.refusal}
        return crystal_to_json(self.crystal)


def read_items(name: str, properties: Sequence[str]) -> dict[str, Item]:
    """Crystals of a source, by key.

    What is no crystal stays among them, with the reason, so that it becomes a failed
    row of a survey and the others go on.

    Args:
        name: of the source, as :func:`~matjax.data.entry.entries` takes it.
        properties: which every crystal must have.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if a crystal lacks a property.
    """
    found = entries(name, references=properties)
    return {entry.key: _item(entry, properties) for entry in found}


def _item(entry: Entry, properties: Sequence[str]) -> Item:
    """The bare crystal of an entry, or why it is none."""
    references, refusal = entry.references, entry.refusal
    if entry.crystal is not None:
        if missing := set(properties) - references.keys():
            raise ValueError(f"{entry.source} ({entry.key}) lacks {sorted(missing)}")
        off = [key for key in properties if not np.isfinite(references[key])]
        refusal = f"{off[0]} must be a finite number" if off else ""
    if entry.crystal is None or refusal:
        return Item((), None, references, f"{entry.source}: {refusal}")
    numbers = tuple(np.asarray(entry.crystal.numbers).tolist())
    return Item(numbers, bare(entry.crystal), references)


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
