"""Where data sets lie: paths, or names in the folders of ``MATJAX_DATA``."""

from __future__ import annotations

import os
from pathlib import Path

from matjax.data.published import PUBLISHED, fetch_data

ENDINGS = (
    *("", ".extxyz.gz", ".extxyz", ".xyz.gz", ".xyz", ".db", ".traj"),
    *(".csv.gz", ".csv", ".json.gz", ".json", ".json.zip"),
)
"""What a name may leave out, in the order in which it is tried."""


def find_data(spec: str | os.PathLike[str]) -> Path:
    """A file or folder by its path, or by its name in the folders of ``MATJAX_DATA``.

    A folder that holds one file of its own name means that file. A published data set
    (:data:`matjax.data.published.PUBLISHED`) that is nowhere is downloaded.

    Raises:
        FileNotFoundError: naming where it was searched, or that there is no network.
    """
    named = [Path(p) for p in os.environ.get("MATJAX_DATA", "").split(os.pathsep) if p]
    for place in [Path(spec), *(folder / spec for folder in named)]:
        for ending in ENDINGS:
            path = Path(f"{place}{ending}")
            if path.exists():
                return _only_file(path)
    if os.fspath(spec) in PUBLISHED:
        return fetch_data(os.fspath(spec))
    searched = ", ".join(map(str, named)) or "none: the variable is not set"
    raise FileNotFoundError(
        f"no data set {os.fspath(spec)}: it is neither a path from {Path.cwd()} nor a "
        f"name in the folders of MATJAX_DATA ({searched})"
    )


def _only_file(path: Path) -> Path:
    """The file in a folder that has the name of the folder; else the path itself."""
    if not path.is_dir():
        return path
    files = [path / f"{path.name}{ending}" for ending in ENDINGS[1:]]
    return next((file for file in files if file.is_file()), path)
