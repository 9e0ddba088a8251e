"""Where files of published weights are found: folders, cache, checked download."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from matjax.errors import WeightsError
from matjax.files import cache_folder, download
from matjax.weights.names import (
    Converted,
    Embedded,
    Pretrained,
    Published,
    Shipped,
    pretrained,
)
from matjax.weights.placed import Placed


def folders() -> list[Path]:
    """Folders searched for weights: those of ``MATJAX_MODELS``, then the user cache."""
    named = os.environ.get("MATJAX_MODELS", "").split(os.pathsep)
    return [*(Path(p) for p in named if p), downloads()]


def downloads() -> Path:
    """Folder of downloaded weights, in the user cache."""
    return cache_folder() / "models"


def find(entry: Published | Converted | Placed) -> Path | None:
    """The file in the first folder that has it, or None; no network is used.

    What users have converted may lie beside data too: ``cgcnn_pretrained`` in the
    folders for weights and in those of ``MATJAX_DATA`` is searched, then these folders
    themselves. What users have placed may lie in a folder of its package's name.
    """
    places = folders()
    if isinstance(entry, Placed):
        places = [p for base in places for p in (base, base / entry.folder)]
    if isinstance(entry, Converted):
        named = os.environ.get("MATJAX_DATA", "").split(os.pathsep)
        bases = [*places, *(Path(p) for p in named if p)]
        places = [p for base in bases for p in (base / "cgcnn_pretrained", base)]
    return next((p / entry.file for p in places if (p / entry.file).is_file()), None)


def whereabouts(entry: Pretrained) -> str:
    """Where a network lies, in words or as a path."""
    if isinstance(entry, Embedded | Shipped):
        return "part of matjax"
    by_users = isinstance(entry, Converted | Placed)
    missing = "not found" if by_users else "downloaded when first used"
    return str(find(entry) or missing)


def require_published(path: Path) -> None:
    """Raises WeightsError if a file has the name of published weights, not the content.

    Raises:
        WeightsError: naming the file, and what to do.
    """
    known = {entry.file: entry for entry in pretrained(Published).values()}
    if path.name in known:
        _require_content(path, known[path.name])


def _require_content(path: Path, published: Published) -> None:
    digest = _digest(path)
    if digest != published.sha256:
        raise WeightsError(
            f"{path}: published weights of this name have the SHA-256 "
            f"{published.sha256}; this file has {digest}: it is damaged, or another "
            f"one: take a copy from {published.url}, or give your own another name"
        )


_DIGESTS: dict[tuple[Path, int, int], str] = {}
"""Digests of files read before, by path, size and time of their last change."""


def _digest(path: Path) -> str:
    """SHA-256 of a file."""
    state = path.stat()
    key = (path.resolve(), state.st_size, state.st_mtime_ns)
    if key not in _DIGESTS:
        with path.open("rb") as file:
            _DIGESTS[key] = hashlib.file_digest(file, "sha256").hexdigest()
    return _DIGESTS[key]


def fetch(published: Published, *, timeout: float = 30.0) -> Path:
    """Path of a published file, downloaded into the user cache if no folder has it.

    The file appears in the cache only when it is whole and its checksum right; one
    that is found is checked likewise.

    Args:
        published: what to fetch.
        timeout: seconds without an answer before giving up.

    Raises:
        FileNotFoundError: if it is nowhere and cannot be downloaded.
        WeightsError: if the file that was found or downloaded has another checksum.
    """
    path = find(published)
    if path is not None:
        _require_content(path, published)
        return path
    target = downloads() / published.file
    try:
        download(published.url, target, published.sha256, timeout=timeout)
    except OSError as error:
        searched = "\n  ".join(str(f) for f in folders())
        raise FileNotFoundError(
            f"{published.file} is in none of the folders\n  {searched}\nand "
            f"{published.url} could not be downloaded ({error}). Put the file into one "
            "of these folders, or name its folder in MATJAX_MODELS"
        ) from error
    except ValueError as error:
        raise WeightsError(
            f"{error}, or put the right file into a folder of MATJAX_MODELS"
        ) from error
    return target


def placed(entry: Placed) -> Path:
    """Path of weights that users have placed, they and their settings as known.

    Raises:
        FileNotFoundError: if they are in no folder.
        WeightsError: if a file has another checksum.
    """
    path = find(entry)
    settings = f"{entry.file.removesuffix('.npz')}.config.json"
    if path is None or not path.with_name(settings).is_file():
        searched = "\n  ".join(str(f) for f in folders())
        raise FileNotFoundError(
            f"{entry.file} and {settings} are not together in one of the folders\n  "
            f"{searched}\nnor in a folder {entry.folder!r} of these. The originals "
            f"({entry.source}) would have to be unpickled or need another package, so "
            "that matjax downloads none of them: place their arrays in NumPy's format "
            "and their settings there, or name their folder in MATJAX_MODELS"
        )
    wanted = {path: entry.sha256, path.with_name(settings): entry.settings_sha256}
    for file, sha256 in wanted.items():
        if _digest(file) != sha256:
            raise WeightsError(
                f"{file}: published weights of this name have the SHA-256 {sha256}; "
                f"this file has {_digest(file)}: it is damaged, or another one"
            )
    return path


def nequix_file(name: str) -> Path:
    """File of weights as the nequix package reads them.

    Args:
        name: of published weights, or a file.

    Raises:
        ValueError: if it is a file of another format.
        FileNotFoundError: as :func:`fetch` has it.
    """
    published = pretrained(Published)
    path = fetch(published[name]) if name in published else Path(name)
    if path.suffix != ".nqx":
        raise ValueError(
            f"the nequix package reads .nqx files; received {name}: choose one of "
            f"{', '.join(published)}"
        )
    return path
