"""Energies of the elements of a potential, fitted to the data before training."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from matjax.data import LabeledGraphs, References, in_order, reference_energies
from matjax.predictors import Potential, energy

PARAMETER = "atom_energies"
"""Parameters of a model that it adds to the energies of its species."""


def with_references(
    potential: Potential, graphs: LabeledGraphs, *, batch_size: int = 8
) -> tuple[Potential, References]:
    """The potential with energies of the elements that fit the data best.

    By least squares on what its other parameters leave of the energies, so that
    training starts without a shift, from random parameters and published ones alike.

    Args:
        potential: whose parameters hold ``atom_energies`` (species,), eV.
        graphs: with energies among their labels.
        batch_size: crystals evaluated together.

    Raises:
        ValueError: if the model has no such parameters.
    """
    if PARAMETER not in potential.params:
        raise ValueError(
            f"references need a model with parameters {PARAMETER!r} (species,); "
            f"{type(potential.model).__name__} has {sorted(potential.params)}"
        )
    left = _residuals(potential, graphs, batch_size)
    references = reference_energies(
        [
            dataclasses.replace(example, labels={**example.labels, "energy": value})
            for example, value in zip(graphs.dataset.examples, left, strict=True)
        ]
    )
    shift = [references.energies.get(z, 0.0) for z in potential.species]
    old = potential.params[PARAMETER]
    new = old + jnp.asarray(shift, old.dtype)
    params: Mapping[str, Any] = {**potential.params, PARAMETER: new}
    return potential.replace(params=params), references


def _residuals(
    potential: Potential, graphs: LabeledGraphs, batch_size: int
) -> list[float]:
    """Labels less predictions of the energies, eV, in the order of the examples."""
    evaluate = jax.jit(jax.vmap(energy, (None, 0)))
    left = np.zeros(len(graphs))
    size = min(batch_size, len(graphs))
    for index, batch in in_order(graphs, batch_size=size):
        residuals = np.asarray(batch.labels["energy"]) - np.asarray(
            evaluate(potential, batch.graph)
        )
        kept = index >= 0
        left[index[kept]] = residuals[kept]
    return left.tolist()
