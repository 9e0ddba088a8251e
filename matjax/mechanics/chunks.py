"""What compiled loops share: how long the host lets them run, and how they fail."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from matjax.crystals import Crystal, neighbors
from matjax.graphs import NeighborList, allocate_neighbor_list
from matjax.progress import Progress, progress_of

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


def roomy_neighbor_list(
    crystal: Crystal, cutoff: float, *, slack: float, n_nodes: int
) -> NeighborList:
    """Neighbor list with room for a growing density and for a few neighbors more.

    Arguments and errors are those of :func:`allocate_neighbor_list`.
    """
    most = neighbors(crystal, cutoff).degree
    slack = max(slack, 1 + SPARE / max(most, 1))
    return allocate_neighbor_list(crystal, cutoff, slack=slack, n_nodes=n_nodes)


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
