"""What models say of a batch, as the losses compare it with labels."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from matjax.arrays import Array
from matjax.force_constants import force_constant_columns
from matjax.graphs import Graph
from matjax.predictors import EnergyModel, Potential, PropertyModel, evaluate
from matjax.train.losses import Predict, label_mask
from matjax.train.metrics import metric

COLUMNS = "columns"


def potential_predictions(
    model: EnergyModel, labels: Collection[str], *, precision: str = "float32"
) -> Predict:
    """Energies, forces, stresses and columns of force constants of a potential.

    Args:
        model: whose parameters are trained.
        labels: those wanted, of ``energy``, ``forces``, ``stress`` and ``columns``,
            where a batch has them.
        precision: of matrix products on hardware that has a faster one, a name of
            ``jax.default_matmul_precision``, such as ``bfloat16``: parameters and sums
            stay in float32.
    """

    def predict(params: Any, batch: Any) -> Mapping[str, Array]:
        potential = Potential(params=params, model=model)
        found: dict[str, Array] = {}
        with jax.default_matmul_precision(precision):
            if set(labels) & batch.labels.keys() - {COLUMNS}:
                result = evaluate(potential, batch.graph)
                found |= {
                    "energy": result.energy,
                    "forces": result.forces,
                    "stress": result.stress,
                }
            if COLUMNS in labels and COLUMNS in batch.labels:
                found[COLUMNS] = columns(potential, batch)
        return found

    return predict


def property_predictions(model: PropertyModel) -> Predict:
    """Properties of whole crystals by name."""

    def predict(params: Any, batch: Any) -> Mapping[str, Array]:
        values = model.apply({"params": params}, batch.graph)
        return {name: values[:, k] for k, name in enumerate(model.properties)}

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
        found = force_constant_columns(
            potential, batch.graph, q, jax.lax.complex(u[0], u[1]), alone=alone
        )
        return jnp.stack([jnp.real(found), jnp.imag(found)])

    return jax.vmap(column)(batch.inputs["q"], batch.inputs["displacements"])


class Comparison(NamedTuple):
    """Predictions and labels of a data set, padding removed."""

    predicted: np.ndarray
    """Energies by atom, eV; others in the unit of their label; (values,)."""
    expected: np.ndarray


def compare(
    predict: Predict, params: Any, batches: Iterable[Any], labels: Sequence[str]
) -> dict[str, Comparison]:
    """All predictions of a data set beside its labels, for figures and errors.

    Args:
        predict: of one part of a batch.
        params: of the model.
        batches: as a loader makes them, parts stacked along the leading axis.
        labels: those wanted.
    """
    run = jax.jit(jax.vmap(predict, (None, 0)))
    found: dict[str, list[np.ndarray]] = {label: [] for label in labels}
    for batch in batches:
        predictions = jax.device_get(run(params, batch))
        n_atoms = jax.vmap(_atoms)(batch.graph)
        for label in labels:
            pair = np.stack([predictions[label], np.asarray(batch.labels[label])])
            if label == "energy":
                pair = pair / np.maximum(n_atoms, 1)
            mask = jax.vmap(partial(label_mask, label))(pair[0], batch.graph)
            found[label].append(pair[:, np.asarray(mask)])
    joined = {label: np.concatenate(parts, axis=1) for label, parts in found.items()}
    return {label: Comparison(*pair) for label, pair in joined.items()}


def mean_absolute_errors(
    comparisons: Mapping[str, Comparison], units: Mapping[str, str] | None = None
) -> dict[str, float]:
    """Mean absolute errors by name, the unit in the name.

    Args:
        comparisons: by label.
        units: of properties, by label, as names of metrics have them.
    """
    found = {}
    for label, pair in comparisons.items():
        name, factor = metric(label, "mae", units)
        error = np.abs(np.float64(pair.predicted) - pair.expected).mean()
        found[name] = factor * float(error)
    return found


def _atoms(graph: Graph) -> Array:
    return graph.graph_sum(graph.node_mask.astype(graph.positions.dtype))
