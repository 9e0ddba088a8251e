"""What compiled loops share: how long the host lets them run, and how they fail."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import jax
import jax.numpy as jnp

from matjax.arrays import Array
from matjax.errors import out_of_memory
from matjax.progress import Progress, progress_of

LOG = logging.getLogger("matjax.mechanics")

SLACK = 1.25
"""Room in a neighbor list for a density grown by this factor."""
SPARE = 8
"""Neighbors that every atom may gain at least: where a shell lies just beyond a short
cutoff, each enlargement would make room for one more atom of it, and compile anew."""
GROWTH = 1.5
"""Factor of the slack when an enlarged list is still too small: this must end."""
LOOK = 1.0
"""Seconds between two looks of the host, aimed at."""


def next_limit(n_steps: int, seconds: float, most: int) -> int:
    """Steps that take about :data:`LOOK` seconds if ``n_steps`` took ``seconds``."""
    return max(1, min(most, int(n_steps * LOOK / seconds)))


def next_slack(slack: float, *, progress: bool) -> float:
    """Slack of the next neighbor list, made where the last one was too small."""
    return SLACK if progress else slack * GROWTH


def watched(
    steps: Iterator[None],
    description: str,
    *,
    total: int,
    progress: Progress | bool,
) -> Iterable[None]:
    """The steps, shown as they are taken if ``progress`` wants it."""
    shown = progress_of(progress)
    return shown(steps, description, total=total) if shown else steps


def interrupted(steps: Iterable[None], reached: Callable[[], str]) -> bool:
    """Whether Ctrl-C ended the steps; a warning then tells what was reached.

    It points at who called the function that called the caller.
    """
    try:
        for _ in steps:
            pass
    except KeyboardInterrupt:
        warnings.warn(f"{reached()} is returned", stacklevel=4)
        return True
    return False


def halved(n_rows: int, error: Exception) -> int:
    """Rows of the batches from now on, where these did not fit the memory.

    Raises:
        JaxRuntimeError: if there is one row, or something else was wrong.
    """
    if n_rows == 1 or not out_of_memory(error):
        raise error
    LOG.warning("out of memory: batches of %d crystals now", n_rows // 2)
    return n_rows // 2


def where_rows(condition: Array, a: Any, b: Any) -> Any:
    """Leaves (rows, ...) of a where the condition (rows,) holds, else of b."""

    def chosen(x: Array, y: Array) -> Array:
        return jnp.where(condition.reshape(-1, *(1,) * (jnp.ndim(x) - 1)), x, y)

    return jax.tree.map(chosen, a, b)
