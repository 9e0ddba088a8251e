"""One file of results from finished runs of ``screen/heat_capacities`` or ``moduli``.

    python experiments/_matcalc_results.py RESULTS.json HARDWARE RUN ... [NAME=RUN ...]

RUN are output folders of ``matjax run``, one for each potential, of the same crystals.
A run with a NAME is a check: some crystals of the first one with another setting. It
adds the largest change of a property by atom.
"""

from __future__ import annotations

import csv
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

SHORT = {"heat_capacity": "cv", "bulk_modulus": "k", "shear_modulus": "g"}
"""Names of the properties in the keys of the results."""

SETTINGS = ("limit", "max_atoms", "seed", "fmax", "length", "potential_precision")
"""What of the configuration goes into the command."""


def main(
    target: Path, hardware: str, runs: list[Path], checks: dict[str, Path] | None = None
) -> None:
    """Write the file.

    Raises:
        ValueError: if the runs are of different crystals.
    """
    results: dict[str, Any] = {"command": "", "hardware": hardware}
    results["date"] = datetime.now(UTC).date().isoformat()
    commands, chosen = [], set()
    for run in runs:
        config = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))
        metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
        name = config["potential"].replace("-", "_")
        given = [f"{k}={config[k]}" for k in SETTINGS if config.get(k) is not None]
        compared = "heat_capacity" in config["compare"]
        study = "screen/heat_capacities" if compared else "screen/moduli"
        commands.append(
            f"matjax run {study} potential={config['potential']} {' '.join(given)}"
        )
        for key, value in metrics.items():
            for long, short in SHORT.items():
                key = key.replace(long, short)
            results[f"{name}_{key}"] = value
        table = _rows(run)
        results[f"{name}_failures"] = [
            f"{row['crystal']}: {row['failure']}" for row in table if row["failure"]
        ]
        chosen.add(tuple(row["crystal"] for row in table))
    if len(chosen) != 1:
        raise ValueError("the runs must be of the same crystals; they are not")
    for name, run in (checks or {}).items():
        results |= _changes(name, runs[0], run)
    results["command"] = "; ".join(commands)
    text = json.dumps(results, indent=2, ensure_ascii=False)
    target.write_text(text + "\n", encoding="utf-8")


def _changes(name: str, first: Path, other: Path) -> dict[str, float]:
    """Largest change of the property by atom, over the crystals of both runs."""
    key = "heat_capacity"
    ours, theirs = _values(first, key), _values(other, key)
    common = sorted(ours.keys() & theirs.keys())
    changes = [abs(ours[c] - theirs[c]) for c in common]
    return {
        f"check_{name}_n_crystals": len(common),
        f"check_{name}_largest_change_J_per_mol_K_per_atom": max(changes),
    }


def _values(run: Path, key: str) -> dict[str, float]:
    return {
        row["crystal"]: float(row[f"{key}_J_per_mol_K"]) / int(row["n_atoms"])
        for row in _rows(run)
        if row[f"{key}_J_per_mol_K"]
    }


def _rows(run: Path) -> list[dict[str, str]]:
    with (run / "table.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


if __name__ == "__main__":
    named = dict(word.split("=", 1) for word in sys.argv[3:] if "=" in word)
    main(
        Path(sys.argv[1]),
        sys.argv[2],
        [Path(word) for word in sys.argv[3:] if "=" not in word],
        {name: Path(run) for name, run in named.items()},
    )
