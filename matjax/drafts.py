"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def draft(path: Path) -> Iterator[Path]:
    """An empty file beside the path, which takes its place when all went well.

    Its name cannot be guessed and did not exist, so that nothing is written through a
    link that somebody has laid; its permissions are those of any new file.

    Raises:
        OSError: if the folder cannot be written to.
    """
    partial = path.with_name(f".{secrets.token_hex(8)}-{path.name}")
    with partial.open("xb"):
        pass
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
