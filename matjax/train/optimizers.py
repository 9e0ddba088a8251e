"""Optimizers by name: Optax chains with schedule, clipping and masked weight decay."""

from __future__ import annotations

from typing import Any, Literal

import jax
import jax.numpy as jnp
import optax
from pydantic import Field

from matjax.config import Section

ADAM_RMS = 0.2
"""Size of a typical update of AdamW in units of its rate. Those of Muon have it, too,
so that one rate serves both (Liu et al., arXiv 2502.16982, section 2.2)."""

MOST_STEPS = 2**31 - 1
"""Optax counts in int32."""


class OptimizerConfig(Section):
    """Which optimizer, how fast."""

    name: Literal["adamw", "muon", "adam", "sgd"] = "adamw"
    """Muon orthogonalises the updates of matrices and takes AdamW for the rest."""
    learning_rate: float = Field(default=5e-3, gt=0)
    """At the end of the warm-up."""
    warmup: float = Field(default=0.02, ge=0, lt=1)
    """Share of all steps in which the rate rises from 0."""
    final: float = Field(default=0.01, ge=0, le=1)
    """Share of the rate that is left at the end of the cosine."""
    weight_decay: float = Field(default=1e-4, ge=0)
    """Decay of matrices; biases, scales and reference energies have none."""
    clip: float | None = Field(default=100.0, gt=0)
    """Largest norm of the gradient; longer ones are shortened to it."""
    b1: float = Field(default=0.9, ge=0, lt=1)
    """Memory of the mean gradient."""
    b2: float = Field(default=0.999, ge=0, lt=1)
    """Memory of its mean square."""


def make_schedule(config: OptimizerConfig, n_steps: int) -> optax.Schedule:
    """Learning rate by step: linear warm-up, then a cosine down to the final rate.

    Raises:
        ValueError: if there are more steps than their counter can count.
    """
    if n_steps > MOST_STEPS:
        raise ValueError(
            f"a training has {MOST_STEPS} steps at most; received {n_steps}: fewer "
            "epochs, or larger batches"
        )
    return optax.warmup_cosine_decay_schedule(
        init_value=0.0 if config.warmup else config.learning_rate,
        peak_value=config.learning_rate,
        warmup_steps=round(config.warmup * n_steps),
        decay_steps=max(n_steps, 1),
        end_value=config.final * config.learning_rate,
    )


def make_optimizer(
    config: OptimizerConfig, n_steps: int
) -> optax.GradientTransformation:
    """Optax chain of a configuration.

    Args:
        config: of the optimizer.
        n_steps: over which the rate falls.
    """
    rate = make_schedule(config, n_steps)
    if config.name == "adamw":
        chain = optax.adamw(
            rate,
            b1=config.b1,
            b2=config.b2,
            weight_decay=config.weight_decay,
            mask=decays,
        )
    elif config.name == "muon":
        chain = optax.contrib.muon(
            rate,
            adam_b1=config.b1,
            adam_b2=config.b2,
            weight_decay=config.weight_decay,
            weight_decay_mask=decays,
            consistent_rms=ADAM_RMS,
        )
    elif config.name == "adam":
        chain = optax.adam(rate, b1=config.b1, b2=config.b2)
    else:
        chain = optax.sgd(rate, momentum=config.b1)
    if config.clip is None:
        return chain
    return optax.chain(optax.clip_by_global_norm(config.clip), chain)


def decays(params: Any) -> Any:
    """Which parameters decay: those of two axes or more."""
    return jax.tree.map(lambda x: jnp.ndim(x) >= 2, params)
