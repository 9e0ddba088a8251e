"""What compiled loops share: how long the host lets them run, and how they fail."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

Progress = Callable[..., Iterable]
"""What wraps the steps of a long calculation, such as ``tqdm.tqdm``: it is called with
an iterable, a description and ``total=``."""

SLACK = 1.25
"""Room in a neighbor list for a density grown by this factor."""
GROWTH = 1.5
"""Factor of the slack when an enlarged list is still too small: this must end."""
LOOK = 1.0
"""Seconds between two looks of the host, aimed at."""


class DivergenceError(ArithmeticError):
    """A quantity is not a number; ``result`` holds what was computed before."""

    def __init__(self, message: str, result: object) -> None:
        super().__init__(message)
        self.result = result


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
    if progress is True:
        from tqdm import tqdm

        progress = tqdm
    return progress(steps, description, total=total) if progress else steps
