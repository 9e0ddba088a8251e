"""A generator before its training: new, or with adapters on one that stays as it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from matjax.data import Dataset, LabeledGraphs
from matjax.generate import (
    EXAMPLE,
    Generator,
    Scales,
    condition_scales,
    property_settings,
)
from matjax.models import make_model
from matjax.nn import ADAPTER
from matjax.predictors import Label, initial_parameters
from matjax.weights import require_settings

NO_EDGES = 0.0
"""Cutoff of the graphs of data: edges are found where the noise is."""


def numbered_graphs(
    dataset: Dataset, losses: Iterable[Label], others: Sequence[str] = ()
) -> LabeledGraphs:
    """Crystals with their number, from which noise follows, and losses of zero.

    Args:
        dataset: of crystals.
        losses: labels of the losses.
        others: labels of the data set that a network is told, or tells.
    """
    losses = tuple(losses)

    def labeled(k: int) -> Any:
        example = dataset.examples[k]
        zeros = {
            label.name: np.zeros(example.crystal.n_atoms) if label.of_atoms else 0.0
            for label in losses
        }
        own = {name: example.labels[name] for name in others}
        return dataclasses.replace(example, labels={EXAMPLE: float(k), **zeros, **own})

    examples = tuple(map(labeled, range(len(dataset))))
    labels = [*losses, EXAMPLE, *others]
    numbered = dataclasses.replace(dataset, examples=examples)
    return LabeledGraphs(numbered, NO_EDGES, labels=labels)


def new_denoiser(
    settings: Mapping[str, Any],
    dataset: Dataset,
    scales: Scales,
    conditions: Sequence[str] = (),
) -> Any:
    """A network of the elements, sizes, conditions and property of a data set.

    Args:
        settings: name and attributes of the network, a ``label`` of the data set among
            them where the network reads it from latents.
        dataset: of the training.
        scales: of its cells.
        conditions: labels of the data set, or ``chemical_system``.

    Raises:
        ValueError: if there is no such network, it takes no conditions, a label is the
            same for all crystals, or the data set has elements that the network is told
            not to know.
    """
    asked: dict[str, Any] = {}
    if conditions:  # a network that takes none says so
        asked = {"conditions": tuple(conditions)}
        asked |= condition_scales(conditions, dataset)
    usual = {
        "species": dataset.species,
        "sizes": tuple(sorted({e.crystal.n_atoms for e in dataset.examples})),
        **scales._asdict(),
        **property_settings(settings.get("label"), dataset),
    }
    model = make_model({**settings, **asked}, "denoiser", **usual)
    require_settings(model, "the key network")
    dataset.require_species(model.species, "the key network")
    return model


def adapted(
    base: Generator, conditions: Sequence[str], dataset: Dataset, seed: int
) -> Generator:
    """A generator that takes conditions by new adapters in a base.

    Args:
        base: of the network ``denoiser`` or ``mattergen``, whose parameters are kept.
        conditions: labels of the data set, or ``chemical_system``.
        dataset: of the training.
        seed: of the adapters.

    Raises:
        ValueError: if the base is of another network, or there is no condition.
    """
    if not conditions:
        raise ValueError(
            "a base is trained further by conditions alone: condition=LABEL"
        )
    settings = {
        field.name: getattr(base.model, field.name)
        for field in dataclasses.fields(base.model)
        if field.name not in ("parent", "name")
    }
    scales = condition_scales(conditions, dataset)
    asked = {"name": "mattergen", "conditions": tuple(conditions), **scales}
    model = make_model(settings | asked, "denoiser")
    kept = {k: v for k, v in base.params.items() if not k.startswith(ADAPTER)}
    return base.replace(model=model, params={**initial_parameters(model, seed), **kept})


def trained_parameters(params: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of the adapters, which alone are trained on a base."""
    return {name: value for name, value in params.items() if name.startswith(ADAPTER)}
