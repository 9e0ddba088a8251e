"""What a training run writes down, and its watch over steps that go wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax

from matjax.errors import DivergenceError
from matjax.files import draft, write_arrays, write_text
from matjax.train.losses import Sums
from matjax.train.metrics import summed
from matjax.train.step import Report


class Records:
    """Metrics by step: lines of ``metrics.jsonl`` and events for TensorBoard.

    What a run that was killed wrote after its last checkpoint is dropped, as it comes
    again.
    """

    def __init__(self, folder: Path, step: int) -> None:
        """Opens the records of a run that stands at a step; process 0 alone writes."""
        self.writes = jax.process_index() == 0
        if not self.writes:
            return
        # Not at the top: to import it changes the environment.
        from tensorboardX import SummaryWriter

        path = folder / "metrics.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        kept = [line for line in lines if _step_of(line) <= step]
        write_text(path, "".join(f"{line}\n" for line in kept))
        self.file = path.open("a", encoding="utf-8")
        self.board = SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1)

    def write(self, step: int, record: Mapping[str, float | int]) -> None:
        """Writes the metrics of a step."""
        if not self.writes:
            return
        self.file.write(json.dumps({"step": step, **record}) + "\n")
        self.file.flush()
        for name, value in record.items():
            self.board.add_scalar(name, value, step)

    def close(self) -> None:
        """Closes the files."""
        if not self.writes:
            return
        self.file.close()
        self.board.close()


def read_records(folder: Path) -> list[dict[str, float | int]]:
    """The lines of a run's ``metrics.jsonl``."""
    text = (folder / "metrics.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


class Watch:
    """Looks at each step while the next one runs; keeps the sums of an epoch."""

    def __init__(self, folder: Path) -> None:
        """A watch that saves what goes wrong in a folder."""
        self.folder = folder
        self.sums: list[Mapping[str, Sums]] = []
        self.pending: tuple[Report, Any] | None = None

    def see(self, report: Report, batch: Any) -> None:
        """Takes the report of a step, and looks at the one before."""
        self.look()
        self.pending = (report, batch)

    def look(self) -> None:
        """Looks at the step that is pending, if there is one.

        Raises:
            DivergenceError: if its loss or gradient is not a number.
        """
        if self.pending is None:
            return
        (report, batch), self.pending = self.pending, None
        report = jax.device_get(report)
        if report.finite:
            self.sums.append(report.sums)
            return
        # Each process holds its own part of the batch.
        index = jax.process_index()
        path = self.folder / ("batch.npz" if index == 0 else f"batch-{index}.npz")
        leaves = jax.tree_util.tree_leaves_with_path(batch)
        with draft(path) as partial:
            write_arrays(partial, {jax.tree_util.keystr(key): a for key, a in leaves})
        raise DivergenceError(
            f"loss and gradient must be numbers; the loss is {report.loss}, the norm "
            f"of the gradient {report.gradient_norm}. The batch is in {path}, the last "
            "good state in the newest checkpoint: lower the learning rate, or look at "
            "the labels",
            report,
        )

    def epoch(self) -> dict[str, Sums]:
        """Sums of all steps since the last call."""
        self.look()
        parts, self.sums = self.sums, []
        return summed(parts)


def _step_of(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except json.JSONDecodeError:  # half a line, of a run that was killed
        return float("inf")
