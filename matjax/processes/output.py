"""Where workers of this machine write what libraries print."""

from __future__ import annotations

import os
from typing import Any

from distributed import WorkerPlugin


class Output(WorkerPlugin):
    """A plugin of workers: standard output and error go to a file."""

    name = "matjax-output"
    idempotent = True

    def __init__(self, path: str) -> None:
        self.path = path

    def setup(self, worker: Any) -> None:
        """Redirects the process of a worker."""
        del worker
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        os.dup2(file, 1)
        os.dup2(file, 2)
        os.close(file)
