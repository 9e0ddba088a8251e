"""What wraps the steps of a long calculation to show how far it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable

Progress = Callable[..., Iterable]
"""Called with the steps and a description, and with ``total=`` where the steps have no
length: ``tqdm.tqdm`` is one."""


def progress_of(progress: Progress | bool | None) -> Progress | None:
    """What a caller asked for: a bar (``True``), none, or a wrapper of their own."""
    if progress is True:
        from tqdm import tqdm

        return tqdm
    return progress or None
