"""The output folder of one run: what an experiment writes and says goes through here.

A folder with ``metrics.json`` holds a finished run; one with ``config.yaml`` alone an
interrupted or a failed one, whose partial results stay.
"""

from __future__ import annotations

import csv
import json
import logging
import math
import platform
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from matjax.config import ExperimentConfig, write_yaml
from matjax.files import cell, draft, write_arrays, write_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from matjax.crystals import Crystal

PACKAGES = (
    *("matjax", "jax", "jaxlib", "flax", "optax", "e3nn-jax", "jax-md"),
    *("ase", "numpy", "scipy", "spglib"),
)
"""Those whose versions can change a number."""

Item = TypeVar("Item")


class Run:
    """One run of an experiment: its folder, its files and its progress.

    Nothing that lay in the folder before is overwritten, unless that was asked for: a
    file whose name is taken is written beside it with a number. Of several processes
    that share a run, one writes; the others do the same and leave no trace.
    """

    def __init__(
        self,
        folder: Path,
        *,
        overwrite: bool = False,
        resume: bool = False,
        writes: bool = True,
    ) -> None:
        self.folder = folder
        """Where everything is written."""
        self.writes = writes
        """Whether this process writes."""
        self.resume = resume
        """Whether to go on with what an interrupted run left there."""
        self.files: list[Path] = []
        """What has been written, in order."""
        self.log = logging.getLogger("matjax.run")
        """For messages to the person who waits."""
        _require_no_run(folder, overwrite=overwrite or resume)
        self._kept: set[Path] = set()
        if not writes:
            return
        folder.mkdir(parents=True, exist_ok=True)
        if not (overwrite or resume):
            self._kept = set(folder.iterdir())

    def part(self, name: str) -> Run:
        """A run of its own in a folder of this one, for one of several trainings."""
        return Run(
            self.folder / name, overwrite=True, resume=self.resume, writes=self.writes
        )

    def path(self, name: str) -> Path:
        """Path of a new file of this run, for what no other method writes.

        Whoever writes there asks :attr:`writes` first, where processes share the run.
        """
        path = self.folder / name
        number = 1
        while path in self._kept:
            number += 1
            path = self.folder / f"{Path(name).stem}-{number}{Path(name).suffix}"
        if path not in self.files:
            self.files.append(path)
        return path

    def save_table(self, name: str, columns: Mapping[str, Sequence | Any]) -> Path:
        """Writes ``name`` (.csv) with a header and one row for each entry of a column.

        Args:
            name: of the file.
            columns: one-dimensional, of equal length; their names carry the units.

        Raises:
            ValueError: if the columns differ in length.
        """
        lists = {key: np.asarray(values).tolist() for key, values in columns.items()}
        if len({len(values) for values in lists.values()}) > 1:
            lengths = {key: len(values) for key, values in lists.items()}
            raise ValueError(f"columns must have one length; received {lengths}")
        path = self.path(_with_suffix(name, ".csv"))
        if not self.writes:
            return path
        with (
            draft(path) as partial,
            partial.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.writer(file)
            writer.writerow(map(cell, lists))
            rows = zip(*lists.values(), strict=True)
            writer.writerows([_cell(value) for value in row] for row in rows)
        return path

    def save_arrays(self, name: str, **arrays: Any) -> Path:
        """Writes ``name`` (.npz) with these arrays; their names carry the units."""
        path = self.path(_with_suffix(name, ".npz"))
        if self.writes:
            with draft(path) as partial:
                write_arrays(partial, arrays)
        return path

    def save_text(self, name: str, text: str) -> Path:
        """Writes ``name`` with this text."""
        path = self.path(name)
        if self.writes:
            write_text(path, text)
        return path

    def save_crystal(self, name: str, crystals: Crystal | Sequence[Crystal]) -> Path:
        """Writes one crystal or several; the name's ending tells the format."""
        path = self.path(name)
        if self.writes:
            from matjax.crystals import write

            write(path, crystals, overwrite=True)
        return path

    def save_figure(self, name: str, figure: Figure) -> Path:
        """Writes ``name`` (.png) in the shared style."""
        from matjax.reports import save_figure

        path = self.path(_with_suffix(name, ".png"))
        if self.writes:
            with draft(path) as partial:
                save_figure(figure, partial)
        return path

    def progress(
        self, items: Iterable[Item], description: str, *, total: int | None = None
    ) -> Iterator[Item]:
        """The items, with a progress bar; without a terminal, a line now and then."""
        if not self.writes:
            yield from items
            return
        if total is None and hasattr(items, "__len__"):
            total = len(items)  # type: ignore[arg-type]
        if sys.stderr.isatty():
            from tqdm import tqdm

            yield from tqdm(items, description, total, leave=False, file=sys.stderr)
            return
        start = shown = time.monotonic()
        for done, item in enumerate(items, start=1):
            yield item
            now = time.monotonic()
            if now - shown > 10:
                shown = now
                of = f"/{total}" if total else ""
                self.log.info("%s: %d%s, %.0f s", description, done, of, now - start)

    def save_config(self, experiment: str, config: ExperimentConfig) -> None:
        """Writes ``config.yaml``: every setting, and the versions that will act on it.

        ``matjax run`` takes this file as a configuration.
        """
        values = {"experiment": experiment, **config.model_dump(mode="json")}
        values["environment"] = environment()
        if self.writes:
            with draft(self.folder / "config.yaml") as partial:
                write_yaml(partial, values)

    def save_metrics(self, metrics: Mapping[str, Any]) -> dict[str, float | int | bool]:
        """Writes ``metrics.json``, which makes the run a finished one.

        Raises:
            ValueError: if a metric is not a finite number.
        """
        numbers = {key: _number(key, value) for key, value in metrics.items()}
        if not self.writes:
            return numbers
        text = json.dumps(numbers, indent=2) + "\n"
        write_text(self.folder / "metrics.json", text)
        return numbers

    def moved(self, folder: Path) -> None:
        """Takes note that the files lie in another folder now."""
        self.files = [folder / path.relative_to(self.folder) for path in self.files]
        self.folder = folder


def new_folder(name: str, parent: Path = Path("runs")) -> Path:
    """A folder ``runs/<name>/<date>_<time>`` that does not exist yet."""
    stamp = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")  # local, as a person reads it
    folder = parent / name / stamp
    number = 1
    while folder.exists():
        number += 1
        folder = parent / name / f"{stamp}-{number}"
    return folder


def environment() -> dict[str, str]:
    """Versions of Python, of the packages and of the machine's system."""
    versions = {"python": platform.python_version(), "platform": platform.platform()}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return versions


def _require_no_run(folder: Path, *, overwrite: bool) -> None:
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"the output folder must be a folder; {folder} is a file")
    if overwrite or not (folder / "config.yaml").exists():
        return
    finished = (folder / "metrics.json").exists()
    raise ValueError(
        f"{folder} already holds {'a finished' if finished else 'an unfinished'} run; "
        "choose another folder with --out, go on with --resume, or replace its files "
        "with --overwrite"
    )


def _cell(value: Any) -> Any:
    return cell(value) if isinstance(value, str) else value


def _with_suffix(name: str, suffix: str) -> str:
    return name if name.endswith(suffix) else name + suffix


def _number(key: str, value: Any) -> float | int | bool:
    array = np.asarray(value)
    if array.shape != () or array.dtype.kind not in "biuf":
        raise ValueError(f"a metric must be one number; {key} is {value!r}")
    number = array.item()
    if not math.isfinite(number):
        raise ValueError(f"a metric must be finite; {key} is {number}")
    return number
