"""Where files of published weights are found: folders, cache, checked download."""

from __future__ import annotations

import hashlib
import os
import urllib.error
import urllib.request
from pathlib import Path
from typing import BinaryIO, NamedTuple

import platformdirs

from matjax.errors import WeightsError
from matjax.files import draft


class Published(NamedTuple):
    """A file of weights that its authors publish."""

    file: str
    url: str
    sha256: str


_NEQUIX = "https://github.com/atomicarchitects/nequix/raw"
_MP = f"{_NEQUIX}/7c2854de8e754b1a60274c7d9d2e014989ed632e/models"
_OAM = f"{_NEQUIX}/9c852a9c4cce69ae5e75bc5a2cf670be21ff8c28/models"

PUBLISHED: dict[str, Published] = {
    name: Published(f"{name}.nqx", f"{folder}/{name}.nqx", sha256)
    for name, folder, sha256 in (
        (
            "nequix-mp-1",
            _MP,
            "1647af8e627e1afa11e2bfadeab0797326513a521afd7dd01606a96f56783eee",
        ),
        (
            "nequix-mp-1-pft",
            _MP,
            "a88aeaed71fd447572dc57af21d469207d7737b85a6dbb66f8c38156f175c5f1",
        ),
        (
            "nequix-omat-1",
            _OAM,
            "2d0802ae7f5915cb488c44d25649d98404a103697e6500abb40f515e003a46a6",
        ),
        (
            "nequix-oam-1",
            _OAM,
            "6a43475eaeb32a7a049f36c1306d78aa1e7a17e8af37aeda7901c8fec0ca845c",
        ),
        (
            "nequix-oam-1-pft",
            _OAM,
            "4ce693d68886512aab50c84ea2400efd68163e11155f7c7babe98e695177e809",
        ),
    )
}
"""Published weights by name."""


def folders() -> list[Path]:
    """Folders searched for weights: those of ``MATJAX_MODELS``, then the user cache."""
    named = os.environ.get("MATJAX_MODELS", "").split(os.pathsep)
    return [*(Path(p) for p in named if p), cache_folder()]


def cache_folder() -> Path:
    """Folder of downloaded weights; ``MATJAX_CACHE`` moves it."""
    root = os.environ.get("MATJAX_CACHE") or platformdirs.user_cache_dir("matjax")
    return Path(root) / "models"


def find(published: Published) -> Path | None:
    """The file in the first folder that has it, or None; no network is used."""
    return next(
        (f / published.file for f in folders() if (f / published.file).is_file()), None
    )


def find_property(file: str) -> Path | None:
    """A file of a property network in the first folder that has it, or None.

    Searched are ``cgcnn_pretrained`` in the folders for weights and in those of
    ``MATJAX_DATA``, then these folders themselves.
    """
    named = os.environ.get("MATJAX_DATA", "").split(os.pathsep)
    bases = [*folders(), *(Path(p) for p in named if p)]
    places = [p for base in bases for p in (base / "cgcnn_pretrained", base)]
    return next((p / file for p in places if (p / file).is_file()), None)


def require_published(path: Path) -> None:
    """Refuse a file that has the name of published weights and another content.

    Raises:
        WeightsError: naming the file, and what to do.
    """
    known = {published.file: published for published in PUBLISHED.values()}
    if path.name in known:
        _require_content(path, known[path.name])


def _require_content(path: Path, published: Published) -> None:
    found = _digest(path)
    if found != published.sha256:
        raise WeightsError(
            f"{path}: published weights of this name have the SHA-256 "
            f"{published.sha256}; this file has {found}: it is damaged, or another "
            f"one: take a copy from {published.url}, or give your own another name"
        )


_DIGESTS: dict[tuple[Path, int, int], str] = {}
"""Of files that were read before, by path, size and time of their last change."""


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
    found = find(published)
    if found is not None:
        _require_content(found, published)
        return found
    target = cache_folder() / published.file
    target.parent.mkdir(parents=True, exist_ok=True)
    with draft(target) as part:
        with part.open("wb") as file:
            digest = _download(published, file, timeout)
        if digest != published.sha256:
            raise WeightsError(
                f"{published.url}: the SHA-256 must be {published.sha256}; the "
                f"download has {digest}. Nothing was kept; try again, or put the "
                "right file into a folder of MATJAX_MODELS"
            )
    return target


def nequix_file(name: str) -> Path:
    """File of weights as the nequix package reads them.

    Args:
        name: of published weights, or a file.

    Raises:
        ValueError: if it is a file of another format.
        FileNotFoundError: as :func:`fetch` has it.
    """
    path = fetch(PUBLISHED[name]) if name in PUBLISHED else Path(name)
    if path.suffix != ".nqx":
        raise ValueError(
            f"the nequix package reads .nqx files; received {name}: choose one of "
            f"{', '.join(PUBLISHED)}"
        )
    return path


def _download(published: Published, file: BinaryIO, timeout: float) -> str:
    """Bytes of the address into the file; their SHA-256."""
    digest = hashlib.sha256()
    try:
        with urllib.request.urlopen(published.url, timeout=timeout) as answer:
            while block := answer.read(2**16):
                digest.update(block)
                file.write(block)
    except (urllib.error.URLError, OSError) as error:
        searched = "\n  ".join(str(f) for f in folders())
        raise FileNotFoundError(
            f"{published.file} is in none of the folders\n  {searched}\nand "
            f"{published.url} could not be downloaded ({error}). Put the file into one "
            "of these folders, or name its folder in MATJAX_MODELS"
        ) from error
    return digest.hexdigest()
