"""One file of results from finished runs of ``matcalc_cv`` or ``matcalc_elastic``.

    python experiments/_matcalc_results.py RESULTS.json HARDWARE RUN [RUN ...]

RUN are output folders of ``matjax run``, one for each potential, of the same crystals.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

SHORT = {"heat_capacity": "cv", "bulk_modulus_vrh": "k", "shear_modulus_vrh": "g"}
"""Names of the properties in the keys of the results."""

SETTINGS = ("limit", "max_atoms", "seed", "fmax", "length", "potential_precision")
"""What of the configuration goes into the command."""


def main(target: Path, hardware: str, runs: list[Path]) -> None:
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
        study = {"matcalc_cv": "phonons/matcalc_cv"}.get(
            config["experiment"], "elastic/matcalc"
        )
        commands.append(
            f"matjax run {study} potential={config['potential']} {' '.join(given)}"
        )
        for key, value in metrics.items():
            for long, short in SHORT.items():
                key = key.replace(long, short)
            results[f"{name}_{key}"] = value
        failed = (run / "failures.txt").read_text(encoding="utf-8")
        results[f"{name}_failures"] = failed.splitlines()
        table = (run / "crystals.csv").read_text(encoding="utf-8").splitlines()[1:]
        chosen.add(tuple(line.split(",")[0] for line in table))
    if len(chosen) != 1:
        raise ValueError("the runs must be of the same crystals; they are not")
    results["command"] = "; ".join(commands)
    text = json.dumps(results, indent=2, ensure_ascii=False)
    target.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], [Path(run) for run in sys.argv[3:]])
