"""Many crystals relaxed, and what is asked of each in one table.

Crystals are shared out over processes of this machine, or over the workers of a Dask
scheduler; a screen that is killed goes on where it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Literal

from pydantic import Field, PositiveInt

from matjax.config import ExperimentConfig
from matjax.data import entries, fingerprints
from matjax.screening import ScreenSettings, screened, selection
from matjax.screening.columns import HULL, expanded
from matjax.studies import Run, save_screen


class Config(ExperimentConfig, ScreenSettings):
    """Which crystals, in which potential, and what is wanted of them."""

    structures: str
    """A file with one structure or many, a folder of files, a table of CIFs, a data
    base of ASE, or a query of OPTIMADE (optimade:URL?filter=...)."""
    columns: tuple[str, ...] = (
        "energy",
        "energy_above_hull",
        "volume_change",
        "space_groups",
    )
    """What is computed: names of columns, of property networks, or file.py:name."""
    compare: dict[str, str] = Field(default_factory=dict)
    """Columns that are held against values given with the crystals, by their names."""
    competing: str | None = None
    """Phases that span the hull beside the crystals themselves; as structures."""
    limit: PositiveInt | None = None
    """Number of crystals, chosen at random by the seed; all by default."""
    max_atoms: PositiveInt | None = None
    """Most atoms in a cell of these; all by default."""
    batch: PositiveInt | None = None
    """Crystals that a worker is given at once; by default 1 on CPUs, 32 on devices."""
    n_workers: PositiveInt | None = None
    """Processes of this machine; by default one for each core, or one on a device."""
    scheduler: str | None = None
    """Address of a Dask scheduler, such as tcp://HOST:8786, whose workers are used."""
    time_limit: float | None = Field(default=900.0, gt=0)
    """Seconds for one crystal, with what is compiled for it."""
    table: Literal["csv", "parquet"] = "csv"
    """Format of the table."""


def main(config: Config, run: Run) -> Mapping[str, float]:
    """Records, a table, structures at rest, a figure, and the errors."""
    columns = expanded([*config.columns, *config.compare])
    if HULL.name in columns and "energy" not in columns:
        columns.insert(0, "energy")
    work = partial(
        screened,
        n_workers=config.n_workers,
        scheduler=config.scheduler,
        batch=config.batch,
        time_limit=config.time_limit,
        progress=run.progress,
    )
    told = {key: getattr(config, key) for key in ScreenSettings.model_fields}
    told |= _contents(config.potential, config.structures)
    phases = None
    if HULL.name in columns and config.competing is not None:
        phases = work(
            partial(entries, config.competing),
            run.path("competing.jsonl"),
            {**told, "columns": ["energy"], "source": config.competing},
        )
    source = partial(
        entries, config.structures, references=tuple(config.compare.values())
    )
    keys = selection(
        source, limit=config.limit, max_atoms=config.max_atoms, seed=config.seed
    )
    found = work(
        source,
        run.path("crystals.jsonl"),
        {
            **told,
            "columns": [name for name in columns if name != HULL.name],
            "source": config.structures,
        },
        keys=keys,
        total=len(keys),
    )
    return save_screen(
        run,
        found,
        columns,
        compare=config.compare,
        competing=phases,
        kind=config.table,
        title=f"{Path(config.structures).name} in {config.potential}",
    )


def _contents(potential: str, source: str) -> dict[str, str]:
    """Digests of the files that a screen computes with: others are not gone on with."""
    try:
        return fingerprints(potential, source)
    except OSError:  # a folder, or a query
        return fingerprints(potential)
