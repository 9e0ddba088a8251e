"""Where files of the user lie."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def cache_folder() -> Path:
    """The folder of what can be made or downloaded again; ``MATJAX_CACHE`` moves it."""
    return Path(os.environ.get("MATJAX_CACHE") or platformdirs.user_cache_dir("matjax"))
