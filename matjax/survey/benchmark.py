"""Predicted against reference values: items of a data file, table, figure, errors."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from matjax.crystals import Crystal
from matjax.crystals.io import read_atoms
from matjax.data.sources import find_data
from matjax.elements import symbols
from matjax.reports import new_figure, style
from matjax.studies import Run

if TYPE_CHECKING:
    import ase
    from matplotlib.figure import Figure

Records = Mapping[str, Mapping[str, Any]]

REFUSED = "refused"
"""Key of the reason why an item has no crystal."""


def read_items(name: str, properties: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Crystals of a file, by ``material_id``, as JSON holds them.

    A frame that is no crystal stays among them, with the reason: :func:`item_crystal`
    gives that, so that it becomes a failed row of a survey and the others go on.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file cannot be read, a crystal lacks a property or an
            identifier, or two have the same.
    """
    items: dict[str, dict[str, Any]] = {}
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
        items[key] = {**_item(atoms, references, f"{name}#{number}"), **references}
    return items


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
    found = {}
    for key, path in files.items():
        with path.open("rb") as file:
            found[key] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def _item(
    atoms: ase.Atoms, references: Mapping[str, float], source: str
) -> dict[str, Any]:
    """The crystal of a frame, or why it is none."""
    try:
        off = [key for key, value in references.items() if not np.isfinite(value)]
        if off:
            raise ValueError(f"{off[0]} must be a finite number")
        return crystal_item(Crystal.from_ase(atoms))
    except ValueError as error:
        reason = f"{source}: {' '.join(str(error).split())}"
        return {"numbers": atoms.numbers.tolist(), REFUSED: reason}


