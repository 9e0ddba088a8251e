"""Conditions that a generator was trained with: their values in batches and by name.

In training each condition of each crystal is left open now and then, so that one
network says what noise there is with and without it (Ho and Salimans, arXiv
2207.12598).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from matjax.arrays import Array, Float
from matjax.config import nearest
from matjax.data import Dataset
from matjax.elements import atomic_number, symbols
from matjax.graphs import Graph
from matjax.nn import CHEMICAL_SYSTEM, condition_slices, species_shares

OPEN = 0.2
"""Share of the examples of which a condition is left open."""


def condition_names(model: Any) -> tuple[str, ...]:
    """Conditions that a network takes; none for one that takes none."""
    return getattr(model, "conditions", ())


def condition_labels(model: Any) -> tuple[str, ...]:
    """Conditions that are labels of the data."""
    return tuple(n for n in condition_names(model) if n != CHEMICAL_SYSTEM)


def condition_scales(
    names: Sequence[str], dataset: Dataset
) -> dict[str, tuple[float, ...]]:
    """Centers and widths of conditions in a data set, as attributes of a network.

    Raises:
        ValueError: if a label is the same for all crystals.
    """
    centers, widths = [], []
    for name in names:
        if name == CHEMICAL_SYSTEM:
            centers.append(0.0)
            widths.append(1.0)
            continue
        values = np.array([example.labels[name] for example in dataset.examples])
        if not values.std() > 0:
            raise ValueError(
                f"a condition must differ between crystals; {name} is {values[0]:g} "
                f"for all of {dataset.name}"
            )
        centers.append(float(f"{values.mean():.6g}"))
        widths.append(float(f"{values.std():.6g}"))
    return {"centers": tuple(centers), "widths": tuple(widths)}


def conditions_of(
    model: Any, graph: Graph, labels: Mapping[str, Array], key: Array
) -> Float[Array, "conditions"] | None:
    """Conditions of the crystal of a graph, some left open; None without any.

    Args:
        model: network.
        graph: of one crystal.
        labels: of the crystal, (1,) each.
        key: of what is left open.
    """
    names = condition_names(model)
    if not names:
        return None
    parts = []
    for k, name in enumerate(names):
        if name == CHEMICAL_SYSTEM:
            shares = species_shares(graph, model.species)
            values = jnp.where(graph.node_mask[:, None], shares, 0).max(axis=0)
        else:
            values = labels[name].reshape(1)
        left = jax.random.bernoulli(jax.random.fold_in(key, k), OPEN)
        parts.append(jnp.where(left, jnp.nan, values))
    return jnp.concatenate(parts)


def stated(model: Any, values: Mapping[str, float | str]) -> np.ndarray:
    """Conditions by name as inputs of a network, (conditions,).

    Args:
        model: network.
        values: numbers in the units of the labels; of the chemical system the elements,
            such as ``Sr-Ti-O``. Those without a value are left open.

    Raises:
        ValueError: if the network does not take a condition, or an element.
    """
    names = condition_names(model)
    for name in values:
        if name not in names:
            known = nearest(name, names) if names else "it was trained without any"
            raise ValueError(f"this generator takes no condition {name!r}; {known}")
    slices = condition_slices(names, len(model.species))
    row = np.full(max(s.stop for s in slices.values()), np.nan)
    for name, value in values.items():
        if name == CHEMICAL_SYSTEM:
            row[slices[name]] = _has_elements(str(value), model.species)
        else:
            row[slices[name]] = float(value)
    return row


def _has_elements(text: str, species: tuple[int, ...]) -> np.ndarray:
    """Whether each species is among those of a text such as ``Sr-Ti-O``, 0 or 1."""
    numbers = {atomic_number(s) for s in re.findall(r"[A-Z][a-z]?", text)}
    unknown = tuple(sorted(numbers - set(species)))
    if unknown or not numbers:
        raise ValueError(
            f"a chemical system is of elements that the generator knows, such as "
            f"{'-'.join(symbols(species[:2]))}; received {text!r}"
        )
    return np.isin(species, list(numbers)).astype(float)
