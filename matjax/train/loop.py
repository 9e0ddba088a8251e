"""The training loop of every model: steps, validation, checkpoints, records.

A run that is killed goes on where its last checkpoint stands, bit for bit the same on
CPU. A loss that is not a number ends it, with the batch that did it on file.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import numpy as np
from pydantic import Field, PositiveInt

from matjax.config import Section
from matjax.progress import Progress, progress_of
from matjax.train.checkpoints import Checkpoints
from matjax.train.losses import Predict, Sums, Term, total
from matjax.train.metrics import errors, summed
from matjax.train.optimizers import OptimizerConfig, make_optimizer, make_schedule
from matjax.train.records import Records, Watch
from matjax.train.sharding import (
    agreed,
    device_mesh,
    gathered,
    place_batch,
    place_state,
    state_shardings,
    whole,
)
from matjax.train.step import TrainState, make_evaluation, make_train_step

LOG = logging.getLogger("matjax.train")

AGREE = 16
"""Steps after which several processes look at the clock of the first one: each time
they wait for each other."""


MEMORY = 10
"""An average remembers one in so many of all steps at most: that of a short training
would be held back by its beginning."""


class FitConfig(Section):
    """How long, with what averages, and what is kept."""

    epochs: PositiveInt = 100
    """Passes over the training data."""
    optimizer: OptimizerConfig = OptimizerConfig()
    """Its rate falls over all epochs."""
    average_decay: float = Field(default=0.999, ge=0, lt=1)
    """Decay of the moving average of the parameters, which is validated and kept; it
    remembers a tenth of all steps at most; 0 is none."""
    accumulate: PositiveInt = 1
    """Turns in which a batch is taken, in less memory."""
    divided: bool = False
    """Whether parameters and optimizer state are divided over the devices."""
    validate_every: PositiveInt = 1
    """Epochs between validations."""
    patience: PositiveInt | None = None
    """Validations without improvement after which training ends; by default never."""
    checkpoint_minutes: float = Field(default=2.0, ge=0)
    """Minutes between checkpoints, at most."""


@runtime_checkable
class Source(Protocol):
    """Where batches come from: :class:`matjax.data.Loader` or any other."""

    @property
    def batch_size(self) -> int:
        """Structures in a step, over all processes."""
        ...

    @property
    def steps_per_epoch(self) -> int:
        """Batches after which as many structures have come as there are."""
        ...

    @property
    def fingerprint(self) -> dict[str, Any]:
        """All that decides which structures come when; plain JSON."""
        ...

    def iterate(self, state: Mapping[str, Any] | None = None) -> Any:
        """Batches from the beginning, or from a ``state`` of an earlier iterator."""
        ...


@dataclass(frozen=True)
class Task:
    """What is trained: a model's predictions, where it starts, what counts."""

    predict: Predict
    params: Any
    """Where training starts."""
    terms: Sequence[Term]
    """Terms of the loss."""
    identity: Mapping[str, Any] = field(default_factory=dict)
    """What else a checkpoint must agree with, plain JSON: the model's configuration."""


class Fitted(NamedTuple):
    """The end of a training."""

    params: Any
    """Those of the best validation, averaged."""
    errors: dict[str, float]
    """Errors of the best validation, by name and unit."""
    steps: int
    epochs: float
    seconds: float
    """Seconds of all parts of a run that was resumed."""
    structures_per_second: float
    """Throughput of the last epoch, validation not counted."""

    @property
    def metrics(self) -> dict[str, float | int]:
        """All of it in numbers, by names that carry the unit."""
        return {
            **self.errors,
            "train_minutes": self.seconds / 60,
            "structures_per_s": self.structures_per_second,
            "n_parameters": sum(np.size(x) for x in jax.tree.leaves(self.params)),
        }


