"""What models say of a batch, as the losses compare it with labels."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from matjax.arrays import Array
from matjax.force_constants import force_constant_columns
from matjax.predictors import (
    EnergyModel,
    Label,
    Potential,
    PropertyModel,
    as_label,
    evaluate,
)
from matjax.train.losses import Predict

COLUMNS = "columns"


def potential_predictions(
    model: EnergyModel, labels: Collection[str], *, matmul_precision: str = "float32"
) -> Predict:
    """Energies, forces, stresses and columns of force constants of a potential.

    Args:
        model: whose parameters are trained.
        labels: those wanted, of ``energy``, ``forces``, ``stress`` and ``columns``,
            where a batch has them.
        matmul_precision: precision of matrix products on hardware that has a faster
            one, a name of ``jax.default_matmul_precision``, such as ``bfloat16``:
            parameters and sums stay in float32.
    """

    def predict(params: Any, batch: Any) -> Mapping[str, Array]:
        potential = Potential(params=params, model=model)
        predicted: dict[str, Array] = {}
        with jax.default_matmul_precision(matmul_precision):
            if set(labels) & batch.labels.keys() - {COLUMNS}:
                result = evaluate(potential, batch.graph)
                predicted |= {
                    "energy": result.energy,
                    "forces": result.forces,
                    "stress": result.stress,
                }
            if COLUMNS in labels and COLUMNS in batch.labels:
                predicted[COLUMNS] = columns(potential, batch)
        return predicted

    return predict


def property_predictions(model: PropertyModel) -> Predict:
    """Properties of crystals and atoms by name, as the network gives them."""

    def predict(params: Any, batch: Any) -> Mapping[str, Array]:
        return model.apply({"params": params}, batch.graph)

    return predict


def columns(potential: Potential, batch: Any) -> Array:
    """Products Φ(q) u, (columns, 2, nodes, 3), real and imaginary parts, eV/Å.

    Args:
        potential: any.
        batch: with a graph of one crystal and, among its inputs, ``q`` (columns, 3)
            and ``displacements`` (columns, 2, nodes, 3).
    """
    alone = len(batch.inputs["q"]) == 1

    def column(q: Array, u: Array) -> Array:
        products = force_constant_columns(
            potential, batch.graph, q, jax.lax.complex(u[0], u[1]), alone=alone
        )
        return jnp.stack([jnp.real(products), jnp.imag(products)])

    return jax.vmap(column)(batch.inputs["q"], batch.inputs["displacements"])


class Comparison(NamedTuple):
    """Predictions and labels of a data set, padding removed."""

    predicted: np.ndarray
    """Energies by atom, eV; others in the unit of their label; (values,)."""
    expected: np.ndarray


def compare(
    predict: Predict,
    params: Any,
    batches: Iterable[Any],
    labels: Sequence[Label | str],
) -> dict[str, Comparison]:
    """All predictions of a data set beside its labels, for figures and errors.

    Args:
        predict: of one part of a batch.
        params: of the model.
        batches: as a loader makes them, parts stacked along the leading axis.
        labels: those wanted.
    """
    run = jax.jit(jax.vmap(predict, (None, 0)))
    wanted = [as_label(label) for label in labels]
    pairs: dict[str, list[np.ndarray]] = {label.name: [] for label in wanted}
    for batch in batches:
        predictions = jax.device_get(run(params, batch))
        for label in wanted:
            both = (predictions[label.name], np.asarray(batch.labels[label.name]))
            pair = np.stack([jax.vmap(label.by_atom)(x, batch.graph) for x in both])
            mask = jax.vmap(label.mask)(pair[0], batch.graph)
            pairs[label.name].append(pair[:, np.asarray(mask)])
    joined = {label: np.concatenate(parts, axis=1) for label, parts in pairs.items()}
    return {label: Comparison(*pair) for label, pair in joined.items()}


def mean_absolute_errors(
    comparisons: Mapping[str, Comparison], labels: Sequence[Label | str] = ()
) -> dict[str, float]:
    """Mean absolute errors by name, the unit in the name.

    Args:
        comparisons: by the names of labels.
        labels: those that :data:`matjax.predictors.LABELS` does not know.
    """
    known = {label.name: label for label in map(as_label, labels)}
    errors = {}
    for label, pair in comparisons.items():
        name, factor = known.get(label, as_label(label)).metric("mae")
        error = np.abs(np.float64(pair.predicted) - pair.expected).mean()
        errors[name] = factor * float(error)
    return errors
