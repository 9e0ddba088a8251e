"""From entries to records: what a screen sends to workers, and what comes back.

Entries are read as workers become free; of each its composition and the values given
with it are kept, and nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from matjax.crystals import crystal_to_json
from matjax.data import Entry, choose
from matjax.processes import Item, Records, backends, surveyed, workers
from matjax.progress import Progress
from matjax.screening.worker import FUNCTION

WINDOW = 1024
"""Entries read ahead and sorted by size: crystals of like size share a batch."""

BATCH = 32
"""Crystals that a worker with a device is given at once. On CPUs it is one: more save
nothing there, and what a lost worker was at is done again."""

Source = Callable[[], Iterator[Entry]]
"""Gives the entries, the same ones each time it is called."""


class Given(NamedTuple):
    """What is kept of an entry."""

    composition: Mapping[str, int]
    """Number of atoms by chemical symbol; empty for what is no crystal."""
    references: Mapping[str, float]

    @property
    def n_atoms(self) -> int:
        """Atoms of the cell as given."""
        return sum(self.composition.values())


@dataclass
class Screened:
    """Entries of a screen and their records."""

    records: Records
    given: dict[str, Given] = field(default_factory=dict)
    """By key, in the order of the source."""


def screened(
    source: Source,
    path: Path,
    settings: Mapping[str, Any],
    *,
    keys: Sequence[str] | None = None,
    n_workers: int | None = None,
    scheduler: str | None = None,
    batch: int | None = None,
    time_limit: float | None = None,
    progress: Progress | None = None,
    total: int | None = None,
) -> Screened:
    """Records of all entries of a source.

    Args:
        source: gives the entries.
        path: JSON Lines file of the records, made or continued.
        settings: ``columns``, those of :class:`~matjax.screening.ScreenSettings`, and
            whatever else records must agree in to be continued.
        keys: those of the entries that are wanted; all by default.
        n_workers: processes; see :func:`matjax.processes.workers`.
        scheduler: address of a Dask scheduler.
        batch: crystals that a worker is given at once; by default one on CPUs, and
            :data:`BATCH` elsewhere.
        time_limit: seconds for one crystal, compilation included.
        progress: shows the crystals as they end.
        total: their number, if it is known.

    Raises:
        ValueError: if the records were made with other settings, or the scheduler
            cannot be reached.
        RuntimeError: if workers cannot be started, or have another matjax.
    """
    found = Screened(Records(path, settings))
    wanted = None if keys is None else set(keys)
    items = _items(source, found, wanted)
    first = next(items, None)
    if first is None:
        return found
    with workers(n_workers, scheduler, path.with_suffix(".log")) as client:
        on_cpus = backends(client) <= {"cpu"}
        ended = surveyed(
            FUNCTION,
            chain([first], items),
            found.records,
            client,
            settings=settings,
            batch=batch or (1 if on_cpus else BATCH),
            time_limit=time_limit,
        )
        left = None if total is None else total - len(found.records)
        for _ in progress(ended, "crystals", total=left) if progress else ended:
            pass
    return found


def selection(
    source: Source, *, limit: int | None, max_atoms: int | None, seed: int
) -> list[str]:
    """Keys of the entries that are wanted, in the order of the source.

    Args:
        source: read through once.
        limit: number of entries, chosen at random; all by default.
        max_atoms: of these, those with at most so many atoms in the cell.
        seed: of the choice.
    """
    sizes = {e.key: e.crystal.n_atoms if e.crystal else 0 for e in source()}
    chosen = set(choose(sizes, limit, seed=seed))
    most = max_atoms or np.inf
    return [key for key, size in sizes.items() if key in chosen and size <= most]


def _items(
    source: Source, found: Screened, wanted: set[str] | None
) -> Iterator[tuple[str, Item]]:
    """What workers have still to do, of like size side by side.

    An entry that is no crystal gets its record here.
    """
    entries = (e for e in source() if wanted is None or e.key in wanted)
    while window := list(islice(entries, WINDOW)):
        crystals = []
        for entry in window:
            counts = Counter(entry.crystal.symbols if entry.crystal else ())
            found.given[entry.key] = Given(counts, entry.references)
            if entry.key in found.records:
                continue
            if entry.crystal is None:
                error = {"kind": "NoCrystal", "message": entry.refusal}
                record = {"key": entry.key, "seconds": 0.0, "error": error}
                found.records.append(record)
            else:
                crystals.append((entry.crystal.n_atoms, entry.key, entry.crystal))
        for _, key, crystal in sorted(crystals, key=lambda item: item[0]):
            yield key, crystal_to_json(crystal)