def _reference(value: Any) -> float:
    """A reference value as a number; what is none is not a number."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


def crystal_item(crystal: Crystal) -> dict[str, Any]:
    """A crystal as JSON holds it."""
    return {
        "numbers": np.asarray(crystal.numbers).tolist(),
        "cell": np.asarray(crystal.cell).tolist(),
        "fractional": np.asarray(crystal.fractional).tolist(),
    }


def item_crystal(item: Mapping[str, Any]) -> Crystal:
    """The crystal of an item.

    Raises:
        ValueError: if the frame it was read from is none; the reason says why.
    """
    if REFUSED in item:
        raise ValueError(item[REFUSED])
    return Crystal.create(item["numbers"], item["cell"], fractional=item["fractional"])


def composition(crystal: Crystal) -> str:
    """Such as As3Zn2, the same for all cells and structures."""
    names, counts = np.unique(crystal.symbols, return_counts=True)
    counts = counts // np.gcd.reduce(counts)
    return "".join(
        f"{name}{count if count > 1 else ''}"
        for name, count in zip(names.tolist(), counts.tolist(), strict=True)
    )


def small_first(
    keys: Sequence[str], items: Records, max_atoms: int | None = None
) -> list[str]:
    """Keys of crystals of at most so many atoms, by size: one size compiles once."""
    n_atoms = {key: len(items[key]["numbers"]) for key in keys}
    kept = [key for key in keys if n_atoms[key] <= (max_atoms or n_atoms[key])]
    return sorted(kept, key=n_atoms.__getitem__)


def formula(numbers: Sequence[int]) -> str:
    """Chemical formula of a cell, elements by atomic number."""
    kinds, counts = np.unique(numbers, return_counts=True)
    names = symbols(kinds)
    return "".join(
        name + (str(count) if count > 1 else "")
        for name, count in zip(names, counts.tolist(), strict=True)
    )


def failures(records: Records) -> list[str]:
    """Lines ``id: reason`` of the items without a result."""
    return [
        f"{key}: {r['error']['kind']}: {r['error']['message'].partition(chr(10))[0]}"
        for key, r in records.items()
        if "error" in r
    ]


def errors(
    records: Records, items: Records, key: str, *, per_atom: bool = False
) -> np.ndarray:
    """Predicted minus reference values of the items that have a result."""
    found = [
        (r["values"][key] - items[name][key])
        / (len(items[name]["numbers"]) if per_atom else 1)
        for name, r in records.items()
        if "values" in r
    ]
    return np.array(found, float)


def report(
    records: Records,
    items: Records,
    units: Mapping[str, str],
    run: Run,
    *,
    per_atom: Sequence[str] = (),
) -> dict[str, float]:
    """Table, parity plots, list of failures, and the mean errors.

    Args:
        records: of the survey.
        items: with the reference values.
        units: of each property, as names of columns end.
        run: where the files go.
        per_atom: properties of the cell whose errors by atom are given as well.

    Raises:
        ValueError: if no item has a result.
    """
    if not records:
        raise ValueError("at least one crystal is needed; none is left: allow larger")
    _save_table(records, items, units, run)
    failed = failures(records)
    run.save_text("failures.txt", "".join(f"{line}\n" for line in failed))
    if len(failed) == len(records):
        raise ValueError(f"no crystal has a result; the first: {failed[0]}")
    run.save_figure("parity", _parity(records, items, units))
    metrics: dict[str, float] = {}
    for key, unit in units.items():
        sets = [(f"{key}_{{}}_{unit}", errors(records, items, key))]
        if key in per_atom:
            part = errors(records, items, key, per_atom=True)
            sets.append((f"{key}_{{}}_per_atom_{unit}", part))
        for name, difference in sets:
            metrics[name.format("mae")] = float(np.abs(difference).mean())
            metrics[name.format("rmse")] = float(np.sqrt((difference**2).mean()))
            metrics[name.format("bias")] = float(difference.mean())
            metrics[name.format("median_ae")] = float(np.median(np.abs(difference)))
    good = [len(items[key]["numbers"]) for key, r in records.items() if "values" in r]
    metrics["n_crystals"] = len(good)
    metrics["mean_atoms"] = float(np.mean(good))
    metrics["n_failed"] = len(failed)
    metrics["crystal_seconds"] = float(sum(r["seconds"] for r in records.values()))
    return metrics


def _save_table(
    records: Records, items: Records, units: Mapping[str, str], run: Run
) -> None:
    extra = sorted({k for r in records.values() for k in r.get("values", {})})
    columns: dict[str, list] = {
        "crystal": list(records),
        "formula": [formula(items[key]["numbers"]) for key in records],
        "n_atoms": [len(items[key]["numbers"]) for key in records],
    }
    for key, unit in units.items():
        got = [r.get("values", {}).get(key, np.nan) for r in records.values()]
        reference = [items[name][key] for name in records]
        columns[f"{key}_{unit}"] = got
        columns[f"{key}_dft_{unit}"] = reference
        columns[f"{key}_error_{unit}"] = (np.array(got) - reference).tolist()
    for key in extra:
        if key not in units:
            got = [r.get("values", {}).get(key, "") for r in records.values()]
            columns[key] = [str(value) for value in got]
    columns["seconds"] = [r["seconds"] for r in records.values()]
    lines = dict(line.split(": ", 1) for line in failures(records))
    columns["failure"] = [lines.get(key, "") for key in records]
    run.save_table("crystals", columns)


def _parity(records: Records, items: Records, units: Mapping[str, str]) -> Figure:
    """Predicted against reference values, one panel for each property."""
    good = [key for key, r in records.items() if "values" in r]
    with style():
        figure, axes = new_figure(1, len(units), width=3.4 * len(units), height=3.2)
        for ax, (key, unit) in zip(axes[0], units.items(), strict=True):
            x = np.array([items[name][key] for name in good])
            y = np.array([records[name]["values"][key] for name in good])
            ends = [min(x.min(), y.min()), max(x.max(), y.max())]
            ax.plot(ends, ends, color="0.7", linewidth=0.8, zorder=0)
            ax.plot(x, y, "o", markersize=3, alpha=0.7)
            ax.set(xlabel=f"DFT {_label(key, unit)}", ylabel="Potential")
            mean = np.abs(y - x).mean()
            readable = unit.replace("_per_", "/").replace("_", " ")
            ax.set_title(f"{len(good)} crystals, mean error {mean:.3g} {readable}")
    return figure


def _label(key: str, unit: str) -> str:
    """Such as: heat capacity (J/(mol K))."""
    above, per, below = unit.partition("_per_")
    below = below.replace("_", " ")
    below = f"({below})" if " " in below else below
    return f"{key.replace('_', ' ')} ({above}{'/' if per else ''}{below})"
