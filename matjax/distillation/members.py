"""Several trainings from one start, and the one potential that comes of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from pydantic import Field

from matjax.config import Section
from matjax.distillation.pool import Cotraining
from matjax.distillation.task import Losses
from matjax.predictors import Potential
from matjax.train import Fitted


class Member(Section):
    """Settings of one of several trainings; what is left out is as in the others."""

    seed: int | None = Field(default=None, ge=0)
    """Seed of the order of crystals, and of what is drawn beside them."""
    cotraining: Cotraining | None = None
    losses: Losses | None = None
    """All terms: one that is left out has its defaults."""


def blended(start: Potential, trained: Sequence[Any], way: float = 1.0) -> Potential:
    """A potential on the straight way from a start to the mean of trained parameters.

    Args:
        start: where all trainings began.
        trained: parameters of each.
        way: place of the result, from 0 at the start to 1 at the mean.
    """
    mean = jax.tree.map(lambda *each: sum(each) / len(each), *trained)
    if way < 1:
        mean = jax.tree.map(lambda a, b: a + way * (b - a), start.params, mean)
    return start.replace(params=mean)


def joint_metrics(fits: Sequence[Fitted]) -> dict[str, float | int]:
    """Those of one training; of several what holds for all: each has its own errors."""
    each = [fitted.metrics for fitted in fits]
    if len(each) == 1:
        return each[0]
    return {
        "n_members": len(each),
        "train_minutes": sum(metrics["train_minutes"] for metrics in each),
        "structures_per_s": float(np.mean([m["structures_per_s"] for m in each])),
        "n_parameters": each[0]["n_parameters"],
    }