def fit(
    task: Task,
    loader: Source,
    validation: Callable[[], Iterator[Any]],
    folder: Path,
    config: FitConfig,
    *,
    on_best: Callable[[Any], None] | None = None,
    resume: bool = True,
    progress: Progress | bool = False,
) -> Fitted:
    """Trains, or goes on where a checkpoint in the folder stands.

    Writes ``checkpoints/``, ``metrics.jsonl`` and TensorBoard's events into the folder.

    Args:
        task: what is trained.
        loader: of the training data.
        validation: the batches of the validation set, each time it is called.
        folder: of the run.
        config: how.
        on_best: called with the averaged parameters after each validation that is
            better than all before, and with the best ones at the end; by the first
            process alone.
        resume: whether to go on from a checkpoint in the folder; else it is deleted.
        progress: whether to show a bar, or what wraps the steps.

    Raises:
        ValueError: if configuration or data differ from those of the checkpoint, or
            no validation gave a number.
        DivergenceError: if the loss is not a number; the batch is in ``batch.npz``.
    """
    training = _Fit(task, loader, validation, folder, config)
    training.start(on_best, resume=resume)
    return training.run(progress)


class _Fit:
    """One call of :func:`fit`."""

    def __init__(
        self,
        task: Task,
        loader: Source,
        validation: Callable[[], Iterator[Any]],
        folder: Path,
        config: FitConfig,
    ) -> None:
        self.task, self.loader, self.validation = task, loader, validation
        self.folder, self.config = folder, config
        self.n_steps = config.epochs * loader.steps_per_epoch
        self.rate = make_schedule(config.optimizer, self.n_steps)
        self.mesh = device_mesh()
        self.watch = Watch(folder)
        self._compile()
        self.counts: dict[str, Any] = {
            "best_loss": None,
            "best_errors": {},
            "since_best": 0,
            "seconds": 0.0,
            "structures_per_second": 0.0,
        }

    def start(self, on_best: Callable[[Any], None] | None, *, resume: bool) -> None:
        """Opens checkpoints and records, and takes up what lies there."""
        self.on_best = on_best or (lambda params: None)
        # On how many devices and in how many turns a step is taken may change.
        where = {"accumulate", "divided"}
        identity = {
            "fit": self.config.model_dump(mode="json", exclude=where),
            "data": self.loader.fingerprint,
            "task": dict(self.task.identity),
        }
        place = self.folder / "checkpoints"
        self.checkpoints = Checkpoints(place, identity, resume=resume)
        self.batches = self._resumed()
        self.records = Records(self.folder, self.taken)

    def _compile(self) -> None:
        """State on the devices, step and evaluation as compiled functions."""
        task, config = self.task, self.config
        optimizer = make_optimizer(config.optimizer, self.n_steps)
        state = TrainState.create(task.params, optimizer)
        shardings = state_shardings(state, self.mesh, divided=config.divided)
        self.state = place_state(state, shardings)
        step = make_train_step(
            task.predict,
            task.terms,
            optimizer,
            average_decay=min(
                config.average_decay, max(0.0, 1 - MEMORY / self.n_steps)
            ),
            accumulate=config.accumulate,
        )
        self.step = jax.jit(
            step, out_shardings=(shardings, whole(self.mesh)), donate_argnums=0
        )
        self.evaluate = jax.jit(
            make_evaluation(task.predict, task.terms), out_shardings=whole(self.mesh)
        )

    @property
    def taken(self) -> int:
        """Steps taken."""
        return int(np.asarray(self.state.step))

    def _resumed(self) -> Any:
        """The batches from where the checkpoint stands, its state taken over."""
        checkpoint = self.checkpoints.latest(self.state)
        if checkpoint is None:
            return self.loader.iterate()
        self.state = checkpoint.state
        self.counts |= {
            k: v for k, v in checkpoint.progress.items() if k in self.counts
        }
        LOG.info("resumed at step %d of %d", self.taken, self.n_steps)
        return self.loader.iterate(checkpoint.progress["batches"])

    def run(self, progress: Progress | bool) -> Fitted:
        """Trains to the end."""
        steps = range(self.taken, self.n_steps)
        shown = progress_of(progress)
        self.saved = self.epoch_begun = time.monotonic()
        self.epoch_first = self.taken
        try:
            for k in shown(steps, "training", total=len(steps)) if shown else steps:
                if self._is_over():
                    break
                batch = next(self.batches)
                self.state, report = self.step(
                    self.state, place_batch(batch, self.mesh)
                )
                self.watch.see(report, batch)
                if (k + 1) % self.loader.steps_per_epoch == 0:
                    self._end_epoch(k + 1)
                if self._is_due(k + 1):
                    self._save()
            self._save()
        finally:
            self.batches.close()
            self.records.close()
            self.checkpoints.close()
        return self._fitted()

    def _fitted(self) -> Fitted:
        if self.counts["best_loss"] is None:
            raise ValueError(
                "a training must end with parameters whose validation is a number; "
                "none was: lower the learning rate, or look at the held-out labels"
            )
        best = gathered(self.state.best, self.mesh)
        if jax.process_index() == 0:
            self.on_best(best)
        return Fitted(
            params=best,
            errors=self.counts["best_errors"],
            steps=self.taken,
            epochs=self.taken / self.loader.steps_per_epoch,
            seconds=self.counts["seconds"],
            structures_per_second=self.counts["structures_per_second"],
        )

    def _end_epoch(self, step: int) -> None:
        """Looks at the epoch, validates if it is time, and writes both down."""
        sums = self.watch.epoch()
        now = time.monotonic()
        # Of an epoch in which the run was resumed, what came since.
        seen = (step - self.epoch_first) * self.loader.batch_size
        speed = self.counts["structures_per_second"] = seen / (now - self.epoch_begun)
        epoch = step // self.loader.steps_per_epoch
        record = {
            "epoch": epoch,
            "learning_rate": float(np.asarray(self.rate(step - 1))),
            "structures_per_s": speed,
            **self._described("train", sums),
        }
        if epoch % self.config.validate_every == 0 or step == self.n_steps:
            record |= self._validate()
        self.records.write(step, record)
        self.epoch_begun, self.epoch_first = time.monotonic(), step

    def _validate(self) -> dict[str, float]:
        """Errors of the averaged parameters, kept where they are the best so far."""
        parts = [
            jax.device_get(self.evaluate(self.state.average, place_batch(b, self.mesh)))
            for b in self.validation()
        ]
        metrics = self._described("val", summed(parts))
        loss, best = metrics["val_loss"], self.counts["best_loss"]
        if not np.isfinite(loss):
            LOG.warning("the loss of this validation is %s; it does not count", loss)
        if np.isfinite(loss) and (best is None or loss < best):
            self.counts |= {"best_loss": loss, "best_errors": metrics, "since_best": 0}
            # A copy: the step donates its state's buffers.
            copy = jax.tree.map(lambda x: x.copy(), self.state.average)
            self.state = self.state.replace(best=copy)
            best = gathered(copy, self.mesh)
            if jax.process_index() == 0:
                self.on_best(best)
        else:
            self.counts["since_best"] += 1
        LOG.info("%s", ", ".join(f"{k} {v:.4g}" for k, v in metrics.items()))
        return metrics

    def _described(self, prefix: str, sums: Mapping[str, Sums]) -> dict[str, float]:
        metrics = {"loss": float(total(self.task.terms, sums))}
        metrics |= errors(sums, [term.what for term in self.task.terms])
        return {f"{prefix}_{key}": value for key, value in metrics.items()}

    def _is_over(self) -> bool:
        patience = self.config.patience
        return patience is not None and self.counts["since_best"] >= patience

    def _is_due(self, step: int) -> bool:
        """Whether it is time for a checkpoint, which all processes write together."""
        if jax.process_count() > 1 and step % AGREE:
            return False
        due = time.monotonic() - self.saved > 60 * self.config.checkpoint_minutes
        return agreed(due)

    def _save(self) -> None:
        self.watch.look()
        now = time.monotonic()
        self.counts["seconds"] += now - self.saved
        self.saved = now
        progress = {**self.counts, "batches": self.batches.state}
        self.checkpoints.save(self.state, progress)
