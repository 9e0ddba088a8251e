"""Where data sets lie: paths, or names in the folders of ``MATJAX_DATA``."""

from __future__ import annotations

import os
from pathlib import Path

ENDINGS = (
    *("", ".extxyz.gz", ".extxyz", ".xyz.gz", ".xyz", ".db", ".traj"),
    *(".csv.gz", ".csv", ".json.gz", ".json"),
)
"""What a name may leave out, in the order in which it is tried."""


def find_data(spec: str | os.PathLike[str]) -> Path:
    """A file or folder by its path, or by its name in the folders of ``MATJAX_DATA``.

    Raises:
        FileNotFoundError: naming where it was searched.
    """
    named = [Path(p) for p in os.environ.get("MATJAX_DATA", "").split(os.pathsep) if p]
    for place in [Path(spec), *(folder / spec for folder in named)]:
        for ending in ENDINGS:
            path = Path(f"{place}{ending}")
            if path.exists():
                return path
    searched = ", ".join(map(str, named)) or "none: the variable is not set"
    raise FileNotFoundError(
        f"no data set {os.fspath(spec)}: it is neither a path from {Path.cwd()} nor a "
        f"name in the folders of MATJAX_DATA ({searched})"
    )
