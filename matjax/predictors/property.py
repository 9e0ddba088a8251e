"""Networks that give properties of crystals, with their parameters and units.

They sit beside potentials: no derivative of a property is taken here. Several networks
of one model as one predictor tell how far they disagree (Lakshminarayanan, Pritzel and
Blundell, NeurIPS 2017, arXiv 1612.01474).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Protocol, overload, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from matjax.arrays import Array
from matjax.crystals import Crystal
from matjax.graphs import Graph
from matjax.predictors.batches import batches
from matjax.predictors.labels import Label, as_label
from matjax.predictors.network import (
    Model,
    Network,
    initial_parameters,
    probe,
    stacked,
)


@runtime_checkable
class PropertyModel(Model, Protocol):
    """What a network must offer to predict properties.

    Called with a :class:`matjax.graphs.Graph` it returns a dictionary from the names of
    its properties to their values: (graphs, ...) for those of crystals and spectra,
    (nodes, ...) for those of atoms. What it gives for padding has no meaning.
    """

    @property
    def properties(self) -> tuple[str, ...]:
        """Names of its outputs."""
        ...


@dataclass(frozen=True)
class Properties:
    """What a property network says of one crystal, on the host.

    ``properties["gap"]`` is a value by its name; of a network with one property,
    ``value`` and ``unit`` are short for it.
    """

    values: Mapping[str, float | np.ndarray]
    """Values by name: numbers, tensors (...), or (atoms, ...) for those of atoms."""
    units: Mapping[str, str]
    uncertainties: Mapping[str, float | np.ndarray] = field(default_factory=dict)
    """Calibrated standard deviations by name, in the same units; those of a predictor
    of one network are none."""

    def __getitem__(self, name: str) -> float | np.ndarray:
        return self.values[name]

    @property
    def value(self) -> float | np.ndarray:
        """Value of the only property."""
        return self.values[self._only()]

    @property
    def unit(self) -> str:
        """Unit of the only property."""
        return self.units[self._only()]

    @property
    def uncertainty(self) -> float | np.ndarray | None:
        """Uncertainty of the only property; None of a single network."""
        return self.uncertainties.get(self._only())

    def _only(self) -> str:
        if len(self.values) != 1:
            raise ValueError(
                "value and unit are those of a single property; this network gives "
                f"{list(self.values)}: name the one that is wanted, as in "
                f"result[{next(iter(self.values))!r}]"
            )
        return next(iter(self.values))


class PropertyPredictor(Network):
    """A property model with its parameters, which are the leaves of the pytree.

    Calling it with a crystal gives its :class:`Properties`, with several a list of
    them, and compiles once for each bucket of sizes; inside ``jax.jit`` use
    :meth:`outputs`, a pure function of a graph.

    With several members, the parameters are theirs, stacked along the first axis;
    values are those of the mean of what the networks give.
    """

    NOUN: ClassVar[str] = "predictor"

    labels: tuple[Label, ...] = struct.field(pytree_node=False)
    """Kind, shape and unit of each property, in the order of the model."""
    logarithmic: tuple[bool, ...] = struct.field(pytree_node=False)
    """Whether the network gives the decimal logarithm of a property, for each."""
    probability: tuple[bool, ...] = struct.field(pytree_node=False, default=())
    """Whether the network gives the logarithm of the odds of a class, for each; by
    default of none. The value is the probability."""
    n_members: int = struct.field(pytree_node=False, default=1)
    """Networks whose mean it is."""
    calibration: tuple[float, ...] = struct.field(pytree_node=False, default=())
    """By what the standard deviation over the members is multiplied to be that of the
    errors, for each property; by default 1."""

    @classmethod
    def create(
        cls,
        model: PropertyModel,
        labels: Sequence[Label | str],
        *,
        logarithmic: tuple[bool, ...] | None = None,
        probability: tuple[bool, ...] = (),
        params: Any | None = None,
        n_members: int = 1,
        calibration: tuple[float, ...] = (),
        seed: int = 0,
    ) -> PropertyPredictor:
        """Predictor of a model with these parameters, or with its initial ones.

        Args:
            model: the network.
            labels: kind, shape and unit of each property; a text is the unit of one
                that is a scalar of the crystal, or of the kind known by its name.
            logarithmic: which outputs are decimal logarithms; by default none.
            probability: which are logarithms of odds, whose value is a probability.
            params: the model's parameters, of several members stacked along the first
                axis; by default those of ``seed`` and the numbers that follow it.
            n_members: networks whose mean it is.
            calibration: of the uncertainties; by default 1.
            seed: of the initial parameters.

        Raises:
            ValueError: unless there is one label for each property, of its name, and
                the model returns values of these names and shapes; or if an output has
                two meanings.
        """
        n = len(model.properties)
        logarithmic = (False,) * n if logarithmic is None else logarithmic
        if len(labels) != n or len(logarithmic) != n:
            raise ValueError(
                f"one unit for each of the properties {model.properties} is needed; "
                f"received {labels} (logarithmic: {logarithmic})"
            )
        named = tuple(
            x if isinstance(x, Label) else replace(as_label(name), unit=x)
            for x, name in zip(labels, model.properties, strict=True)
        )
        if tuple(x.name for x in named) != model.properties:
            raise ValueError(
                f"labels must be those of {model.properties}; received "
                f"{[x.name for x in named]}"
            )
        probability = probability or (False,) * n
        calibration = calibration or (1.0,) * n
        _require_meanings(model.properties, logarithmic, probability, calibration)
        if n_members < 1:
            raise ValueError(f"at least one member is needed; received {n_members}")
        if params is None:
            each = [initial_parameters(model, seed + k) for k in range(n_members)]
            params = each[0] if n_members == 1 else stacked(each)
        one = params if n_members == 1 else jax.tree.map(lambda x: x[0], params)
        _require_outputs(model, one, named)
        return cls(
            params=params,
            model=model,
            labels=named,
            logarithmic=logarithmic,
            probability=probability,
            n_members=n_members,
            calibration=tuple(map(float, calibration)),
        )

    @classmethod
    def ensemble(
        cls,
        members: Sequence[PropertyPredictor],
        calibration: tuple[float, ...] = (),
    ) -> PropertyPredictor:
        """Predictor whose values are the mean over single networks of one model.

        Args:
            members: networks that were trained apart from each other.
            calibration: of the uncertainties; by default 1.

        Raises:
            ValueError: if there are less than two, or they differ in more than their
                parameters.
        """
        first = members[0] if members else None
        kinds = {(m.model, m.labels, m.logarithmic, m.n_members) for m in members}
        if first is None or len(members) < 2 or len(kinds) > 1 or first.n_members > 1:
            raise ValueError(
                "an ensemble needs two or more networks of one model and one meaning; "
                f"received {len(members)} of {len(kinds)} kinds"
            )
        return first.replace(
            params=stacked([member.params for member in members]),
            n_members=len(members),
            calibration=calibration or first.calibration,
        )

    @overload
    def __call__(self, crystals: Crystal) -> Properties: ...

    @overload
    def __call__(self, crystals: Sequence[Crystal]) -> list[Properties]: ...

    def __call__(
        self, crystals: Crystal | Sequence[Crystal]
    ) -> Properties | list[Properties]:
        """Properties of a crystal, or of each of several.

        Raises:
            ValueError: if the model does not know an element, two atoms lie on one
                place, or a result is not finite.
        """
        if isinstance(crystals, Crystal):
            return self.of_graph(self.graph(crystals))[0]
        found: dict[int, Properties] = {}
        for batch in batches(self, crystals, compute=PropertyPredictor.outputs):
            found |= zip(batch.indices, self.of_graph(batch.graph), strict=True)
        return [found[index] for index in range(len(crystals))]

    def of_graph(self, graph: Graph) -> list[Properties]:
        """Properties of the crystals of a graph that :meth:`graph` made.

        Raises:
            ValueError: if one is not finite, or an atom has no neighbor: no network has
                learned of such.
        """
        found, graph = jax.device_get((_outputs(self, graph), graph))
        _require_neighbors(graph, self.cutoff)
        ends = np.cumsum(np.bincount(graph.node_graph[graph.node_mask]))
        units = {label.name: label.unit for label in self.labels}
        properties = []
        for k in np.flatnonzero(graph.graph_mask):
            atoms = slice(ends[k - 1] if k else 0, ends[k])
            values, deviations = (
                {x.name: of[x.name][atoms if x.of_atoms else k] for x in self.labels}
                for of in found
            )
            for name, value in [*values.items(), *deviations.items()]:
                if not np.isfinite(value).all():
                    raise ValueError(
                        f"predictions must be finite; {name} of crystal {k} is "
                        f"{value}: are the parameters damaged?"
                    )
            if self.n_members == 1:
                deviations = {}
            properties.append(Properties(_plain(values), units, _plain(deviations)))
        return properties

    @property
    def properties(self) -> tuple[str, ...]:
        """Names of the properties."""
        return self.model.properties

    @property
    def units(self) -> tuple[str, ...]:
        """Unit of each property, such as ``eV/atom``."""
        return tuple(label.unit for label in self.labels)

    def outputs(self, graph: Graph) -> dict[str, Array]:
        """Properties of all crystals or atoms of a graph, in :attr:`units`.

        Padding has zeros.
        """
        return self.distributions(graph)[0]

    def distributions(self, graph: Graph) -> tuple[dict[str, Array], dict[str, Array]]:
        """The same, and their uncertainties: 0 of a single network.

        Uncertainties are standard deviations over the members (with n − 1 of them in
        the denominator) times the calibration, carried to the units of the values.
        """
        raw = self.apply(graph)
        means, deviations = {}, {}
        for k, label in enumerate(self.labels):
            each = raw[label.name]
            each = each if self.n_members > 1 else each[None]
            mask = label.mask(each[0], graph)
            mean = jnp.where(mask, each.mean(axis=0), 0)  # powers could overflow
            slope: Array | float = 1.0
            if self.logarithmic[k]:
                mean = 10**mean
                slope = jnp.log(10.0) * mean
            elif self.probability[k]:
                mean = jax.nn.sigmoid(mean)
                slope = mean * (1 - mean)
            spread = jnp.zeros_like(mean)
            if self.n_members > 1:
                spread = self.calibration[k] * slope * each.std(axis=0, ddof=1)
            means[label.name] = jnp.where(mask, mean, 0)
            deviations[label.name] = jnp.where(mask, spread, 0)
        return means, deviations

    def apply(self, graph: Graph) -> dict[str, Array]:
        """What the network gives; that of several, stacked along the first axis."""
        if self.n_members == 1:
            return super().apply(graph)
        of_one = lambda params: self.model.apply({"params": params}, graph)
        return jax.vmap(of_one)(self.params)


_outputs = jax.jit(PropertyPredictor.distributions)


def _require_neighbors(graph: Graph, cutoff: float) -> None:
    """Refuses a graph, on the host, with an atom that has no neighbor."""
    slots = np.reshape(graph.edge_mask, (len(graph.node_mask), -1))
    alone = np.flatnonzero(graph.node_mask & ~slots.any(axis=1))
    if len(alone):
        first = int(graph.node_graph[alone[0]])
        raise ValueError(
            f"every atom must have a neighbor within {cutoff:g} Å; in crystal {first} "
            f"{len(alone)} atoms have none, and a property network has learned nothing "
            "of such"
        )


def _plain(values: Mapping[str, Any]) -> dict[str, float | np.ndarray]:
    return {n: v if np.ndim(v) else float(v) for n, v in values.items()}


def _require_meanings(
    names: Sequence[str],
    logarithmic: Sequence[bool],
    probability: Sequence[bool],
    calibration: Sequence[float],
) -> None:
    """Refuses outputs of two meanings, and calibrations that are none."""
    if any(map(all, zip(logarithmic, probability, strict=True))):
        raise ValueError(
            "an output is the logarithm of a value or of odds; received "
            f"logarithmic: {logarithmic}, probability: {probability}"
        )
    if len(calibration) != len(names) or not all(0 < x < np.inf for x in calibration):
        raise ValueError(
            f"a positive calibration of each of the properties {names} is needed; "
            f"received {calibration}"
        )


def _require_outputs(
    model: PropertyModel, params: Any, labels: Sequence[Label]
) -> None:
    """Refuse a model whose outputs are not what its labels say; nothing is computed."""
    n_nodes, n_graphs = 3, 2
    graph = probe(model, n_nodes=n_nodes, n_graphs=n_graphs)
    outputs = jax.eval_shape(model.apply, {"params": params}, graph)
    wanted = {x.name: (n_nodes if x.of_atoms else n_graphs, *x.shape) for x in labels}
    received: Any = type(outputs).__name__
    if isinstance(outputs, Mapping):
        received = {name: jnp.shape(value) for name, value in outputs.items()}
    if received != wanted:
        raise ValueError(
            "a property network must return a dictionary of values by the names of its "
            f"properties; for a graph of {n_nodes} nodes and {n_graphs} graphs these "
            f"must have the shapes {wanted}; received {received}"
        )
