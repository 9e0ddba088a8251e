"""Files from the network, kept when they are whole and what they should be."""

from __future__ import annotations

import hashlib
import urllib.request
from pathlib import Path

from matjax.files.drafts import draft


def download(url: str, target: Path, sha256: str, *, timeout: float = 30.0) -> None:
    """Writes what an address holds; the file appears when its checksum is right.

    Args:
        url: where it is.
        target: of the file; its folder is made.
        sha256: of the content.
        timeout: seconds without an answer before giving up.

    Raises:
        OSError: if it cannot be downloaded.
        ValueError: if it has another checksum; nothing is kept.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with draft(target) as part:
        with (
            part.open("wb") as file,
            urllib.request.urlopen(url, timeout=timeout) as answer,
        ):
            while block := answer.read(2**16):
                digest.update(block)
                file.write(block)
        if digest.hexdigest() != sha256:
            raise ValueError(
                f"{url}: the SHA-256 must be {sha256}; the download has "
                f"{digest.hexdigest()}. Nothing was kept; try again"
            )
